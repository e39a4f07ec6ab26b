"""Case-control matching on age, sex and calendar year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from replica.balance_detail import balance_statistics, sample_sizes
from replica.case_control import CaseControlPlan, match_case_control
from replica.cohort import Cohort
from replica.errors import MatchingError, ParameterError, ProtocolError
from replica.protocol import Study

PLAN = CaseControlPlan(within=(("age", 5.0), ("start", 1.0)), exact=("sex",))


@pytest.fixture
def few(toy_study: Study) -> Cohort:
    """Two cases and four controls whose matches can be worked out on paper.

    Case a (50, 2019, male) may have u (52, 2020), v (55, 2018), w (47, 2019); case b (58, 2019,
    male) only v. x is of the other sex.
    """
    rows = [
        ("a", "treated", "male", 50, 2019),
        ("b", "treated", "male", 58, 2019),
        ("u", "control", "male", 52, 2020),
        ("v", "control", "male", 55, 2018),
        ("w", "control", "male", 47, 2019),
        ("x", "control", "female", 50, 2019),
    ]
    columns = ["patient_id", "arm", "sex", "age", "year"]
    patients = pd.DataFrame(rows, columns=columns)
    patients["start"] = pd.to_datetime([date(year, 6, 1) for year in patients.pop("year")])
    return Cohort(toy_study, patients.assign(smoking="no", stage="i"), "supplied")


def chosen(cohort: Cohort, plan: CaseControlPlan) -> list[tuple[str, str]]:
    """Match and list the pairs, set by set in the order made."""
    pairs = match_case_control(cohort, plan).pairs
    return list(zip(pairs["treated"], pairs["control"], strict=True))


def test_hand_worked_one_to_one(few: Cohort) -> None:
    """The distances of a are w 0.3, u 0.7 (2/5 and 1/1 halved) and v 1; b can only have v."""
    matched = match_case_control(few, PLAN)
    assert list(matched.pairs["control"]) == ["w", "v"]
    assert list(matched.pairs["distance"]) == pytest.approx([0.3, 0.8], abs=1e-15)
    assert list(matched.pairs["age"]) == [3.0, 3.0]
    assert list(matched.pairs["start"]) == [0.0, 1.0]
    reasons = matched.unmatched.set_index("patient_id")["reason"]
    assert reasons.to_dict() == {"u": "not chosen", "x": "eligible for no case"}
    assert (matched.weights == 1.0).all()


def test_hardest_first_serves_the_case_with_one_control(few: Cohort) -> None:
    """Where both want v, data order gives it to a and leaves b alone; hardest first does not."""
    near = few.patients.copy()
    near.loc[near["patient_id"] == "v", ["age", "start"]] = [53, pd.Timestamp(2019, 1, 1)]
    near.loc[near["patient_id"] == "w", "age"] = 45
    cohort = Cohort(few.study, near, "supplied")
    # a: v 0.3, w 0.5, u 0.7; b: v 0.5 only.
    assert chosen(cohort, replace(PLAN, order="data")) == [("a", "v")]
    assert chosen(cohort, PLAN) == [("a", "w"), ("b", "v")]
    left = match_case_control(cohort, replace(PLAN, order="data")).unmatched
    told = left.set_index("patient_id")["reason"]["b"]
    assert told == "every eligible control was matched to another"


def test_more_controls_per_case_come_in_rounds(few: Cohort) -> None:
    """At ratio 3 a gets w and u (v went to b in the first round), b only v: reported as short."""
    matched = match_case_control(few, replace(PLAN, ratio=3))
    assert chosen(few, replace(PLAN, ratio=3)) == [("a", "w"), ("a", "u"), ("b", "v")]
    summary = matched.summary()
    assert list(summary["controls"]) == [2, 1]
    assert list(summary["short"]) == [1, 2]
    assert matched.weights.to_dict() == {"a": 1.0, "b": 1.0, "u": 0.5, "v": 1.0, "w": 0.5}


def test_with_replacement_a_control_serves_both(few: Cohort) -> None:
    """With replacement a gets all its three and b shares v; v's weight is the sum of its shares."""
    matched = match_case_control(few, replace(PLAN, ratio=3, replace=True))
    assert matched.weights["v"] == pytest.approx(1 / 3 + 1, rel=1e-15)
    assert "pair" not in matched.after.patients
    assert matched.after.patients["patient_id"].tolist() == ["a", "b", "u", "v", "w"]
    sizes = sample_sizes(matched).set_index(["stage", "arm"])["sum_of_weights"]
    assert sizes["after", "control"] == pytest.approx(2.0, rel=1e-15)


def test_balance_of_case_control_sets(few: Cohort) -> None:
    """The balance functions read the matched sets: sexes are equal, and there is no score."""
    table = balance_statistics(match_case_control(few, PLAN), covariates=("sex", "age"))
    after = table[table["stage"] == "after"].set_index("covariate")
    assert list(after.index) == ["sex", "age"]
    assert after.loc["sex", "ks"] == 0.0
    assert after.loc["age", ["mean_treated", "mean_control"]].tolist() == [54.0, 51.0]


@pytest.mark.parametrize("order", ["hardest", "data"])
@pytest.mark.parametrize("replaced", [False, True])
def test_rules_hold_and_rows_do_not_matter(toy_cohort: Cohort, order: str, replaced: bool) -> None:
    """Pairs keep every limit, nobody eligible and free is passed over, rows are immaterial."""
    plan = CaseControlPlan(
        (("age", 3.0), ("start", 1.0)), ("sex",), ratio=2, replace=replaced, order=order
    )
    matched = match_case_control(toy_cohort, plan)
    patients = toy_cohort.patients.assign(year=toy_cohort.patients["start"].dt.year)
    by_id = patients.set_index("patient_id")

    def eligible(case: str) -> set[str]:
        one = by_id.loc[case]
        near = (by_id["age"] - one["age"]).abs() <= 3
        near &= (by_id["year"] - one["year"]).abs() <= 1
        return set(by_id.index[near & (by_id["sex"] == one["sex"]) & (by_id["arm"] == "control")])

    used = set(matched.pairs["control"])
    for row in matched.summary().itertuples():
        mine = set(matched.pairs.loc[matched.pairs["treated"] == row.treated, "control"])
        assert mine <= eligible(row.treated)
        if row.short:
            assert eligible(row.treated) - mine <= (set() if replaced else used)
    shuffled = Cohort(toy_cohort.study, patients.sample(frac=1, random_state=2), "supplied")
    pd.testing.assert_frame_equal(matched.pairs, match_case_control(shuffled, plan).pairs)


def test_impossible_plans_and_cohorts_are_refused(few: Cohort) -> None:
    """Settings, names, missing values and limits that leave nobody are refused with what to do."""
    with pytest.raises(ProtocolError, match="found 'easiest'"):
        replace(PLAN, order="easiest")
    with pytest.raises(ProtocolError, match="at least 1 control per case"):
        replace(PLAN, ratio=0)
    with pytest.raises(ProtocolError, match="at least one measure"):
        replace(PLAN, within=())
    with pytest.raises(ProtocolError, match="found -1"):
        replace(PLAN, within=(("age", -1.0),))
    with pytest.raises(ParameterError, match="found 'agee'"):
        match_case_control(few, replace(PLAN, within=(("agee", 1.0),)))
    with pytest.raises(ParameterError, match="found 'race'"):
        match_case_control(few, replace(PLAN, exact=("race",)))
    with pytest.raises(MatchingError, match="no control has age within 0 and the same sex"):
        match_case_control(few, CaseControlPlan((("age", 0.0),), ("sex",)))
    unknown = few.patients.assign(age=few.patients["age"].where(np.arange(6) > 0))
    with pytest.raises(ParameterError, match="age is missing for 1 patients"):
        match_case_control(Cohort(few.study, unknown, "supplied"), PLAN)


def test_tampered_sets_are_refused(few: Cohort) -> None:
    """A set that breaks its plan cannot be made."""
    good = match_case_control(few, PLAN)
    with pytest.raises(MatchingError, match="a control is used twice"):
        replace(good, pairs=good.pairs.replace({"control": {"v": "w"}}))
    with pytest.raises(MatchingError, match="too far apart in age"):
        replace(good, pairs=good.pairs.assign(age=6.0))
    with pytest.raises(MatchingError, match="differs in sex"):
        replace(good, pairs=good.pairs.replace({"control": {"v": "x"}}))
    with pytest.raises(MatchingError, match="the patients are not"):
        replace(good, after=few)
