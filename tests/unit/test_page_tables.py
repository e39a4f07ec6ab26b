"""What a study's page says and keeps, apart from how it looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replica import pages
from replica.matching import match
from replica.settings import default_choices
from replica.studies import load_study
from replica.supplied import load_cohort


@pytest.fixture(scope="module")
def matched():
    """Match the synthetic cohort of the small-cell study."""
    return match(load_cohort(load_study("sclc_second_line")))


def test_the_flow_says_why_patients_are_left_unmatched(matched, tmp_path):
    """A control that nobody chose is not one without a counterpart in reach."""
    told = pages.attrition(matched, tmp_path).alt
    for arm, group in matched.unmatched.groupby("arm"):
        for reason, number in group["reason"].value_counts().items():
            assert f"{number} {arm}, {reason}" in told


@pytest.mark.parametrize(("source", "kept"), [("synthetic", True), ("supplied", False)])
def test_single_times_are_kept_of_synthetic_patients_only(matched, tmp_path, source, kept):
    """The table of a curve lists the time of every event and of every censored patient."""
    of = replace(
        matched,
        before=replace(matched.before, source=source),
        after=replace(matched.after, source=source),
    )
    pages.curve(of, "figure1a", default_choices(of.before.study), tmp_path)
    assert (tmp_path / "figure1a_curves.csv").is_file() is kept
    assert (tmp_path / "figure1a.svg").is_file()
