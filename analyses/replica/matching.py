"""Matching the patients of a cohort on the propensity score, and the matched cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.errors import MatchingError, ParameterError, one_of
from replica.greedy import Pairs, match_rows, nearest_neighbour
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
    if not caliper > 0:
        raise ParameterError(f"caliper: found {caliper}; it must be above 0.")
    if not scale.startswith("sd_"):
        return float(caliper)
    score = logit if measured_on_logit(scale) else score_probability
    arms = [score[treated], score[~treated]] if scale.endswith("_pooled") else [score]
    if min(len(arm) for arm in arms) < 2 or np.ptp(score) == 0.0:
        raise MatchingError(
            f"no standard deviation of the propensity score for the scale {scale!r}: found "
            f"{int(treated.sum())} treated and {int((~treated).sum())} control units and "
            f"{np.unique(score).size} different scores. Use a caliper on the raw scale, or none."
        )
    return float(caliper * np.sqrt(np.mean([np.var(arm, ddof=1) for arm in arms])))


def measured_on_logit(scale: CaliperScale) -> bool:
    """Whether distance is measured on the logit (else on the probability)."""
    return scale in ("logit", "sd_logit", "sd_logit_pooled")


@dataclass(frozen=True)
class Matched:
    """A cohort before and after matching, and who was paired with whom.

    `after` holds the matched patients by id with a column `pair`, the number of their matched set;
    `pairs` has a row per treated-control pair (`pair`, `treated`, `control`, `distance`);
    `unmatched` has a row per other patient (`patient_id`, `arm`, `reason`). `width` is the caliper
    in units of the score on which distance is measured, None without a caliper.

    Raises
    ------
    MatchingError
        When made with a pair wider than the caliper, a control used twice, more controls than the
        plan's ratio, a pair across exact strata or arms, or patients that do not add up.
    """

    before: Cohort
    after: Cohort
    propensity_score: pd.Series[float]
    pairs: pd.DataFrame
    unmatched: pd.DataFrame
    plan: MatchingPlan
    width: float | None

    def __post_init__(self) -> None:
        """Check the rules of the plan against the pairs."""
        for broken, what in self._rules():
            if broken:
                raise MatchingError(
                    f"the matched set breaks its own plan: {what}. Make matched sets with "
                    "replica.matching.match and leave them unchanged."
                )

    def _rules(self) -> list[tuple[bool, str]]:
        patients = self.before.patients.set_index("patient_id")
        pairs = self.pairs
        left, right = patients.reindex(pairs["treated"]), patients.reindex(pairs["control"])
        score = self.propensity_score.astype(np.float64)
        if measured_on_logit(self.plan.caliper_scale):
            score = pd.Series(scipy.special.logit(score.to_numpy()), index=score.index)
        ends = [score.reindex(pairs[arm]).to_numpy() for arm in ("treated", "control")]
        gap = np.abs(ends[0] - ends[1])
        width = np.inf if self.width is None else self.width
        stated = pairs["distance"].to_numpy(dtype=np.float64)
        near = stated <= width if self.plan.caliper_inclusive else stated < width
        matched = {*pairs["treated"], *pairs["control"]}
        rest = set(self.unmatched["patient_id"])
        sets = pairs.groupby("treated")["control"].count()
        after = self.after.patients.set_index("patient_id")["pair"]
        numbers = pd.concat([pairs.set_index(arm)["pair"] for arm in ("treated", "control")])
        return [
            (bool(pairs["control"].duplicated().any()), "a control is used twice"),
            (
                bool((sets > self.plan.ratio).any()),
                f"more than {self.plan.ratio} controls in a set",
            ),
            (
                bool((left["arm"] != "treated").any() or (right["arm"] != "control").any()),
                "a pair is not one treated and one control patient",
            ),
            (not near.all(), f"a pair is {stated.max(initial=0.0)} apart, the caliper is {width}"),
            (
                not np.allclose(gap, stated, rtol=1e-6, atol=1e-9),
                "a distance is not the difference of the propensity scores",
            ),
            *(
                (
                    bool((left[key].to_numpy() != right[key].to_numpy()).any()),
                    f"a pair differs in {key}, which must match exactly",
                )
                for key in self.plan.exact
            ),
            (
                bool(matched & rest) or matched | rest != set(patients.index),
                "matched and unmatched patients do not add up to the cohort",
            ),
            (
                set(after.index) != matched
                or len(after) != len(matched)
                or bool((after.reindex(numbers.index) != numbers).any()),
                "the matched cohort does not hold the patients of the pairs",
            ),
        ]

    @property
    def weights(self) -> pd.Series[float]:
        """Weight of each matched patient: 1 if treated, 1 / controls in the set if control."""
        patients = self.after.patients
        controls = self.pairs.groupby("pair")["control"].count()
        share = 1.0 / patients["pair"].map(controls).to_numpy(dtype=np.float64)
        values = np.where(self.after.treated, 1.0, share)
        return pd.Series(values, index=pd.Index(patients["patient_id"]), name="weight")


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
        Needed by order `random` only.

    Raises
    ------
    ParameterError
        If a covariate is unknown, a patient is listed twice, or order `random` comes without a
        generator.
    EstimationError
        If the propensity model cannot be estimated.
    MatchingError
        If not one pair can be made; the message gives the smallest distance there is.
    """
    chosen = cohort.study.matching if plan is None else plan
    patients = cohort.patients.sort_values("patient_id", kind="stable", ignore_index=True)
    before = Cohort(cohort.study, patients, cohort.source, cohort.attrition)
    model = propensity_model(before, chosen.covariates)
    task = _task(before, chosen, model)
    found = nearest_neighbour(
        task.score,
        before.treated,
        patients["patient_id"].to_numpy(),
        caliper=task.width,
        ratio=chosen.ratio,
        order=chosen.order,
        exact=task.stratum,
        inclusive=chosen.caliper_inclusive,
        rng=rng,
    )
    if not len(found):
        raise MatchingError(_no_pair(task))
    number, pairs = _numbered(patients, found)
    after = patients.assign(pair=number).loc[number > 0].reset_index(drop=True)
    return Matched(
        before=before,
        after=Cohort(before.study, after, before.source, before.attrition),
        propensity_score=model.probability,
        pairs=pairs,
        unmatched=_unmatched(task, number > 0),
        plan=chosen,
        width=task.width,
    )


@dataclass(frozen=True)
class _Task:
    """A cohort by id with the score on which distance is measured, its strata and its caliper."""

    cohort: Cohort
    plan: MatchingPlan
    score: Floats
    stratum: Ints
    width: float | None


def _task(cohort: Cohort, plan: MatchingPlan, model: PropensityModel) -> _Task:
    probability = np.asarray(model.probability, dtype=np.float64)
    logit = np.asarray(model.logit, dtype=np.float64)
    width = None
    if plan.caliper is not None:
        width = caliper_width(probability, logit, cohort.treated, plan.caliper, plan.caliper_scale)
    stratum = np.zeros(len(cohort), dtype=np.int64)
    if plan.exact:
        groups = cohort.patients.groupby(list(plan.exact), dropna=False)
        stratum = np.asarray(groups.ngroup(), dtype=np.int64)
    score = logit if measured_on_logit(plan.caliper_scale) else probability
    return _Task(cohort, plan, score, stratum, width)


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
    plan, treated = task.plan, task.cohort.treated
    key = np.arange(treated.size)
    free = nearest_neighbour(task.score, treated, key, order="closest", exact=task.stratum)
    if not len(free):
        return (
            f"no pair: no stratum of {', '.join(plan.exact)} holds both a treated and a control "
            "patient. Match exactly on fewer covariates."
        )
    unit = "logit" if measured_on_logit(plan.caliper_scale) else "probability"
    return (
        f"no pair: the caliper of {plan.caliper} ({plan.caliper_scale}) allows a distance of "
        f"{task.width:.6g} on the {unit} scale, and the smallest distance between a treated and a "
        f"control patient is {free.distance.min():.6g}. Use a wider caliper, or check that it is "
        "meant on this scale."
    )


def _unmatched(task: _Task, matched: Bools) -> pd.DataFrame:
    """List who was left out, and whether for want of a near counterpart or by losing it."""
    rows = np.flatnonzero(~matched)
    patients = task.cohort.patients
    return pd.DataFrame(
        {
            "patient_id": patients["patient_id"].to_numpy()[rows],
            "arm": patients["arm"].to_numpy()[rows],
            "reason": pd.Series([_reason(task, row) for row in rows], dtype="object"),
        }
    )


def _reason(task: _Task, row: np.intp) -> str:
    treated, score, stratum = task.cohort.treated, task.score, task.stratum
    wanted = "control" if treated[row] else "treated"
    others = (treated != treated[row]) & (stratum == stratum[row])
    if not others.any():
        return f"no {wanted} patient in the same exact stratum"
    if task.width is not None:
        gap = np.abs(score[others] - score[row])
        near = gap <= task.width if task.plan.caliper_inclusive else gap < task.width
        if not near.any():
            return f"no {wanted} patient within the caliper"
    return "every control in reach was matched to another" if treated[row] else "not chosen"
