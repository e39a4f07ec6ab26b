"""Bootstrap of the whole matched analysis: propensity score, matching and hazard ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from replica.cohort import Cohort
from replica.convention import convention
from replica.errors import EstimationError, ParameterError, one_of
from replica.matched_hazard import Effect, columns_of, treatment_effect
from replica.matching import match
from replica.protocol import MatchingPlan, Ties
from replica.resampling import (
    NOTHING,
    Failures,
    Progress,
    Repeat,
    count_failures,
    replicate,
    resample_patients,
    resample_sets,
    spawn,
)

__all__ = ["Bootstrap", "Failures", "IntervalKind", "Method", "Progress", "bootstrap"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Method = Literal["patients", "pairs"]
IntervalKind = Literal["percentile", "basic", "normal"]

_STATEMENTS: dict[Method, str] = {
    "patients": (
        "Complex bootstrap: in each replication as many patients as the cohort has are drawn with "
        "replacement, from both arms together; the propensity score is fitted to them, they are "
        "matched as the plan says, and the Cox model is fitted to the matched, all anew. A patient "
        "drawn twice is two patients with the same covariates and times: each copy has the id "
        "followed by its number, and ties are broken by id, then by that number. The bootstrap is "
        "not consistent for nearest-neighbour matching with replacement (Abadie and Imbens 2008), "
        "which is refused here; without replacement its standard errors lie further from the true "
        "ones than those of resampled pairs (Austin and Small 2014)."
    ),
    "pairs": (
        "Simple bootstrap: the cohort is matched once; in each replication as many matched sets as "
        "there are are drawn with replacement, and the Cox model is fitted to their patients. A "
        "set drawn twice is two sets. Recommended by Austin and Small (2014) for matching without "
        "replacement; what the fit of the propensity score and the matching add to or take from "
        "the spread is left out."
    ),
}


@dataclass(frozen=True)
class Bootstrap:
    """The bootstrap distribution of a log hazard ratio of treatment after matching.

    `estimate` and `std_error` (clustered on matched sets) are the ordinary analysis's.
    `log_hazard_ratios`, `std_errors` and `sets` (matched sets) have a value per replication, in
    order; a replication that failed has NaN and 0 sets and is counted in `failures`. Intervals
    use the others.
    """

    outcome: str
    method: Method
    statement: str
    plan: MatchingPlan
    ties: Ties
    confidence: float
    estimate: float
    std_error: float
    matched_sets: int
    log_hazard_ratios: Floats
    std_errors: Floats
    sets: Ints
    failures: tuple[Failures, ...]

    @property
    def replications(self) -> int:
        """How many replications were made, with those that failed."""
        return self.log_hazard_ratios.size

    @property
    def failed(self) -> int:
        """How many replications have no estimate."""
        return sum(failures.count for failures in self.failures)

    @property
    def succeeded(self) -> Floats:
        """Log hazard ratios of the replications that have one."""
        return self.log_hazard_ratios[~np.isnan(self.log_hazard_ratios)]

    @property
    def bootstrap_std_error(self) -> float:
        """Standard deviation of the bootstrap log hazard ratios (n - 1 in the denominator)."""
        return float(np.std(self.succeeded, ddof=1))

    @property
    def bias(self) -> float:
        """Mean of the bootstrap log hazard ratios less the estimate.

        Far from 0, measured in standard errors, the intervals disagree and none should be trusted.
        """
        return float(np.mean(self.succeeded)) - self.estimate

    def interval(self, kind: IntervalKind = "percentile") -> tuple[float, float]:
        """Interval of the hazard ratio, formed on the log scale.

        Parameters
        ----------
        kind
            With the estimate t, the bootstrap estimates in order of size, the quantile q(a) that
            stands at place a (B + 1) of B (interpolated), and a = (1 - confidence) / 2:
            `percentile` q(a) to q(1 - a); `basic` 2t - q(1 - a) to 2t - q(a); `normal` t -/+ z s,
            with s their standard deviation and no correction for bias.

        Raises
        ------
        ParameterError
            If the kind is unknown.

        Notes
        -----
        Davison and Hinkley, Bootstrap Methods and their Application (1997), chapter 5.
        """
        if kind not in get_args(IntervalKind):
            raise ParameterError(f"interval: {one_of(kind, get_args(IntervalKind))}")
        tail = (1 - self.confidence) / 2
        if kind == "normal":
            reach = float(ndtri(1 - tail)) * self.bootstrap_std_error
            return math.exp(self.estimate - reach), math.exp(self.estimate + reach)
        low, high = np.quantile(self.succeeded, [tail, 1 - tail], method="weibull")
        if kind == "basic":
            low, high = 2 * self.estimate - high, 2 * self.estimate - low
        return math.exp(low), math.exp(high)

    def summary(self) -> pd.DataFrame:
        """Each interval of the hazard ratio beside that of the clustered standard error.

        Returns
        -------
        DataFrame
            Rows `percentile`, `basic`, `normal` and `clustered` (the ordinary analysis's sandwich):
            `interval`, `hazard_ratio`, `ci_low`, `ci_high`, `std_error` (of the log hazard ratio),
            `replications`, `failed` (both 0 for `clustered`).
        """
        rows = [
            (kind, *self.interval(kind), self.bootstrap_std_error, self.replications, self.failed)
            for kind in get_args(IntervalKind)
        ]
        reach = float(ndtri((1 + self.confidence) / 2)) * self.std_error
        ends = math.exp(self.estimate - reach), math.exp(self.estimate + reach)
        rows.append(("clustered", *ends, self.std_error, 0, 0))
        names = ["interval", "ci_low", "ci_high", "std_error", "replications", "failed"]
        frame = pd.DataFrame(rows, columns=names)
        frame.insert(1, "hazard_ratio", math.exp(self.estimate))
        return frame


def bootstrap(
    cohort: Cohort,
    outcome: str,
    plan: MatchingPlan | None = None,
    *,
    replications: int,
    rng: np.random.Generator,
    method: Method = "patients",
    ties: Ties | None = None,
    confidence: float = 0.95,
    workers: int = 1,
    most_failed: float = 0.05,
    progress: Progress | None = None,
) -> Bootstrap:
    """Repeat the matched analysis on resampled patients or resampled matched sets.

    Each replication has its own generator, spawned from `rng`, so the result depends neither on
    the number of workers nor on the order of the cohort's rows.

    Parameters
    ----------
    cohort
        Validated patients.
    outcome
        Key of an outcome of the study.
    plan
        How to match, without replacement; default: the study's plan.
    replications
        How many: at least as many as put one estimate beyond each end of the interval, 39 for 95%.
    rng
        Source of the generators: one for the ordinary analysis (used by a random order or draw
        only), one for each replication. It draws the patients or sets first.
    method
        `patients` draws patients and does everything anew, `pairs` draws matched sets.
    ties
        Ties of the Cox model; default: those of the study's convention.
    confidence
        Of the intervals.
    workers
        Processes. Each takes some seconds to start, more than 1,000 replications of 500 patients
        take; with more than 1, a script needs the usual `if __name__ == "__main__":`.
    most_failed
        Largest share of replications that may have no estimate.
    progress
        Called with the replications done and to do, now and then.

    Raises
    ------
    ParameterError
        If a setting is impossible, or the plan matches with replacement.
    DataError, EstimationError, MatchingError
        If the ordinary analysis of the cohort fails.
    EstimationError
        If more than the share allowed of the replications failed.

    Notes
    -----
    Austin and Small, Stat Med 2014;33:4306-4319; Abadie and Imbens, Econometrica
    2008;76:1537-1557. Controls of a set of several count once each, as in `replica.cox.cox`.
    """
    chosen = cohort.study.matching if plan is None else plan
    _check(chosen, replications, method, confidence, workers, most_failed)
    tied = convention(cohort.study.convention).ties if ties is None else ties
    first, *generators = spawn(rng, replications + 1)
    matched = match(cohort, chosen, rng=first)
    columns = columns_of(cohort, outcome, chosen)
    after = columns_of(matched.after, outcome, chosen)
    number = matched.after.patients["pair"].to_numpy(dtype=np.int64)
    ordinary = treatment_effect(after, number, ties=tied)
    repeat: Repeat = partial(resample_patients, columns, chosen, tied)
    if method == "pairs":
        repeat = partial(resample_sets, after, number, tied)
    tries = replicate(repeat, generators, workers, progress)
    failures = count_failures(tries)
    _refuse_many(failures, replications, most_failed, confidence)
    found = [one if isinstance(one, Effect) else NOTHING for one in tries]
    return Bootstrap(
        outcome=outcome,
        method=method,
        statement=_STATEMENTS[method],
        plan=chosen,
        ties=tied,
        confidence=confidence,
        estimate=ordinary.log_hazard_ratio,
        std_error=ordinary.std_error,
        matched_sets=ordinary.sets,
        log_hazard_ratios=np.array([effect.log_hazard_ratio for effect in found]),
        std_errors=np.array([effect.std_error for effect in found]),
        sets=np.array([effect.sets for effect in found], dtype=np.int64),
        failures=failures,
    )


def _fewest(confidence: float) -> int:
    """Fewest estimates with one beyond each end of an interval: (B + 1) (1 - confidence) / 2 = 1.

    The share is rounded so that 0.95, which is no exact binary number, needs 39 and not 40.
    """
    return math.ceil(round(2 / (1 - confidence), 9)) - 1


def _check(
    plan: MatchingPlan,
    replications: int,
    method: Method,
    confidence: float,
    workers: int,
    most_failed: float,
) -> None:
    if method not in get_args(Method):
        raise ParameterError(f"method: {one_of(method, get_args(Method))}")
    if plan.replace:
        raise ParameterError(
            "plan: found matching with replacement, for which the bootstrap is not consistent "
            "(Abadie and Imbens 2008). Match without replacement."
        )
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence: found {confidence}; it must lie between 0 and 1.")
    if replications < _fewest(confidence):
        raise ParameterError(
            f"replications: found {replications}; an interval of {confidence:g} needs at least "
            f"{_fewest(confidence)}, and some 1,000 to be stable."
        )
    if workers < 1:
        raise ParameterError(f"workers: found {workers}; at least 1 process is needed.")
    if not 0 <= most_failed < 1:
        raise ParameterError(f"most_failed: found {most_failed}; allowed: from 0 to below 1.")


def _refuse_many(
    failures: Sequence[Failures], replications: int, most_failed: float, confidence: float
) -> None:
    failed = sum(one.count for one in failures)
    few = replications - failed < _fewest(confidence)
    if failed <= most_failed * replications and not few:
        return
    reasons = "; ".join(f"{one.count} times {one.reason}" for one in failures)
    example = f" First of the most frequent: {failures[0].first_message}"
    raise EstimationError(
        f"bootstrap: {failed} of {replications} replications have no estimate ({reasons}); at most "
        f"a share of {most_failed:g} may fail, and {_fewest(confidence)} must be left. Use fewer "
        f"covariates, merge rare levels, widen the caliper or resample pairs.{example}"
    )
