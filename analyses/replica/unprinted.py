"""Quantities that a reader would ask for and the paper does not print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from replica.cohort import Cohort
from replica.competing import fine_gray
from replica.descriptives import Stage
from replica.errors import EstimationError, ParameterError
from replica.event_summaries import CAUSE, first_events
from replica.interaction import interaction_tests
from replica.matching import Matched
from replica.proportional_hazards import proportional_hazards
from replica.protocol import Study, SubgroupPlan, Ties
from replica.published import PublishedValue
from replica.restricted_mean import compare_restricted_means
from replica.second_primary import EITHER, EVENT, is_second_primary
from replica.selection import subgroup_effects

Kind = Literal["hazards", "restricted", "subdistribution", "interaction", "subgroup"]


@dataclass(frozen=True)
class Asked:
    """A quantity that is asked for: its kind, and what it is a quantity of.

    `time` is the horizon of a restricted mean, in the outcome's unit; `covariate` and `level` name
    a subgroup, `covariate` alone an interaction with treatment.
    """

    kind: Kind
    outcome: str
    stage: Stage
    time: int = 0
    covariate: str = ""
    level: str = ""

    @property
    def key(self) -> str:
        """A readable id, such as `os.before.subgroup.smoking.yes`."""
        parts = (self.outcome, self.stage, self.kind, self.covariate, self.level)
        return ".".join(part for part in parts if part)

    @property
    def is_p(self) -> bool:
        """Whether the quantity is a p value."""
        return self.kind in {"hazards", "interaction"}

    @property
    def is_ratio(self) -> bool:
        """Whether the quantity is a hazard ratio."""
        return self.kind in {"subdistribution", "subgroup"}

    def words(self, study: Study) -> str:
        """Name the quantity as tables and figures do, without its outcome and stage."""
        if self.kind == "hazards":
            return "Proportional hazards, p"
        if self.kind == "restricted":
            unit = study.outcome(self.outcome).unit
            return f"Restricted mean to {self.time} {unit}, difference"
        if self.kind == "subdistribution":
            return "Subdistribution hazard ratio"
        covariate = study.covariate(self.covariate)
        if self.kind == "interaction":
            return f"Interaction with {covariate.label}, p"
        label = next(level.label for level in covariate.levels if level.key == self.level)
        return f"Hazard ratio, {covariate.label}: {label}"

    def definition(self, study: Study) -> str:
        """Say how the quantity is computed."""
        arms = f"{study.treated.label} and {study.control.label}"
        ratio = f"{study.treated.label} against {study.control.label}"
        said: dict[Kind, str] = {
            "hazards": (
                "score test of treatment x one minus the Kaplan-Meier estimate, in a Cox model "
                "with treatment alone (Grambsch and Therneau 1994)"
            ),
            "restricted": (
                f"area between the Kaplan-Meier curves of {arms} up to the horizon, the first "
                "less the second"
            ),
            "subdistribution": f"{ratio}, other first events competing (Fine and Gray 1999)",
            "interaction": (
                "Wald test of treatment x covariate in a Cox model with both and their product"
            ),
            "subgroup": f"{ratio}, in a Cox model with treatment alone",
        }
        return said[self.kind]


@dataclass(frozen=True)
class Unprinted:
    """A quantity of an outcome: what it is called, its number, or nan where there is none."""

    outcome: str
    quantity: str
    value: float


def asked_for(study: Study, published: Iterable[PublishedValue]) -> tuple[Asked, ...]:
    """List what papers on two arms leave out most often, of the protocol and not printed.

    For each outcome and stage drawn as curves by arm: the p value of the test of proportional
    hazards, and the difference of the restricted means at the last time at which a rate is
    reported. Where death competes with the event, the subdistribution hazard ratio after matching.
    For each covariate of two levels in a subgroup plan: the p value of its interaction with
    treatment, and the hazard ratios of its levels, before matching.
    """
    rows = tuple(published)
    asked: list[Asked] = []
    for outcome in study.outcomes:
        drawn = {p.stage for p in study.curves if p.outcome == outcome.key and p.by == "arm"}
        stages: tuple[Stage, ...] = ("before", "after")
        for stage in (stage for stage in stages if stage in drawn):
            asked.append(Asked("hazards", outcome.key, stage))
            if outcome.rate_times:
                asked.append(Asked("restricted", outcome.key, stage, outcome.rate_times[-1]))
    if is_second_primary(study):
        asked.append(Asked("subdistribution", EVENT, "after"))
    for plan in study.subgroups:
        asked += _of_subgroups(study, plan)
    printed = {
        (row.outcome, row.subgroup)
        for row in rows
        if (row.item, row.model, row.statistic) == ("treatment", "crude", "hr") and row.subgroup
    }
    return tuple(
        one
        for one in asked
        if one.kind != "subgroup" or (one.outcome, f"{one.covariate}={one.level}") not in printed
    )


def _of_subgroups(study: Study, plan: SubgroupPlan) -> list[Asked]:
    asked = []
    for key in plan.covariates:
        levels = study.covariate(key).level_keys
        if len(levels) == 2:
            asked.append(Asked("interaction", plan.outcome, "before", covariate=key))
            asked += [
                Asked("subgroup", plan.outcome, "before", covariate=key, level=level)
                for level in levels
            ]
    return asked


def value_of(asked: Asked, matched: Matched, ties: Ties) -> float:
    """Compute a quantity by the public estimators; nan where these patients have none.

    Parameters
    ----------
    matched
        The cohort with its pairs.
    ties
        How Cox models treat tied events.
    """
    cohort = matched.before if asked.stage == "before" else matched.after
    made: dict[Kind, Callable[[], float]] = {
        "hazards": lambda: _hazards(cohort, asked.outcome, ties),
        "restricted": lambda: _restricted(cohort, asked),
        "subdistribution": lambda: _gray(cohort),
        "interaction": lambda: _interaction(cohort, asked, ties),
        "subgroup": lambda: _subgroup(cohort, asked, ties),
    }
    try:
        return made[asked.kind]()
    except (EstimationError, ParameterError):
        return float("nan")


def unprinted(matched: Matched, ties: Ties) -> tuple[Unprinted, ...]:
    """Compute what papers leave out most often of the matched patients, subgroups apart.

    Parameters
    ----------
    matched
        The cohort with its pairs.
    ties
        How the Cox models treat tied events.
    """
    study = matched.after.study
    return tuple(
        Unprinted(one.outcome, one.words(study), value_of(one, matched, ties))
        for one in asked_for(study, ())
        if one.stage == "after"
    )


def spread(found: Mapping[int, tuple[Unprinted, ...]], study: Study) -> pd.DataFrame:
    """Lay out quantities of several cohorts: one row each, with the least and the greatest.

    Parameters
    ----------
    found
        By seed, as `unprinted` returns them.

    Returns
    -------
    DataFrame
        `outcome` (its short label), `quantity`, `least`, `greatest`, and a column by seed.
    """
    first = next(iter(found.values()))
    labels = {outcome.key: outcome.short for outcome in study.outcomes}
    rows = []
    for place, one in enumerate(first):
        values = {seed: quantities[place].value for seed, quantities in found.items()}
        ends = {"least": min(values.values()), "greatest": max(values.values())}
        rows.append(
            {"outcome": labels[one.outcome], "quantity": one.quantity, **ends}
            | {f"seed {seed}": value for seed, value in values.items()}
        )
    return pd.DataFrame(rows)


def _hazards(cohort: Cohort, outcome: str, ties: Ties) -> float:
    return float(proportional_hazards(cohort, outcome, ["arm"], ties=ties)["p"].iloc[-1])


def _restricted(cohort: Cohort, asked: Asked) -> float:
    return compare_restricted_means(cohort, asked.outcome, float(asked.time)).difference


def _gray(cohort: Cohort) -> float:
    fit = fine_gray(first_events(cohort, EVENT, EITHER), EITHER, ["arm"], cause=CAUSE)
    return float(fit.summary()["subdistribution_hazard_ratio"].iloc[0])


def _interaction(cohort: Cohort, asked: Asked, ties: Ties) -> float:
    plan = SubgroupPlan(asked.outcome, (asked.covariate,), "")
    return float(interaction_tests(cohort, plan, ties=ties)["wald_p"].iloc[0])


def _subgroup(cohort: Cohort, asked: Asked, ties: Ties) -> float:
    plan = SubgroupPlan(asked.outcome, (asked.covariate,), "")
    effects = subgroup_effects(cohort, plan, ties=ties)
    return float(effects.loc[effects["level"] == asked.level, "hazard_ratio"].iloc[0])
