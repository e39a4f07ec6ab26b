"""Files of a run stay in their folder, and no cell of a table is a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from replica import pages
from replica.dictionary import dictionary
from replica.errors import ParameterError
from replica.figure_file import save_figure
from replica.html_table import keep_csv
from replica.output_file import csv_text, neutral, output_path
from replica.paths import build_path
from replica.protocol import Covariate, Level
from replica.settings import settings
from replica.studies import load_study

FORMULAS = (
    '=HYPERLINK("http://x.example","a")',
    "+SUM(A1:A9)",
    "-2+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1+A1",
    "\r=1+A1",
)  # fmt: skip
NUMBERS = ("-0.028", "+3", "-1.2 (-3.4–0.5)", "-5%", "-", "−3")  # noqa: RUF001 - printed signs


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    """In cells and headings alike, and the text itself stays readable."""
    made = csv_text(pd.DataFrame({text: [text, "plain"], "n": [1, -2]}))
    rows = list(csv.reader(io.StringIO(made, newline="")))
    assert rows[0][0] == rows[1][0] == f"'{text}".replace("\r", " ")
    assert [row[1] for row in rows[1:]] == ["1", "-2"]


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_stay_as_they_are(text):
    """A sign, an interval or a percentage is no formula."""
    assert neutral(text) == text


@pytest.mark.parametrize("value", [-1.5, -3, None, float("nan"), True])
def test_what_is_no_text_stays_as_it_is(value):
    """Negative numbers are numbers."""
    assert neutral(value) is value


def test_a_label_of_the_readers_own_study_is_neutralised(toy_study):
    """Labels come from the reader's protocol; in the dictionary and in results none is run."""
    evil = Covariate("sex", "=1+A1", (Level("male", "@m"), Level("female", "Female")))
    study = replace(toy_study, covariates=(evil, *toy_study.covariates[1:]))
    described = csv_text(dictionary(study))
    cells = [cell for row in csv.reader(io.StringIO(described)) for cell in row]
    assert any(cell.startswith("'=1+A1: male = @m") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


@pytest.mark.parametrize("name", ["../table", "/table", "a/b", "..", "", "Table 1", "a\0b", "a.b"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    """Names of outputs are words, whatever a study or a file is called."""
    with pytest.raises(ParameterError, match=r"file name: found .*; allowed: lower-case letters"):
        output_path(tmp_path / "out", name, ".csv")
    with pytest.raises(ParameterError):
        keep_csv(pd.DataFrame({"a": [1]}), tmp_path / "out", name)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_elsewhere_is_refused(tmp_path):
    """A table or figure does not write through a link in its folder."""
    folder, other = tmp_path / "out", tmp_path / "other.csv"
    folder.mkdir()
    other.write_text("mine\n", encoding="utf-8")
    for ending in ("csv", "svg"):
        (folder / f"table.{ending}").symlink_to(other)
    with pytest.raises(ParameterError, match="found a link that leads out of"):
        keep_csv(pd.DataFrame({"a": [1]}), folder, "table")
    with pytest.raises(ParameterError, match="found a link that leads out of"):
        save_figure(Figure(), folder, "table")
    assert other.read_text(encoding="utf-8") == "mine\n"


def chosen(source):
    """Settings of a study at the paper's own values."""
    study = load_study("sclc_second_line")
    return settings(study, source=source, caliper=0.02, ratio=1, entry_p=0.15, seed=1)


def test_results_of_supplied_patients_go_where_git_does_not_look():
    """Without a folder named, even the paper's own settings write under build/runs."""
    folder = pages.results_folder(chosen("supplied"), "")
    assert folder == build_path() / "runs" / "sclc_second_line"
    ignored = (build_path().parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"build/", "data/supplied/*"} <= set(ignored)


@pytest.mark.parametrize("name", ["patients.csv", ""])
def test_results_do_not_go_into_the_folder_of_the_data(tmp_path, name):
    """A result named as the reader's file is could replace it."""
    with pytest.raises(ParameterError, match="results_dir: found the folder of your own file"):
        pages.results_folder(chosen("supplied"), str(tmp_path), str(tmp_path / name))
    below = pages.results_folder(chosen("supplied"), str(tmp_path / "r"), str(tmp_path / "p.csv"))
    assert below == tmp_path / "r"


@pytest.mark.parametrize(
    ("min_cell", "said"),
    [(0, "run it with min_cell = 5"), (5, "Counts of fewer than 5 patients are masked")],
)
def test_the_banner_says_whether_counts_are_masked(toy_cohort, min_cell, said):
    """Who passes a page on learns from it what it may tell."""
    assert said in pages.banner(replace(toy_cohort, min_cell=min_cell)).data
