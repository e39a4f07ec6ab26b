"""Patients are selected from events by the rules of eligibility, each of which is counted."""

from __future__ import annotations

import pandas as pd
import pytest

from replica.cohort import AttritionStep
from replica.errors import DataError
from replica.events.build import cohort_from_events, load_patients
from replica.events.codes import load_codes
from replica.events.facts import patient_facts, rules_of
from replica.events.tables import TABLES, events_of, read_events
from replica.studies import load_study

STUDY = load_study("mlc_second_primary")
CODES = load_codes()


def person(
    name,
    *,
    diagnoses=(),
    drugs=(("carboplatin", "L01XA02", "2015-02-10"),),
    procedures=(),
    visits=("2014-06-01", "2015-12-01"),
    death=None,
    birth="1950-05-01",
):
    """Describe a patient with lung cancer from January 2015 and a metastasis a month later."""
    base = [("C34.1", "2015-01-01"), ("c79.3", "2015-02-01")]
    return {
        "patients": [(name, birth, "female", "white", "lung")],
        "diagnoses": [(name, *one) for one in [*base, *diagnoses]],
        "deaths": [(name, death)] if death else [],
        "encounters": [(name, day) for day in visits],
        "drugs": [(name, *one) for one in drugs],
        "procedures": [(name, *one) for one in procedures],
    }


def tables(*people):
    """Put patients together to event tables."""
    return {
        name: pd.DataFrame(
            [row for one in people for row in one[name]], columns=list(columns)
        ).astype(object)
        for name, columns in TABLES.items()
    }


TREATED = person("t", drugs=[("Nivolumab", None, "2015-03-01")])
CONTROL = person("c")


def cohort(*people):
    """Select from these patients beside one of each arm."""
    return cohort_from_events(
        STUDY, events_of(tables(TREATED, CONTROL, *people)), CODES, "synthetic"
    )


def rows_of(*people):
    """Return the analysed rows of these patients, and of one of each arm, by their names."""
    return cohort(*people).patients.set_index("patient_id")


def test_the_arm_is_that_of_any_inhibitor_after_the_metastasis():
    """A drug counts by its name or its ATC code; who never has one is a control."""
    rows = cohort(person("x", drugs=[(None, "L01FF02", "2018-01-01")])).patients
    assert rows.set_index("patient_id")["arm"].to_dict() == {
        "c": "control",
        "t": "treated",
        "x": "treated",
    }
    assert rows.set_index("patient_id").loc["t", "days_to_ici"] == 28


BROKEN = {
    "Younger than 18": {"birth": "1999-01-01"},
    "No visit before the diagnosis of metastasis": {"visits": ("2015-02-01", "2015-12-01")},
    "Died within 6 months": {"death": "2015-07-01"},
    "Non-lung cancer within 6 months": {"diagnoses": [("C50.9", "2015-06-01")]},
    "No follow-up visit after 6 months": {"visits": ("2014-06-01", "2015-07-01")},
    "Lung cancer as second primary": {"diagnoses": [("C34.3", "2016-06-01")]},
    "No treatment data after the metastasis": {"drugs": ()},
    "ICI before the metastasis only": {
        "drugs": [("nivolumab", "L01FF01", "2015-01-15"), ("x", "L01XA02", "2015-03-01")]
    },
}


def test_each_rule_excludes_and_is_counted():
    """Of patients who break one rule each, every rule leaves out its own, and no other."""
    people = [person(f"x{i}", **changes) for i, changes in enumerate(BROKEN.values())]
    found = cohort(*people)
    excluded = {s.reason: s.excluded for s in found.attrition[1:]}
    assert {why: n for why, n in excluded.items() if n} == dict.fromkeys(BROKEN, 1)
    left = [step.remaining for step in found.attrition]
    assert left == [10, 10, 10, *range(9, 1, -1)]


def test_no_metastasis_and_other_years():
    """A lung cancer alone, and a metastasis before the window, are not eligible."""
    alone = person("x")
    alone["diagnoses"] = alone["diagnoses"][:1]
    early = person("y")
    early["diagnoses"] = [("y", "C341", "2003-01-01"), ("y", "C793", "2003-02-01")]
    steps = cohort(alone, early).attrition
    assert steps[0] == AttritionStep("Patients in the event tables", 4, 0)
    assert [step.excluded for step in steps[1:3]] == [1, 1]
    assert steps[-1].remaining == 2


def test_six_months_are_counted_in_days():
    """Day 182 after the metastasis is within six months of 30.4375 days, day 183 is not."""
    rows = rows_of(person("x", death="2015-08-02"), person("y", death="2015-08-03"))
    assert "x" not in rows.index
    found = rows.loc["y"]
    assert (found["follow_up_months"], found["second_primary_or_death"]) == (6.01, 1)


def test_which_diagnosis_is_a_second_primary():
    """The first new site ends follow-up, later death counts no more; known sites are not new."""
    rows = rows_of(
        person("new", diagnoses=[("C50.9", "2016-02-01")], death="2018-02-01"),
        person("old", diagnoses=[("C50.9", "2012-02-01"), ("C50.4", "2016-02-01")]),
        *(person(code, diagnoses=[(code, "2016-02-01")]) for code in ("C79.5", "C80", "C97")),
    )
    found = rows.loc["new"]
    assert found["follow_up_months"] == round(365 / 30.4375, 2)
    assert (found["second_primary"], found["second_primary_or_death"]) == (1, 1)
    assert not rows.loc[["old", "C79.5", "C80", "C97"], "second_primary"].any()


def test_follow_up_ends_with_the_last_contact_the_window_or_the_extraction():
    """Without an event the last record ends follow-up; later ones play no part."""
    long = person("window", visits=("2004-01-01", "2004-09-01", "2019-01-01"))
    long["diagnoses"] = [("window", "C341", "2004-02-01"), ("window", "C793", "2004-02-05")]
    long["drugs"] = [("window", "carboplatin", "L01XA02", "2004-03-01")]
    long["deaths"] = [("window", "2018-01-01")]
    late = person("late", visits=("2014-06-01", "2015-12-01", "2025-01-01"), death="2024-03-01")
    rows = rows_of(long, late)[["follow_up_months", "second_primary_or_death"]]
    assert rows.loc["window"].tolist() == [120, 0]
    assert rows.loc["late"].tolist() == [9.95, 0]
    assert rows.loc["c"].tolist() == [round(303 / 30.4375, 2), 0]


def test_the_comorbidity_index_adds_weights_and_overrules_milder_forms():
    """Diabetes with complications counts 2 and not 3; codes after the metastasis count nothing."""
    known = [("I21.0", "2010-01-01"), ("E11.9", "2010-01-01"), ("E11.2", "2011-01-01")]
    people = (
        person("known", diagnoses=known),
        person("later", diagnoses=[*known, ("N18.3", "2015-06-01")]),
        person("none"),
    )
    found = patient_facts(events_of(tables(*people)), CODES, rules_of(STUDY))
    index = found.set_index("patient_id")["charlson_index"]
    assert index.to_dict() == {"known": 3, "later": 3, "none": 0}


def test_treatments_are_earlier_or_later_than_the_metastasis():
    """Radiotherapy before and chemotherapy after it are told apart."""
    one = person("x", procedures=[("ICD-10-PCS", "DB020ZZ", "2015-01-10")])
    found = rows_of(one).loc["x"]
    assert found[["prior_radiotherapy", "radiotherapy"]].tolist() == ["yes", "no"]
    assert found[["prior_chemotherapy", "chemotherapy"]].tolist() == ["no", "yes"]
    assert found["de_novo_metastatic"] == "yes"


def test_tables_are_checked_before_anything_is_counted(tmp_path):
    """A missing file, column or value, a wrong type, a stranger and a double are refused."""
    with pytest.raises(DataError, match=r"found no patients\.parquet"):
        read_events(tmp_path)
    good = tables(CONTROL)
    with pytest.raises(DataError, match="missing: code"):
        events_of({**good, "diagnoses": good["diagnoses"].drop(columns="code")})
    with pytest.raises(DataError, match="1 rows without date"):
        events_of({**good, "encounters": good["encounters"].assign(date=["2015-01-01", None])})
    with pytest.raises(DataError, match="not of its column's type"):
        events_of({**good, "encounters": good["encounters"].assign(date="soon")})
    with pytest.raises(DataError, match="who are not in `patients`"):
        events_of({**good, "patients": good["patients"].assign(patient_id="z")})
    with pytest.raises(DataError, match="1 rows beyond one per patient"):
        events_of({**good, "patients": pd.concat([good["patients"]] * 2)})


def test_nobody_eligible_is_an_error():
    """The message counts why."""
    with pytest.raises(
        DataError, match=r"found no eligible patient among 1 .*Died within 6 months: 1"
    ):
        cohort_from_events(
            STUDY, events_of(tables(person("x", death="2015-03-01"))), CODES, "supplied"
        )


def test_supplied_patients_come_as_events_or_as_a_table(tmp_path):
    """A folder is read as event tables, a file as the table that is analysed."""
    for name, frame in tables(TREATED, CONTROL).items():
        frame.astype(object).to_parquet(tmp_path / f"{name}.parquet")
    built = load_patients(STUDY, "supplied", tmp_path)
    file = tmp_path / "patients.csv"
    built.patients.to_csv(file, index=False)
    read = load_patients(STUDY, "supplied", file)
    pd.testing.assert_frame_equal(built.patients, read.patients)
    assert len(built.attrition) == 11


def test_code_lists_are_checked(tmp_path):
    """A missing list and other columns are refused."""
    with pytest.raises(DataError, match=r"no code list neoplasms\.csv"):
        load_codes(tmp_path)
    (tmp_path / "neoplasms.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="found the columns a, b"):
        load_codes(tmp_path)
