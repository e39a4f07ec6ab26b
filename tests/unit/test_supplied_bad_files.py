"""Bad data files: each message says what was found, what is allowed and what to do."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from replica.errors import DataError
from replica.protocol import Characteristic, Level, Outcome
from replica.supplied import (
    check,
    column_findings,
    findings_json,
    load_cohort,
    read_table,
    template,
)

MAP = "under [levels.{}], which level the code"
MISSING = "A missing value cannot be analysed here: complete it, or leave the patient out"

# column, cell, what is wrong, what was found, what is allowed, what to do
CELLS = {
    "level in capitals": ("sex", "MALE", "unknown level", "'MALE'", "male;female", "mean 'male'?"),
    "blank inside": ("sex", "fe male", "unknown level", "'fe male'", "male;female", "'female'?"),
    "accent": ("sex", "mâle", "unknown level", "'mâle'", "male;female", "mean 'male'?"),
    "german": ("sex", "männlich", "unknown level", "'männlich'", "male;female", "mean 'male'?"),
    "abbreviation": ("sex", "F", "unknown level", "'F'", "male;female", "mean 'female'?"),
    "misspelt": ("sex", "femal", "unknown level", "'femal'", "male;female", "mean 'female'?"),
    "code of sex": ("sex", "2", "unknown level", "'2'", "male;female", MAP.format("sex")),
    "label": ("stage", "Stage II", "unknown level", "'Stage II'", "i;ii;iii", "mean 'ii'?"),
    "roman in capitals": ("stage", "III", "unknown level", "'III'", "i;ii;iii", "mean 'iii'?"),
    "code of stage": ("stage", "2", "unknown level", "'2'", "i;ii;iii", MAP.format("stage")),
    "yes as 1": ("smoking", "1", "unknown level", "'1'", "yes;no", "mean 'yes'?"),
    "yes as 1.0": ("smoking", "1.0", "unknown level", "'1.0'", "yes;no", "mean 'yes'?"),
    "no as 0": ("smoking", "0", "unknown level", "'0'", "yes;no", "mean 'no'?"),
    "yes as true": ("smoking", "TRUE", "unknown level", "'TRUE'", "yes;no", "mean 'yes'?"),
    "yes as ja": ("smoking", "ja", "unknown level", "'ja'", "yes;no", "mean 'yes'?"),
    "no as n": ("smoking", "N", "unknown level", "'N'", "yes;no", "mean 'no'?"),
    "no such level": ("smoking", "former", "unknown level", "'former'", "yes;no", ""),
    "not available": ("sex", "NA", "unknown level", "'NA'", "male;female", MISSING),
    "unknown": ("stage", "unknown", "unknown level", "'unknown'", "i;ii;iii", MISSING),
    "unknown arm": ("arm", "treatd", "unknown level", "'treatd'", "treated;control", "'treated'?"),
    "arm as 0": ("arm", "0", "unknown level", "'0'", "treated;control", "mean 'control'?"),
    "blank level": ("sex", "", "blank", "an empty cell", "male;female", "Every patient needs"),
    "blank id": ("patient_id", "", "blank", "an empty cell", "unique text", "Every patient needs"),
    "blank number": ("age", "", "blank", "an empty cell", "18 to 100", "Every patient needs"),
    "blank time": ("os_months", "", "blank", "an empty cell", "0 or more", "Every patient needs"),
    "blank event": ("os_event", "", "blank", "an empty cell", "0;1", "Every patient needs"),
    "blank date": ("start", "", "blank", "an empty cell", "2019-01-01 to", "Every patient needs"),
    "text for a number": ("age", "sixty", "not a number", "'sixty'", "18 to 100 years", "bare"),
    "number with unit": ("age", "60 years", "not a number", "'60 years'", "18 to", "without its u"),
    "decimal comma": ("os_months", "4,13", "not a number", "'4,13'", "0 or more", "with a point."),
    "not a number": ("os_months", "nan", "not a number", "'nan'", "0 or more months", "bare"),
    "underscore": ("age", "6_0", "not a number", "'6_0'", "18 to 100 years", "bare number"),
    "fraction": ("age", "60.5", "not a whole number", "'60.5'", "18 to 100 years", ""),
    "child": ("age", "7", "below the range", "'7'", "18 to 100 years", "the unit is years."),
    "age in months": ("age", "720", "above the range", "'720'", "18 to 100 years", "unit is years"),
    "negative time": ("os_months", "-1", "negative", "'-1'", "0 or more months", "unit is months"),
    "infinite time": ("os_months", "inf", "infinite", "'inf'", "0 or more months", ""),
    "overflowing time": ("os_months", "1e999", "infinite", "'1e999'", "0 or more months", ""),
    "time in days": ("os_months", "900", "ends after the data cut-off", "'900'", "2022", "months."),
    "event as 2": ("os_event", "2", "not 0 or 1", "'2'", "0;1", "1 for the event and 0 for cens"),
    "event in words": ("os_event", "dead", "not 0 or 1", "'dead'", "0;1", "Did you mean '1'?"),
    "no event in words": ("os_event", "Alive", "not 0 or 1", "'Alive'", "0;1", "you mean '0'?"),
    "fractional event": ("os_event", "0.5", "not 0 or 1", "'0.5'", "0;1", "Write 1 for the event"),
    "day first": ("start", "31/03/2019", "not an ISO date", "'99/99/9999' (not shown)",
                  "2019-01-01 to", 'date_format = "%d/%m/%Y"'),
    "day or month first": ("start", "03/04/2019", "not an ISO date", "'99/99/9999' (not shown)",
                           "2019-01-01 to", "such as 2021-03-31."),
    "date in words": ("start", "March 3, 2019", "not an ISO date", "'Aaaaa 9, 9999' (not shown)",
                      "2019-01-01 to", '"%B %d, %Y"'),
    "no dashes": ("start", "20190331", "not an ISO date", "'99999999' (not shown)",
                  "2019-01-01 to", '"%Y%m%d"'),
    "impossible day": ("start", "2019-02-30", "no such day", "a day that no calendar has",
                       "2019-01-01 to", "Check month and day."),
    "before enrolment": ("start", "2018-12-31", "outside the enrolment window",
                         "a day before 2019-01-01", "2019-01-01 to", "not eligible."),
    "after enrolment": ("start", "2021-01-01", "outside the enrolment window",
                        "a day after 2020-12-31", "to 2020-12-31", "not eligible."),
    "date elsewhere": ("sex", "1953-04-07", "unknown level", "'9999-99-99' (not shown)",
                       "male;female", ""),
    "id elsewhere": ("sex", "T044", "unknown level", "a patient's id (not shown)",
                     "male;female", ""),
}  # fmt: skip


@pytest.mark.parametrize("bad", CELLS.values(), ids=CELLS)
def test_one_bad_cell_is_one_problem_with_a_way_out(toy_study, toy_table, bad):
    """A bad cell is named by column and row, with what was found and allowed and what to do."""
    column, cell, what, found, allowed, todo = bad
    toy_table.loc[2, column] = cell
    (problem,) = check(toy_study, toy_table)
    assert (problem.column, problem.what, problem.rows, problem.count) == (column, what, (4,), 1)
    message = str(problem)
    assert message.startswith(f"{column}: {what} (row 4); found ")
    assert found in problem.found
    assert allowed in problem.allowed
    assert todo in problem.hint
    assert found in message
    assert allowed in message


@pytest.mark.parametrize(
    "cell", ["31/03/2019", "March 3, 2019", "2019-02-30", "2018-12-31", "T044", "1953-04-07"]
)
@pytest.mark.parametrize("column", ["start", "sex", "age", "patient_id"])
def test_no_message_tells_an_id_or_a_date(toy_study, toy_table, column, cell):
    """Wherever an id or a date stands, neither message, table nor JSON has it."""
    toy_table.loc[2, column] = cell
    if column == "patient_id":
        toy_table.loc[3, column] = cell
    problems = check(toy_study, toy_table)
    findings = column_findings(toy_study, toy_table, problems)
    said = json.dumps(findings_json(toy_study, "patients.csv", 60, findings))
    assert problems
    assert cell not in said + "".join(map(str, problems))


def test_names_of_patients_in_other_columns_are_not_quoted(toy_study, toy_table):
    """In a shifted row a name comes to stand under another heading; it is not shown there."""
    toy_table["surname"] = [f"Surname{chr(97 + i % 26)}{i}" for i in range(60)]
    toy_table.loc[7, "sex"] = toy_table.loc[7, "surname"]
    (problem,) = check(toy_study, toy_table)
    assert problem.found == "a patient's id (not shown)"
    assert "Surname" not in str(problem)


TABLES = {
    "renamed column": (
        lambda t: t.rename(columns={"os_months": "OS Months"}),
        "os_months: missing column (row 1); found none of this name; allowed: 0 or more. "
        "Rename the column 'OS Months'?",
    ),
    "column with umlaut": (
        lambda t: t.rename(columns={"age": "Äge"}),
        "age: missing column (row 1); found none of this name; allowed: 18 to 100. "
        "Rename the column 'Äge'?",
    ),
    "column left out": (
        lambda t: t.drop(columns="stage"),
        "stage: missing column (row 1); found none of this name; allowed: i;ii;iii. "
        "Add it, or name in a mapping file the column that holds it.",
    ),
    "time left out": (
        lambda t: t.drop(columns="os_months"),
        "os_months: missing column (row 1); found none of this name; allowed: 0 or more. "
        "Add it, or name in a mapping file the two dates that it is computed from.",
    ),
    "column twice": (
        lambda t: pd.concat([t, t[["age"]]], axis=1),
        "age: column named twice (row 1); found 2 columns; allowed: 1. Keep one; the first was",
    ),
    "one arm": (
        lambda t: t[t["arm"] == "control"],
        "arm: only one arm; found only control; allowed: treated and control. A comparison needs",
    ),
    "nobody": (
        lambda t: t[t["arm"] == "?"],
        "no patients; found 0 rows; allowed: at least 1 in each arm. Start from `template(study)`",
    ),
    "same patient twice": (
        lambda t: pd.concat([t, t.iloc[[4]]], ignore_index=True),
        "patient_id: the same id in several rows (rows 6, 62); found ids not shown; "
        "allowed: unique text. One row per patient",
    ),
    "value in the wrong arm": (
        lambda t: t.assign(regimen="alone"),
        "regimen: filled in for an arm in which it does not exist (rows 4, 5, 6, 9, 10 and 31 "
        "more); found 'alone'; allowed: blank unless treated. Empty these cells.",
    ),
    "value missing in its arm": (
        lambda t: t.assign(regimen=""),
        "regimen: blank (rows 2, 3, 7, 8, 12 and 19 more); found an empty cell; "
        "allowed: alone;combined.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), TABLES.values(), ids=TABLES)
def test_a_bad_table_is_one_problem_with_a_way_out(toy_study, toy_table, spoil, message):
    """What is wrong with columns and rows as a whole is said in one line."""
    (problem,) = check(toy_study, spoil(toy_table))
    assert str(problem).startswith(message)


def test_progression_after_death(toy_study, toy_table):
    """A time longer than the one that it cannot exceed says which and why."""
    pfs = Outcome(
        "pfs", "Progression-free survival", "PFS", "pfs_months", "pfs_event", "months", (6,), "os"
    )
    study = replace(toy_study, outcomes=(pfs, *toy_study.outcomes))
    spoilt = toy_table.assign(pfs_months=toy_table["os_months"], pfs_event="1")
    spoilt.loc[1, "pfs_months"] = str(float(spoilt.loc[1, "os_months"]) + 0.01)
    (problem,) = check(study, spoilt)
    assert str(problem).startswith("pfs_months: longer than os_months (row 3); found '")
    assert "allowed: at most os_months. PFS ends no later than OS." in str(problem)


FILES = {
    "empty": ("p.csv", b"", "p.csv: the file is empty. Start from `template(study)`"),
    "latin": (
        "p.csv",
        "patient_id,gr\u00f6\u00dfe\n1,2\n".encode("latin-1"),
        "p.csv: not UTF-8 text; save the table as 'CSV UTF-8'.",
    ),
    "ragged": (
        "p.csv",
        b"a,b\n1,2\n1,2,3\n",
        "p.csv: row 3 does not have as many cells as row 1; put cells that hold the separator in",
    ),
    "old Excel": (
        "p.xls",
        b"x",
        "p.xls: found the ending '.xls'; formats read: .csv (commas), .tsv (tabs), .xlsx, "
        ".parquet and .dta. Save the table as one of them.",
    ),
    "no ending": ("patients", b"x", "patients: found the ending ''; formats read: .csv (commas)"),
    "no Excel": (
        "p.xlsx",
        b"not a workbook",
        "p.xlsx: cannot be read as an Excel workbook; allowed: a whole, unprotected file of the "
        "kind that its ending names. Save the table again as Excel workbook (.xlsx).",
    ),
    "no Parquet": ("p.parquet", b"PAR1", "p.parquet: cannot be read as a Parquet file; allowed:"),
    "no Stata": ("p.dta", b"not from Stata", "p.dta: cannot be read as a Stata file; allowed:"),
}


@pytest.mark.parametrize(("name", "content", "message"), FILES.values(), ids=FILES)
def test_an_unreadable_file_says_what_to_do(tmp_path, name, content, message):
    """A file that is empty, damaged or of another kind is refused with a way out."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / name)
    assert str(caught.value).startswith(message)


def test_a_missing_file_says_which_are_read(tmp_path):
    """A path without a file is named, with the kinds of file that are read."""
    with pytest.raises(DataError, match=r"no file '.*p\.csv'; give the path of a file: \.csv"):
        read_table(tmp_path / "p.csv")


def test_a_file_without_a_header_quotes_no_patient(toy_study, toy_table, tmp_path):
    """Where row 1 is a patient, the message says what a header is and nothing of the patient."""
    toy_table.to_csv(tmp_path / "p.csv", index=False, header=False)
    with pytest.raises(DataError, match="row 1 names none of the columns") as caught:
        load_cohort(toy_study, "supplied", tmp_path / "p.csv")
    assert "Row 1 must be the header; separate cells by commas" in str(caught.value)
    assert "T001" not in str(caught.value)


def test_a_code_that_fits_two_levels_is_not_guessed(toy_study, toy_table):
    """An abbreviation of two levels is no suggestion to take over."""
    twins = Characteristic("side", "Side", (Level("left", "Left"), Level("lower", "Lower")))
    study = replace(toy_study, characteristics=(twins,))
    table = toy_table.assign(side="left")
    table.loc[0, "side"] = "l"
    (problem,) = check(study, table)
    assert (problem.found, problem.meant, problem.hint) == ("'l'", "", "")


def test_an_empty_template_is_no_cohort(toy_study, tmp_path):
    """The template, not filled in, says that it has no patients."""
    template(toy_study).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=r"no patients; found 0 rows; allowed: at least 1"):
        load_cohort(toy_study, "supplied", tmp_path / "p.csv")


def test_there_are_at_least_forty_bad_files():
    """The promise of the book's page on own data."""
    assert len(CELLS) + len(TABLES) + len(FILES) >= 40
