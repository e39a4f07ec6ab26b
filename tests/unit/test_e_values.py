"""E-values: what is refused, and the ratios that the papers print."""

from __future__ import annotations

import csv
import math

import pytest

from replica.errors import ParameterError, PublishedTableError
from replica.published import load_published
from replica.review import page_e_values
from replica.review.e_values import e_value
from replica.review.printed_ratios import (
    OCCURRENCE_COLUMNS,
    occurrences,
    printed_ratios,
    ratios_frame,
)
from replica.studies import study_keys


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ratio": 0.0}, "found 0.0; allowed: a finite number above 0"),
        ({"ratio": -0.3}, "not its logarithm"),
        ({"ratio": math.inf}, "finite"),
        ({"ratio": math.nan}, "finite"),
        ({"low": math.nan}, "E-value, low"),
        ({"high": -1.0}, "E-value, high"),
        ({"low": None}, "found one end of an interval"),
        ({"ratio": 5.0}, "ratio 5 outside its interval 1.2 to 3"),
        ({"measure": "rate_ratio"}, "measure: found 'rate_ratio'.*'risk_ratio'"),
        ({"occurrence": "frequent"}, "occurrence: found 'frequent'; allowed: 'rare', 'common'"),
        ({"ratio": 1e200, "low": None, "high": None}, "model without a finite estimate"),
    ],
)
def test_impossible_numbers_and_unknown_words_are_refused(changed, complaint):
    """No E-value comes from a ratio that is none, or that contradicts its interval."""
    given = {"ratio": 2.0, "low": 1.2, "high": 3.0, "measure": "risk_ratio", "occurrence": "rare"}
    given |= changed
    with pytest.raises(ParameterError, match=complaint):
        e_value(given.pop("ratio"), given.pop("low"), given.pop("high"), **given)


@pytest.mark.parametrize("key", study_keys())
def test_every_printed_ratio_is_listed_once(key):
    """Each printed hazard or odds ratio belongs to one line, which names its place."""
    ratios = printed_ratios(key)
    listed = {(place, found.ratio) for found in ratios for place in found.places}
    printed = {(r.where, r.printed) for r in load_published(key) if r.statistic in {"hr", "or"}}
    assert listed == printed
    assert len({(f.outcome, f.label, f.ratio, f.low) for f in ratios}) == len(ratios)


def test_a_ratio_in_three_places_is_one_line():
    """The second primaries' hazard ratio of the TriNetX paper, once without its interval."""
    first = printed_ratios("mlc_second_primary")[0]
    assert first.places == ("Abstract", "Figure 1", "Text: Discussion")
    assert (first.ratio, first.low, first.high) == ("0.49", "0.24", "1.01")
    # rare: 1 / 0.49 = 2.040816, plus sqrt(2.040816 x 1.040816) = 1.457434
    assert first.value.point == pytest.approx(3.498250, abs=5e-6)
    assert first.value.interval == 1.0


def test_two_ratios_of_one_quantity_stay_apart():
    """0.74 and 0.78 are printed for the same comparison; neither is dropped."""
    found = [f for f in printed_ratios("mlc_second_primary") if f.ratio in {"0.74", "0.78"}]
    assert [f.low for f in found] == ["0.62", ""]
    assert found[1].value.interval is None


def test_a_ratio_outside_its_interval_has_no_e_value():
    """The paper prints 0.34 (0.09 to 0.24): the table says so instead of a number."""
    found = next(f for f in printed_ratios("myeloma_second_primary") if f.high == "0.24")
    assert found.value is None
    assert "outside its printed interval" in found.problem
    row = ratios_frame([found]).iloc[0]
    assert (row["e_value"], row["e_value_if_rare"], row["e_value_if_common"]) == ("", "", "")


def test_the_frame_gives_both_assumptions():
    """Whoever takes the outcome for the other kind finds that E-value in the download."""
    row = ratios_frame(printed_ratios("sclc_second_line")).iloc[0]
    assert (row["ratio"], row["outcome_is"], row["stated_by"]) == ("0.62", "common", "paper")
    assert row["e_value"] == row["e_value_if_common"] != row["e_value_if_rare"]
    # rare: 1 / 0.62 = 1.612903, plus sqrt(1.612903 x 0.612903) = 0.994258
    assert row["e_value_if_rare"] == "2.61"


def write(path, *rows):
    """Write a table of rare and common outcomes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([OCCURRENCE_COLUMNS, *rows])
    return path


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("toy", "os", "seldom", "paper", "x")], "occurrence: found 'seldom'"),
        ([("toy", "os", "rare", "nobody", "x")], "stated_by: found 'nobody'"),
        ([("toy", "os", "rare", "paper", "x")] * 2, "toy, os twice"),
        ([("toy", "os", "rare")], "row 2: found 3 cells; expected 5"),
    ],
)
def test_a_damaged_table_of_outcomes_is_refused(tmp_path, rows, complaint):
    """Nothing is guessed about whether an outcome is rare."""
    with pytest.raises(PublishedTableError, match=complaint):
        occurrences("toy", write(tmp_path / "outcomes.csv", *rows))


def test_a_missing_or_misnamed_table_is_refused(tmp_path):
    """The message names the file, or the columns expected."""
    with pytest.raises(PublishedTableError, match=r"found no table at .*gone"):
        occurrences("toy", tmp_path / "gone.csv")
    path = tmp_path / "other.csv"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(PublishedTableError, match="expected exactly study, outcome"):
        occurrences("toy", path)


def test_the_page_shows_table_and_figure(tmp_path, monkeypatch):
    """A heading per outcome, a row per ratio; the figure's text names the largest E-value."""
    monkeypatch.setattr(page_e_values, "results_folder", lambda: tmp_path)
    table = page_e_values.e_value_table("myeloma_second_primary").data
    assert "Overall survival: hazard ratios" in table
    assert "none: the printed ratio lies outside its printed interval" in table
    assert table.count("<tr") == 1 + 2 + len(printed_ratios("myeloma_second_primary"))
    figure = page_e_values.e_value_figure("myeloma_second_primary")
    assert "The largest E-value, 14.42" in figure.alt
    assert (tmp_path / "e_values_myeloma_second_primary.svg").stat().st_size > 0
    outcomes = page_e_values.occurrence_table(study_keys()).data
    assert outcomes.count("assumed") == 2
