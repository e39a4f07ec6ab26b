"""The same patients from CSV, TSV, Excel, Parquet and Stata files."""

from __future__ import annotations

import openpyxl
import pandas as pd
import pytest

from replica.errors import DataError
from replica.supplied import check, load_cohort, read_table


def typed(table):
    """Give the toy patients the types that a program would store."""
    return table.assign(
        age=table["age"].astype(int),
        os_months=table["os_months"].astype("float32"),
        os_event=table["os_event"].astype("int8"),
        start=pd.to_datetime(table["start"]),
        regimen=table["regimen"].replace("", None),
    )


WRITERS = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "xlsx": lambda table, path: typed(table).to_excel(path, index=False),
    "parquet": lambda table, path: typed(table).to_parquet(path),
    "dta": lambda table, path: (
        typed(table)
        .assign(regimen=table["regimen"], sex=table["sex"].astype("category"))
        .to_stata(path, write_index=False, convert_dates={"start": "td"}, version=118)
    ),
}
FIRST_ROW = {"parquet": 1, "dta": 1}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_cohort(toy_study, toy_table, toy_cohort, tmp_path, ending):
    """Typed columns, blanks, days and Stata's labelled codes read as the text of a CSV file."""
    path = tmp_path / f"patients.{ending}"
    WRITERS[ending](toy_table, path)
    cohort = load_cohort(toy_study, "supplied", path)
    pd.testing.assert_frame_equal(cohort.patients, toy_cohort.patients)


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_counts_rows_as_its_program_does(toy_study, toy_table, tmp_path, ending):
    """The header is row 1 of text files and spreadsheets; Parquet and Stata files have none."""
    toy_table.loc[4, "sex"] = "mal"
    path = tmp_path / f"patients.{ending}"
    WRITERS[ending](toy_table, path)
    (problem,) = check(toy_study, read_table(path))
    assert problem.rows == (4 + FIRST_ROW.get(ending, 2),)


@pytest.mark.parametrize("ending", WRITERS)
def test_reading_leaves_the_file_as_it_is(toy_table, tmp_path, ending):
    """No byte of a supplied file changes, and nothing appears beside it."""
    path = tmp_path / f"patients.{ending}"
    WRITERS[ending](toy_table, path)
    before = path.read_bytes()
    read_table(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def workbook(path, **sheets):
    """Write a workbook with these sheets, each a list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


def test_one_of_several_sheets_must_be_named(tmp_path):
    """Empty sheets do not count; of two with cells one must be named, and its name exist."""
    path = tmp_path / "patients.xlsx"
    workbook(path, Notes=[], Patients=[["a", "b"], [1, 2.5]], Codes=[["c"], ["x"]])
    with pytest.raises(DataError, match=r"found 2 sheets.*one of 'Patients', 'Codes'.*`--sheet`"):
        read_table(path)
    with pytest.raises(DataError, match=r"no such sheet.*Did you mean 'Patients'"):
        read_table(path, "Patient")
    assert read_table(path, "Patients").to_dict("list") == {"a": ["1"], "b": ["2.5"]}


def test_a_sheet_of_a_text_file_is_refused(tmp_path):
    """A sheet named for a file that has none is a slip, not ignored."""
    (tmp_path / "p.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="found the sheet 'S' named for a file without sheets"):
        read_table(tmp_path / "p.csv", "S")


def test_empty_rows_and_columns_of_a_sheet_are_left_out(tmp_path):
    """Formatted but empty cells are no patients and no columns; rows keep their numbers."""
    path = tmp_path / "patients.xlsx"
    workbook(path, Patients=[["a", "b", None], [1, 2, None], [None] * 3, [3, None, None]])
    table = read_table(path)
    assert table.to_dict("list") == {"a": ["1", "3"], "b": ["2", ""]}
    assert list(table.index + 2) == [2, 4]


def test_an_empty_workbook_says_how_to_start(tmp_path):
    """A workbook without a cell is an empty file."""
    workbook(tmp_path / "patients.xlsx", Patients=[])
    with pytest.raises(DataError, match=r"the file is empty\. Start from"):
        read_table(tmp_path / "patients.xlsx")


def test_labels_that_stand_for_two_codes_are_refused(tmp_path):
    """A Stata file in which two codes have one label cannot be read without guessing."""
    frame = pd.DataFrame({"sex": [1, 2]})
    path = tmp_path / "p.dta"
    frame.to_stata(path, write_index=False, value_labels={"sex": {1: "male", 2: "male"}})
    with pytest.raises(DataError, match="value labels that stand for several codes"):
        read_table(path)
