"""The figure of the preference score shows every patient and the range of equipoise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from replica.errors import ParameterError
from replica.figure_balance import preference_plot
from replica.overlap import equipoise, preference_score


@pytest.fixture
def scores():
    """Return scores of 90 patients, a third of them treated."""
    score = pd.Series(np.linspace(0.05, 0.8, 90), index=[f"P{i}" for i in range(90)])
    return preference_score(score, np.arange(90) % 3 == 0)


def test_every_patient_is_counted_on_the_side_of_its_arm(scores):
    """Bars above the axis add up to the treated, bars below to the controls."""
    axes = preference_plot(scores, equipoise(scores)).axes[0]
    sums = {patch.get_gid(): sum(patch.get_data()[0]) for patch in axes.patches[1:]}
    assert sums == {"treated": 30, "control": -60}
    assert axes.get_xlim() == (0, 1)


def test_the_range_of_equipoise_is_shaded(scores):
    """The band lies where the shares were counted, and bars end at its ends."""
    axes = preference_plot(scores, equipoise(scores, 0.35, 0.65)).axes[0]
    band = next(patch for patch in axes.patches if patch.get_gid() == "equipoise")
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx(
        [0.35, 0.65]
    )
    edges = next(p for p in axes.patches if p.get_gid() == "treated").get_data().edges
    assert {0.3, 0.7} <= set(np.round(edges, 12))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preference_score": 1.2}, "outside 0 to 1"),
        ({"preference_score": np.nan}, "outside 0 to 1"),
        ({"arm": "placebo"}, "unknown arm"),
    ],
)
def test_what_is_no_preference_score_is_refused(scores, change, message):
    """Arms and scores are checked before anything is drawn."""
    with pytest.raises(ParameterError, match=message):
        preference_plot(scores.assign(**change), equipoise(scores))


def test_a_missing_column_is_named(scores):
    """The shares are needed for the legend."""
    with pytest.raises(ParameterError, match="share"):
        preference_plot(scores, equipoise(scores).drop(columns="share"))
