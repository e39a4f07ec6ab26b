"""What the search evaluates is what the public estimators give, for every fit it aims at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replica.cohort import Cohort
from replica.convention import SPSS, TRINETX
from replica.cox import cox
from replica.errors import EstimationError, SynthesisError
from replica.matching import match
from replica.published import load_published
from replica.studies import load_study
from replica.survival import (
    kaplan_meier,
    log_rank_test,
    median_follow_up,
    median_survival,
    survival_at,
)
from replica.synthesis.covariates import draw_covariates
from replica.synthesis.fits import compile_fits, evaluate, patterns, signature, width
from replica.synthesis.targets import compile_targets
from replica.synthesis.times import Times, initial_times

RATIO = {"hr": "hazard_ratio", "ci_low": "ci_low", "ci_high": "ci_high", "wald_p": "p"}
CLOSE = {"rel": 1e-10, "abs": 1e-10}
# Newton's method stops before a step below 1e-9 there and after one below 1e-10 here; divided by a
# standard error above 0.1 that is what a Wald statistic may differ by.
CONVERGED = {"rel": 2e-8, "abs": 2e-8}


@pytest.fixture(scope="module")
def targets():
    """Compile the printed rows of the published study."""
    study = load_study("sclc_second_line")
    return compile_targets(study, load_published(study.key))


@pytest.fixture(scope="module")
def drawn(targets):
    """Draw patients with times, unsearched, together with their matched members."""
    rng = np.random.default_rng(7)
    cohort = Cohort(targets.study, draw_covariates(targets, rng), "synthetic")
    times = initial_times(targets, cohort.treated, rng)
    columns = {}
    for o, outcome in enumerate(targets.study.outcomes):
        columns[outcome.duration] = times.duration[o]
        columns[outcome.event] = times.event[o].astype(int)
    cohort = Cohort(targets.study, cohort.patients.assign(**columns), "synthetic")
    after = match(cohort).after
    matched = np.asarray(cohort.patients["patient_id"].isin(after.patients["patient_id"]))
    return cohort, times, matched


@pytest.fixture(scope="module")
def compiled(targets):
    """Compile the fits."""
    return compile_fits(targets, SPSS)


def specs_of(targets):
    """List the fits in the order in which they are compiled."""
    return list(dict.fromkeys(target.spec for target in targets.survival))


def codes_of(system, s, drawn):
    """Give everybody's signature in one fit."""
    cohort, _, matched = drawn
    return np.array([signature(system, s, own) for own in patterns(cohort, matched)])


def values_of(system, s, times, drawn):
    """Evaluate one fit of the search on durations and events of the drawn patients."""
    o = system.outcome[s]
    out = np.empty(width(system))
    order = np.argsort(times.duration[o], kind="stable")
    start = np.zeros(system.columns.shape[1])
    sets = np.empty((4, order.size), dtype=np.int64)
    codes = codes_of(system, s, drawn)
    evaluate(system, s, codes, times.duration[o], times.event[o], order, start, sets, out)
    return out


def members(spec, cohort, matched):
    """Restrict a cohort to the patients whom a fit concerns, by the words of the fit."""
    part = cohort.where(matched) if spec.stage == "after" else cohort
    if spec.arm != "all":
        part = part.within(spec.arm)
    if spec.subgroup:
        covariate, level = spec.subgroup.split("=")
        part = part.where(part.patients[covariate] == level)
    return part


def expected(spec, cohort, matched, rate_times):
    """Values of a fit by the public estimators, in the order that `System.slot` counts."""
    part = members(spec, cohort, matched)
    if spec.kind == "follow_up":
        return [median_follow_up(part, spec.outcome).median]
    if spec.kind == "curve":
        curve = kaplan_meier(part, spec.outcome, by=None)
        median = median_survival(curve, interval="spss")
        rates = [survival_at(curve, time).survival for time in rate_times]
        return [median.median, median.ci_low, median.ci_high, *rates]
    fit = cox(part, spec.outcome, spec.covariates, ties=SPSS.ties).summary()
    values = [float(row[column]) for _, row in fit.iterrows() for column in RATIO.values()]
    if spec.kind == "comparison":
        values.append(log_rank_test(part, spec.outcome, by=spec.covariates[0]).p)
    return values


@pytest.mark.parametrize("kind", ["curve", "comparison", "joint", "follow_up"])
def test_every_fit_gives_the_public_estimators_values(targets, drawn, compiled, kind):
    """Medians, rates, ratios, intervals and p values agree to 1e-10; nothing else is written."""
    cohort, times, matched = drawn
    system = compiled.system
    of_kind = [s for s, spec in enumerate(specs_of(targets)) if spec.kind == kind]
    assert of_kind
    for s in of_kind:
        spec = specs_of(targets)[s]
        out = values_of(system, s, times, drawn)
        rates = system.times[s][~np.isnan(system.times[s])]
        wanted = expected(spec, cohort, matched, rates)
        if kind == "follow_up":
            # Only the median of follow-up is printed; its SPSS interval is written beside it.
            out = out[:1]
        close = CONVERGED if kind in {"comparison", "joint"} else CLOSE
        assert out[: len(wanted)].tolist() == pytest.approx(wanted, nan_ok=True, **close), spec
        assert np.isnan(out[len(wanted) :]).all(), spec


def test_every_row_reads_its_own_value(targets, drawn, compiled):
    """A printed row's slot holds its own statistic of its own covariate at its own time."""
    cohort, times, matched = drawn
    system = compiled.system
    specs = specs_of(targets)
    by_id = {target.id: target for target in targets.survival}
    assert sorted(compiled.ids) == sorted(by_id)
    for s, spec in enumerate(specs):
        out = values_of(system, s, times, drawn)
        part = members(spec, cohort, matched)
        for r in range(system.first[s], system.first[s + 1]):
            target = by_id[compiled.ids[r]]
            assert target.spec == spec
            assert (system.low[r], system.high[r]) == (target.low, target.high)
            found = public_value(target, part)
            close = CONVERGED if target.statistic in RATIO and spec.covariates else CLOSE
            assert out[system.slot[r]] == pytest.approx(found, **close), target.id


def public_value(target, part):
    """Compute the one statistic that a printed row names with the public estimators."""
    spec = target.spec
    if spec.kind == "follow_up":
        return median_follow_up(part, spec.outcome).median
    if spec.kind == "curve":
        curve = kaplan_meier(part, spec.outcome, by=None)
        if target.statistic == "rate":
            return survival_at(curve, target.time).survival
        return getattr(median_survival(curve, interval="spss"), target.statistic)
    if target.statistic == "log_rank_p":
        return log_rank_test(part, spec.outcome, by=spec.covariates[0]).p
    covariate = "arm" if target.covariate == "treatment" else target.covariate
    fit = cox(part, spec.outcome, spec.covariates, ties=SPSS.ties).summary()
    return fit.set_index("covariate").loc[covariate, RATIO[target.statistic]]


def test_efron_ties_are_taken_from_the_convention(targets, drawn):
    """With a convention of Efron's ties the ratios are those of Efron's likelihood."""
    cohort, times, matched = drawn
    system = compile_fits(targets, replace(SPSS, ties="efron")).system
    specs = specs_of(targets)
    s = next(k for k, spec in enumerate(specs) if spec.kind == "joint")
    fit = cox(
        members(specs[s], cohort, matched), specs[s].outcome, specs[s].covariates, ties="efron"
    )
    k = len(specs[s].covariates)
    ratios = values_of(system, s, times, drawn)[: 4 * k : 4]
    assert ratios.tolist() == pytest.approx(fit.summary()["hazard_ratio"].tolist(), **CONVERGED)


def test_fits_of_arms_alone_are_marked(targets, compiled):
    """A fit is by arm when neither a subgroup nor a covariate enters it."""
    for by_arm, spec in zip(compiled.by_arm, specs_of(targets), strict=True):
        assert by_arm == (not spec.subgroup and spec.covariates in ((), ("arm",)))
    assert compiled.by_arm.any()
    assert not compiled.by_arm.all()


def test_patients_who_enter_a_fit_alike_have_one_signature(targets, drawn, compiled):
    """Within a fit the signature tells regressors apart; -1 marks those who are not in it."""
    cohort, _, matched = drawn
    for s, spec in enumerate(specs_of(targets)):
        codes = codes_of(compiled.system, s, drawn)
        inside = members(spec, cohort, matched).patients["patient_id"]
        assert ((codes >= 0) == cohort.patients["patient_id"].isin(inside)).all()
        inside = cohort.patients[codes >= 0].assign(signature=codes[codes >= 0])
        if spec.covariates:
            pairs = inside.groupby(list(spec.covariates))["signature"].nunique()
            assert (pairs == 1).all()
            assert inside["signature"].nunique() == len(pairs)
        else:
            assert inside["signature"].nunique() == 1


def test_a_model_without_events_has_no_values(targets, drawn, compiled):
    """Where the public estimators refuse or have nothing, the search sees NaN."""
    cohort, times, _ = drawn
    silent = Times(times.duration, np.zeros_like(times.event))
    for s, spec in enumerate(specs_of(targets)):
        out = values_of(compiled.system, s, silent, drawn)
        if spec.kind in {"comparison", "joint"}:
            assert np.isnan(out).all()
        if spec.kind == "curve":
            assert np.isnan(out[:3]).all()
    nobody = cohort.patients.assign(os_event=0)
    with pytest.raises(EstimationError, match="no event"):
        cox(Cohort(targets.study, nobody, "synthetic"), "os", ["arm"], ties="breslow")


def test_a_rate_beyond_follow_up_is_not_estimable(targets, drawn, compiled):
    """A curve that ends above zero before the printed time has no rate there, as in public."""
    cohort, times, matched = drawn
    specs = specs_of(targets)
    s = next(k for k, spec in enumerate(specs) if compiled.system.times[k][-1] == 24.0)
    assert specs[s].outcome == "os"
    short = Times(np.minimum(times.duration, 20.0), times.event & (times.duration < 20.0))
    columns = {"os_months": short.duration[1], "os_event": short.event[1].astype(int)}
    part = members(
        specs[s], Cohort(cohort.study, cohort.patients.assign(**columns), "synthetic"), matched
    )
    wanted = [survival_at(kaplan_meier(part, "os", by=None), time).survival for time in (12, 24)]
    found = values_of(compiled.system, s, short, drawn)[3:5]
    assert found.tolist() == pytest.approx(wanted, nan_ok=True, **CLOSE)


def test_only_the_interval_of_spss_is_searched_for(targets):
    """Another convention's interval of a median is refused, not silently replaced."""
    with pytest.raises(
        SynthesisError, match="found median interval 'log'; the search knows 'spss'"
    ):
        compile_fits(targets, TRINETX)
