"""A matched cohort: who was paired with whom, checked against the plan that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.errors import DataError, MatchingError
from replica.protocol import CaliperScale, MatchingPlan

__all__ = ["Matched", "control_weights", "exact_strata", "measured_on_logit", "set_summary"]


def measured_on_logit(scale: CaliperScale) -> bool:
    """Whether distance is measured on the logit (else on the probability)."""
    return scale in ("logit", "sd_logit", "sd_logit_pooled")


@dataclass(frozen=True)
class Matched:
    """A cohort before and after matching, and who was paired with whom.

    `after` holds the matched patients by id, each once, with a column `pair`, the number of their
    matched set; after matching with replacement, where a control may belong to several sets, there
    is no such column. `pairs` has a row per treated-control pair (`pair`, `treated`, `control`,
    `distance`); `unmatched` has a row per other patient (`patient_id`, `arm`, `reason`). `width` is
    the caliper in units of the score on which distance is measured, None without a caliper.

    Raises
    ------
    MatchingError
        When made with a pair wider than a caliper, a control used twice without replacement, more
        controls than the plan's ratio, a pair across exact strata or arms, or patients that do not
        add up.
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
        for broken, what in (*self._set_rules(), *self._patient_rules()):
            if broken:
                raise MatchingError(
                    f"the matched set breaks its own plan: {what}. Make matched sets with "
                    "replica.matching.match and leave them unchanged."
                )

    def _set_rules(self) -> Iterator[tuple[bool, str]]:
        patients = self.before.patients.set_index("patient_id")
        pairs, plan = self.pairs, self.plan
        left, right = patients.reindex(pairs["treated"]), patients.reindex(pairs["control"])
        score = self.propensity_score.astype(np.float64)
        if measured_on_logit(plan.caliper_scale):
            score = pd.Series(scipy.special.logit(score.to_numpy()), index=score.index)
        ends = [score.reindex(pairs[arm]).to_numpy() for arm in ("treated", "control")]
        gap = np.abs(ends[0] - ends[1])
        width = np.inf if self.width is None else self.width
        stated = pairs["distance"].to_numpy(dtype=np.float64)
        near = stated <= width if plan.caliper_inclusive else stated < width
        one_set = ["treated", "control"] if plan.replace else ["control"]
        sets = pairs.groupby("treated")["control"].count()
        yield bool(pairs.duplicated(one_set).any()), "a control is used twice"
        yield bool((sets > plan.ratio).any()), f"more than {plan.ratio} controls in a set"
        yield (
            bool((left["arm"] != "treated").any() or (right["arm"] != "control").any()),
            "a pair is not one treated and one control patient",
        )
        yield not near.all(), f"a pair is {stated.max(initial=0.0)} apart, the caliper is {width}"
        yield (
            not np.allclose(gap, stated, rtol=1e-6, atol=1e-9),
            "a distance is not the difference of the propensity scores",
        )
        for key in plan.exact:
            differ = left[key].to_numpy() != right[key].to_numpy()
            yield bool(differ.any()), f"a pair differs in {key}, which must match exactly"
        for key, most in plan.covariate_calipers:
            ends = [side[key].to_numpy(dtype=np.float64) for side in (left, right)]
            apart = np.abs(ends[0] - ends[1])
            near = apart <= most if plan.caliper_inclusive else apart < most
            yield (
                not near.all(),
                f"a pair is {apart.max(initial=0.0)} apart in {key}, the caliper is {most}",
            )

    def _patient_rules(self) -> Iterator[tuple[bool, str]]:
        matched = {*self.pairs["treated"], *self.pairs["control"]}
        rest = set(self.unmatched["patient_id"])
        yield (
            bool(matched & rest) or matched | rest != set(self.before.patients["patient_id"]),
            "matched and unmatched patients do not add up to the cohort",
        )
        after = self.after.patients.set_index("patient_id")
        what = "the matched cohort does not hold the patients of the pairs"
        yield set(after.index) != matched or len(after) != len(matched), what
        if self.plan.replace:
            yield "pair" in after, "a matched cohort with replacement has no one set per patient"
        else:
            arms = ("treated", "control")
            numbers = pd.concat([self.pairs.set_index(arm)["pair"] for arm in arms])
            yield bool((after["pair"].reindex(numbers.index) != numbers).any()), what

    @property
    def weights(self) -> pd.Series[float]:
        """Weight of each matched patient: 1 if treated, 1 / controls in the set if control.

        A control of several sets, after matching with replacement, has the sum over its sets.
        """
        patients = self.after.patients["patient_id"]
        share = patients.map(control_weights(self.pairs)).to_numpy(dtype=np.float64)
        values = np.where(self.after.treated, 1.0, share)
        return pd.Series(values, index=pd.Index(patients), name="weight")

    def summary(self) -> pd.DataFrame:
        """How many controls each treated patient has; see `set_summary`."""
        return set_summary(self.before, self.pairs, self.unmatched, self.plan.ratio)


def control_weights(pairs: pd.DataFrame) -> pd.Series[float]:
    """Weight of each control: the sum over its sets of 1 / controls in the set, by patient id.

    The weights add up to the number of matched treated patients, each of whom has the weight 1: the
    matched controls stand for the treated (the estimand ATT).
    """
    share = 1.0 / pairs.groupby("pair")["control"].transform("size").astype(np.float64)
    return share.groupby(pairs["control"]).sum()


def set_summary(
    before: Cohort, pairs: pd.DataFrame, unmatched: pd.DataFrame, asked: int
) -> pd.DataFrame:
    """List how many controls each treated patient has, of those that were asked for.

    Returns
    -------
    DataFrame
        A row per treated patient of the cohort, by id: `treated`, `pair` (missing when unmatched),
        `controls`, `asked`, `short` (`asked` - `controls`), `mean_distance` (missing when
        unmatched) and `reason` (why there is none; empty when matched).
    """
    patients = before.patients
    ids = np.sort(patients.loc[before.treated, "patient_id"].to_numpy())
    sets = pairs.groupby("treated").agg(
        pair=("pair", "first"), controls=("control", "size"), mean_distance=("distance", "mean")
    )
    found = sets.reindex(ids)
    reasons = unmatched.set_index("patient_id")["reason"].reindex(ids)
    controls = found["controls"].fillna(0).astype(np.int64).to_numpy()
    return pd.DataFrame(
        {
            "treated": ids,
            "pair": found["pair"].astype("Int64").to_numpy(),
            "controls": controls,
            "asked": asked,
            "short": asked - controls,
            "mean_distance": found["mean_distance"].to_numpy(),
            "reason": reasons.fillna("").to_numpy(),
        }
    )


def exact_strata(cohort: Cohort, keys: Sequence[str]) -> NDArray[np.int64]:
    """Number the strata of a cohort within which pairs are made, shape (patients,).

    Raises
    ------
    ParameterError
        If there is no such column.
    DataError
        If somebody's stratum is missing: no two patients are known to agree in what is unknown.
    """
    if not keys:
        return np.zeros(len(cohort), dtype=np.int64)
    for key in keys:
        missing = int(cohort.column(key).isna().sum())
        if missing:
            raise DataError(
                f"exact: {key} is missing for {missing} patients; allowed: a known value for "
                "everybody. Complete or exclude them first, or match without it."
            )
    return np.asarray(cohort.patients.groupby(list(keys)).ngroup(), dtype=np.int64)
