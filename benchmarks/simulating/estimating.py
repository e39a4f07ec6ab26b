"""Draw patients with a planted value and estimate it, one function for each scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.contingency import odds_ratio
from replica.convention import MedianInterval, SurvivalInterval
from replica.cox import fit_cox
from replica.firth import fit_cox_firth
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional, fit_unconditional
from replica.matched_hazard import Columns, matched_sets
from replica.product_limit import product_limit
from replica.protocol import MatchingPlan
from replica.restricted_mean import restricted_mean_difference
from replica.subdistribution import fit_fine_gray
from replica.survival import median_survival, survival_at
from replica.weights import Estimand, balancing_weights
from simulating import patients

Floats = NDArray[np.float64]
Generator = np.random.Generator
Z = float(norm.ppf(0.975))
LOG_RATIOS = (0.0, math.log(0.6))


class Interval(NamedTuple):
    """An estimate with its standard error (NaN where there is none) and 95% interval."""

    estimate: float
    std_error: float
    low: float
    high: float


Intervals = Mapping[str, Interval]


def wald(estimate: float, std_error: float) -> Interval:
    """Return the normal interval, estimate -/+ 1.96 standard errors."""
    reach = Z * std_error
    return Interval(estimate, std_error, estimate - reach, estimate + reach)


def column(values: NDArray[np.generic]) -> Floats:
    """Make one covariate a matrix."""
    return values.astype(np.float64)[:, None]


def continuous(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model with a second covariate, continuous times."""
    arm, x = patients.two_arms(rng, 400), rng.normal(size=400)
    failure = patients.weibull(rng, log_ratio * arm + 0.5 * x, shape=1.3)
    seen = patients.observe(failure, rng.uniform(3, 30, 400))
    matrix = np.column_stack([arm, x])
    fit = fit_cox(matrix, seen.duration, seen.event, names=("arm", "x"), ties="efron", robust=True)
    return {
        "model": wald(fit.coef[0], fit.se[0]),
        "robust": wald(fit.coef[0], _robust(fit.robust_se)),
    }


def _robust(std_errors: Floats | None) -> float:
    return math.nan if std_errors is None else float(std_errors[0])


def grouped(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model of times recorded at visits every two months."""
    arm, seen = patients.grouped(rng, 400, log_ratio, 2.0)
    return _by_ties(arm, seen)


def discrete(log_odds_ratio: float, rng: Generator) -> Intervals:
    """Cox model of times that are discrete by nature."""
    arm, seen = patients.discrete(rng, 300, log_odds_ratio)
    return _by_ties(arm, seen)


def _by_ties(arm: patients.Bools, seen: patients.Followed) -> Intervals:
    found = {}
    for ties in ("efron", "exact", "breslow"):
        fit = fit_cox(column(arm), seen.duration, seen.event, names=("arm",), ties=ties)
        found[ties] = wald(fit.coef[0], fit.se[0])
    return found


def stratified(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model stratified by eight centres with their own baselines and shares of treated."""
    n, centre = 400, np.arange(400) % 8
    arm = rng.random(n) < 0.2 + 0.6 * centre / 7
    scale = np.array([3.0, 6, 9, 12, 18, 24, 36, 48])[centre]
    failure = patients.weibull(rng, log_ratio * arm, shape=1.3, scale=scale)
    seen = patients.observe(failure, rng.uniform(0.5, 2.5, n) * scale)
    fit = fit_cox(
        column(arm), seen.duration, seen.event, names=("arm",), ties="efron", strata=centre
    )
    return {"model": wald(fit.coef[0], fit.se[0])}


def left_truncated(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model of patients who entered late."""
    arm, entry, seen = patients.late_entry(rng, 400, log_ratio)
    at = (column(arm), seen.duration, seen.event)
    fit = fit_cox(*at, names=("arm",), ties="efron", start=entry)
    return {"model": wald(fit.coef[0], fit.se[0])}


def time_varying(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model of a covariate that changes once, beside one that does not."""
    pieces = patients.switching(rng, 400, log_ratio)
    at = (pieces.matrix, pieces.followed.duration, pieces.followed.event)
    fit = fit_cox(*at, names=("changed", "x"), ties="efron", start=pieces.start)
    return {"model": wald(fit.coef[0], fit.se[0])}


PLAN = MatchingPlan(("x1", "x2"), 0.1, "sd_logit_pooled", order="largest")
MATCHED = 800


def confounded_columns(people: patients.Confounded) -> Columns:
    """Return what is seen of patients in the shape that matching takes."""
    n, seen = people.treated.size, people.followed
    return Columns(
        people.matrix,
        ("x1", "x2"),
        people.treated,
        np.zeros(n, dtype=np.int64),
        np.zeros((n, 0)),
        seen.duration,
        seen.event,
    )


def _matched(people: patients.Confounded) -> Intervals:
    columns = confounded_columns(people)
    number = matched_sets(columns, PLAN)
    kept = np.flatnonzero(number)
    after = columns.take(kept)
    at = (column(after.treated), after.duration, after.event)
    fit = fit_cox(*at, names=("arm",), ties="efron", cluster=number[kept])
    return {
        "clustered": wald(fit.coef[0], _robust(fit.robust_se)),
        "model": wald(fit.coef[0], fit.se[0]),
    }


def matched_plain(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model after matching, covariates without effect on survival."""
    return _matched(patients.confounded(rng, MATCHED, log_ratio, 0.0))


def matched_confounded(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model after matching, covariates behind treatment and survival."""
    return _matched(patients.confounded(rng, MATCHED, log_ratio, 1.0))


ESTIMANDS: tuple[Estimand, ...] = ("ate", "att", "ato")


def weighted(log_ratio: float, rng: Generator) -> Intervals:
    """Weighted Cox model with robust errors, the score estimated."""
    people = patients.confounded(rng, 800, log_ratio, 1.0)
    fit = fit_logistic(people.matrix, people.treated)
    score, seen = fit.probability(people.matrix), people.followed
    found: dict[str, Interval] = {}
    for estimand in ESTIMANDS:
        weights = balancing_weights(score, people.treated, estimand=estimand)
        at = (column(people.treated), seen.duration, seen.event)
        cox = fit_cox(*at, names=("arm",), ties="efron", weights=weights, robust=True)
        found[estimand] = wald(cox.coef[0], _robust(cox.robust_se))
    return found


BANDS: tuple[SurvivalInterval, ...] = ("plain", "log", "log-log")


def rate(survival: float, rng: Generator) -> Intervals:
    """Survival at 12 months by Kaplan-Meier."""
    failure = rng.exponential(-12 / math.log(survival), 200)
    seen = patients.observe(failure, rng.uniform(6, 36, 200))
    found: dict[str, Interval] = {}
    for band in BANDS:
        at = survival_at(product_limit(seen.duration, seen.event, interval=band), 12.0)
        found[band] = Interval(at.survival, at.std_error, at.ci_low, at.ci_high)
    return found


def median(months: float, rng: Generator) -> Intervals:
    """Median survival; an end that is not reached is infinite."""
    failure = rng.exponential(months / math.log(2), 200)
    seen = patients.observe(failure, rng.uniform(6, 36, 200))
    curve = product_limit(seen.duration, seen.event)
    found: dict[str, Interval] = {}
    kinds: tuple[MedianInterval, ...] = (*BANDS, "spss")
    for kind in kinds:
        at = median_survival(curve, interval=kind)
        std_error = math.nan if at.std_error is None else at.std_error
        found[kind] = Interval(_or(at.median), std_error, _or(at.ci_low), _or(at.ci_high))
    return found


def _or(value: float | None) -> float:
    return math.inf if value is None else value


TAU = 24.0


def restricted(log_ratio: float, rng: Generator) -> Intervals:
    """Difference of restricted means up to 24 months, 200 patients in each arm."""
    curves = []
    for ratio in (math.exp(log_ratio), 1.0):
        failure = rng.exponential(12 / ratio, 200)
        lost = rng.exponential(60, 200)
        seen = patients.observe(failure, np.minimum(lost, rng.uniform(24, 48, 200)))
        curves.append(product_limit(seen.duration, seen.event))
    found = restricted_mean_difference(curves[0], curves[1], TAU)
    return {"normal": Interval(found.difference, found.std_error, found.ci_low, found.ci_high)}


OTHER_RATE = 0.02


@cache
def rate_of(incidence: float) -> float:
    """Find the constant hazard whose cumulative incidence at 12 months is the one planted."""

    def missing(r: float) -> float:
        both = r + OTHER_RATE
        return r / both * (1 - math.exp(-12 * both)) - incidence

    return float(brentq(missing, 1e-6, 5.0, xtol=1e-14))


def incidence(planted: float, rng: Generator) -> Intervals:
    """Cumulative incidence at 12 months beside a competing cause."""
    seen = patients.competing(rng, 300, rate_of(planted), OTHER_RATE)
    found: dict[str, Interval] = {}
    for band in BANDS:
        curve = aalen_johansen(seen.duration, seen.event, causes=(1,), interval=band)
        at = incidence_at(curve, 12.0)
        found[band] = Interval(at.incidence, at.std_error, at.ci_low, at.ci_high)
    return found


def fine_gray(log_ratio: float, rng: Generator) -> Intervals:
    """Subdistribution hazard ratio of an arm, with a second covariate."""
    matrix, seen = patients.subdistribution(rng, 400, log_ratio)
    fit = fit_fine_gray(matrix, seen.duration, seen.event, names=("arm", "x"))
    return {"sandwich": wald(fit.coef[0], fit.se[0])}


def firth(log_ratio: float, rng: Generator) -> Intervals:
    """Cox model with Firth's penalty in 40 patients, some 12 of them with an event."""
    arm = patients.two_arms(rng, 40)
    failure = patients.weibull(rng, log_ratio * arm, scale=24)
    seen = patients.observe(failure, rng.uniform(3, 18, 40))
    fit = fit_cox_firth(column(arm), seen.duration, seen.event, names=("arm",))
    return {"profile": Interval(fit.coef[0], fit.se[0], fit.ci_low[0], fit.ci_high[0])}


def counts(log_odds_ratio: float, rng: Generator) -> Intervals:
    """Odds ratio of two groups of 150, a quarter of the controls with the event."""
    chance = expit(math.log(1 / 3) + log_odds_ratio)
    a, c = int(rng.binomial(150, chance)), int(rng.binomial(150, 0.25))
    found = odds_ratio(a, 150 - a, c, 150 - c)
    low, high = math.log(found.ci_low), math.log(found.ci_high)
    return {"woolf": Interval(math.log(found.estimate), (high - low) / (2 * Z), low, high)}


def logistic(log_odds_ratio: float, rng: Generator) -> Intervals:
    """Odds ratio of an arm, a third of the controls with the event."""
    arm = patients.two_arms(rng, 300)
    event = (rng.random(300) < expit(math.log(1 / 2) + log_odds_ratio * arm)).astype(np.int64)
    fit = fit_unconditional(column(arm), event, names=("arm",))
    low, high = (math.nan, math.nan) if fit.profile_ci is None else fit.profile_ci[0]
    return {
        "wald": wald(fit.coef[0], fit.se[0]),
        "profile": Interval(fit.coef[0], fit.se[0], low, high),
    }


def conditional(log_odds_ratio: float, rng: Generator) -> Intervals:
    """Odds ratio within 300 pairs that differ in their baseline risk."""
    pair = np.repeat(np.arange(300), 2)
    arm = np.tile([True, False], 300)
    event = rng.random(600) < expit(-0.5 + rng.normal(size=300)[pair] + log_odds_ratio * arm)
    fit = fit_conditional(column(arm), event.astype(np.int64), pair, names=("arm",))
    return {"wald": wald(fit.coef[0], fit.se[0])}
