"""Verdicts are exact at the edges of rounding, and nothing is counted that is no achievement."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.agreement import (
    VERDICT_KINDS,
    Verdict,
    agreement,
    agreement_frame,
    compare,
    counts,
    round_half_up,
    shares,
    show,
    verification,
    write_verification,
)
from replica.errors import ParameterError
from replica.estimate import Estimate, Quantity
from replica.published import COLUMNS, PublishedValue, parse_printed


def printed(text, **cells):
    """Make a row of the published table in which this is printed."""
    named = {"id": "row", "item": "sex", "statistic": "percent", "printed": text, **cells}
    return PublishedValue(**{**dict.fromkeys(COLUMNS, ""), **named})


def computed(value, item="sex", statistic="percent", **cells):
    """Make the estimate that belongs to such a row."""
    return Estimate(Quantity(item, **cells), statistic, value, "how")


def verdict(text, value, **cells):
    """Give the verdict on one printed number and one computed value."""
    (one,) = agreement([computed(value)], [printed(text, **cells)])
    return one


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (Fraction("48.148"), "48.1", "reproduced"),
        (Fraction("48.148"), "48.2", "rounding"),
        (Fraction(1300, 27), "48.2", "rounding"),
        (Fraction("48.148"), "48.3", "different"),
        (Fraction("48.148"), "48.0", "rounding"),
        (Fraction("48.15"), "48.2", "reproduced"),
        (Fraction("48.15"), "48.0", "different"),
        (Fraction("0.5"), "0.5", "reproduced"),
        (Fraction("0.495"), "0.50", "reproduced"),
        (Fraction("0.495"), "0.49", "rounding"),
        (Fraction("0.495"), "0.5", "reproduced"),
        (Fraction("0.4949"), "0.50", "rounding"),
        (Fraction("0.505"), "0.50", "rounding"),
        (Fraction("0.515"), "0.50", "different"),
        (Fraction("0.485"), "0.50", "rounding"),
        (Fraction("0.4849"), "0.50", "different"),
        (Fraction(1, 2), "1", "reproduced"),
        (Fraction(1, 2), "0", "rounding"),
        (Fraction("-0.5"), "0", "reproduced"),
        (Fraction("0.000999"), "<0.001", "reproduced"),
        (Fraction("0.001"), "<0.001", "different"),
        (Fraction("0.995"), ">.99", "reproduced"),
        (Fraction("0.99"), ">.99", "different"),
    ],
)
def test_halves_round_up_on_exact_rationals(value, text, kind):
    """A verdict changes exactly where the printed digits would."""
    assert compare(value, parse_printed(text)) == kind


@given(st.fractions(-1000, 1000), st.integers(0, 4))
def test_a_number_agrees_with_its_own_rounding(value, digits):
    """Printing a value and comparing it with what was printed gives `reproduced`."""
    text = round_half_up(value, digits)
    assert compare(value, parse_printed(text)) == "reproduced"
    assert show(value, parse_printed(text)) == text


@given(st.fractions(-1000, 1000), st.integers(-6, 6), st.integers(0, 3))
def test_rounding_means_one_unit_of_the_last_digit(value, units, digits):
    """A verdict follows the distance between the printed digits: 0, 1 or more units."""
    shifted = round_half_up(value + Fraction(units, 10**digits), digits)
    expected = {0: "reproduced", 1: "rounding"}.get(abs(units), "different")
    assert compare(value, parse_printed(shifted)) == expected


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (Fraction(5, 2), 0, "3"),
        (Fraction(-5, 2), 0, "-2"),
        (Fraction("0.005"), 2, "0.01"),
        (Fraction("-0.004"), 2, "0.00"),
        (Fraction("-0.006"), 2, "-0.01"),
        (Fraction("1234.5"), 1, "1234.5"),
        (Fraction(7), 3, "7.000"),
        (Fraction("9.995"), 2, "10.00"),
    ],
)
def test_values_are_written_with_the_digits_asked_for(value, digits, text):
    """Halves go up, trailing zeros stay, and no zero has a sign."""
    assert round_half_up(value, digits) == text


def test_a_value_is_shown_as_the_paper_prints_it():
    """As many decimals as printed; beside a bound the bound, or the number that breaks it."""
    assert show(Fraction(1, 3), parse_printed("0.35")) == "0.33"
    assert show(Fraction(1, 10**6), parse_printed("<0.001")) == "<0.001"
    assert show(Fraction(12345, 10**6), parse_printed("<0.001")) == "0.0123"


def test_floats_round_like_the_numbers_they_stand_for():
    """28.5 reached as 100 * 0.285, a hair below it, still rounds to 29."""
    assert Fraction(100 * 0.285) < Fraction("28.5")
    one = verdict("29", 100 * 0.285)
    assert (one.outcome, one.reproduced) == ("reproduced", "29")


def test_a_printed_number_finds_its_estimate_by_the_quantity():
    """Every column of the quantity counts; the first of two estimates of it is used."""
    rows = [printed("40", arm="treated"), printed("40", arm="control")]
    values = [computed(40.0, arm="control"), computed(50.0, arm="control")]
    first, second = agreement(values, rows)
    assert first.outcome == "not_computable"
    assert first.evidence == "the protocol holds no estimate of this quantity"
    assert (second.outcome, second.evidence) == ("reproduced", "how")


def test_words_cannot_be_compared():
    """The note says why, if there is one; the number computed makes no difference."""
    assert verdict("", 1.0, note="cut in the text").evidence == "cut in the text"
    one = verdict("about half", 50.0)
    assert (one.outcome, one.reproduced) == ("not_computable", "")
    assert one.evidence == "printed as words; no number to compare with"


def test_a_printed_number_that_is_not_estimable_here_is_different():
    """It stays in the count of attainable numbers, with the reason."""
    one = verdict("0.50", None)
    assert (one.outcome, one.reproduced, one.evidence) == ("different", "not estimable", "how")


def test_a_median_not_reached_agrees_with_one_that_is_not_estimable():
    """`not reached` is a statement: none here agrees, a number here does not."""
    assert verdict("not reached", None).outcome == "reproduced"
    one = verdict("not reached", 12.25)
    assert (one.outcome, one.reproduced) == ("different", "12.2")


def test_roles_tell_what_was_taken_over_aimed_at_and_found():
    """Sizes before matching and settings are inputs; ids aimed at are targets; others derived."""
    rows = [
        printed("496", id="a", item="patients", stage="before", statistic="n"),
        printed("180", id="b", item="patients", stage="after", statistic="n"),
        printed("0.02", id="c", item="matching", level="caliper", statistic="setting"),
        printed("40", id="d"),
        printed("41", id="e", arm="treated"),
    ]
    roles = [one.role for one in agreement([], rows, targets={"a", "c", "d"})]
    assert roles == ["input", "derived", "input", "target", "derived"]


def setting(text, spellings):
    """Give the verdict on a setting of which an analysis knows these spellings."""
    row = printed(text, item="matching", level="ratio", statistic="setting")
    (one,) = agreement([], [row], settings={("matching", "ratio"): spellings})
    return one


def test_a_setting_may_be_spelled_in_several_ways():
    """Any spelling agrees, whatever its capitals, and is shown as printed."""
    for text in ("1:1", "One-to-one"):
        one = setting(text, ("1:1", "one-to-one"))
        assert (one.outcome, one.reproduced) == ("reproduced", text)


def test_another_setting_is_different_and_unknown_ones_are_left_alone():
    """The first spelling is shown where none agrees; without a spelling there is no verdict."""
    one = setting("1:1", ("1:2", "one-to-two"))
    assert (one.outcome, one.reproduced) == ("different", "1:2")
    assert setting("1:1", ()).outcome == "not_computable"
    (unknown,) = agreement([], [printed("10 mg", item="dose", statistic="setting")])
    assert unknown.outcome == "not_computable"
    assert unknown.role == "input"


@pytest.fixture
def verdicts():
    """Return one verdict of each kind on results, a contradicted one among them, and an input."""
    rows = [
        printed("50.0", id="same"),
        printed("50.1", id="near"),
        printed("60", id="far"),
        printed("words", id="words"),
        printed("1:1", id="setting", statistic="setting"),
    ]
    found = agreement([computed(50.0)], rows, targets={"near"})
    contradicted = Verdict(printed("1", id="slip"), "derived", "", "contradicted", "a finding")
    return (*found, contradicted)


def test_counts_leave_inputs_apart(verdicts):
    """Attainable are the results that no contradiction and no missing number excludes."""
    number = counts(verdicts)
    assert {kind: number[kind] for kind in VERDICT_KINDS} == dict.fromkeys(VERDICT_KINDS, 1)
    assert (number["results"], number["attainable"]) == (5, 3)
    assert (number["inputs"], number["all"]) == (1, 6)


def test_shares_are_given_of_the_attainable_and_of_all_results(verdicts):
    """One of three attainable and of five results; nothing to divide by is said, not hidden."""
    assert shares(counts(verdicts)) == {"attainable": "33.3%", "results": "20.0%"}
    assert shares(counts([])) == {"attainable": "none", "results": "none"}


@pytest.mark.parametrize(
    ("text", "kind_without", "shown"),
    [
        ("50.0", "reproduced", "50.0"),
        ("50.1", "rounding", "50.0"),
        ("60", "different", "50"),
        ("words", "not_computable", ""),
    ],
)
def test_a_contradiction_comes_before_any_comparison(text, kind_without, shown):
    """What cannot hold beside others is so marked, with its finding; the computed number stays."""
    rows = [printed(text, id="slip"), printed("50.0", id="other")]
    (before, _) = agreement([computed(50.0)], rows)
    assert before.outcome == kind_without
    (found, other) = agreement(
        [computed(50.0)], rows, targets={"slip"}, contradicted={"slip": "a rule: the arithmetic"}
    )
    assert (found.outcome, found.evidence) == ("contradicted", "a rule: the arithmetic")
    assert (found.reproduced, found.role) == (shown, "target")
    assert other.outcome == "reproduced"


def test_a_contradicted_setting_stays_an_input():
    """Settings count as inputs, contradicted or not, so that no result is lost."""
    row = printed("1:1", id="setting", statistic="setting")
    (found,) = agreement([], [row], contradicted={"setting": "a finding"})
    assert (found.role, found.outcome) == ("input", "contradicted")
    assert counts([found])["contradicted"] == 0


def test_contradictions_of_another_table_are_refused():
    """An id that this table does not print shows that other numbers were audited."""
    with pytest.raises(ParameterError, match="found elsewhere, which this table does not print"):
        agreement([], [printed("1")], contradicted={"elsewhere": "a finding"})


def test_no_verdict_counts_nothing():
    """An empty list gives zeros, not an error."""
    assert set(counts([]).values()) == {0}


def test_verdicts_become_a_tidy_frame(verdicts):
    """One row per printed number, in order, with the documented columns."""
    frame = agreement_frame(verdicts)
    assert list(frame.columns) == [
        *("id", "where", "role", "printed", "reproduced", "verdict", "evidence")
    ]
    assert frame["id"].tolist() == ["same", "near", "far", "words", "setting", "slip"]
    assert frame["role"].tolist() == ["derived", "target", "derived", "derived", "input", "derived"]
    assert list(agreement_frame([]).columns) == list(frame.columns)


def test_a_summary_is_written_as_json(verdicts, tmp_path):
    """One file per study with source, parameters, counts and values, the same bytes each time."""
    summary = verification(verdicts, source="synthetic", parameters={"caliper": 0.02})
    path = write_verification("toy", summary, tmp_path / "verification")
    first = path.read_bytes()
    read = json.loads(first)
    assert list(read) == ["source", "parameters", "counts", "values"]
    assert read["values"][0]["verdict"] == "reproduced"
    assert read["counts"] == counts(verdicts)
    assert write_verification("toy", summary, tmp_path / "verification").read_bytes() == first


def test_a_summary_needs_a_known_source(verdicts, tmp_path):
    """Nothing is written for patients of an unknown origin."""
    summary = verification(verdicts, source="synthetic", parameters={}) | {"source": "real"}
    with pytest.raises(ParameterError, match="found 'real'"):
        write_verification("toy", summary, tmp_path)
    assert not list(tmp_path.iterdir())
