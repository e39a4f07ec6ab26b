"""Printed rows become the right targets, and rows that contradict each other are refused."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from replica.errors import SynthesisError
from replica.published import PublishedValue, load_published
from replica.studies import load_study
from replica.synthesis.targets import Spec, calendar_of, compile_targets

BLANK = PublishedValue(**{field.name: "" for field in fields(PublishedValue)})


@pytest.fixture(scope="module")
def study():
    """Load the study whose printed rows are compiled."""
    return load_study("sclc_second_line")


def row(**cells):
    """Make a printed row of the named cells; its id is the statistic unless one is given."""
    return replace(BLANK, **{"id": cells["statistic"], **cells})


def only(study, **cells):
    """Compile one row and return its single target."""
    (target,) = compile_targets(study, [row(**cells)]).survival
    return target


def test_a_median_becomes_an_interval_of_a_curve(study):
    """A printed median is the interval that rounds to it, of the curve of its arm and stage."""
    target = only(
        study,
        item="survival",
        outcome="os",
        arm="treated",
        stage="after",
        statistic="median",
        printed="7.96",
    )
    assert target.spec == Spec("curve", "os", "treated", "after", "")
    assert (target.low, target.high, target.unit) == (7.955, 7.965, 0.01)


def test_a_rate_is_a_share_at_its_time(study):
    """A printed percent at a time is aimed at as a share of 1, with its unit scaled alike."""
    target = only(
        study,
        item="survival",
        outcome="pfs",
        arm="treated",
        stage="before",
        subgroup="liver_metastases=yes",
        time="6 months",
        statistic="rate",
        printed="18.3",
    )
    assert target.spec == Spec("curve", "pfs", "treated", "before", "liver_metastases=yes")
    assert target.time == 6.0
    assert (target.low, target.high, target.unit) == pytest.approx((0.1825, 0.1835, 0.001))


@pytest.mark.parametrize(
    ("subgroup", "model", "statistic", "expected"),
    [
        ("", "crude", "hr", "hr"),
        ("", "crude", "p", "log_rank_p"),
        ("gender=male", "crude", "p", "wald_p"),
    ],
)
def test_the_treatment_effect_is_a_comparison_of_the_arms(
    study, subgroup, model, statistic, expected
):
    """Treatment compares both arms; its p is a log-rank test, within a subgroup Wald's."""
    target = only(
        study,
        item="treatment",
        outcome="os",
        arm="treated",
        comparator="control",
        stage="before",
        subgroup=subgroup,
        model=model,
        statistic=statistic,
        printed="0.83",
    )
    assert target.spec == Spec("comparison", "os", "all", "before", subgroup, ("arm",))
    assert target.statistic == expected


def test_a_covariate_alone_is_one_comparison_with_two_p_values(study):
    """The log-rank p of a figure and the Wald p of a table belong to the same fit."""
    cells = {
        "item": "liver_metastases",
        "outcome": "pfs",
        "arm": "treated",
        "stage": "before",
        "statistic": "p",
        "printed": "<0.001",
    }
    rows = [row(id="a", model="crude", **cells), row(id="b", model="univariable", **cells)]
    figure, table = compile_targets(study, rows).survival
    assert figure.spec == table.spec
    assert figure.spec.covariates == ("liver_metastases",)
    assert (figure.statistic, table.statistic) == ("log_rank_p", "wald_p")
    assert (table.low, table.high) == (float("-inf"), 0.001)


def test_a_joint_model_holds_the_covariates_printed_for_it(study):
    """All multivariable rows of an outcome and arm share one fit, in the protocol's order."""
    rows = [
        row(
            id=key,
            item=key,
            outcome="os",
            arm="treated",
            stage="before",
            model="multivariable",
            statistic="hr",
            printed="1.5",
        )
        for key in ("first_line_pfs", "liver_metastases")
    ]
    rows.append(replace(rows[0], id="p", statistic="p", printed="0.013"))
    found = compile_targets(study, rows).survival
    joint = Spec("joint", "os", "treated", "before", "", ("liver_metastases", "first_line_pfs"))
    assert {target.spec for target in found} == {joint}
    assert [target.covariate for target in found] == [rows[0].item, rows[1].item, rows[0].item]


def test_a_joint_p_value_without_its_ratio_still_belongs_to_the_model(study):
    """A covariate enters the joint fit by any number printed for it, but not by words."""
    cells = {"outcome": "os", "arm": "treated", "stage": "before", "model": "multivariable"}
    rows = [
        row(id="p", item="smoking", statistic="p", printed="0.2", **cells),
        row(id="hr", item="gender", statistic="hr", printed="1.5", **cells),
        row(id="words", item="ecog_ps", statistic="p", printed="not entered", **cells),
    ]
    found = compile_targets(study, rows).survival
    assert [target.id for target in found] == ["p", "hr"]
    assert {target.spec.covariates for target in found} == {("gender", "smoking")}


def test_follow_up_is_measured_on_the_last_outcome(study):
    """The median follow-up of everybody is a reverse curve of overall survival."""
    target = only(
        study, item="follow_up", arm="all", stage="before", statistic="median", printed="19.7"
    )
    assert target.spec == Spec("follow_up", "os", "all", "before", "")


@pytest.mark.parametrize(
    "cells",
    [
        {"item": "survival", "outcome": "os", "statistic": "median", "printed": "not reached"},
        {"item": "gender", "level": "male", "statistic": "percent", "printed": "81.5"},
        {"item": "gender", "arm": "treated", "statistic": "p", "printed": "0.397"},
        {"item": "matching", "statistic": "setting", "printed": "0.02"},
        {"item": "survival_difference", "outcome": "pfs", "statistic": "median", "printed": "1.3"},
    ],
    ids=["words", "share", "test of a baseline table", "setting", "difference of medians"],
)
def test_other_rows_are_no_survival_targets(study, cells):
    """Words, shares, baseline tests and settings are not aimed at by the search over times."""
    assert compile_targets(study, [row(**cells)]).survival == ()


def test_the_published_table_compiles_whole(study):
    """Every numeric row of survival, hazard ratios and follow-up becomes exactly one target."""
    rows = load_published(study.key)
    found = compile_targets(study, rows).survival
    covariates = {covariate.key for covariate in study.covariates}
    wanted = {
        r.id
        for r in rows
        if (r.outcome or r.item == "follow_up")
        and r.item in covariates | {"survival", "treatment", "follow_up"}
        and r.value.kind != "text"
    }
    assert [target.id for target in found] == [r.id for r in rows if r.id in wanted]
    assert all(target.low < target.high for target in found)
    assert {target.spec.kind for target in found} == {"curve", "comparison", "joint", "follow_up"}


def count_row(**cells):
    """Make a printed count of male treated patients before matching."""
    male = {"item": "gender", "level": "male", "arm": "treated", "stage": "before"}
    return row(**{**male, "statistic": "n", "printed": "163", **cells})


def test_a_count_printed_twice_alike_is_one_count(study):
    """Repeating a number in another place is no contradiction, in words or with a comma."""
    targets = compile_targets(study, [count_row(), count_row(id="again")])
    assert targets.count("gender", "male", "treated", "before") == 163


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [count_row(), count_row(id="other", printed="164")],
        [count_row(printed="many")],
        [count_row(subgroup="liver_metastases=yes")],
    ],
    ids=["none", "contradictory", "words", "of a subgroup"],
)
def test_a_missing_or_contradictory_count_is_refused(study, rows):
    """Without exactly one printed number the cohort cannot be specified, and the error says so."""
    targets = compile_targets(study, rows)
    with pytest.raises(SynthesisError, match=r"gender male \(treated, before\).*exactly one"):
        targets.count("gender", "male", "treated", "before")


def test_summaries_are_found_by_arm_stage_and_statistic(study):
    """Numbers in words are read; what is not printed, or printed as words only, is None."""
    age = {"item": "age_years", "arm": "all", "stage": "before"}
    targets = compile_targets(
        study,
        [
            row(**age, statistic="max", printed="not reached"),
            row(**age, statistic="median", printed="sixty-six"),
            row(**age, statistic="min", printed="19", subgroup="gender=male"),
        ],
    )
    assert targets.number("age_years", "all", "before", "median") == 66.0
    assert targets.number("age_years", "all", "before", "max") is None
    assert targets.number("age_years", "all", "before", "min") is None
    assert targets.number("age_years", "treated", "before", "median") is None


def test_a_study_without_dates_cannot_be_synthesised(study):
    """The error names the study and says what to add to its protocol."""
    with pytest.raises(SynthesisError, match=r"sclc_second_line: found no calendar.*Calendar\("):
        calendar_of(replace(study, calendar=None))
