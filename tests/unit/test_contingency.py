"""Contingency tables: which test is used, what it returns and what it refuses."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from replica.contingency import (
    FISHER,
    PEARSON,
    YATES,
    choose_test,
    fisher,
    odds_ratio,
    pearson,
    yates,
)
from replica.convention import R_MATCHIT_SURVIVAL, SPSS
from replica.errors import EstimationError


def test_pearson_is_the_hand_calculation():
    """Pearson's chi-square of (10, 20; 30, 40) is n(ad - bc)^2 over the product of margins."""
    result = pearson([[10, 20], [30, 40]])
    assert result.statistic == pytest.approx(100 * (400 - 600) ** 2 / (30 * 70 * 40 * 60))
    assert (result.name, result.df, result.expected_min) == (PEARSON, 1, 12.0)
    assert result.table == ((10, 20), (30, 40))


def test_yates_is_the_hand_calculation():
    """Yates' correction takes n/2 from |ad - bc|."""
    result = yates([[10, 20], [30, 40]])
    assert result.statistic == pytest.approx(100 * (200 - 50) ** 2 / (30 * 70 * 40 * 60))
    assert result.name == YATES


def test_degrees_of_freedom_of_a_larger_table():
    """A 3 x 4 table has (3 - 1)(4 - 1) degrees of freedom."""
    assert pearson([[5, 6, 7, 8], [8, 7, 6, 5], [4, 9, 4, 9]]).df == 6


def test_fisher_of_the_lady_tasting_tea():
    """Three of four cups right has the two-sided p of 34/70."""
    result = fisher([[3, 1], [1, 3]])
    assert result.p == pytest.approx(34 / 70)
    assert (result.name, result.statistic, result.df) == (FISHER, None, None)


@pytest.mark.parametrize(
    "table", [[[3, 1, 4], [1, 5, 2]], [[6, 0, 1], [2, 4, 3]], [[2, 2, 2], [2, 2, 2]]]
)
def test_larger_exact_test_sums_the_tables_no_more_probable(table):
    """The p value of a 2 x 3 table is the sum, over all tables, that SciPy's probabilities give."""
    rows = [sum(row) for row in table]
    columns = [sum(column) for column in zip(*table, strict=True)]
    margins = stats.random_table(rows, columns)
    seen = margins.pmf(table)
    total = 0.0
    for first in itertools.product(*(range(column + 1) for column in columns)):
        if sum(first) == rows[0]:
            second = [c - f for c, f in zip(columns, first, strict=True)]
            probability = margins.pmf([list(first), second])
            total += probability if probability <= seen * (1 + 1e-9) else 0.0
    assert fisher(table).p == pytest.approx(total, rel=1e-12)


def test_three_by_three_does_not_depend_on_order():
    """Transposing or reordering a 3 x 3 table leaves the exact p value as it is."""
    table = pd.DataFrame([[4, 1, 0], [2, 3, 1], [0, 2, 5]])
    p = fisher(table).p
    assert p == fisher(table.T).p == fisher(table[[2, 0, 1]]).p == fisher(table.iloc[::-1]).p


def test_exact_test_too_large_to_enumerate_is_refused():
    """A table with too many tables of the same margins is refused instead of taking hours."""
    table = [[50, 60, 40, 50, 30, 20, 60], [70, 50, 40, 30, 90, 12, 33]]
    with pytest.raises(EstimationError, match=r"2 x 7 table of 635 patients.*use `pearson`"):
        fisher(table)


@pytest.mark.parametrize(
    ("smallest", "name"), [(5.0, PEARSON), (5.0 + 1e-9, FISHER)], ids=["at", "below"]
)
def test_fisher_only_below_the_threshold(smallest, name):
    """An expected count equal to the threshold still gets Pearson's test."""
    table = [[4, 6], [6, 4]]
    convention = replace(SPSS, fisher_below=smallest)
    assert choose_test(table, convention=convention).name == name


def test_convention_with_continuity_correction():
    """Where the convention corrects, it does so in 2 x 2 tables only, and never uses Fisher."""
    assert choose_test([[3, 1], [1, 3]], convention=R_MATCHIT_SURVIVAL).name == YATES
    larger = choose_test([[3, 1], [1, 3], [2, 2]], convention=R_MATCHIT_SURVIVAL)
    assert larger.name == PEARSON


def test_empty_column_is_named():
    """A level that nobody has is an error that names it, not a NaN."""
    table = pd.DataFrame([[3, 0, 4], [5, 0, 6]], columns=["cr", "pr", "sd"])
    with pytest.raises(EstimationError, match="column 'pr' holds no patient"):
        choose_test(table, convention=SPSS)
    with pytest.raises(EstimationError, match="row 2 holds no patient"):
        pearson([[3, 4], [0, 0]])


def test_empty_column_is_dropped_when_said():
    """With `drop_empty` the test is that of the levels somebody has."""
    kept = choose_test([[30, 0, 40], [50, 0, 60]], convention=SPSS, drop_empty=True)
    assert kept == pearson([[30, 40], [50, 60]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([3, 4], "1 dimensions"),
        ([[3, 4]], "1 x 2; at least 2 x 2"),
        ([[3, -1], [2, 2]], "not a count"),
        ([[3, 0.5], [2, 2]], "not a count"),
        ([[3, math.nan], [2, 2]], "not a count"),
        ([[3, math.inf], [2, 2]], "not a count"),
    ],
)
@pytest.mark.parametrize("run", [pearson, yates, fisher])
def test_what_is_not_a_table_of_counts_is_refused(run, table, message):
    """Negative, fractional and missing counts and tables without a comparison are errors."""
    with pytest.raises(EstimationError, match=message):
        run(table)


def test_yates_beyond_two_by_two_is_refused():
    """Yates' correction is defined for 2 x 2 tables and says so."""
    with pytest.raises(EstimationError, match="2 x 3; Yates"):
        yates([[1, 2, 3], [3, 2, 1]])


def test_dropping_must_leave_a_comparison():
    """A table whose empty levels leave one column cannot be tested."""
    with pytest.raises(EstimationError, match="2 x 1; at least 2 x 2"):
        choose_test([[3, 0], [4, 0]], convention=SPSS, drop_empty=True)


def test_odds_ratio_is_woolfs():
    """The odds ratio of (20, 80; 10, 90) and its interval are the hand calculation."""
    ratio = odds_ratio(20, 80, 10, 90)
    error = math.sqrt(1 / 20 + 1 / 80 + 1 / 10 + 1 / 90)
    assert ratio.estimate == 2.25
    assert ratio.ci_low == pytest.approx(2.25 * math.exp(-1.959963984540054 * error))
    assert ratio.ci_high == pytest.approx(2.25 * math.exp(1.959963984540054 * error))
    assert ratio.p == pytest.approx(math.erfc(math.log(2.25) / error / math.sqrt(2)))


def test_inverse_is_the_ratio_of_the_exchanged_groups():
    """Inverting a ratio equals computing it with the groups exchanged."""
    inverse, exchanged = odds_ratio(20, 80, 10, 90).inverse(), odds_ratio(10, 90, 20, 80)
    assert inverse.estimate == pytest.approx(exchanged.estimate)
    assert inverse.ci_low == pytest.approx(exchanged.ci_low)
    assert inverse.ci_high == pytest.approx(exchanged.ci_high)
    assert inverse.p == pytest.approx(exchanged.p)


@pytest.mark.parametrize("cells", [(0, 5, 5, 5), (5, 0, 5, 5), (5, 5, 0, 5), (5, 5, 5, 0)])
def test_odds_ratio_with_an_empty_cell_is_refused(cells):
    """A cell without patients gives an error that shows the counts, not an infinite ratio."""
    with pytest.raises(EstimationError, match=r"a cell with 0 patients.*Fisher"):
        odds_ratio(*cells)
