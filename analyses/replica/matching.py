"""Matching the patients of a cohort on the propensity score, and the matched cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.arrays import number, numbers
from replica.cohort import Cohort
from replica.errors import MatchingError, ParameterError, one_of
from replica.greedy import Pairs, match_rows, nearest_neighbour
from replica.matched import Matched, exact_strata, measured_on_logit
from replica.optimal import optimal_pairs
from replica.overlap import common_support
from replica.pairing import pair_units
from replica.propensity import PropensityModel, propensity_model
from replica.protocol import CALIPER_SCALES, CaliperScale, MatchingPlan

__all__ = [
    "Matched",
    "Pairs",
    "caliper_width",
    "match",
    "match_rows",
    "measured_on_logit",
    "nearest_neighbour",
    "optimal_pairs",
    "pair_units",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def caliper_width(
    score_probability: Floats,
    logit: Floats,
    treated: Bools,
    caliper: float,
    scale: CaliperScale,
) -> float:
    """Width of a caliper in units of the score on which distance is measured.

    Distance is measured on the logit for the scales `logit`, `sd_logit` and `sd_logit_pooled`, on
    the probability for the others.

    Parameters
    ----------
    score_probability, logit
        Propensity scores and their logits, shape (n,).
    treated
        Arm of each unit, shape (n,).
    caliper
        The number stated: a width (`probability`, `logit`) or a multiple of the standard deviation
        over all units (`sd_...`) or of the square root of the mean of the arms' variances
        (`sd_..._pooled`), with n - 1 in the denominator.
    scale
        One of the six scales.

    Raises
    ------
    ParameterError
        If the caliper is not positive or the scale is unknown.
    MatchingError
        If the score does not vary, or an arm has fewer than two units, so that there is no
        standard deviation.

    Notes
    -----
    Rosenbaum and Rubin, Am Stat 1985;39:33-38; Austin, Pharm Stat 2011;10:150-161 (0.2 pooled SD
    of the logit); MatchIt's `std.caliper` takes the SD over all units.
    """
    if scale not in CALIPER_SCALES:
        raise ParameterError(f"caliper_scale: {one_of(scale, CALIPER_SCALES)}")
    if not number(caliper, "caliper") > 0:
        raise ParameterError(
            f"caliper: found {caliper}; it must be above 0. Use caliper=None in the plan for none."
        )
    if not scale.startswith("sd_"):
        return float(caliper)
    score = numbers(logit if measured_on_logit(scale) else score_probability, "score")
    if not np.isfinite(score).all():
        raise ParameterError(
            f"score: found {int((~np.isfinite(score)).sum())} missing or infinite propensity "
            "scores; a caliper in standard deviations needs all of them. Exclude those patients "
            "first."
        )
    arms = [score[treated], score[~treated]] if scale.endswith("_pooled") else [score]
    if min(len(arm) for arm in arms) < 2 or np.ptp(score) == 0.0:
        raise MatchingError(
            f"no standard deviation of the propensity score for the scale {scale!r}: found "
            f"{int(treated.sum())} treated and {int((~treated).sum())} control units and "
            f"{np.unique(score).size} different scores. Use a caliper on the raw scale, or none."
        )
    return float(caliper * np.sqrt(np.mean([np.var(arm, ddof=1) for arm in arms])))


def match(
    cohort: Cohort, plan: MatchingPlan | None = None, *, rng: np.random.Generator | None = None
) -> Matched:
    """Estimate propensity scores and pair the patients of a cohort as the plan says.

    Parameters
    ----------
    cohort
        Validated patients; the order of their rows does not matter (ties go by `patient_id`).
    plan
        How to match; default: the study's own plan.
    rng
        Needed by order `random` and by draws at random, only. What is drawn and when is said in
        `replica.pairing.pair_units`.

    Raises
    ------
    ParameterError
        If a covariate is unknown, a patient is listed twice, order `random` or a draw at random
        comes without a generator, or a measure with a caliper has missing values.
    EstimationError
        If the propensity model cannot be estimated.
    MatchingError
        If not one pair can be made; the message gives the smallest distance there is.

    Notes
    -----
    With `discard` the standard deviation behind a caliper is that of the patients kept. With
    `reestimate` the score is fitted once more to the patients kept; that model then scores
    everybody, those left out by extrapolation.
    """
    chosen = cohort.study.matching if plan is None else plan
    before = cohort.by_id()
    patients = before.patients
    model = propensity_model(before, chosen.covariates)
    kept = common_support(model.probability, before.treated, chosen.discard)
    if chosen.reestimate and not kept.all():
        model = propensity_model(before, chosen.covariates, fit_to=kept)
    task = _task(before, chosen, model, kept)
    found = _found(task, rng)
    number, pairs = _numbered(patients, found)
    after = patients if chosen.replace else patients.assign(pair=number)
    return Matched(
        before=before,
        after=replace(before, patients=after).where(number > 0),
        propensity_score=model.probability,
        pairs=pairs,
        unmatched=_unmatched(task, number > 0),
        plan=chosen,
        width=task.width,
    )


@dataclass(frozen=True)
class _Task:
    """A cohort by id with the score on which distance is measured, its strata and its calipers."""

    cohort: Cohort
    plan: MatchingPlan
    score: Floats
    stratum: Ints
    width: float | None
    kept: Bools
    measures: Floats

    def comparable(self, row: np.intp, others: Bools) -> Bools:
        """Mark those of the others whom the caliper, then also those whom all calipers allow."""
        gap = np.abs(self.score - self.score[row])
        near = others & self._inside(gap, self.width)
        for values, (_, most) in zip(self.measures.T, self.plan.covariate_calipers, strict=True):
            near &= self._inside(np.abs(values - values[row]), most)
        return near

    def _inside(self, gap: Floats, width: float | None) -> Bools:
        if width is None:
            return np.ones(gap.size, dtype=np.bool_)
        return gap <= width if self.plan.caliper_inclusive else gap < width


def _task(cohort: Cohort, plan: MatchingPlan, model: PropensityModel, kept: Bools) -> _Task:
    probability = np.asarray(model.probability, dtype=np.float64)
    logit = np.asarray(model.logit, dtype=np.float64)
    width = None
    if plan.caliper is not None:
        width = caliper_width(
            probability[kept], logit[kept], cohort.treated[kept], plan.caliper, plan.caliper_scale
        )
    stratum = exact_strata(cohort, plan.exact)
    score = logit if measured_on_logit(plan.caliper_scale) else probability
    values = _measures(cohort, [key for key, _ in plan.covariate_calipers])
    return _Task(cohort, plan, score, stratum, width, kept, values)


def _measures(cohort: Cohort, keys: Sequence[str]) -> Floats:
    known = [measure.key for measure in cohort.study.measures]
    for key in keys:
        if key not in known:
            raise ParameterError(f"covariate_calipers: {one_of(key, known)}")
        missing = int(cohort.column(key).isna().sum())
        if missing:
            raise ParameterError(
                f"covariate_calipers: {key} is missing for {missing} patients; everybody needs it."
            )
    values = [numbers(cohort.patients[key], key) for key in keys]
    return np.column_stack(values) if values else np.zeros((len(cohort), 0))


def _found(task: _Task, rng: np.random.Generator | None) -> Pairs:
    """Pair the patients kept, or say why there is no pair."""
    plan, rows = task.plan, np.flatnonzero(task.kept)
    treated = task.cohort.treated[rows]
    if treated.all() or not treated.any():
        raise MatchingError(
            f"no common support: with discard {plan.discard!r}, {int(treated.sum())} treated and "
            f"{int((~treated).sum())} control patients are left. Choose discard 'none' and a "
            "caliper, or a propensity model that separates the arms less."
        )
    units = (task.score[rows], treated, task.cohort.patients["patient_id"].to_numpy()[rows])
    values = task.measures[rows] if plan.covariate_calipers else None
    widths = [width for _, width in plan.covariate_calipers]
    pair_up = partial(
        pair_units,
        ratio=plan.ratio,
        order=plan.order,
        replace=plan.replace,
        draw=plan.draw,
        rng=rng,
    )
    found = (optimal_pairs if plan.method == "optimal" else pair_up)(
        *units,
        caliper=task.width,
        exact=task.stratum[rows],
        inclusive=plan.caliper_inclusive,
        covariates=values,
        covariate_calipers=widths,
    )
    if not len(found):
        raise MatchingError(_no_pair(task))
    return Pairs(rows[found.treated], rows[found.control], found.distance)


def _numbered(patients: pd.DataFrame, found: Pairs) -> tuple[Ints, pd.DataFrame]:
    """Number the matched sets by the id of their treated patient; 0 is unmatched."""
    number = np.zeros(len(patients), dtype=np.int64)
    sets, index = np.unique(found.treated, return_inverse=True)
    number[sets] = np.arange(1, sets.size + 1)
    number[found.control] = index + 1
    patient_id = patients["patient_id"].to_numpy()
    columns = {
        "pair": number[found.treated],
        "treated": patient_id[found.treated],
        "control": patient_id[found.control],
        "distance": found.distance,
    }
    return number, pd.DataFrame(columns).sort_values("pair", kind="stable", ignore_index=True)


def _no_pair(task: _Task) -> str:
    plan, rows = task.plan, np.flatnonzero(task.kept)
    treated = task.cohort.treated[rows]
    free = nearest_neighbour(
        task.score[rows], treated, rows, order="closest", exact=task.stratum[rows]
    )
    if not len(free):
        return (
            f"no pair: no stratum of {', '.join(plan.exact)} holds both a treated and a control "
            "patient. Match exactly on fewer covariates."
        )
    smallest = float(free.distance.min())
    if task.width is None or smallest < task.width:
        calipers = ", ".join(f"{key} within {most:g}" for key, most in plan.covariate_calipers)
        return (
            "no pair: no treated and control patient are near enough on everything at once "
            f"({calipers}, and the propensity score). Use wider calipers, or fewer."
        )
    unit = "logit" if measured_on_logit(plan.caliper_scale) else "probability"
    return (
        f"no pair: the caliper of {plan.caliper} ({plan.caliper_scale}) allows a distance of "
        f"{task.width:.6g} on the {unit} scale, and the smallest distance between a treated and a "
        f"control patient is {smallest:.6g}. Use a wider caliper, or check that it is "
        "meant on this scale."
    )


def _unmatched(task: _Task, matched: Bools) -> pd.DataFrame:
    """List who was left out, and whether for want of a near counterpart or by losing it."""
    rows = np.flatnonzero(~matched)
    patients, treated = task.cohort.patients, task.cohort.treated
    return pd.DataFrame(
        {
            "patient_id": patients["patient_id"].to_numpy()[rows],
            "arm": patients["arm"].to_numpy()[rows],
            "reason": pd.Series([_reason(task, treated, row) for row in rows], dtype="object"),
        }
    )


def _reason(task: _Task, treated: Bools, row: np.intp) -> str:
    stratum, calipers = task.stratum, task.plan.covariate_calipers
    wanted = "control" if treated[row] else "treated"
    if not task.kept[row]:
        return f"outside the {wanted} patients' range of the propensity score"
    others = (treated != treated[row]) & (stratum == stratum[row]) & task.kept
    if not others.any():
        return f"no {wanted} patient in the same exact stratum"
    if not task.comparable(row, others).any():
        names = "".join(f" and {key} within {most:g}" for key, most in calipers)
        return f"no {wanted} patient within the caliper{names}"
    return "every control in reach was matched to another" if treated[row] else "not chosen"
