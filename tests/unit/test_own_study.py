"""A reader's own study: a protocol in a file, no dates, matching on numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replica.balance import balance
from replica.dictionary import columns
from replica.errors import ParameterError, ProtocolError, SynthesisError
from replica.matching import match
from replica.protocol import Measure
from replica.referee import equal_digits
from replica.studies import study_from_file
from replica.supplied import check, load_cohort
from replica.synthesis.targets import calendar_of


def test_a_study_is_read_from_a_file(tmp_path):
    """The file's STUDY is returned, anew after each edit."""
    path = tmp_path / "mine.py"
    code = "from replica.studies import load_study\nSTUDY = load_study('sclc_second_line')\n"
    path.write_text(code, encoding="utf-8")
    assert study_from_file(path).key == "sclc_second_line"
    edit = "from dataclasses import replace\nSTUDY = replace(STUDY, title='Mine')\n"
    path.write_text(code + edit, encoding="utf-8")
    assert study_from_file(str(path)).title == "Mine"


@pytest.mark.parametrize("code", ["", "STUDY = 'sclc_second_line'\n"])
def test_a_file_without_a_study_is_refused(tmp_path, code):
    """The message says what the file must define."""
    path = tmp_path / "mine.py"
    path.write_text(code, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"mine\.py: must define STUDY"):
        study_from_file(path)


def test_a_missing_file_is_refused(tmp_path):
    """The message names the path."""
    with pytest.raises(ParameterError, match=r"no file .*gone\.py"):
        study_from_file(tmp_path / "gone.py")


def test_a_study_needs_no_dates(toy_study, toy_table, tmp_path):
    """Without a calendar there is no date column, and the patients load without one."""
    study = replace(toy_study, calendar=None)
    assert "start" not in [column.name for column in columns(study)]
    table = toy_table.drop(columns="start")
    assert check(study, table) == ()
    path = tmp_path / "toy.csv"
    table.to_csv(path, index=False)
    cohort = load_cohort(study, "supplied", path)
    assert "start" not in cohort.patients.columns
    assert len(cohort) == len(table)


def test_patients_without_dates_cannot_be_made(toy_study):
    """Synthesis says that it needs a calendar."""
    assert calendar_of(toy_study) is toy_study.calendar
    with pytest.raises(SynthesisError, match="found no calendar"):
        calendar_of(replace(toy_study, calendar=None))


def test_patients_are_matched_on_measures(toy_study, toy_cohort):
    """A number is a covariate like any other: scored, matched and compared."""
    plan = replace(toy_study.matching, covariates=("sex", "age"))
    study = replace(toy_study, matching=plan)
    matched = match(replace(toy_cohort, study=study))
    compared = balance(matched)["covariate"]
    assert set(compared) == {"sex", "smoking", "stage", "age", "propensity_score"}


def test_a_measure_of_one_arm_cannot_be_matched_on(toy_study):
    """Nobody in the other arm has a value."""
    dose = Measure("dose", "Dose", "mg", 0, 10, arms=("treated",))
    plan = replace(toy_study.matching, covariates=("sex", "dose"))
    with pytest.raises(ProtocolError, match=r"matching covariates: found 'dose'.*'age'"):
        replace(toy_study, measures=(*toy_study.measures, dose), matching=plan)


@pytest.mark.parametrize(
    ("ours", "theirs", "digits"),
    [(1.0, 1.0, 15), (0.0, 0.0, 15), (1.0, 1.0001, 4), (2e-9, 2.00002e-9, 5), (1.0, -1.0, 0)],
)
def test_digits_in_agreement_are_counted_relatively(ours, theirs, digits):
    """A difference of one part in ten thousand is four digits, whatever the size."""
    assert equal_digits(ours, theirs) == digits
