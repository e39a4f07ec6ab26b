"""R's MatchIt is the referee of balance and of the common support.

The tables were printed by MatchIt 4.5.1 for its own matched sets, which are kept as weights: that
version's matching is not a referee (it ignores calipers, and with replacement it does not find the
nearest control), its summary is. With the lalonde data, its propensity scores `ps` and `f` the
formula of seven covariates:

    m <- matchit(f, data = d, distance = d$ps, m.order = "data")                  # without
    m <- matchit(f, data = d, distance = d$ps, m.order = "data", replace = TRUE)  # with
    summary(m, standardize = TRUE)$sum.all; summary(m, standardize = TRUE)$sum.matched
    matchit(f, data = d, discard = "both", reestimate = TRUE)$distance
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.distribution import ecdf_distances, weighted_mean, weighted_variance
from replica.overlap import common_support
from replica.propensity import fit_logistic
from replica.weights import effective_sample_size

DATA = Path(__file__).parent / "data"
LALONDE = pd.read_csv(DATA / "lalonde.csv")
BALANCE = pd.read_csv(DATA / "lalonde_balance.csv")
WEIGHTS = pd.read_csv(DATA / "lalonde_matchit_weights.csv")
TREATED = LALONDE["treat"].to_numpy() == 1
SCORE = LALONDE["ps"].to_numpy()


def weights_of(matched: str) -> np.ndarray:
    """MatchIt's weights of all rows; before matching 1."""
    return np.ones(len(LALONDE)) if matched == "all" else WEIGHTS[matched].to_numpy(dtype=float)


def column(name: str) -> np.ndarray:
    """A covariate as R codes it: a level of race as 0 and 1."""
    if name == "distance":
        return SCORE
    if name.startswith("race"):
        return (LALONDE["race"] == name.removeprefix("race")).to_numpy(dtype=float)
    return LALONDE[name].to_numpy(dtype=float)


@pytest.mark.parametrize("row", BALANCE.index, ids=BALANCE["matched"] + "-" + BALANCE["covariate"])
def test_balance_is_that_of_matchit(row: int) -> None:
    """Means, difference by the treated's SD, variance ratio and eCDF distances, to ten digits."""
    printed = BALANCE.loc[row]
    x, w = column(str(printed["covariate"])), weights_of(str(printed["matched"]))
    (a, a_weights), (b, b_weights) = (
        (x[arm & (w > 0)], w[arm & (w > 0)]) for arm in (TREATED, ~TREATED)
    )
    means = weighted_mean(a, a_weights), weighted_mean(b, b_weights)
    spread = np.sqrt(weighted_variance(x[TREATED], np.ones(TREATED.sum())))
    distances = ecdf_distances(a, b, a_weights, b_weights, at=x)
    close = {"rel": 1e-10, "abs": 1e-12}
    assert means == pytest.approx((printed["mean_treated"], printed["mean_control"]), **close)
    assert (means[0] - means[1]) / spread == pytest.approx(printed["smd"], **close)
    assert distances == pytest.approx((printed["ecdf_mean"], printed["ecdf_max"]), **close)
    if not np.isin(x, (0, 1)).all():
        ratio = weighted_variance(a, a_weights) / weighted_variance(b, b_weights)
        assert ratio == pytest.approx(printed["variance_ratio"], **close)


def test_effective_sample_size_is_that_of_matchit() -> None:
    """73 controls used 185 times are worth 37.160694896851247."""
    weights = weights_of("with")[~TREATED]
    assert (weights > 0).sum() == 73
    assert effective_sample_size(weights) == pytest.approx(37.160694896851247, rel=1e-14)


@pytest.mark.parametrize(
    ("discard", "treated", "control", "refitted"),
    [
        ("treated", 8, 0, (0.621901893607571, 0.222777261938945, 0.242126006223630)),
        ("control", 0, 57, (0.640704563911856, 0.221142113345995, 0.246282036297125)),
        ("both", 8, 57, (0.623397878878639, 0.218895913584433, 0.237489836236871)),
    ],
)
def test_common_support_is_that_of_matchit(
    discard: str, treated: int, control: int, refitted: tuple[float, ...]
) -> None:
    """As many are discarded, and the score fitted again is MatchIt's (rows 1, 2 and 100).

    MatchIt fits at glm's default tolerance, hence nine digits.
    """
    keep = common_support(SCORE, TREATED, discard)
    assert ((~keep & TREATED).sum(), (~keep & ~TREATED).sum()) == (treated, control)
    race = [LALONDE["race"] == level for level in ("hispan", "white")]
    others = [LALONDE[key] for key in ("married", "nodegree", "re74", "re75")]
    columns = [LALONDE["age"], LALONDE["educ"], *race, *others]
    matrix = np.column_stack(columns).astype(np.float64)
    fit = fit_logistic(matrix[keep], TREATED[keep])
    assert keep[[0, 1, 99]].all()
    np.testing.assert_allclose(fit.probability(matrix[[0, 1, 99]]), refitted, rtol=1e-9)
