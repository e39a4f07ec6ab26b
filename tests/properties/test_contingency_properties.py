"""What holds for tests of every contingency table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from replica.contingency import fisher, odds_ratio, pearson, yates

COUNTS = st.integers(0, 12)


def filled(table):
    """Keep a drawn table only if it has no empty row or column."""
    assume((table.sum(axis=0) > 0).all() and (table.sum(axis=1) > 0).all())
    return table


@given(arrays(np.int64, (2, 3), elements=COUNTS), st.permutations(range(3)))
def test_order_and_orientation_do_not_matter(table, order):
    """Transposing a table or reordering its columns leaves every p value as it is."""
    table = filled(table)
    assert fisher(table).p == fisher(table[:, order]).p == fisher(table.T).p
    assert pearson(table[:, order]).p == pytest.approx(pearson(table).p, rel=1e-9)
    assert pearson(table.T).p == pytest.approx(pearson(table).p, rel=1e-9)


@given(arrays(np.int64, (2, 2), elements=COUNTS))
def test_two_by_two_is_scipys_and_correction_is_conservative(table):
    """The exact p value is SciPy's; Yates' correction never makes a p value smaller."""
    table = filled(table)
    assert fisher(table).p == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-12)
    assert 0 < fisher(table).p <= 1
    assert yates(table).p >= pearson(table).p


@given(arrays(np.int64, (3, 3), elements=st.integers(0, 4)))
def test_exact_p_is_at_least_the_tables_own_probability(table):
    """The exact p value is a probability and contains that of the table seen."""
    table = filled(table)
    own = stats.random_table(table.sum(axis=1), table.sum(axis=0)).pmf(table)
    assert own * (1 - 1e-9) <= fisher(table).p <= 1


@given(*[st.integers(1, 500)] * 4)
def test_interval_holds_the_ratio_and_inverts_with_it(a, b, c, d):
    """The interval contains the ratio; inverting twice gives it back."""
    ratio = odds_ratio(a, b, c, d)
    assert ratio.ci_low < ratio.estimate < ratio.ci_high
    assert 0 < ratio.p <= 1
    again = ratio.inverse().inverse()
    assert again.estimate == pytest.approx(ratio.estimate)
    assert (again.ci_low < 1 < again.ci_high) == (ratio.ci_low < 1 < ratio.ci_high)
