"""Tables set printed beside reproduced numbers, and mark what differs."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pandas as pd
import pytest

from replica.comparison import MARKS
from replica.estimate import Estimate, Quantity
from replica.protocol import Characteristic, CurvePlan, Endpoint, Level
from replica.published import COLUMNS, PublishedValue
from replica.tables import (
    Cell,
    Comparison,
    comparison_lines,
    count_lines,
    curve_lines,
    endpoint_lines,
    model_lines,
    pooled_lines,
    side_by_side,
    subgroup_frame,
    treatment_lines,
)

YES_NO = (Level("yes", "Yes"), Level("no", "No"))
SEX = Quantity("sex", "male", arm="treated", stage="before")
EFFECT = Quantity("treatment", outcome="os", arm="treated", comparator="control", model="crude")


def printed(quantity, **statistics):
    """Make the rows in which statistics of a quantity are printed."""
    cells = {**dict.fromkeys(COLUMNS, ""), **vars(quantity)}
    return [
        PublishedValue(**cells | {"id": name, "statistic": name, "printed": text})
        for name, text in statistics.items()
    ]


def computed(quantity, **statistics):
    """Make the estimates of statistics of a quantity."""
    return [Estimate(quantity, name, value, "how") for name, value in statistics.items()]


def texts(study, cell, rows, values):
    """Return what a cell shows."""
    return Comparison.of(study, rows, values).texts(cell)


def test_equal_numbers_carry_no_mark(toy_study):
    """Count and percent are written as printed, with as many digits."""
    rows = printed(SEX, n="13", percent="48.1")
    values = computed(SEX, n=Fraction(13), percent=Fraction(1300, 27))
    assert texts(toy_study, Cell(SEX, "count"), rows, values) == ("13 (48.1)", "13 (48.1)")


@pytest.mark.parametrize(
    ("percent", "shown"),
    [("48.2", "13 (48.1) ≈"), ("48.3", "13 (48.1) ≠"), ("48", "13 (48)"), ("48.15", "13 (48.15)")],
)
def test_the_worst_part_of_a_cell_gives_its_mark(toy_study, percent, shown):
    """One unit of the last printed digit is ≈, more is ≠."""
    rows = printed(SEX, n="13", percent=percent)
    values = computed(SEX, n=Fraction(13), percent=Fraction(1300, 27))
    assert texts(toy_study, Cell(SEX, "count"), rows, values)[1] == shown


def test_ratios_and_bounds_are_written_as_usual(toy_study):
    """A ratio stands before its interval; a bound that is met is repeated."""
    rows = printed(EFFECT, hr="0.56", ci_low="0.45", ci_high="0.70", p="<0.001")
    values = computed(EFFECT, hr=0.5612, ci_low=0.451, ci_high=0.6951, p=1e-7)
    shown = texts(toy_study, Cell(EFFECT, "ratio"), rows, values)
    assert shown == ("0.56 (0.45–0.70)", "0.56 (0.45–0.70)")  # noqa: RUF001 - en dash
    assert texts(toy_study, Cell(EFFECT, "p"), rows, values) == ("<0.001", "<0.001")


def test_numbers_that_the_paper_does_not_print_have_customary_digits(toy_study):
    """A dot stands for nothing printed, and nothing is marked."""
    values = computed(EFFECT, hr=0.5612, ci_low=0.451, ci_high=0.6951, p=1e-7)
    shown = texts(toy_study, Cell(EFFECT, "ratio"), [], values)
    assert shown == ("·", "0.56 (0.45–0.70)")  # noqa: RUF001 - en dash
    assert texts(toy_study, Cell(EFFECT, "p"), [], values) == ("·", "<0.001")
    assert texts(toy_study, Cell(EFFECT, "p"), [], computed(EFFECT, p=0.0412))[1] == "0.041"


def test_missing_parts_are_seen(toy_study):
    """An interval with one open end shows it; a number without an interval stands alone."""
    median = Cell(replace(EFFECT, item="survival"), "interval")
    values = computed(median.quantity, median=5.5, ci_low=4.25, ci_high=None)
    assert texts(toy_study, median, [], values) == ("·", "5.50 (4.25–?)")  # noqa: RUF001 - en dash
    rows = printed(median.quantity, median="5.5")
    assert texts(toy_study, median, rows, [])[0] == "5.5"
    rows = printed(SEX, percent="48.1")
    assert texts(toy_study, Cell(SEX, "count"), rows, [])[0] == "? (48.1)"


def test_not_estimable_is_told_from_not_computed(toy_study):
    """What was tried and failed is marked if printed; what nobody tried is a dot without a mark."""
    cell = Cell(EFFECT, "p")
    rows = printed(EFFECT, p="0.04")
    assert texts(toy_study, cell, rows, computed(EFFECT, p=None))[1] == "not estimable ≠"
    assert texts(toy_study, cell, [], computed(EFFECT, p=None))[1] == "not estimable"
    assert texts(toy_study, cell, rows, [])[1] == "·"


def test_a_covariate_outside_the_joint_model_has_not_entered(toy_study):
    """The word says so, and a printed ratio beside it is marked."""
    joint = replace(SEX, level="", model="multivariable")
    cell, values = Cell(joint, "p"), computed(joint, p=None)
    assert texts(toy_study, cell, [], values) == ("·", "not entered")
    assert texts(toy_study, cell, printed(joint, p="0.01"), values)[1] == "not entered ≠"


def test_what_neither_reaches_agrees(toy_study):
    """A median that neither reaches is called so twice, unmarked; one that only the paper lacks is.

    Beside other parts of a cell the words stand in their place, not a question mark.
    """
    quantity = replace(EFFECT, item="survival")
    cell, rows = Cell(quantity, "median"), printed(quantity, median="not reached")
    assert texts(toy_study, cell, rows, computed(quantity, median=None))[1] == "not reached"
    assert texts(toy_study, cell, rows, computed(quantity, median=9.0))[1] == "9.00 ≠"
    rows = printed(quantity, median="20.2", q1="9", q3="not reached")
    found = computed(quantity, median=20.2, q1=9.0, q3=None)
    shown = "20.2 (9\N{EN DASH}not reached)"
    assert texts(toy_study, Cell(quantity, "quartiles"), rows, found) == (shown, shown)


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        (("two", "2"), "2"),
        (("2", "two"), "2"),
        (("<0.001", "0.0004"), "<0.001"),
        ((".99", "1"), ".99"),
        (("", "3"), "3"),
    ],
)
def test_the_first_place_with_digits_counts(toy_study, places, shown):
    """Words and blanks give way to digits printed elsewhere; digits never do."""
    rows = [row for text in places for row in printed(EFFECT, p=text)]
    assert texts(toy_study, Cell(EFFECT, "p"), rows, [])[0] == shown


def test_lines_are_laid_out_under_their_headings(toy_study):
    """Each heading has a printed and a reproduced column; a line without cells is blank."""
    comparison = Comparison.of(toy_study, printed(SEX, n="3"), computed(SEX, n=Fraction(3)))
    lines = [("Sex", {}), ("Male", {"A": Cell(SEX, "number")}), ("p", {"B": Cell(SEX, "p")})]
    frame = side_by_side(comparison, lines, label="What")
    assert frame.columns.tolist() == [
        ("", "What"),
        *((heading, side) for heading in "AB" for side in ("printed", "reproduced")),
    ]
    assert frame.to_numpy().tolist() == [
        ["Sex", "", "", "", ""],
        ["Male", "3", "3", "", ""],
        ["p", "", "", "·", "·"],
    ]


@pytest.fixture
def study(toy_study):
    """Describe the toy study with a toxicity, an endpoint and all kinds of curves."""
    return replace(
        toy_study,
        characteristics=(*toy_study.characteristics, Characteristic("rash", "Rash", YES_NO)),
        endpoints=(Endpoint("toxic", "Toxicity", "rash", ("yes",)),),
        curves=(
            CurvePlan("figure1", "os", "after"),
            CurvePlan("figure2", "os", "before", by="smoking", within="treated"),
        ),
    )


def test_a_covariate_is_counted_level_by_level(study):
    """Its test stands beside its name, its levels below it, in both arms."""
    lines = count_lines(study, [study.covariate("stage")], "after")
    assert [label.strip() for label, _ in lines] == [
        *("Disease stage", "Stage I", "Stage II", "Stage III")
    ]
    assert lines[0][1]["p"].quantity == Quantity(
        "stage", arm="treated", comparator="control", stage="after"
    )
    assert list(lines[1][1]) == ["Treatment", "Control"]
    assert lines[1][1]["Control"].quantity == Quantity("stage", "i", arm="control", stage="after")


def test_a_yes_no_characteristic_and_an_endpoint_take_one_line(study):
    """The count of yes and the test share the line."""
    for line in (
        *count_lines(study, [study.characteristic("rash")], "before"),
        *endpoint_lines(study, "before"),
    ):
        assert list(line[1]) == ["Treatment", "Control", "p"]
        assert line[1]["Treatment"].quantity.level == ""


def test_treatment_and_measures_are_listed(study):
    """Regimens by level, measures by median and range with both arms together."""
    labels = [label.strip() for label, _ in treatment_lines(study)]
    assert labels == ["Regimen", "Alone", "Combined", "Age, median (range)"]
    assert list(treatment_lines(study)[-1][1]) == ["Treatment", "Control", "All"]


def test_models_have_a_line_per_contrast(study):
    """Two levels make one line without a level, three make two lines with theirs."""
    lines = model_lines(study, "os", "multivariable")
    assert [label for label, _ in lines] == [
        "Sex: Male against Female",
        "Smoking: Yes against No",
        "Disease stage: Stage I against Stage III",
        "Disease stage: Stage II against Stage III",
    ]
    quantities = [cells["p"].quantity for _, cells in lines]
    assert [quantity.level for quantity in quantities] == ["", "", "i", "ii"]
    assert {quantity.model for quantity in quantities} == {"multivariable"}
    assert model_lines(study, "pfs", "univariable") == []


def test_curves_have_a_column_per_group(study):
    """Medians and rates stand under the arms, or under the levels of a covariate."""
    lines = curve_lines(study, ["figure1"])
    assert [label.strip() for label, _ in lines] == [
        "Figure 1: Overall survival",
        "Median, months (95% CI)",
        "6-month rate, %",
        "12-month rate, %",
    ]
    assert list(lines[1][1]) == ["Treatment", "Control"]
    assert lines[2][1]["Control"].quantity == Quantity(
        "survival", outcome="os", arm="control", stage="after", time="6 months"
    )
    lines = curve_lines(study, ["figure2"])
    assert list(lines[1][1]) == ["Smoking: Yes", "Smoking: No"]
    assert lines[2][1]["Smoking: Yes"].quantity.subgroup == "smoking=yes"
    assert curve_lines(study, []) == []


def test_comparisons_have_a_hazard_ratio_between_arms_only(study):
    """Curves by arm are compared by hazard ratio and log-rank test, others by the test alone."""
    [(label, by_arm)] = comparison_lines(study, ["figure1"])
    assert label == "Figure 1: OS after matching"
    assert list(by_arm) == ["HR (95% CI)", "Log-rank p"]
    [(label, by_level)] = comparison_lines(study, ["figure2"])
    assert label == "Figure 2: OS by Smoking"
    assert by_level["Log-rank p"].quantity == Quantity(
        "smoking", outcome="os", arm="treated", stage="before", model="crude"
    )
    assert list(by_level) == ["Log-rank p"]


def test_rates_are_named_by_the_unit_of_the_outcome(study):
    """A study in days looks for rates at days, as its analysis names them."""
    in_days = replace(study, outcomes=(replace(study.outcomes[0], unit="days"),))
    label, cells = curve_lines(in_days, ["figure1"])[2]
    assert label.strip() == "6-day rate, %"
    assert cells["Treatment"].quantity.time == "6 days"
    assert pooled_lines(in_days)[-1][0] == "Median follow-up, days"


def test_sizes_and_pooled_medians_are_listed_at_both_stages(study):
    """Two lines a stage, and the follow-up."""
    assert [label for label, _ in pooled_lines(study)] == [
        "Patients before matching",
        "Median OS before matching, months",
        "Patients after matching",
        "Median OS after matching, months",
        "Median follow-up, months",
    ]


def test_subgroups_tell_what_is_printed_of_them(study):
    """Only rows with a printed result are constrained; words beside them are no number."""
    quantity = replace(EFFECT, stage="before")
    rows = [
        *printed(replace(quantity, subgroup="sex=male"), hr="0.60", ci_low="0.4", ci_high="0.9"),
        *printed(replace(quantity, subgroup="smoking=yes"), hr="about half"),
    ]
    effects = pd.DataFrame(
        [
            {"covariate": covariate, "level": level, "n": 10, "events": 5, "p": 0.5}
            | {"hazard_ratio": 0.6, "ci_low": 0.4, "ci_high": 0.9}
            for covariate, level in (("sex", "male"), ("sex", "female"), ("smoking", "yes"))
        ]
    )
    frame = subgroup_frame(Comparison.of(study, rows, []), effects, "os")
    assert frame["constrained"].tolist() == [True, False, True]
    assert frame["label"].tolist() == ["Male", "Female", "Yes"]
    assert frame["printed"].tolist()[:2] == ["0.60 (0.4–0.9)", "·"]  # noqa: RUF001 - en dash
    assert frame["printed_hazard_ratio"].tolist()[0] == 0.6
    assert all(math.isnan(value) for value in frame["printed_hazard_ratio"].tolist()[1:])


def test_marks_are_seen_without_colour():
    """Each disagreement has its own sign."""
    signs = [mark.strip() for mark in MARKS.values()]
    assert signs == ["", "≈", "≠"]
