"""The reader's own patients: the dictionary, what is refused in which words, the cohort made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from replica.dictionary import columns
from replica.errors import DataError, ParameterError, ProtocolError
from replica.protocol import Characteristic, Level, Measure, Outcome
from replica.supplied import check, dictionary, load_cohort, read_table, schema, template

IDS = [f"T{i + 1:03d}" for i in range(60)]


@pytest.fixture
def supply(toy_study, tmp_path):
    """Load a table as the toy study's supplied file."""

    def load(table, name="patients.csv"):
        path = tmp_path / name
        table.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
        return load_cohort(toy_study, "supplied", path)

    return load


def test_dictionary_lists_every_column_once(toy_study):
    """The dictionary names each column with type, unit, allowed values and who needs it."""
    listed = dictionary(toy_study).set_index("column")
    assert list(listed.index) == [
        "patient_id",
        "arm",
        "sex",
        "smoking",
        "stage",
        "regimen",
        "age",
        "start",
        "os_months",
        "os_event",
    ]
    assert list(listed.loc["stage"])[:4] == ["category", "", "i;ii;iii", "yes"]
    assert listed.loc["stage", "description"].startswith("Disease stage: i = Stage I, ii =")
    assert list(listed.loc["regimen"])[:4] == ["category", "", "alone;combined", "treated only"]
    assert list(listed.loc["age"])[:4] == ["whole number", "years", "18 to 100", "yes"]
    assert list(listed.loc["start"])[:3] == ["date", "", "2019-01-01 to 2020-12-31"]
    assert list(listed.loc["os_months"])[:4] == ["number", "months", "0 or more", "yes"]
    assert list(listed.loc["os_event"])[:4] == ["event", "", "0;1", "yes"]


def test_dictionary_survives_a_file(toy_study, tmp_path):
    """Written as CSV and read as text, the dictionary is the same."""
    dictionary(toy_study).to_csv(tmp_path / "toy.csv", index=False)
    again = pd.read_csv(tmp_path / "toy.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(again, dictionary(toy_study))


def test_one_column_cannot_be_two_things(toy_study):
    """A study that uses one column name for two types is refused."""
    measure = Measure("os_event", "Events", "", 0, 9)
    with pytest.raises(ProtocolError, match="'os_event' is both whole number and event"):
        columns(replace(toy_study, measures=(measure,)))


def test_template_is_the_header(toy_study):
    """The template has the dictionary's columns and no patient."""
    empty = template(toy_study)
    assert list(empty.columns) == list(dictionary(toy_study)["column"])
    assert len(empty) == 0


def test_good_table_has_no_problem(toy_study, toy_table):
    """A table that fits the dictionary has nothing to correct."""
    assert check(toy_study, toy_table) == ()


def test_cohort_is_typed_and_sorted(toy_study, toy_table, supply):
    """Patients are sorted by id, levels are text, numbers numbers, dates dates, blanks missing."""
    cohort = supply(toy_table.iloc[::-1])
    patients = cohort.patients
    assert (cohort.study, cohort.source, len(cohort)) == (toy_study, "supplied", 60)
    assert list(patients["patient_id"]) == IDS
    assert patients["age"].dtype == np.int64
    assert patients["os_months"].dtype == np.float64
    assert patients["os_event"].dtype == np.int64
    assert patients["start"].dtype == "datetime64[ns]"
    assert patients["start"].iloc[1] == pd.Timestamp("2019-01-12")
    assert set(patients["stage"]) == {"i", "ii", "iii"}
    assert patients["regimen"].isna().tolist() == (patients["arm"] == "control").tolist()
    assert cohort.attrition[0].remaining == 60


def test_row_order_does_not_matter(toy_table, supply):
    """Any order of the rows of the file gives the same cohort."""
    shuffled = toy_table.sample(frac=1, random_state=7)
    pd.testing.assert_frame_equal(supply(shuffled).patients, supply(toy_table).patients)


def test_tab_separated_equals_comma_separated(toy_table, supply):
    """A TSV file gives the cohort that the CSV file gives."""
    pd.testing.assert_frame_equal(
        supply(toy_table, "patients.tsv").patients, supply(toy_table).patients
    )


def test_ids_stay_text(toy_table, supply):
    """Ids that look like numbers keep their zeros and are sorted as text."""
    toy_table["patient_id"] = [f"{i:04d}" for i in range(60, 0, -1)]
    assert list(supply(toy_table).patients["patient_id"][:2]) == ["0001", "0002"]


def test_blank_lines_spaces_other_columns_and_a_mark_are_harmless(toy_study, toy_table, tmp_path):
    """Empty lines, spaces around cells, a byte-order mark and columns not asked for are dropped."""
    toy_table["name"] = "not to be kept"
    lines = toy_table.to_csv(index=False).replace(",male,", ", male ,").splitlines()
    path = tmp_path / "patients.csv"
    path.write_text("\n".join([*lines[:3], "", *lines[3:], ",,,", ""]), encoding="utf-8-sig")
    cohort = load_cohort(toy_study, "supplied", path)
    assert list(cohort.patients.columns) == list(template(toy_study).columns)
    assert len(cohort) == 60


def test_rows_are_rows_of_the_file(toy_study, toy_table, tmp_path):
    """A problem's rows are the file's own, counting the header and empty rows."""
    toy_table.loc[5, "age"] = "old"
    lines = toy_table.to_csv(index=False).splitlines()
    path = tmp_path / "patients.csv"
    path.write_text("\n".join([lines[0], "", *lines[1:]]))
    (problem,) = check(toy_study, read_table(path))
    assert problem.rows == (8,)


def test_regimen_blank_where_it_must_be_filled(toy_study, toy_table):
    """A treated patient without a value of a treated-only column is a problem."""
    toy_table.loc[0, "regimen"] = ""
    (problem,) = check(toy_study, toy_table)
    assert str(problem).startswith("regimen: blank (row 2); found an empty cell; allowed: alone;")


def test_regimen_filled_where_it_must_be_blank(toy_study, toy_table):
    """A control patient with a value of a treated-only column is a problem."""
    toy_table.loc[4, "regimen"] = "alone"
    (problem,) = check(toy_study, toy_table)
    assert problem.what == "filled in for an arm in which it does not exist"
    assert "(row 6); found 'alone'; allowed: blank unless treated." in str(problem)


def test_missing_column_suggests_the_nearest_name(toy_study, toy_table):
    """A renamed column is reported as missing, with the found name that comes nearest."""
    (problem,) = check(toy_study, toy_table.rename(columns={"os_months": "OS Month"}))
    assert (problem.column, problem.what) == ("os_months", "missing column")
    assert problem.hint == "Rename the column 'OS Month'?"


def test_missing_arm_column_is_one_problem(toy_study, toy_table):
    """Without the arm, nothing else about arms is claimed."""
    (problem,) = check(toy_study, toy_table.drop(columns="arm"))
    assert (problem.column, problem.what) == ("arm", "missing column")


def test_column_named_twice(toy_study, toy_table):
    """A header that names a column twice is a problem, not a silent choice."""
    twice = pd.concat([toy_table, toy_table[["age"]]], axis=1)
    (problem,) = check(toy_study, twice)
    assert str(problem).startswith("age: column named twice (row 1); found 2 columns; allowed: 1.")


def test_table_without_a_header(toy_study, toy_table, tmp_path):
    """A file whose first line is a patient is recognised, and that patient is not quoted."""
    path = tmp_path / "patients.csv"
    toy_table.to_csv(path, index=False, header=False)
    with pytest.raises(DataError, match="row 1 names none of the columns") as caught:
        load_cohort(toy_study, "supplied", path)
    assert "T001" not in str(caught.value)


def test_semicolons_for_commas(toy_study, toy_table, tmp_path):
    """A file separated by semicolons is refused with the separators that are read."""
    path = tmp_path / "patients.csv"
    toy_table.to_csv(path, index=False, sep=";")
    with pytest.raises(DataError, match=r"separate cells by commas in \.csv"):
        load_cohort(toy_study, "supplied", path)


def test_duplicate_ids_are_named_by_line_only(toy_study, toy_table):
    """Rows that share an id are named by their numbers; the id is not shown."""
    toy_table.loc[[3, 9], "patient_id"] = "T001"
    (problem,) = check(toy_study, toy_table)
    assert (problem.what, problem.rows) == ("the same id in several rows", (2, 5, 11))
    assert "T001" not in str(problem)
    assert "found ids not shown" in str(problem)


def test_ids_in_a_shifted_row_are_not_shown(toy_study, toy_table):
    """An id that slipped into another column is not quoted either."""
    toy_table.loc[2, "sex"] = "T044"
    (problem,) = check(toy_study, toy_table)
    assert problem.found == "a patient's id (not shown)"
    assert "T044" not in str(problem)


def test_no_patients(toy_study, tmp_path):
    """A header without rows is a problem that says how to start."""
    path = tmp_path / "patients.csv"
    template(toy_study).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"no patients; found 0 rows; allowed: at least 1"):
        load_cohort(toy_study, "supplied", path)


@pytest.mark.parametrize("arm", ["treated", "control"])
def test_only_one_arm(toy_study, toy_table, arm):
    """A comparison needs both arms."""
    (problem,) = check(toy_study, toy_table[toy_table["arm"] == arm])
    assert str(problem).startswith(f"arm: only one arm; found only {arm}; allowed: treated and")


def test_a_day_beyond_the_cutoff_is_rounding(toy_study, toy_table):
    """Follow-up may end one day after the cut-off, as a rounded time can, and no later."""
    toy_table.loc[0, "start"] = "2020-12-31"
    room = 730  # days from 2020-12-31 to 2022-12-31
    toy_table.loc[0, "os_months"] = f"{(room + 0.9) / 30.4375:.4f}"
    assert check(toy_study, toy_table) == ()
    toy_table.loc[0, "os_months"] = f"{(room + 1.1) / 30.4375:.4f}"
    (problem,) = check(toy_study, toy_table)
    assert problem.allowed == "start + os_months no later than 2022-12-31"


def test_progression_after_death(toy_study, toy_table):
    """A time that must not exceed another outcome's is held to it."""
    pfs = Outcome(
        "pfs", "Progression-free survival", "PFS", "pfs_months", "pfs_event", "months", (6,), "os"
    )
    study = replace(toy_study, outcomes=(pfs, *toy_study.outcomes))
    table = toy_table.assign(pfs_months=toy_table["os_months"], pfs_event="1")
    assert check(study, table) == ()
    table.loc[1, "pfs_months"] = str(float(table.loc[1, "os_months"]) + 0.01)
    (problem,) = check(study, table)
    assert (problem.what, problem.rows) == ("longer than os_months", (3,))
    assert problem.hint == "PFS ends no later than OS."


def test_unknown_unit_of_time(toy_study, toy_table):
    """A study whose times have an unknown unit is refused rather than taken for months."""
    outcome = replace(toy_study.outcomes[0], unit="month")
    with pytest.raises(ProtocolError, match="Did you mean 'months'"):
        check(replace(toy_study, outcomes=(outcome,)), toy_table)


def test_all_problems_come_at_once(toy_study, toy_table):
    """Problems of different kinds and columns are found in one pass."""
    toy_table.loc[0, "sex"] = "Male"
    toy_table.loc[1, "age"] = "-3"
    toy_table.loc[2, "os_event"] = "yes"
    toy_table.loc[3, "start"] = "2019-13-01"
    found = [(problem.column, problem.rows) for problem in check(toy_study, toy_table)]
    assert found == [("sex", (2,)), ("age", (3,)), ("start", (5,)), ("os_event", (4,))]


def test_many_rows_are_counted_and_few_are_listed(toy_study, toy_table):
    """A problem of every row lists the first lines, says how many more and quotes few values."""
    toy_table["os_event"] = [f"code {i}" for i in range(60)]
    (problem,) = check(toy_study, toy_table)
    assert "(rows 2, 3, 4, 5, 6 and 55 more)" in str(problem)
    assert "found 'code 0', 'code 1', 'code 2', ...;" in str(problem)


def test_error_lists_the_first_problems_and_counts_the_rest(toy_table, supply):
    """The error has one line per problem, at most twenty, and says where the rest is."""
    toy_table.loc[:29, "sex"] = [f"sex {i}" for i in range(30)]
    with pytest.raises(DataError) as caught:
        supply(toy_table)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("patients.csv: 30 problems to correct;")
    assert len(lines) == 1 + 20
    assert lines[-1] == "- and 11 more: `replica data check` lists them all."


def test_typed_values_are_checked_as_the_text_they_print(toy_study, toy_table):
    """A frame with numbers, dates and missing values passes as its text would."""
    typed = toy_table.assign(
        age=toy_table["age"].astype(int),
        os_months=toy_table["os_months"].astype(float),
        os_event=toy_table["os_event"].astype(float),
        start=pd.to_datetime(toy_table["start"]),
        regimen=toy_table["regimen"].replace("", None),
    )
    assert check(toy_study, typed) == ()


def test_missing_file(toy_study, tmp_path):
    """A path without a file is refused with its name."""
    with pytest.raises(DataError, match=r"no file .*absent\.csv"):
        load_cohort(toy_study, "supplied", tmp_path / "absent.csv")


@pytest.mark.parametrize("path", [None, ""])
def test_supplied_needs_a_path(toy_study, path):
    """Asking for supplied patients without a path says what is needed."""
    with pytest.raises(DataError, match="source='supplied' needs the path"):
        load_cohort(toy_study, "supplied", path)


def test_synthetic_takes_no_path(toy_study, tmp_path):
    """The reader's file is never labelled synthetic."""
    with pytest.raises(ParameterError, match="set source='supplied'"):
        load_cohort(toy_study, "synthetic", tmp_path / "patients.csv")


def test_unknown_source(toy_study):
    """An unknown source is refused with the nearest spelling."""
    with pytest.raises(ParameterError, match="Did you mean 'synthetic'"):
        load_cohort(toy_study, "sinthetic")


def test_synthetic_cohort_is_read_from_the_repository(toy_study, toy_table, tmp_path, monkeypatch):
    """The synthetic cohort is found by the study's key; a missing one says how to make it."""
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    with pytest.raises(DataError, match="Make it with `replica synthesize toy`"):
        load_cohort(toy_study)
    (tmp_path / "data" / "synthetic").mkdir(parents=True)
    toy_table.to_csv(tmp_path / "data" / "synthetic" / "toy.csv", index=False)
    assert load_cohort(toy_study).source == "synthetic"


def test_measure_of_one_arm_is_a_float_with_blanks(toy_study, toy_table, tmp_path):
    """A whole measure that one arm does not have is a float column, missing in that arm."""
    cycles = Measure("cycles", "Cycles", "cycles", 1, 20, arms=("control",))
    study = replace(toy_study, measures=(*toy_study.measures, cycles))
    toy_table["cycles"] = np.where(toy_table["arm"] == "control", "3", "")
    toy_table.to_csv(tmp_path / "patients.csv", index=False)
    patients = load_cohort(study, "supplied", tmp_path / "patients.csv").patients
    assert patients["cycles"].dtype == np.float64
    assert patients["cycles"].isna().tolist() == (patients["arm"] == "treated").tolist()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sex", "Male"),
        ("sex", None),
        ("age", 17),
        ("os_months", -0.1),
        ("os_months", np.inf),
        ("os_event", 2),
        ("start", pd.Timestamp("2021-01-01")),
        ("patient_id", "T002"),
        ("regimen", None),
    ],
)
def test_schema_refuses_what_the_checks_refuse(toy_study, toy_cohort, column, value):
    """The pandera schema accepts the typed cohort and refuses it once a cell is spoiled."""
    patients = toy_cohort.patients.copy()
    schema(toy_study).validate(patients)
    patients.loc[0, column] = value
    with pytest.raises(pandera.errors.SchemaError):
        schema(toy_study).validate(patients)


def test_schema_refuses_a_column_that_is_not_in_the_dictionary(toy_study, toy_cohort):
    """A further column is refused, so that nothing undescribed travels along."""
    with pytest.raises(pandera.errors.SchemaErrors, match="column 'name' not in"):
        schema(toy_study).validate(toy_cohort.patients.assign(name="?"))


def test_control_only_characteristic(toy_study, toy_table):
    """A column of the control arm alone is required there and blank elsewhere."""
    extra = Characteristic(
        "watched", "Watched", (Level("yes", "Yes"), Level("no", "No")), arms=("control",)
    )
    study = replace(toy_study, characteristics=(extra,))
    table = toy_table.assign(watched=np.where(toy_table["arm"] == "control", "yes", ""))
    assert check(study, table) == ()
    assert dictionary(study).set_index("column").loc["watched", "required"] == "control only"
