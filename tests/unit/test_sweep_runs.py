"""One run of a sweep: the same numbers as the functions that the pages call."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from replica.balance import balance
from replica.case_control import match_case_control
from replica.cox import cox, fit_cox
from replica.matching import match
from replica.protocol import ARM_KEYS
from replica.published import load_published
from replica.risk_sets import cohort_times
from replica.studies import load_study
from replica.sweep import run_all, run_one
from replica.sweep.declared import covariate_sets
from replica.sweep.parameters import parameters
from replica.sweep.patients import patients_of
from replica.sweep.printed import printed_pairs, printed_ratio
from replica.sweep.record import RESULTS
from replica.sweep.runner import ready

SCLC, MYELOMA = "sclc_second_line", "myeloma_second_primary"


@pytest.fixture(scope="module")
def cohort():
    """Return the synthetic patients of the small-cell study."""
    return patients_of(load_study(SCLC))


@pytest.fixture(scope="module")
def cases():
    """Return the synthetic patients of the myeloma study."""
    return patients_of(load_study(MYELOMA))


def values_of(study, **chosen):
    """Return the study's own values with some others."""
    return {name: one.default for name, one in parameters(study).items()} | chosen


def wald(fit, *, robust):
    """Return hazard ratio, interval and p value of the first coefficient."""
    row, prefix = fit.summary().iloc[0], "robust_" if robust else ""
    return [row["hazard_ratio"], *(row[f"{prefix}{name}"] for name in ("ci_low", "ci_high", "p"))]


def found(record):
    """Return the same four numbers of a record."""
    return [record[name] for name in ("hazard_ratio", "ci_low", "ci_high", "p")]


PLANS = [
    {},
    {"caliper": 0.1, "caliper_scale": "sd_logit_pooled", "order": "largest"},
    {"order": "random", "seed": 7},
    {"draw": "exact_then_random", "seed": 3},
    {"caliper": None, "order": "closest"},
    {"ratio": 2, "convention": "r_matchit_survival"},
]


@pytest.mark.parametrize("chosen", PLANS, ids=str)
def test_a_run_is_match_balance_and_cox(cohort, chosen):
    """Pairs, sizes, differences and the crude model are those of the pages' functions."""
    study = cohort.study
    record = run_one(cohort, values_of(study, outcome="os", **chosen))
    own = study.matching
    fields = ("caliper", "caliper_scale", "order", "draw", "ratio")
    plan = replace(own, **{name: record[name] for name in fields})
    matched = match(cohort, plan, rng=np.random.default_rng(record["seed"]))
    assert record["pairs"] == len(matched.pairs)
    assert [record[arm] for arm in ARM_KEYS] == [len(matched.after.within(a)) for a in ARM_KEYS]
    assert record["reason"] == ""
    denominator = "treated" if "convention" in chosen else "pooled"
    rows = balance(matched, denominator=denominator, covariates=own.covariates)
    smd = rows[(rows["stage"] == "after") & (rows["covariate"] != "propensity_score")]["smd"].abs()
    assert record["largest_smd"] == pytest.approx(smd.max(), rel=1e-12)
    assert record["mean_smd"] == pytest.approx(smd.mean(), rel=1e-12)
    fit = cox(matched.after, "os", ["arm"], ties=record["ties"])
    assert found(record) == pytest.approx(wald(fit, robust=False), rel=1e-12)
    assert record["events"] == fit.n_events


def test_errors_may_be_clustered_on_the_matched_sets(cohort):
    """The adjustment `clustered` is the sandwich over pairs; the ratio stays."""
    study = cohort.study
    record = run_one(cohort, values_of(study, outcome="pfs", adjustment="clustered"))
    fit = cox(match(cohort).after, "pfs", ["arm"], ties=record["ties"], cluster="pair")
    assert found(record) == pytest.approx(wald(fit, robust=True), rel=1e-12)
    assert record["errors"] == "clustered on sets"


def test_a_model_may_be_adjusted_for_the_matching_covariates(cohort):
    """The adjustment `adjusted` has the covariates of the run's own propensity model beside."""
    sets = covariate_sets(cohort.study)
    chosen = {"adjustment": "adjusted", "matching_covariates": "patient_and_disease"}
    record = run_one(cohort, values_of(cohort.study, outcome="os", **chosen))
    covariates = sets["patient_and_disease"]
    matched = match(cohort, replace(cohort.study.matching, covariates=covariates))
    fit = cox(matched.after, "os", ["arm", *covariates], ties=record["ties"])
    assert found(record) == pytest.approx(wald(fit, robust=False), rel=1e-12)


def test_with_replacement_patients_are_weighted(cohort):
    """A control of several sets counts for each; the error is the sandwich's whatever is asked."""
    study = cohort.study
    plan = replace(study.matching, replace=True)
    matched = match(cohort, plan)
    after, weights = matched.after, matched.weights.to_numpy()
    duration, event = cohort_times(after, "os")
    arm = after.treated.astype(float)[:, None]
    fit = fit_cox(arm, duration, event, names=["arm"], ties="breslow", weights=weights)
    for adjustment in ("crude", "clustered"):
        chosen = values_of(study, outcome="os", replace=True, adjustment=adjustment)
        record = run_one(cohort, chosen)
        assert found(record) == pytest.approx(wald(fit, robust=True), rel=1e-12)
        assert record["errors"] == "sandwich, weighted"
        assert record["control"] == len(after.within("control"))
        smd = balance(matched, covariates=study.matching.covariates)
        smd = smd[(smd["stage"] == "after") & (smd["covariate"] != "propensity_score")]["smd"]
        assert record["largest_smd"] == pytest.approx(smd.abs().max(), rel=1e-12)


def test_contradicting_choices_are_kept_with_their_reason(cohort):
    """No number comes out of an impossible run, and the record says why."""
    record = run_one(cohort, values_of(cohort.study, order="closest", draw="random"))
    assert "found 'random' with the order 'closest'" in str(record["reason"])
    assert all(record[name] is None for name in RESULTS if name != "reason")


def test_a_score_that_separates_the_arms_is_kept_with_its_reason(cohort):
    """A covariate that all treated have and no control has leaves no finite score."""
    smoking = np.where(cohort.treated, "yes", "no")
    apart = replace(cohort, patients=cohort.patients.assign(smoking=smoking))
    record = run_one(apart, values_of(cohort.study))
    assert "smoking" in str(record["reason"])
    assert all(record[name] is None for name in RESULTS if name != "reason")


def test_no_event_among_the_matched_has_no_hazard_ratio(cohort):
    """Sizes are kept, the ratio is not there, and nothing is a missing number in disguise."""
    patients = cohort.patients.assign(os_event=0)
    quiet = replace(cohort, patients=patients)
    record = run_one(quiet, values_of(cohort.study, outcome="os"))
    assert record["reason"].startswith("found no event")
    assert record["pairs"] > 0
    assert record["hazard_ratio"] is None


def test_runs_in_a_row_share_a_matching_and_nothing_else(cohort):
    """A batch gives what each of its runs gives alone."""
    batch = [
        values_of(cohort.study, outcome=outcome, adjustment=adjustment, order=order, seed=seed)
        for order, seed in (("random", 1), ("random", 2), ("data", 1), ("data", 2))
        for outcome in ("pfs", "os")
        for adjustment in ("crude", "clustered")
    ]
    together = run_all(ready(cohort), batch)
    assert together == [run_one(cohort, values) for values in batch]
    assert together[0]["hazard_ratio"] != together[4]["hazard_ratio"]
    fixed = [{**record, "seed": 0} for record in together[8:]]
    assert fixed[:4] == fixed[4:]


def test_the_order_of_rows_is_immaterial(cohort):
    """A shuffled table gives the same record."""
    shuffled = replace(cohort, patients=cohort.patients.sample(frac=1, random_state=5))
    values = values_of(cohort.study, order="random", seed=9)
    assert run_one(shuffled, values) == run_one(cohort, values)


def test_records_are_plain_and_finite(cohort):
    """A record can be written as JSON, which knows no missing numbers."""
    record = run_one(cohort, values_of(cohort.study))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert all(math.isfinite(record[name]) for name in ("hazard_ratio", "p", "largest_smd"))


@pytest.mark.parametrize("key", [SCLC, "mlc_second_primary"])
def test_the_studys_own_settings_give_the_printed_size(key):
    """The printed number of pairs and hazard ratio are within a unit of those at the defaults."""
    study = load_study(key)
    published = load_published(key)
    for outcome in study.outcomes:
        record = run_one(patients_of(study), values_of(study, outcome=outcome.key))
        assert printed_pairs(published).count([record["pairs"]]) == 1
        printed = printed_ratio(published, outcome.key).printed
        assert abs(record["hazard_ratio"] - float(printed.value)) < 1.5 * float(printed.unit)


@pytest.mark.parametrize("adjustment", ["crude", "clustered", "stratified"])
def test_a_run_of_cases_and_controls(cases, adjustment):
    """Matched sets are those of the case-control plan, compared by a Cox model of the case."""
    study = cases.study
    plan = replace(study.groups.case_control, ratio=2)
    matched = match_case_control(cases, plan)
    record = run_one(cases, values_of(study, ratio=2, adjustment=adjustment))
    assert record["pairs"] == len(matched.pairs)
    option = {"crude": {}, "clustered": {"cluster": "pair"}, "stratified": {"strata": "pair"}}
    fit = cox(matched.after, "os", ["arm"], ties=record["ties"], **option[adjustment])
    assert found(record) == pytest.approx(wald(fit, robust=adjustment == "clustered"), rel=1e-12)
    assert record["largest_smd"] < 0.1


def test_cases_without_any_control_are_refused(cases):
    """Cases of whom nobody is of the same age, year and sex are a kept failure."""
    years = np.where(cases.treated, 40, 80)
    apart = replace(cases, patients=cases.patients.assign(age_years=years))
    record = run_one(apart, values_of(cases.study))
    assert str(record["reason"]).startswith("no pair: no control has age_years within 1")
    assert record["hazard_ratio"] is None
