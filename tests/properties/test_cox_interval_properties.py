"""What must hold for follow-up cut into pieces, late entry and exact ties."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replica.concordance import concordance
from replica.cox import fit_cox
from replica.errors import EstimationError
from replica.proportional_hazards import proportional_hazards_test

# the first call compiles a kernel, which no deadline should count
COMPILED = settings(deadline=None, max_examples=60)
ROWS = st.lists(
    st.tuples(
        st.integers(1, 15),
        st.booleans(),
        st.integers(0, 1),
        st.integers(-3, 3),
        st.integers(0, 1),
        st.integers(0, 12),
    ),
    min_size=20,
    max_size=60,
)
CUTS = st.lists(st.floats(0.25, 14.75), min_size=1, max_size=6, unique=True)
TIES = st.sampled_from(["efron", "breslow"])
NAMES = ["arm", "x"]


def _columns(rows):
    table = np.array(rows, dtype=float)
    return table[:, 2:4], table[:, 0], table[:, 1], table[:, 4], table[:, 5]


def _estimable(fit):
    try:
        return fit()
    except EstimationError:
        assume(False)
        raise


def _pieces(start, stop, event, cuts):
    """Cut every (start, stop] at the cuts inside it; the event stays with the last piece."""
    pieces = []
    for row, (low, high) in enumerate(zip(start, stop, strict=True)):
        edges = [low, *sorted(c for c in cuts if low < c < high), high]
        for a, b in pairwise(edges):
            pieces.append((row, a, b, event[row] if b == high else 0))
    owner, a, b, happened = (np.array(column) for column in zip(*pieces, strict=True))
    return owner, a, b, happened


@COMPILED
@given(ROWS, CUTS, TIES, st.booleans())
def test_cutting_follow_up_into_pieces_changes_nothing(rows, cuts, ties, late):
    """Estimates, errors, robust errors, likelihoods and tests, with weights and strata."""
    X, stop, event, stratum, entry = _columns(rows)
    start = np.minimum(entry, stop - 0.5) if late else np.full(len(rows), -1.0)
    patient = np.arange(len(rows))
    weight = 1 + patient % 3
    options = {"names": NAMES, "ties": ties}
    whole = _estimable(
        lambda: fit_cox(
            X, stop, event, start=start, strata=stratum, cluster=patient, weights=weight, **options
        )
    )
    owner, a, b, happened = _pieces(start, stop, event, cuts)
    given_pieces = {"strata": stratum[owner], "cluster": owner, "weights": weight[owner]}
    cut = fit_cox(X[owner], b, happened, start=a, **given_pieces, **options)
    np.testing.assert_allclose(cut.coef, whole.coef, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(cut.covariance, whole.covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(cut.robust_se, whole.robust_se, rtol=1e-9)
    np.testing.assert_allclose(cut.log_likelihood, whole.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(cut.score_statistic, whole.score_statistic, rtol=1e-9, atol=1e-11)


@COMPILED
@given(ROWS, TIES)
def test_entry_before_every_event_is_no_late_entry(rows, ties):
    """The plain fit, to the tolerance at which Newton's method stops."""
    X, stop, event, stratum, _ = _columns(rows)
    options = {"names": NAMES, "ties": ties, "strata": stratum}
    plain = _estimable(lambda: fit_cox(X, stop, event, **options))
    late = fit_cox(X, stop, event, start=np.full(len(rows), 0.5), **options)
    np.testing.assert_allclose(late.coef, plain.coef, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(late.se, plain.se, rtol=1e-7)
    np.testing.assert_allclose(late.log_likelihood, plain.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(late.score_statistic, plain.score_statistic, rtol=1e-9, atol=1e-11)


@COMPILED
@given(ROWS, st.randoms(use_true_random=False))
def test_row_order_does_not_matter_for_intervals_and_exact_ties(rows, random):
    """A shuffled file gives the same bits."""
    shuffled = random.sample(rows, len(rows))
    found = []
    for table in (rows, shuffled):
        X, stop, event, stratum, entry = _columns(table)
        start = np.minimum(entry, stop - 0.5)
        options = {"names": NAMES, "strata": stratum}
        found.append(
            (
                _estimable(
                    lambda X=X, stop=stop, event=event, start=start, o=options: fit_cox(
                        X, stop, event, start=start, **o
                    )
                ),
                _estimable(
                    lambda X=X, stop=stop, event=event, o=options: fit_cox(
                        X, stop, event, ties="exact", **o
                    )
                ),
            )
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one.coef, other.coef)
        np.testing.assert_array_equal(one.covariance, other.covariance)
        assert one.log_likelihood == other.log_likelihood


@COMPILED
@given(ROWS, st.sampled_from(["km", "rank", "identity"]), TIES)
def test_the_test_of_proportional_hazards_ignores_units(rows, transform, ties):
    """Of time, and of each covariate."""
    X, stop, event, stratum, _ = _columns(rows)
    options = {"names": NAMES, "ties": ties, "strata": stratum, "transform": transform}
    one = _estimable(lambda: proportional_hazards_test(X, stop, event, **options))
    other = proportional_hazards_test(X * [1, 365.25] + [0, 7], stop * 12, event, **options)
    np.testing.assert_allclose(other["statistic"], one["statistic"], rtol=1e-6, atol=1e-8)
    assert (one["statistic"] >= 0).all()


@COMPILED
@given(ROWS)
def test_concordance_is_the_count_of_pairs(rows):
    """Every pair by the definition; its error by small changes of each weight; mirrored by sign."""
    X, stop, event, stratum, _ = _columns(rows)
    risk, n = X[:, 1], len(rows)

    def share(weight):
        first = (stop[:, None] < stop) | ((stop[:, None] == stop) & (event[:, None] > event))
        pairs = first & (event[:, None] == 1) & (stratum[:, None] == stratum)
        pairs = pairs * weight[:, None] * weight
        above, tied = risk[:, None] > risk, risk[:, None] == risk
        return (pairs * (above + tied / 2)).sum() / pairs.sum() if pairs.sum() else np.nan

    expected = share(np.ones(n))
    assume(np.isfinite(expected))
    found = concordance(stop, event, risk, strata=stratum)
    np.testing.assert_allclose(found.concordance, expected, rtol=1e-12)
    unit = np.eye(n) * 1e-4
    slopes = [(share(1 + u) - share(1 - u)) / 2e-4 for u in unit]
    np.testing.assert_allclose(found.se, np.linalg.norm(slopes), rtol=1e-5, atol=1e-7)
    mirrored = concordance(stop, event, -risk, strata=stratum)
    np.testing.assert_allclose(mirrored.concordance, 1 - expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(mirrored.se, found.se, rtol=1e-12, atol=1e-15)
