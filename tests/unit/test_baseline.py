"""Verdicts held against the committed baseline."""

from __future__ import annotations

import pytest

from replica.baseline import counts, read_json, summarise, worse, write_baseline
from replica.errors import DataError


def made(*verdicts: tuple[str, str]) -> dict:
    """Build a verification of one study from ids and verdicts."""
    return {"studies": {"toy": {"values": [{"id": i, "verdict": v} for i, v in verdicts]}}}


def test_a_summary_is_one_verdict_per_printed_number():
    """Everything but id and verdict is dropped."""
    assert summarise(made(("a", "reproduced"), ("b", "different"))) == {
        "toy": {"a": "reproduced", "b": "different"}
    }


@pytest.mark.parametrize(
    ("before", "after", "fell"),
    [
        ("reproduced", "reproduced", False),
        ("reproduced", "rounding", True),
        ("rounding", "reproduced", False),
        ("rounding", "contradicted", True),
        ("different", "contradicted", False),
        ("contradicted", "different", True),
        ("different", "not_computable", True),
    ],
)
def test_a_verdict_is_worse_only_further_down_the_ranking(before, after, fell):
    """Better or equal verdicts pass, worse ones are listed."""
    assert bool(worse({"toy": {"a": before}}, {"toy": {"a": after}})) is fell


def test_what_vanished_is_worse_and_what_is_new_is_not():
    """Dropping a number or a study cannot hide a loss."""
    baseline = {"toy": {"a": "different"}, "gone": {"b": "different"}}
    now = {"toy": {"new": "not_computable"}}
    assert worse(baseline, now) == [
        "toy: a was different, is missing",
        "gone: b was different, is missing",
    ]


def test_counts_show_every_verdict_even_if_none():
    """A verdict that did not occur is shown as zero."""
    assert counts({"a": "rounding", "b": "rounding"}) == {
        "reproduced": 0,
        "rounding": 2,
        "contradicted": 0,
        "different": 0,
        "not_computable": 0,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (made(("a", "reproduced"), ("a", "different")), "two verdicts for a"),
        (made(("a", "fine")), "found fine; allowed: reproduced"),
        ({"studies": {"toy": {}}}, "no 'values'"),
        ({}, "no 'studies'"),
    ],
)
def test_a_broken_verification_is_refused(content, message):
    """No count is made from a file of another shape."""
    with pytest.raises(DataError, match=message):
        summarise(content)


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    """Writing and reading give the same summary."""
    summary = {"toy": {"a": "reproduced"}}
    write_baseline(summary, tmp_path / "baseline.json")
    assert read_json(tmp_path / "baseline.json", "") == summary


def test_a_missing_file_comes_with_its_remedy(tmp_path):
    """The message says what to do."""
    with pytest.raises(DataError, match=r"no file .*x\.json; do this\."):
        read_json(tmp_path / "x.json", "do this")
