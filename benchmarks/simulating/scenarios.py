"""What is planted and what each estimator should find: the list of scenarios."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from replica.cox import fit_cox
from replica.matched_hazard import matched_sets
from simulating import estimating as of
from simulating import patients
from simulating.estimating import Generator, Intervals

Truths = Mapping[str, float]


@dataclass(frozen=True)
class Scenario:
    """Patients with a planted value, and the estimators that are to find it.

    `estimate` draws patients for a planted value and returns an interval per estimator.
    `estimators` labels them, and `notes` says what the literature expects of some: a reason to
    lie outside the band is given there before anything is drawn. `truth` gives what each estimator
    should find where that is not the planted value itself.
    """

    key: str
    label: str
    sample: str
    values: tuple[float, ...]
    estimate: Callable[[float, Generator], Intervals]
    estimators: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    truth: Callable[[float], Truths] | None = None

    def truths(self, value: float) -> Truths:
        """Return what each estimator should find."""
        return dict.fromkeys(self.estimators, value) if self.truth is None else self.truth(value)


@cache
def matched_truth(log_ratio: float) -> float:
    """Marginal log hazard ratio of those matched: their two possible times, side by side.

    The treated of 1,500 matched samples are followed once as treated and once as controls, under
    their own censoring, and a Cox model with treatment alone is fitted to all of them.
    """
    if log_ratio == 0:
        return 0.0
    pieces = []
    for rng in np.random.default_rng(71).spawn(1500):
        people = patients.confounded(rng, of.MATCHED, log_ratio, 1.0)
        kept = people.treated & (matched_sets(of.confounded_columns(people), of.PLAN) > 0)
        pieces.append((people.if_treated[kept], people.if_control[kept], people.censored[kept]))
    one, other, censored = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return _counterfactual(one, other, censored, np.ones(one.size))


def _counterfactual(
    one: of.Floats, other: of.Floats, censored: of.Floats, weights: of.Floats
) -> float:
    seen = patients.observe(np.r_[one, other], np.r_[censored, censored])
    arm = np.repeat([True, False], one.size)
    at = (of.column(arm), seen.duration, seen.event)
    twice = np.r_[weights, weights]
    return float(fit_cox(*at, names=("arm",), ties="efron", weights=twice).coef[0])


@cache
def weighted_truth(log_ratio: float) -> Truths:
    """Marginal log hazard ratios of everybody, of the treated and of the overlap.

    Both possible times of 500,000 patients, weighted by their true score, under their own
    censoring.
    """
    if log_ratio == 0:
        return dict.fromkeys(of.ESTIMANDS, 0.0)
    people = patients.confounded(np.random.default_rng(72), 500_000, log_ratio, 1.0)
    e = people.propensity
    weights = {"ate": np.ones(e.size), "att": e, "ato": e * (1 - e)}
    at = (people.if_treated, people.if_control, people.censored)
    return {estimand: _counterfactual(*at, weights[estimand]) for estimand in weights}


def restricted_truth(log_ratio: float) -> Truths:
    """Area between two exponential curves up to 24 months."""
    means = [12 / r * (1 - math.exp(-of.TAU * r / 12)) for r in (math.exp(log_ratio), 1.0)]
    return {"normal": means[0] - means[1]}


LOG_RATIOS = (0.0, math.log(0.6))
MODEL, ROBUST = "model error", "robust error"
BANDS = {"plain": "plain", "log": "log", "log-log": "log-log"}
GROUPED = "grouping draws it towards 0: tied events share one denominator"
AS_KNOWN = "the robust error takes the weights as known, which widens the interval"

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "cox",
        "Cox model, continuous times, log hazard ratio",
        "400 patients, 2 covariates",
        LOG_RATIOS,
        of.continuous,
        {"model": "Efron, " + MODEL, "robust": "Efron, " + ROBUST},
    ),
    Scenario(
        "cox_grouped",
        "Cox model, times seen at visits every 2 months, log hazard ratio",
        "400 patients, 12 visits",
        LOG_RATIOS,
        of.grouped,
        {"efron": "Efron", "exact": "exact", "breslow": "Breslow"},
        {
            "exact": "estimates the odds ratio of an interval, which lies further from 1",
            "breslow": GROUPED,
        },
    ),
    Scenario(
        "cox_discrete",
        "Cox model, discrete times, log odds ratio",
        "300 patients, 12 times",
        LOG_RATIOS,
        of.discrete,
        {"exact": "exact", "efron": "Efron", "breslow": "Breslow"},
        {
            "efron": "estimates a hazard ratio, which lies nearer to 1 than the odds ratio",
            "breslow": GROUPED,
        },
    ),
    Scenario(
        "cox_strata",
        "Stratified Cox model, log hazard ratio",
        "400 patients, 8 strata",
        LOG_RATIOS,
        of.stratified,
        {"model": "Efron, " + MODEL},
    ),
    Scenario(
        "cox_late_entry",
        "Cox model, late entry, log hazard ratio",
        "400 patients",
        LOG_RATIOS,
        of.left_truncated,
        {"model": "Efron, " + MODEL},
    ),
    Scenario(
        "cox_time_varying",
        "Cox model, time-varying covariate, log hazard ratio",
        "400 patients, 2 covariates",
        LOG_RATIOS,
        of.time_varying,
        {"model": "Efron, " + MODEL},
    ),
    Scenario(
        "matched_plain",
        "Cox model after matching, covariates behind treatment only, log hazard ratio",
        "800 patients before matching",
        LOG_RATIOS,
        of.matched_plain,
        {"clustered": "clustered on pairs", "model": MODEL},
    ),
    Scenario(
        "matched_confounded",
        "Cox model after matching, covariates behind treatment and survival, log hazard ratio",
        "800 patients before matching",
        LOG_RATIOS,
        of.matched_confounded,
        {"clustered": "clustered on pairs", "model": MODEL},
        {
            "clustered": "takes the score as known, which widens the interval",
            "model": "ignores that pairs are alike and that the score is estimated",
        },
        lambda value: dict.fromkeys(("clustered", "model"), matched_truth(value)),
    ),
    Scenario(
        "weighted",
        "Weighted Cox model, log hazard ratio",
        "800 patients",
        LOG_RATIOS,
        of.weighted,
        {
            "ate": "effect in all, " + ROBUST,
            "att": "effect in the treated, " + ROBUST,
            "ato": "effect in the overlap, " + ROBUST,
        },
        {"ate": AS_KNOWN, "att": AS_KNOWN, "ato": AS_KNOWN},
        weighted_truth,
    ),
    Scenario(
        "kaplan_meier",
        "Kaplan-Meier, survival at 12 months",
        "200 patients",
        (0.8, 0.4),
        of.rate,
        BANDS,
        {"plain": "symmetric on the wrong scale"},
    ),
    Scenario(
        "median",
        "Median survival, months",
        "200 patients",
        (10.0,),
        of.median,
        {**{key: f"Brookmeyer-Crowley, {key}" for key in BANDS}, "spss": "SPSS"},
        {"spss": "the density at the median is read from a few steps of the curve"},
    ),
    Scenario(
        "restricted_mean",
        "Difference of restricted means to 24 months, months",
        "200 patients per arm",
        LOG_RATIOS,
        of.restricted,
        {"normal": "normal"},
        truth=restricted_truth,
    ),
    Scenario(
        "aalen_johansen",
        "Aalen-Johansen, incidence at 12 months",
        "300 patients, 2 causes",
        (0.3, 0.1),
        of.incidence,
        BANDS,
        {"plain": "symmetric on the wrong scale"},
    ),
    Scenario(
        "fine_gray",
        "Fine-Gray, log subdistribution hazard ratio",
        "400 patients, 2 covariates",
        LOG_RATIOS,
        of.fine_gray,
        {"sandwich": ROBUST},
    ),
    Scenario(
        "firth",
        "Firth's Cox model, few events, log hazard ratio",
        "40 patients, some 12 events",
        LOG_RATIOS,
        of.firth,
        {"profile": "profile likelihood"},
    ),
    Scenario(
        "odds_ratio",
        "Odds ratio from counts, log odds ratio",
        "150 patients per group",
        LOG_RATIOS,
        of.counts,
        {"woolf": "Woolf"},
    ),
    Scenario(
        "logistic",
        "Logistic regression, log odds ratio",
        "300 patients",
        LOG_RATIOS,
        of.logistic,
        {"wald": "Wald", "profile": "profile likelihood"},
    ),
    Scenario(
        "conditional",
        "Conditional logistic regression, log odds ratio",
        "300 pairs",
        LOG_RATIOS,
        of.conditional,
        {"wald": "Wald"},
    ),
)
