"""R's MatchIt 4.7.2 is the referee of the propensity score and of nearest-neighbour matching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.matching import Pairs, caliper_width, nearest_neighbour
from replica.propensity import fit_logistic

DATA = Path(__file__).parent / "data"
LALONDE = pd.read_csv(DATA / "lalonde.csv")
COUNTS = pd.read_csv(DATA / "lalonde_nearest_counts.csv", keep_default_na=False)
PAIRS = pd.read_csv(DATA / "lalonde_nearest_pairs.csv")
TREATED = LALONDE["treat"].to_numpy() == 1
ROWS = np.arange(len(LALONDE))
SCALES = {
    "ps_raw_0.02": ("probability", 0.02),
    "ps_sdall_0.2": ("sd_probability", 0.2),
    "ps_sdpool_0.1": ("sd_probability_pooled", 0.1),
    "logit_sdall_0.2": ("sd_logit", 0.2),
    "logit_sdpool_0.2": ("sd_logit_pooled", 0.2),
    "logit_sdpool_0.1": ("sd_logit_pooled", 0.1),
}


def match_lalonde(caliper: str, order: str, ratio: int = 1, exact: str = "") -> Pairs:
    """Match the lalonde data on MatchIt's own scores with its printed caliper width."""
    width = COUNTS.loc[COUNTS["caliper"] == caliper, "width"].iloc[0]
    return nearest_neighbour(
        LALONDE["logit_ps" if caliper.startswith("logit") else "ps"],
        TREATED,
        ROWS,
        caliper=None if width == "NA" else float(width),
        ratio=ratio,
        order=order,
        exact=LALONDE[exact] if exact else None,
    )


def lalonde_design() -> np.ndarray:
    """Code the seven covariates as R does, with black as the reference of race."""
    race = [LALONDE["race"] == level for level in ("hispan", "white")]
    others = [LALONDE[key] for key in ("married", "nodegree", "re74", "re75")]
    columns = [LALONDE["age"], LALONDE["educ"], *race, *others]
    return np.column_stack(columns).astype(np.float64)


def test_logistic_regression_gives_the_propensity_scores_of_r() -> None:
    """Scores and logits equal those of glm at its tightest tolerance, on unscaled covariates."""
    fit = fit_logistic(lalonde_design(), TREATED)
    scores, logits = fit.probability(lalonde_design()), fit.linear_predictor(lalonde_design())
    np.testing.assert_allclose(scores, LALONDE["ps"], rtol=0, atol=1e-13)
    np.testing.assert_allclose(logits, LALONDE["logit_ps"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("caliper", SCALES)
def test_caliper_widths_are_those_of_matchit(caliper: str) -> None:
    """Each rule for a caliper gives the printed width from the golden scores."""
    scale, multiple = SCALES[caliper]
    width = caliper_width(
        LALONDE["ps"].to_numpy(), LALONDE["logit_ps"].to_numpy(), TREATED, multiple, scale
    )
    printed = float(COUNTS.loc[COUNTS["caliper"] == caliper, "width"].iloc[0])
    assert width == pytest.approx(printed, rel=1e-13)


@pytest.mark.parametrize(
    ("caliper", "order"), sorted(set(zip(PAIRS["caliper"], PAIRS["order"], strict=True)))
)
def test_every_pair_is_the_one_of_matchit(caliper: str, order: str) -> None:
    """Each treated unit has MatchIt's control, ties included, and no other unit is matched."""
    found = match_lalonde(caliper, order)
    ids = LALONDE["id"].to_numpy()
    wanted = PAIRS[(PAIRS["caliper"] == caliper) & (PAIRS["order"] == order)]
    pairs = dict(zip(ids[found.treated], ids[found.control], strict=True))
    assert pairs == dict(zip(wanted["treated"], wanted["control"], strict=True))


@pytest.mark.parametrize("row", range(len(COUNTS)))
def test_counts_and_effect_are_those_of_matchit(row: int) -> None:
    """Numbers matched and the matched difference in earnings agree, with ratio 2 and strata too."""
    answer = COUNTS.iloc[row]
    found = match_lalonde(answer["caliper"], answer["order"], answer["ratio"], answer["exact"])
    earnings = LALONDE["re78"].to_numpy()
    matched, sets = np.unique(found.treated, return_inverse=True)
    weights = 1.0 / np.bincount(sets)[sets]
    effect = earnings[matched].mean() - weights @ earnings[found.control] / len(matched)
    assert len(matched) == answer["treated"]
    assert len(np.unique(found.control)) == answer["controls"]
    assert effect == pytest.approx(answer["att_re78"], rel=1e-12)
