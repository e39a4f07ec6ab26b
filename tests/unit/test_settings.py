"""A notebook's parameters: what is refused before anything runs."""

from __future__ import annotations

import math

import pytest

from replica.errors import ParameterError
from replica.settings import settings
from replica.studies import load_study

STUDY = load_study("sclc_second_line")
PAPER = {
    "source": "synthetic",
    "caliper": 0.02,
    "caliper_scale": "probability",
    "ratio": 1,
    "order": "data",
    "ties": "breslow",
    "entry_p": 0.15,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("caliper", "0.02"),
        ("caliper", True),
        ("caliper", math.inf),
        ("caliper", math.nan),
        ("caliper", 0),
        ("ratio", 2.5),
        ("ratio", "2"),
        ("ratio", True),
        ("ratio", 0),
        ("entry_p", "0.15"),
        ("entry_p", None),
        ("entry_p", 0),
        ("seed", 1.0),
        ("seed", -1),
        ("order", "rand"),
        ("caliper_scale", "SD"),
        ("source", "real"),
        ("ties", "exactly"),
    ],
)
def test_an_impossible_value_is_refused_by_name(name, value):
    """Plain papermill passes on any type, so the notebook has to look at it."""
    with pytest.raises(ParameterError, match=f"^{name}: found "):
        settings(STUDY, **{**PAPER, name: value})


def test_no_caliper_is_a_caliper():
    """None stands for matching without one, and is not the paper's setting."""
    assert not settings(STUDY, **{**PAPER, "caliper": None}).at_paper_settings


def test_verdicts_belong_to_the_paper_s_settings():
    """The seed plays no part without a random order; everything else does."""
    assert settings(STUDY, **PAPER).at_paper_settings
    assert settings(STUDY, **{**PAPER, "seed": 7}).at_paper_settings
    assert not settings(STUDY, **{**PAPER, "source": "supplied"}).at_paper_settings
    assert not settings(STUDY, **{**PAPER, "ties": "efron"}).at_paper_settings
