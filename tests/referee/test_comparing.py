"""What R is given is varied enough, and what it answers is held against the right numbers."""

from __future__ import annotations

import numpy as np
import pytest
from r_session import what_is_missing
from random_patients import make_data_set
from tally import RELATIVE, Judge, Near, Tally


def test_data_sets_hold_what_estimators_stumble_over(patients):
    """At least 200, with ties, durations of zero, late entry, weights, clusters and strata."""
    assert len(patients) >= 200
    events = [frame.loc[frame["event"] == 1, "time"] for frame in patients.values()]
    assert sum(times.duplicated().any() for times in events) >= 100
    assert sum(not times.duplicated().any() for times in events) >= 40
    assert sum((frame["time"] == 0).any() for frame in patients.values()) >= 10
    assert sum((frame["start"] > 0).any() for frame in patients.values()) >= 150
    for frame in patients.values():
        assert frame["weight"].nunique() > 1
        assert frame["cluster"].nunique() < len(frame)
        assert frame["stratum"].nunique() > 1
        assert frame["group"].nunique() > 1
        assert (frame["start"] <= frame["time"]).all()


def test_a_data_set_follows_from_its_number():
    """The same patients on every run."""
    assert make_data_set(7).equals(make_data_set(7))
    assert not make_data_set(7).equals(make_data_set(8))


def test_numbers_keep_their_text_short(patients):
    """Four decimals at most, so that R and pandas read the same double."""
    for frame in patients.values():
        assert (frame.round(4) == frame).all(axis=None)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"x": [1.0, 2.0]}, {"x": np.array([1.0, 2.0 * (1 + 2 * RELATIVE)])}),
        ({"x": [1.0]}, {"x": np.array([np.nan])}),
        ({"x": [np.nan]}, {"x": np.array([1.0])}),
        ({"x": [np.inf]}, {"x": np.array([1.0])}),
        ({"x": [1.0]}, {"x": np.array([1.0, 1.0])}),
        ({"x": [1.0]}, {"y": np.array([1.0])}),
        ({"x": [1.0]}, "did not converge"),
        ("refused", {"x": np.array([1.0])}),
        (None, {"x": np.array([1.0])}),
        ({"x": Near(np.array([0.0]), np.array([1e-9]))}, {"x": np.array([3e-9])}),
    ],
)
def test_a_difference_is_found(ours, theirs):
    """A number apart, missing on one side, or refused by one side only fails."""
    judge = Judge(Tally("R"))
    judge.analysis("a", "1", ours, theirs)
    with pytest.raises(AssertionError, match="1 differences"):
        judge.verdict()


def test_agreement_is_counted():
    """Numbers, refusals and data sets are told apart in the summary."""
    judge = Judge(Tally("R 4"))
    near = Near(np.array([1e-12]), np.array([1e-9]))
    judge.analysis(
        "a",
        "1",
        {"x": [1.0, np.nan], "y": 3.0, "z": near},
        {"x": np.array([1.0 + 1e-12, np.nan]), "y": np.array([3.0]), "z": np.array([2e-12])},
    )
    judge.analysis("a", "2", "separated", "did not converge")
    judge.analysis("a", "3", None, None)
    judge.verdict()
    lines = judge.tally.lines()
    assert lines[0] == "referee: 4 comparisons with R 4 (2 data sets); 1 refusals on both sides"
    assert "a: x" in lines[1]
    assert "1e-12" in lines[1]


def test_without_r_the_reason_is_given(monkeypatch):
    """The one skip says what is missing and what to install."""
    monkeypatch.setenv("PATH", "")
    assert what_is_missing() == (
        "no Rscript on the PATH: nothing was compared with R live; install r-base-core, "
        "r-cran-survival, r-cran-cmprsk"
    )
