"""Two runs, number by number: cells taken apart, rows matched by label, parameters that differ."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from replica.commands.compare import short_number
from replica.errors import NotebookError
from replica.runs.compare import Change, compare_runs, compare_tables, write_changes
from replica.runs.numbers import split


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.87 (0.70-1.08)", ("0.87", "0.70", "1.08")),
        ("0.87 (0.70–1.08) ≠", ("0.87", "0.70", "1.08")),  # noqa: RUF001 - as tables write it
        ("12 (3.4)", ("12", "3.4")),
        ("2,167 (78.4%)", ("2167", "78.4")),
        ("-0.5 (-1.2 to 0.3)", ("-0.5", "-1.2", "0.3")),
        ("−0.5", ("-0.5",)),  # noqa: RUF001 - a typographic minus
        ("<0.001", ("0.001",)),
        (".99", (".99",)),
        ("6.7e+10", ("6.7e+10",)),
        ("1:2", ("1", "2")),
        ("65_or_over", ()),
        ("2024-01-05", ()),
        ("not estimable", ()),
        ("·", ()),
        ("", ()),
    ],
)
def test_a_cell_is_taken_apart_into_its_numbers(text, numbers):
    """Dashes between numbers are no minus; names, dates and marks are no numbers."""
    assert split(text).numbers == tuple(Decimal(n) for n in numbers)


@pytest.mark.parametrize(
    ("a", "b", "changes"),
    [
        ("0.87 (0.70-1.08)", "0.91 (0.70-1.10)", [("estimate", "+0.04"), ("upper end", "+0.02")]),
        ("12 (3.4)", "13 (3.7)", [("before the brackets", "+1"), ("in brackets", "+0.3")]),
        ("0.1", "0.3", [("", "+0.2")]),
        ("1 and 2 and 3", "1 and 2 and 4", [("number 3 of 3", "+1")]),
        ("<0.001", "<0.005", [("", "")]),
        ("<0.001", "0.020", [("", "")]),
        ("0.87 (0.70-1.08)", "not estimable", [("", "")]),
        ("0.50 ≈", "0.50 ≠", [("", "")]),
        ("0.5", "0.50", [("", "")]),
        ("5", "3", [("", "-2")]),
    ],
)
def test_each_number_that_differs_is_a_change(a, b, changes):
    """Differences are exact, B minus A; words and bounds have none."""
    found = compare_tables("t", [["Arm", "HR"], ["x", a]], [["Arm", "HR"], ["x", b]])
    assert [(c.part, c.difference) for c in found] == changes


def test_equal_tables_have_no_changes():
    """What is the same is not listed."""
    rows = [["Arm", "HR"], ["x", "1"]]
    assert compare_tables("t", rows, rows) == []


def test_rows_are_matched_by_label_and_not_by_place():
    """A row more shifts nothing."""
    a = [["Arm", "n"], ["x", "1"], ["y", "2"]]
    b = [["Arm", "n"], ["new", "9"], ["x", "1"], ["y", "3"]]
    assert compare_tables("t", a, b) == [
        Change("t", "y", "n", "", "2", "3", "+1"),
        Change("t", "new", "", "row", "absent", "present"),
    ]


def test_indented_rows_carry_their_heading():
    """Two characteristics may both have a level "Yes"."""
    head = ["Characteristic", "n"]
    a = [head, ["Smoking", ""], [" Yes", "1"], ["Surgery", ""], [" Yes", "2"]]
    b = [head, ["Smoking", ""], [" Yes", "1"], ["Surgery", ""], [" Yes", "5"]]
    assert [c.row for c in compare_tables("t", a, b)] == ["Surgery: Yes"]


def test_tidy_rows_are_named_by_their_leading_words_and_times():
    """A curve has many rows for each arm: the time belongs to the label."""
    head = ["group", "time", "survival"]
    a = [head, ["treated", "0", "1"], ["treated", "1.5", "0.9"], ["treated", "2", "0.8"]]
    b = [head, ["treated", "0", "1"], ["treated", "2", "0.7"]]
    assert compare_tables("t", a, b) == [
        Change("t", "treated, 1.5", "", "row", "present", "absent"),
        Change("t", "treated, 2", "survival", "", "0.8", "0.7", "-0.1"),
    ]


def test_repeated_labels_are_numbered():
    """Rows that nothing tells apart are matched in their order."""
    a = [["Arm", "n"], ["x", "1"], ["x", "2"]]
    b = [["Arm", "n"], ["x", "1"], ["x", "4"]]
    assert [c.row for c in compare_tables("t", a, b)] == ["x (2)"]


def test_columns_are_matched_by_name():
    """A column that only one run has is one change, not one per row."""
    a = [["Arm", "n", "p"], ["x", "1", "0.1"]]
    b = [["Arm", "mean", "n"], ["x", "7", "1"]]
    assert [(c.column, c.part, c.a) for c in compare_tables("t", a, b)] == [
        ("p", "column", "present"),
        ("mean", "column", "absent"),
    ]


def test_an_empty_table_is_compared_too():
    """A file without rows ends in changes, not in an error."""
    assert [c.part for c in compare_tables("t", [], [["Arm", "n"]])] == ["column", "column"]


def run(folder, tables, **parameters):
    """Write the folder of a run."""
    folder.mkdir()
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    record = {
        "format": 1,
        "state": "finished",
        "study": "toy",
        "source": "synthetic",
        "data": None,
        "parameters": {"source": "synthetic", **parameters},
        "versions": {"numpy": "2.0"},
        "files": dict.fromkeys(tables, ""),
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_runs_are_compared_by_parameters_and_tables(tmp_path):
    """Parameters come first, then tables that only one run has, then cells."""
    a = run(tmp_path / "a", {"t.csv": "Arm,n\nx,1\n", "old.csv": "a\n"}, caliper=0.02, seed=1)
    b = run(tmp_path / "b", {"t.csv": "Arm,n\nx,2\n", "new.csv": "a\n"}, caliper=None, seed=1)
    found = compare_runs(a, b)
    assert found.parameters == (Change("run.json", "caliper", "", "", "0.02", "None"),)
    assert (found.only_a, found.only_b, found.tables) == (("old.csv",), ("new.csv",), 1)
    assert found.changes == (Change("t.csv", "x", "n", "", "1", "2", "+1"),)
    assert [row.table for row in found.rows] == ["run.json", "old.csv", "new.csv", "t.csv"]


def test_a_run_equals_itself(tmp_path):
    """No change where there is none, whatever other files lie in the folder."""
    a = run(tmp_path / "a", {"t.csv": "Arm,n\nx,1\n"}, seed=1)
    (a / "mine.csv").write_text("x\n", encoding="utf-8")
    assert compare_runs(a, a).rows == ()


def test_changes_are_written_as_a_table(tmp_path):
    """Header and one row for each change; folders are made."""
    a = run(tmp_path / "a", {"t.csv": "Arm,n\nx,1\n"})
    b = run(tmp_path / "b", {"t.csv": "Arm,n\nx,2\n"})
    target = tmp_path / "more" / "changes.csv"
    write_changes(compare_runs(a, b), target)
    assert target.read_text(encoding="utf-8") == (
        "table,row,column,part,a,b,difference\nt.csv,x,n,,1,2,+1\n"
    )


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """The message says which folder and what would do."""
    a = run(tmp_path / "a", {})
    with pytest.raises(NotebookError, match=r"holds no run\.json, so it is no run's folder"):
        compare_runs(a, tmp_path)


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        ("0.6455452265908783", "0.645545"),
        ("+0.0663545957784387", "+0.0663546"),
        ("7.407430823631609e-06", "0.00000740743"),
        ("496", "496"),
        ("0.040", "0.040"),
        ("<0.001", "<0.001"),
        ("not reached", "not reached"),
        ("NaN", "NaN"),
        ("", ""),
    ],
)
def test_the_screen_shows_six_digits_of_an_unrounded_number(whole, shown):
    """What is short enough, and what is no number, is shown as it is."""
    assert short_number(whole) == shown
