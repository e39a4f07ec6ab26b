"""What a synthetic cohort must give back, compiled from the published rows and the protocol.

No number of a paper stands in this package's code: every target is a printed row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from replica.errors import SynthesisError
from replica.protocol import Calendar, Study
from replica.published import PublishedValue

Kind = Literal["curve", "comparison", "joint", "follow_up"]

_RATIO = frozenset({"hr", "ci_low", "ci_high", "p"})


@dataclass(frozen=True)
class Spec:
    """One fit of the search: Kaplan-Meier curve, two-group comparison or joint Cox model.

    The patients it concerns are those of `arm` (`all`: both), at `stage`, in `subgroup`;
    `covariates` are its regressors (`arm` for treatment).
    """

    kind: Kind
    outcome: str
    arm: str
    stage: str
    subgroup: str
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True)
class SurvivalTarget:
    """One printed row as an interval of one statistic of one fit."""

    id: str
    spec: Spec
    statistic: str
    covariate: str
    time: float
    low: float
    high: float
    unit: float


@dataclass(frozen=True)
class Targets:
    """Published counts and survival results of one study, ready to be aimed at."""

    study: Study
    rows: tuple[PublishedValue, ...]
    survival: tuple[SurvivalTarget, ...]
    excluded: Mapping[str, str]

    def count(self, item: str, level: str, arm: str, stage: str) -> int:
        """Printed number of patients with this level.

        Raises
        ------
        SynthesisError
            If the number is not printed, or two printed numbers differ.
        """
        found = self.counts(item, level, arm, stage)
        if len(found) != 1:
            raise SynthesisError(
                f"{item} {level} ({arm}, {stage}): found {len(found)} different printed counts; "
                "the published table must hold exactly one."
            )
        return found.pop()

    def counts(self, item: str, level: str, arm: str, stage: str) -> set[int]:
        """All different printed numbers of patients with this level; empty if none is printed."""
        wanted = (item, level, arm, stage, "n", "")
        return {
            int(row.value.value)
            for row in self.rows
            if (row.item, row.level, row.arm, row.stage, row.statistic, row.subgroup) == wanted
            and row.value.kind == "number"
        }

    def number(self, item: str, arm: str, stage: str, statistic: str) -> float | None:
        """First printed summary of a measure (median, min, max); None if there is no number."""
        wanted = (item, arm, stage, statistic, "")
        for row in self.rows:
            found = (row.item, row.arm, row.stage, row.statistic, row.subgroup)
            if found == wanted and row.value.kind == "number":
                return float(row.value.value)
        return None


def compile_targets(
    study: Study,
    rows: Sequence[PublishedValue],
    excluded: Mapping[str, str] | None = None,
) -> Targets:
    """Turn the printed rows of a study into targets, but for those excluded with a reason."""
    out = dict(excluded or {})
    aimed = [row for row in rows if row.id not in out]
    return Targets(study, tuple(rows), tuple(_survival_targets(study, aimed)), out)


def _survival_targets(study: Study, rows: Sequence[PublishedValue]) -> Iterable[SurvivalTarget]:
    joint = _joint_covariates(study, rows)
    for row in rows:
        printed = row.value
        if printed.kind == "text":
            continue
        spec = _spec(study, row, joint)
        if spec is None:
            continue
        low, high = printed.bounds()
        time = float(row.time.split()[0]) if row.time else 0.0
        statistic = row.statistic
        if statistic == "p":
            statistic = "wald_p" if row.model != "crude" or row.subgroup else "log_rank_p"
        scale = 100.0 if statistic == "rate" else 1.0
        yield SurvivalTarget(
            row.id,
            spec,
            statistic,
            row.item,
            time,
            low / scale,
            high / scale,
            float(printed.unit) / scale,
        )


def _joint_covariates(
    study: Study, rows: Sequence[PublishedValue]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Covariates printed with a multivariable result, in protocol order, by outcome and arm."""
    printed = {
        (row.outcome, row.arm, row.item)
        for row in rows
        if row.model == "multivariable" and row.statistic in _RATIO and row.value.kind != "text"
    }
    return {
        (outcome, arm): tuple(
            covariate.key
            for covariate in study.covariates
            if (outcome, arm, covariate.key) in printed
        )
        for outcome, arm, _ in printed
    }


def _spec(
    study: Study,
    row: PublishedValue,
    joint: dict[tuple[str, str], tuple[str, ...]],
) -> Spec | None:
    covariates = {covariate.key for covariate in study.covariates}
    place = (row.outcome, row.arm, row.stage, row.subgroup)
    if row.item == "follow_up" and row.statistic == "median":
        return Spec("follow_up", study.outcomes[-1].key, row.arm, row.stage, row.subgroup)
    if row.item == "survival" and row.statistic in {"median", "ci_low", "ci_high", "rate"}:
        return Spec("curve", *place)
    spec: Spec | None = None
    if row.statistic in _RATIO and row.outcome:
        if row.item == "treatment" and row.model == "crude":
            spec = Spec("comparison", row.outcome, "all", row.stage, row.subgroup, ("arm",))
        elif row.item in covariates and row.model in {"crude", "univariable"}:
            spec = Spec("comparison", *place, (row.item,))
        elif row.item in covariates and row.model == "multivariable":
            spec = Spec("joint", *place, joint[row.outcome, row.arm])
    return spec


def calendar_of(study: Study) -> Calendar:
    """Dates of a study, without which nobody's follow-up could be drawn.

    Raises
    ------
    SynthesisError
        If the study has no calendar.
    """
    if study.calendar is None:
        raise SynthesisError(
            f"{study.key}: found no calendar; a synthetic cohort needs one, with the dates of "
            "enrolment and of the data cut-off. Add `calendar=Calendar(...)` to its protocol."
        )
    return study.calendar
