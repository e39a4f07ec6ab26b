"""What must hold for every set of competing risks, whatever the patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.aalen_johansen import aalen_johansen
from replica.errors import EstimationError
from replica.gray import gray
from replica.log_rank import log_rank
from replica.product_limit import product_limit
from replica.subdistribution import fit_fine_gray

# the first call compiles a kernel, which no deadline should count
COMPILED = settings(deadline=None)
PATIENTS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=40
).filter(lambda patients: any(cause == 1 for _, cause, _ in patients))
VARIANCES = st.sampled_from(["aalen", "greenwood"])


def _columns(patients):
    return (np.array(column) for column in zip(*patients, strict=True))


def _score(*arrays):
    try:
        return gray(*arrays)
    except EstimationError:
        return None


@COMPILED
@given(PATIENTS, VARIANCES, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(patients, variance, random):
    """A shuffled file gives the same bits, in curves and in Gray's test."""
    shuffled = random.sample(patients, len(patients))
    duration, cause, group = _columns(patients)
    other, what, where = _columns(shuffled)
    pd.testing.assert_frame_equal(
        aalen_johansen(duration, cause, variance=variance),
        aalen_johansen(other, what, variance=variance),
        check_exact=True,
    )
    assert _score(duration, cause, group) == _score(other, what, where)


@COMPILED
@given(PATIENTS)
def test_incidences_and_survival_add_up_to_1(patients):
    """At every time, with the Kaplan-Meier estimate of any event."""
    duration, cause, _ = _columns(patients)
    curve = aalen_johansen(duration, cause)
    summed = curve.groupby("time")["incidence"].sum().to_numpy()
    survival = product_limit(duration, cause > 0)["survival"].to_numpy()
    np.testing.assert_allclose(summed + survival, 1, rtol=1e-12)
    for _, rows in curve.groupby("cause"):
        assert (rows["incidence"].diff().dropna() >= 0).all()
        known = rows.dropna(subset=["ci_low"])
        assert (known["ci_low"] <= known["incidence"]).all()
        assert (known["ci_high"] >= known["incidence"]).all()


@COMPILED
@given(PATIENTS)
def test_with_one_cause_incidence_is_1_less_kaplan_meier(patients):
    """And so is its standard error, by Greenwood's formula, while somebody is left."""
    duration, cause, _ = _columns(patients)
    event = (cause == 1).astype(int)
    incidence = aalen_johansen(duration, event, variance="greenwood")
    survival = product_limit(duration, event)
    np.testing.assert_allclose(incidence["incidence"], 1 - survival["survival"], atol=1e-13)
    left = survival["survival"] > 0
    np.testing.assert_allclose(
        incidence["std_error"][left], survival["std_error"][left], rtol=1e-6, atol=1e-9
    )


@COMPILED
@given(PATIENTS)
def test_with_one_cause_gray_scores_are_those_of_the_log_rank_test(patients):
    """Observed less expected events; only the variance is another estimate of the same thing."""
    duration, cause, group = _columns(patients)
    event = (cause == 1).astype(int)
    found = _score(duration, event, group)
    if found is not None:
        known = log_rank(duration, event, group)
        difference = np.subtract(known.observed, known.expected)
        np.testing.assert_allclose(found.score, difference, atol=1e-9)


@COMPILED
@given(PATIENTS, st.sampled_from([12, 30.4375, 365.25]))
def test_another_unit_of_time_moves_times_only(patients, factor):
    """Months or years: the same incidence and the same test."""
    duration, cause, group = _columns(patients)
    curve, other = aalen_johansen(duration, cause), aalen_johansen(duration * factor, cause)
    pd.testing.assert_series_equal(curve["incidence"], other["incidence"], check_exact=True)
    assert _score(duration, cause, group) == _score(duration * factor, cause, group)


@COMPILED
@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 2), st.integers(0, 1), st.integers(-4, 4)),
        min_size=12,
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_fine_gray_knows_no_order_of_rows_and_turns_its_sign_with_the_arms(patients, random):
    """The same bits for a shuffled file; minus the coefficient for swapped arms."""

    def fit(rows, *, swap=False):
        duration, cause, arm, x = _columns(rows)
        matrix = np.column_stack([1 - arm if swap else arm, x])
        try:
            return fit_fine_gray(matrix, duration, cause, names=["arm", "x"])
        except ValueError:
            return None

    found = fit(patients)
    if found is None:
        return
    shuffled = fit(random.sample(patients, len(patients)))
    np.testing.assert_array_equal(found.coef, shuffled.coef)
    np.testing.assert_array_equal(found.se, shuffled.se)
    # far out the likelihood is flat, and digits are few
    if np.abs(found.coef).max() > 5:
        return
    swapped = fit(patients, swap=True)
    np.testing.assert_allclose(swapped.coef[0], -found.coef[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(swapped.se, found.se, rtol=1e-6)
