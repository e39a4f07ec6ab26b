"""What must hold for every curve and log-rank test, whatever the patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.errors import EstimationError
from replica.survival import log_rank, median_survival, numbers_at_risk, product_limit

# the first call compiles a kernel, which no deadline should count
COMPILED = settings(deadline=None)
PATIENTS = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 2)), min_size=1, max_size=40
)


def _columns(patients):
    return (np.array(column) for column in zip(*patients, strict=True))


@COMPILED
@given(PATIENTS, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(patients, random):
    """A shuffled file gives the same bits."""
    shuffled = random.sample(patients, len(patients))
    duration, event, _ = _columns(patients)
    other, happened, _ = _columns(shuffled)
    pd.testing.assert_frame_equal(
        product_limit(duration, event, interval="log"),
        product_limit(other, happened, interval="log"),
        check_exact=True,
    )


@COMPILED
@given(PATIENTS)
def test_counts_add_up_and_survival_never_rises(patients):
    """Everybody ends once; each row loses those who ended before it."""
    duration, event, _ = _columns(patients)
    curve = product_limit(duration, event)
    ended = curve["events"] + curve["censored"]
    assert ended.sum() == len(patients)
    assert curve["events"].sum() == event.sum()
    assert (curve["at_risk"] == len(patients) - ended.cumsum() + ended).all()
    assert (curve["survival"].diff().dropna() <= 0).all()
    assert curve["survival"].between(0, 1).all()
    assert curve["time"].is_unique


@COMPILED
@given(PATIENTS)
def test_without_censoring_survival_is_the_share_still_alive(patients):
    """The empirical distribution, with the binomial standard error."""
    duration, _, _ = _columns(patients)
    curve = product_limit(duration, np.ones(duration.size))
    alive = np.array([(duration > t).mean() for t in curve["time"]])
    np.testing.assert_allclose(curve["survival"], alive, atol=1e-14)
    inner = (alive > 0) & (alive < 1)
    binomial = np.sqrt(alive * (1 - alive) / duration.size)
    np.testing.assert_allclose(curve["std_error"][inner], binomial[inner], rtol=1e-10)


@COMPILED
@given(PATIENTS, st.sampled_from([12, 30.4375, 365.25]))
def test_another_unit_of_time_moves_times_only(patients, factor):
    """Months or years: same survival, and a median in the other unit."""
    duration, event, _ = _columns(patients)
    curve, other = product_limit(duration, event), product_limit(duration * factor, event)
    pd.testing.assert_series_equal(curve["survival"], other["survival"], check_exact=True)
    for interval in ("log-log", "spss"):
        found = median_survival(curve, interval=interval).median
        scaled = median_survival(other, interval=interval).median
        if found is None:
            assert scaled is None
        else:
            np.testing.assert_allclose(scaled, found * factor, rtol=1e-12)


@COMPILED
@given(PATIENTS)
def test_numbers_at_risk_count_those_followed_to_a_time(patients):
    """The definition, at every time."""
    duration, event, _ = _columns(patients)
    times = list(range(14))
    found = numbers_at_risk(product_limit(duration, event), times)["at_risk"].tolist()
    assert found == [int((duration >= t).sum()) for t in times]


@COMPILED
@given(PATIENTS)
def test_a_median_splits_the_curve(patients):
    """Survival is at most 0.5 from the median on and above it before; ends enclose it."""
    duration, event, _ = _columns(patients)
    curve = product_limit(duration, event)
    found = median_survival(curve, interval="log")
    if found.median is None:
        assert (curve["survival"] > 0.5).all()
        assert found.ci_high is None
        return
    later = curve["time"] >= found.median
    assert (curve.loc[later, "survival"] <= 0.5 + 1e-9).all()
    assert found.ci_low is None or found.ci_low <= found.median
    assert found.ci_high is None or found.ci_high >= found.median


@COMPILED
@given(PATIENTS, st.permutations([0, 1, 2]))
def test_log_rank_does_not_depend_on_labels_rows_or_unit(patients, relabel):
    """Same statistic after renaming groups, reversing rows and rescaling time."""
    duration, event, group = _columns(patients)
    try:
        found = log_rank(duration, event, group)
    except EstimationError:
        return
    renamed = np.array(relabel)[group]
    other = log_rank(duration[::-1] * 12, event[::-1], renamed[::-1])
    np.testing.assert_allclose(other.statistic, found.statistic, rtol=1e-8, atol=1e-10)
    assert sum(found.observed) == event.sum()
    np.testing.assert_allclose(sum(found.expected), event.sum(), rtol=1e-12)
    assert 0 <= found.p <= 1
