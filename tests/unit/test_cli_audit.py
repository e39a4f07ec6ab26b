"""`replica audit`: what it prints and writes, and what it says of files that are wrong."""

from __future__ import annotations

import csv
import json

import pytest
from audit_rows import claim, counts, estimate, sizes
from typer.testing import CliRunner

from replica import cli
from replica.audit.claims import CLAIM_COLUMNS
from replica.published import COLUMNS


def call(*args: str):
    """Run the command line; the result holds exit code, output and error output."""
    return CliRunner().invoke(cli.app, ["audit", *args])


def write(path, columns, rows):
    """Write rows that have these columns as attributes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([getattr(row, name) for name in columns] for row in rows)
    return str(path)


@pytest.fixture
def table(tmp_path):
    """Write a table with one wrong percent and a ratio outside its interval."""
    rows = [
        *sizes(100, 200),
        *counts("sex", {"male": ("40 (40.0)", "90 (45.0)"), "female": ("60 (61.0)", "110 (55.0)")}),
        *estimate(
            "hazard",
            {"hr": "0.74", "ci_low": "0.80", "ci_high": "0.90"},
            where="Abstract",
            item="treatment",
            outcome="os",
            arm="treated",
            comparator="control",
        ),
    ]
    return write(tmp_path / "my_table.csv", COLUMNS, rows)


def test_headline_findings_come_first_with_arithmetic_and_slip(table):
    """Any table in the documented shape is audited; findings are no error."""
    result = call(table)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert text.startswith("my table: printed numbers against each other")
    headline, cells = text.index("interval 0.80-0.90"), text.index("60 of 100 is 60")
    assert headline < cells
    assert (
        "Printed: 0.74 as hazard ratio, treatment, os, treated against control (Abstract)" in text
    )
    assert "printed 61.0 for 60.0" in text
    assert "small edits were tried" in text
    assert text.index("Rounding (") < text.index("Questions (")


def test_the_search_can_be_left_out(table):
    """Without it no slip is spoken of."""
    result = call(table, "--no-explain")
    assert result.exit_code == 0
    assert "60 of 100 is 60" in result.output
    assert "slip" not in result.output


def test_report_and_json_are_written(table, tmp_path):
    """A summary to paste, and the findings in the shape of build/audit.json."""
    report, found = tmp_path / "new" / "report.md", tmp_path / "new" / "found.json"
    result = call(table, "--no-explain", "--report", str(report), "--json", str(found))
    assert result.exit_code == 0
    assert report.read_text(encoding="utf-8").startswith("# Printed numbers against each other: my")
    records = json.loads(found.read_text(encoding="utf-8"))
    assert {record["rule"] for record in records} >= {"estimate_in_interval", "percent_of_count"}
    assert all(
        list(record) == ["study", "rule", "ids", "certainty", "severity", "message", "explanation"]
        for record in records
    )
    assert f"written: {report}" in result.output


def test_claims_are_held_against_the_numbers(table, tmp_path):
    """Words about significance meet an interval on one side of 1."""
    said = claim(["hazard"], "lower", "not_significant", words="no difference in survival")
    path = write(tmp_path / "claims.csv", CLAIM_COLUMNS, [said])
    result = call(table, "--no-explain", "--claims", path)
    assert result.exit_code == 0
    assert "In words: no difference in survival (Text: Results)" in result.output


def test_a_study_brings_its_own_claims():
    """A key of the package's studies is enough."""
    result = call("sclc_second_line", "--no-explain")
    assert result.exit_code == 0
    assert "Claims in words" in result.output
    assert "Findings in tables (" in result.output


def test_a_studys_claims_are_not_exchanged(tmp_path):
    """Claims beside a study would be ignored, so they are refused."""
    result = call("sclc_second_line", "--claims", str(tmp_path / "claims.csv"))
    assert result.exit_code == 2
    assert "sclc_second_line is a study with claims of its own" in result.stderr


def test_an_unknown_study_is_refused_with_the_nearest():
    """The error lists the studies, asks for the likeliest and names the other way."""
    result = call("sclc_second_lin")
    assert result.exit_code == 2
    assert "Did you mean 'sclc_second_line'?" in result.stderr
    assert "Or give the path of a CSV file." in result.stderr


HEADER = ",".join(COLUMNS)
ROW = "a.n,a,Table 1,patients,,,treated,,,before,,,n,patients,100,"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file; its first line must be id,estimate_id"),
        (b"id,printed\na,1\n", "found the columns id, printed; expected exactly id, estimate_id"),
        (HEADER.encode(), "found no rows; there is nothing to audit"),
        (f"{HEADER}\n{ROW}\n{ROW}\n".encode(), "line 3 (a.n): this id stands twice"),
        (
            f"{HEADER}\n{ROW.replace(',n,', ',number,')}\n".encode(),
            "line 2 (a.n): found 'number'; allowed: 'n'",
        ),
        (f"{HEADER}\n{ROW}\n{ROW},x,y\n".encode(), "found a line that does not fit the header"),
        (f"{HEADER}\n{ROW}caf\xe9\n".encode("latin-1"), "found bytes that are no UTF-8"),
    ],
    ids=["empty", "header", "no rows", "twice", "word", "long", "latin-1"],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, message):
    """One clean message with the file's name and what to do, never a traceback."""
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)
    result = call(str(path))
    assert result.exit_code == 2
    assert f"wrong.csv{',' if message.startswith('line') else ':'} " in result.stderr
    assert message in result.stderr


def test_a_missing_file_is_named(tmp_path):
    """A path that leads nowhere is taken for a file, not for a study."""
    result = call(str(tmp_path / "none.csv"))
    assert result.exit_code == 2
    assert "found no table of printed numbers at" in result.stderr
