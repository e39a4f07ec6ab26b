"""A run's folder: told apart by its name, emptied of replica's own files only."""

from __future__ import annotations

import json

import pytest

from replica.errors import NotebookError
from replica.runs.folder import (
    RECORD,
    file_hash,
    files_of,
    folder_name,
    make_ready,
    read_record,
    write_record,
)

HASH = "3fa9c1d2" + "0" * 56


@pytest.fixture
def earlier(tmp_path):
    """Make the folder of an earlier run that wrote a table and a picture."""
    folder = tmp_path / "run"
    (folder / "more").mkdir(parents=True)
    (folder / "table.csv").write_text("a\n", encoding="utf-8")
    (folder / "more" / "figure.svg").write_text("<svg/>", encoding="utf-8")
    write_record(folder, {"format": 1, "state": "finished", "files": files_of(folder)})
    return folder


def contents(folder):
    """List the files of a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("given", "data_hash", "name"),
    [
        ({}, None, "synthetic"),
        ({"caliper": 0.05, "order": "random"}, None, "synthetic-caliper-0.05-order-random"),
        ({}, HASH, "supplied-3fa9c1d2"),
        ({"seed": 7}, HASH, "supplied-3fa9c1d2-seed-7"),
    ],
)
def test_a_folder_is_named_after_patients_and_parameters(given, data_hash, name):
    """Synthetic and supplied runs, and runs with other parameters, never share a folder."""
    assert folder_name(given, data_hash) == name


def test_names_with_signs_or_of_great_length_stay_apart():
    """What a file name cannot hold is replaced; a short hash tells such names apart."""
    first, second = folder_name({"a": "x/y"}, None), folder_name({"a": "x y"}, None)
    assert first != second
    assert first.startswith("synthetic-a-x-y-")
    assert "/" not in first
    long = folder_name({"covariates": "x" * 300}, None)
    assert len(long) < 100


def test_a_value_cannot_lead_out_of_the_folder():
    """Dots and slashes in a value are no path."""
    name = folder_name({"a": "../../etc"}, None)
    assert "/" not in name
    assert name.startswith("synthetic-")


def test_a_new_or_empty_folder_is_ready(tmp_path):
    """Nothing is lost where nothing is."""
    assert make_ready(tmp_path / "a" / "b") is False
    assert make_ready(tmp_path / "a" / "b") is False
    assert contents(tmp_path) == []


def test_an_earlier_run_is_cleared_of_exactly_its_files(earlier):
    """No file of the earlier run is left to be taken for one of the next."""
    assert make_ready(earlier) is True
    assert contents(earlier) == []


def test_a_file_that_no_run_wrote_stops_the_run(earlier):
    """The reader's file is named and nothing is touched, not even the run's own files."""
    (earlier / "notes.txt").write_text("precious", encoding="utf-8")
    before = contents(earlier)
    with pytest.raises(NotebookError, match=r"holds files that no run wrote: notes\.txt\. Nothing"):
        make_ready(earlier)
    assert contents(earlier) == before


def test_a_file_changed_since_stops_the_run(earlier):
    """A table that the reader annotated is the reader's."""
    (earlier / "table.csv").write_text("a, my remark\n", encoding="utf-8")
    with pytest.raises(NotebookError, match=r"were changed since the run: table\.csv"):
        make_ready(earlier)
    assert (earlier / "more" / "figure.svg").is_file()


def test_a_link_is_never_taken_for_a_file_of_a_run(earlier, tmp_path):
    """A link put in place of a table is the reader's, and what it leads to stays as it is."""
    target = tmp_path / "elsewhere.csv"
    target.write_text("a\n", encoding="utf-8")
    (earlier / "table.csv").unlink()
    (earlier / "table.csv").symlink_to(target)
    with pytest.raises(NotebookError, match="were changed since the run"):
        make_ready(earlier)
    assert target.is_file()


def test_a_folder_that_no_run_made_is_refused(tmp_path):
    """A folder of other things is not a place for results; more than three files are counted."""
    for name in "abcde":
        (tmp_path / name).write_text("x", encoding="utf-8")
    with pytest.raises(NotebookError, match="no run wrote: a, b, c and 2 more"):
        make_ready(tmp_path)


def test_a_run_that_has_not_ended_is_left_alone(earlier):
    """Two runs do not write into one folder at once."""
    write_record(earlier, {"format": 1, "state": "running", "files": {}})
    with pytest.raises(NotebookError, match="belongs to a run that has not ended"):
        make_ready(earlier)


def test_the_record_lists_files_with_their_hashes(earlier):
    """Each file stands by its path from the folder, the record itself does not."""
    record = read_record(earlier)
    assert sorted(record["files"]) == ["more/figure.svg", "table.csv"]
    assert record["files"]["table.csv"] == file_hash(earlier / "table.csv")


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"format": 0, "files": {}}', '{"format": 1}'])
def test_a_broken_record_is_refused(tmp_path, text):
    """A file of that name and another content is not trusted."""
    (tmp_path / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(NotebookError, match="is no record of a run of this version"):
        read_record(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    """The path that was looked for stands in the message."""
    with pytest.raises(NotebookError, match=r"no folder .*gone; give the folder of a run"):
        read_record(tmp_path / "gone")


def test_the_record_is_plain_json(tmp_path):
    """Any program can read it."""
    path = write_record(tmp_path, {"format": 1, "files": {}, "state": "finished"})
    assert json.loads(path.read_text(encoding="utf-8"))["state"] == "finished"
