"""A mapping file: other names and codes, and dates in place of durations."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pandas as pd
import pytest

from replica.errors import DataError, ParameterError
from replica.supplied import (
    check,
    load_cohort,
    map_template,
    read_map,
    read_table,
    suggested_map,
)

MAP = """
date_format = "%d.%m.%Y"
missing = ["."]

[columns]
patient_id = "pseudonym"
sex = "geschlecht"
start = "beginn"

[levels.sex]
"1" = "male"
"2" = "female"

[levels.os_event]
tot = "1"
lebt = "0"

[durations]
os_months = { from = "beginn", to = "ende" }
"""


@pytest.fixture
def theirs(toy_table):
    """The toy patients as a German registry might keep them."""
    start = pd.to_datetime(toy_table["start"])
    days = (toy_table["os_months"].astype(float) * 30.4375).round().astype(int)
    return pd.DataFrame(
        {
            "pseudonym": toy_table["patient_id"],
            "arm": toy_table["arm"],
            "geschlecht": toy_table["sex"].map({"male": "1", "female": "2"}),
            "smoking": toy_table["smoking"],
            "stage": toy_table["stage"],
            "regimen": toy_table["regimen"].replace("", "."),
            "age": toy_table["age"],
            "beginn": start.dt.strftime("%d.%m.%Y"),
            "ende": (start + pd.to_timedelta(days, unit="D")).dt.strftime("%d.%m.%Y"),
            "os_event": toy_table["os_event"].map({"1": "tot", "0": "lebt"}),
        }
    )


@pytest.fixture
def by(tmp_path):
    """Write a mapping file and return its path."""

    def write(text=MAP):
        path = tmp_path / "map.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_mapped_file_gives_the_cohort(toy_study, toy_cohort, theirs, by, tmp_path):
    """Names, codes, date formats and blanks are the reader's; the patients are the same."""
    theirs.to_csv(tmp_path / "theirs.csv", index=False)
    cohort = load_cohort(toy_study, "supplied", tmp_path / "theirs.csv", data_map=by())
    same = [column for column in toy_cohort.patients if column != "os_months"]
    pd.testing.assert_frame_equal(cohort.patients[same], toy_cohort.patients[same])
    # Rounded to whole days, a time is off by at most half a day.
    off = (cohort.patients["os_months"] - toy_cohort.patients["os_months"]).abs()
    assert off.max() <= 0.5 / 30.4375 + 1e-9


@pytest.mark.parametrize(
    ("unit", "expected"), [("days", 61.0), ("weeks", 61 / 7), ("months", 61 / 30.4375),
                           ("years", 61 / 365.25)]
)  # fmt: skip
def test_durations_have_the_unit_of_the_study(toy_study, toy_table, by, tmp_path, unit, expected):
    """Days between two dates are divided by the study's own divisor."""
    study = replace(
        toy_study, outcomes=(replace(toy_study.outcomes[0], unit=unit, rate_times=(1,)),)
    )
    start = pd.to_datetime(toy_table["start"])
    table = toy_table.assign(end=(start + pd.Timedelta(days=61)).dt.strftime("%Y-%m-%d"))
    table.drop(columns="os_months").to_csv(tmp_path / "p.csv", index=False)
    path = by('[durations]\nos_months = { from = "start", to = "end" }')
    cohort = load_cohort(study, "supplied", tmp_path / "p.csv", data_map=path)
    assert cohort.patients["os_months"].tolist() == pytest.approx([expected] * 60, rel=1e-11)


def test_an_end_before_its_start_is_refused_by_row(toy_study, theirs, by):
    """Dates in an impossible order are named by row, and neither of them is shown."""
    theirs.loc[3, "ende"] = "01.01.2018"
    (problem,) = check(toy_study, theirs, read_map(toy_study, by()))
    assert str(problem) == (
        "ende: before 'beginn' (row 5); found an earlier day; allowed: a day no earlier than "
        "'beginn'. os_months would be negative: correct one of the two dates."
    )


@pytest.mark.parametrize(
    ("cell", "found"),
    [("", "an empty cell"), ("1.5.19 ?", "text like '9.9.99 ?' (not shown)")],
)
def test_a_date_that_is_none_is_refused_by_row(toy_study, theirs, by, cell, found):
    """A duration cannot be computed from a blank, or from what is no date."""
    theirs.loc[[3, 8], "ende"] = cell
    (problem,) = check(toy_study, theirs, read_map(toy_study, by()))
    assert (problem.column, problem.what, problem.rows) == ("ende", "no date in 'ende'", (5, 10))
    assert problem.found == found


def test_a_column_that_the_mapping_names_in_vain(toy_study, theirs, by):
    """A name that the file does not have is answered with the nearest one."""
    problems = check(toy_study, theirs, read_map(toy_study, by(MAP.replace('"ende"', '"Ende "'))))
    asked = [problem for problem in problems if "mapping" in problem.what]
    assert [str(problem) for problem in asked] == [
        "os_months: the mapping's column 'Ende ' is not in the file; found no such column; "
        "allowed: a column of your file. Did you mean 'ende'?"
    ]


def test_two_columns_for_one_are_refused(toy_study, theirs, by):
    """A column that the file has under its own and under the mapped name is not chosen from."""
    problems = check(toy_study, theirs.assign(sex="male"), read_map(toy_study, by()))
    assert "sex: named by the mapping and by the file" in str(problems[0])


WRONG = {
    "no TOML": ("columns = {", "not TOML: "),
    "unknown part": ("[colums]\na = 'b'", "unknown part, found 'colums'; allowed: 'columns'"),
    "unknown column": ("[columns]\nsexx = 'b'", "unknown column of the study, found 'sexx'"),
    "name that is no text": ("[columns]\nsex = 3", "columns.sex: found 3; allowed: the name of a"),
    "one column twice": ("[columns]\nsex = 'a'\nage = 'a'", "found 'a' for sex, age; allowed: one"),
    "unknown level": ("[levels.sex]\n'1' = 'Male'", "'1' stands for no level, found 'Male'"),
    "levels of a number": ("[levels.age]\n'1' = '2'", "found codes for a whole number; allowed:"),
    "level that is no text": ("[levels.os_event]\n'tot' = 1", 'lines such as "your code" ='),
    "duration of a level": ("[durations]\nsex = 'a'", "found a duration for a category; allow"),
    "duration of one date": (
        "[durations]\nos_months = { from = 'a' }",
        'allowed: two columns of dates of your file, such as { from = "start_date", to =',
    ),
    "dates in no text": ("date_format = 5", "date_format: found 5; allowed: text."),
    "missing in no list": ("missing = 'NA'", "missing: found 'NA'; allowed: a list of texts"),
    "part that is no table": ("levels = 'sex'", "levels: found 'sex'; allowed: a table."),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_says_what_is_allowed(toy_study, by, text, message):
    """A mapping file is held against the dictionary when it is read."""
    with pytest.raises(DataError) as caught:
        read_map(toy_study, by(text))
    assert str(caught.value).startswith("map.toml: ")
    assert message in str(caught.value)


def test_all_that_is_wrong_with_a_mapping_comes_at_once(toy_study, by):
    """Several slips are one error with a line for each."""
    text = "[columns]\nsexx = 'a'\nage = ''\n[levels.stage]\n'1' = 'iv'"
    with pytest.raises(DataError, match=r"map\.toml: 3 to correct\.") as caught:
        read_map(toy_study, by(text))
    assert len(str(caught.value).splitlines()) == 4


def test_a_missing_mapping_file(toy_study, tmp_path):
    """A path without a mapping file is named."""
    with pytest.raises(DataError, match=r"no mapping file '.*map\.toml'"):
        read_map(toy_study, tmp_path / "map.toml")


def test_synthetic_patients_take_no_mapping(toy_study, by):
    """A mapping file belongs to the reader's own patients."""
    with pytest.raises(ParameterError, match="data_map: found one beside source='synthetic'"):
        load_cohort(toy_study, "synthetic", data_map=by())


def test_the_template_becomes_a_valid_mapping(toy_study, by):
    """With every # taken off, the example names what the study has and nothing else."""
    text = map_template(toy_study)
    assert tomllib.loads(text) == {}
    bare = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if "=" in line or "[" in line
    )
    mapping = read_map(toy_study, by("\n".join(bare.splitlines())))
    assert mapping.columns["os_months"] == "os_months"
    assert mapping.levels == {"sex": {"1": "male", "2": "female"}}
    assert mapping.durations["os_months"].start == "start_date"


def test_suggestions_are_a_mapping_that_mends_the_file(toy_study, toy_table, by, tmp_path):
    """What the hints suspect, written as a mapping file and used, leaves nothing to correct."""
    spoilt = toy_table.rename(columns={"os_event": "OS event", "stage": "Stäge"}).assign(
        smoking=toy_table["smoking"].map({"yes": "1", "no": "0"}),
        sex=toy_table["sex"].str.upper(),
        start=pd.to_datetime(toy_table["start"]).dt.strftime("%d.%m.%Y"),
    )
    spoilt.to_csv(tmp_path / "p.csv", index=False)
    raw = read_table(tmp_path / "p.csv")
    suggested = suggested_map(check(toy_study, raw))
    assert check(toy_study, raw, read_map(toy_study, by(suggested))) == ()


def test_suggestions_are_escaped(toy_study, toy_table):
    """A code with quotes and control characters stays one line of the mapping."""
    toy_table.loc[0, "smoking"] = 'Y"\x1b['
    (problem,) = check(toy_study, toy_table)
    text = suggested_map([replace(problem, given='Y"\n\x1b[', meant="yes")])
    assert tomllib.loads(text) == {"levels": {"smoking": {'Y"\n\x1b[': "yes"}}}
    assert "\x1b" not in str(problem)
