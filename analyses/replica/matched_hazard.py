"""The matched analysis on arrays, for repeating it: propensity score, matching, hazard ratio.

The steps, their order and the functions are those of `replica.matching.match` followed by
`replica.cox.cox` with errors clustered on matched sets; only the patient table is left behind, and
the resulting numbers are the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from replica.cohort import Cohort, design
from replica.cox import CoxFit, fit_cox
from replica.errors import EstimationError, MatchingError
from replica.greedy import Pairs
from replica.logistic import fit_logistic
from replica.logistic_kernel import probability
from replica.matched import exact_strata, measured_on_logit
from replica.matching import caliper_width
from replica.optimal import optimal_pairs
from replica.overlap import common_support
from replica.pairing import pair_units
from replica.protocol import MatchingPlan, Ties
from replica.risk_sets import cohort_times

__all__ = [
    "REASONS",
    "AnalysisFailedError",
    "Columns",
    "Effect",
    "Reason",
    "analyse",
    "columns_of",
    "matched_pairs",
    "matched_sets",
    "treatment_effect",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

Reason = Literal[
    "one arm only",
    "collinear covariates",
    "no finite propensity score",
    "no pair",
    "no event among the matched",
    "no finite hazard ratio",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class AnalysisFailedError(EstimationError):
    """A resample that has no estimate: `reason` is one of `REASONS`, the message says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        """Keep the reason beside the message."""
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True)
class Columns:
    """What the matched analysis reads of its patients: arrays with a row per patient.

    `matrix`, shape (n, p), holds the coded covariates of the propensity model, `stratum` the exact
    strata as numbers and `measures`, shape (n, m), the measures with a caliper. Rows stand by
    patient id, and ties go by row.
    """

    matrix: Floats
    names: tuple[str, ...]
    treated: Bools
    stratum: Ints
    measures: Floats
    duration: Floats
    event: Ints

    def __len__(self) -> int:
        """Count the rows."""
        return self.treated.size

    def take(self, rows: Ints) -> Columns:
        """Return the rows with these numbers, in this order; a row may be taken again and again."""
        return Columns(
            np.ascontiguousarray(self.matrix[rows]),
            self.names,
            self.treated[rows],
            self.stratum[rows],
            self.measures[rows],
            self.duration[rows],
            self.event[rows],
        )


@dataclass(frozen=True)
class Effect:
    """Log hazard ratio of treatment, its error clustered on matched sets, and how many sets."""

    log_hazard_ratio: float
    std_error: float
    sets: int


def columns_of(cohort: Cohort, outcome: str, plan: MatchingPlan) -> Columns:
    """Read once what every repetition of the matched analysis needs.

    Parameters
    ----------
    cohort
        Validated patients, in any order.
    outcome
        Key of an outcome of the study, in its unit of time.
    plan
        How to match.

    Raises
    ------
    ParameterError
        If the outcome or a covariate is unknown.
    DataError
        If a value is missing or refused for anybody, matched or not.
    """
    by_id = cohort.by_id()
    stratum = exact_strata(by_id, plan.exact)
    coded = design(by_id, plan.covariates)
    duration, event = cohort_times(by_id, outcome)
    measures = by_id.patients[[key for key, _ in plan.covariate_calipers]].to_numpy(
        dtype=np.float64
    )
    return Columns(coded.matrix, coded.names, by_id.treated, stratum, measures, duration, event)


def analyse(
    columns: Columns, plan: MatchingPlan, *, ties: Ties, rng: np.random.Generator | None = None
) -> Effect:
    """Fit the propensity score, match as the plan says, and estimate the hazard ratio.

    Parameters
    ----------
    columns
        The patients, or a resample of them in the order of their ids.
    plan
        How to match, without replacement.
    ties
        Ties of the Cox model.
    rng
        For order `random` and draws at random.

    Raises
    ------
    AnalysisFailedError
        If there is no estimate, with the reason.
    """
    number = matched_sets(columns, plan, rng)
    kept = np.flatnonzero(number)
    return treatment_effect(columns.take(kept), number[kept], ties=ties)


def matched_sets(
    columns: Columns, plan: MatchingPlan, rng: np.random.Generator | None = None
) -> Ints:
    """Number the matched sets as `replica.matching.match` does; 0 is unmatched, shape (n,).

    Raises
    ------
    AnalysisFailedError
        If the propensity score cannot be fitted or nobody can be matched.
    """
    found = matched_pairs(columns, plan, rng)
    sets, index = np.unique(found.treated, return_inverse=True)
    number = np.zeros(len(columns), dtype=np.int64)
    number[sets] = np.arange(1, sets.size + 1)
    number[found.control] = index + 1
    return number


def matched_pairs(
    columns: Columns, plan: MatchingPlan, rng: np.random.Generator | None = None
) -> Pairs:
    """Pair the rows as `replica.matching.match` does, with or without replacement.

    Raises
    ------
    AnalysisFailedError
        If the propensity score cannot be fitted or nobody can be matched.
    """
    arm = columns.treated
    if arm.all() or not arm.any():
        raise AnalysisFailedError(
            "one arm only",
            f"found {int(arm.sum())} treated and {int((~arm).sum())} control patients.",
        )
    logit = _logits(columns, np.ones(len(columns), dtype=np.bool_))
    kept = common_support(probability(logit), arm, plan.discard)
    if plan.reestimate and not kept.all():
        logit = _logits(columns, kept)
    try:
        found = _pairs(columns, plan, logit, kept, rng)
    except MatchingError as error:
        raise AnalysisFailedError("no pair", str(error)) from error
    if not len(found):
        raise AnalysisFailedError("no pair", "no treated and control patient are near enough.")
    return found


def _logits(columns: Columns, fit_to: Bools) -> Floats:
    matrix = columns.matrix[fit_to]
    try:
        fit = fit_logistic(matrix, columns.treated[fit_to], names=columns.names)
    except EstimationError as error:
        with_intercept = np.column_stack([np.ones(len(matrix)), matrix])
        full = np.linalg.matrix_rank(with_intercept) == with_intercept.shape[1]
        reason: Reason = "no finite propensity score" if full else "collinear covariates"
        raise AnalysisFailedError(reason, str(error)) from error
    return fit.linear_predictor(columns.matrix)


def _pairs(
    columns: Columns,
    plan: MatchingPlan,
    logit: Floats,
    kept: Bools,
    rng: np.random.Generator | None,
) -> Pairs:
    rows = np.flatnonzero(kept)
    arm, score = columns.treated[rows], probability(logit)[rows]
    width = None
    if plan.caliper is not None:
        width = caliper_width(score, logit[rows], arm, plan.caliper, plan.caliper_scale)
    pair_up = optimal_pairs
    if plan.method != "optimal":
        pair_up = partial(
            pair_units,
            ratio=plan.ratio,
            order=plan.order,
            replace=plan.replace,
            draw=plan.draw,
            rng=rng,
        )
    found = pair_up(
        logit[rows] if measured_on_logit(plan.caliper_scale) else score,
        arm,
        rows,
        caliper=width,
        exact=columns.stratum[rows],
        inclusive=plan.caliper_inclusive,
        covariates=columns.measures[rows] if plan.covariate_calipers else None,
        covariate_calipers=[most for _, most in plan.covariate_calipers],
    )
    return Pairs(rows[found.treated], rows[found.control], found.distance)


def treatment_effect(columns: Columns, sets: Ints, *, ties: Ties) -> Effect:
    """Estimate the hazard ratio of treatment in matched patients.

    Parameters
    ----------
    columns
        Matched patients.
    sets
        Number of each patient's matched set, shape (n,): the clusters of the robust error.
    ties
        Ties of the Cox model.

    Raises
    ------
    AnalysisFailedError
        If nobody has an event, or the model has no finite estimate or robust error.
    """
    if not columns.event.any():
        raise AnalysisFailedError(
            "no event among the matched", f"found no event among {len(columns)} matched patients."
        )
    try:
        fit = _cox(columns, sets, ties)
    except EstimationError as error:
        raise AnalysisFailedError("no finite hazard ratio", str(error)) from error
    clustered = np.nan if fit.robust_se is None else float(fit.robust_se[0])
    return Effect(float(fit.coef[0]), clustered, int(np.unique(sets).size))


def _cox(columns: Columns, sets: Ints, ties: Ties) -> CoxFit:
    return fit_cox(
        columns.treated.astype(np.float64)[:, None],
        columns.duration,
        columns.event,
        names=("arm",),
        ties=ties,
        cluster=sets,
    )
