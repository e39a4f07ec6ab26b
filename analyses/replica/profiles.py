"""One cohort under several convention profiles: what moves when the program alone is exchanged.

Patients, covariates and the numbers that a paper states stay; the rules that the words of a paper
leave open change, all together (a profile) or one at a time (a choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from replica.balance import balance
from replica.cohort import Cohort
from replica.convention import CONVENTIONS, Convention
from replica.cox import cox
from replica.descriptives import counts
from replica.errors import EstimationError, MatchingError
from replica.matching import Matched, match
from replica.protocol import ARM_KEYS
from replica.settings import Settings, choices_under, default_choices, plan_under
from replica.survival import kaplan_meier, log_rank_test, median_survival

__all__ = ["CHOICES", "Moves", "Variant", "choice_variants", "profile_variants", "what_moves"]

Kind = Literal["profile", "choice"]

# Choices that go together, because a program makes them together, by what a page calls them. The
# interval of a survival curve is left out: no estimate compared here depends on it.
CHOICES: dict[str, tuple[str, ...]] = {
    "Caliper scale": ("caliper_scale",),
    "Caliper's edge": ("caliper_inclusive",),
    "Order": ("order",),
    "Draw": ("draw",),
    "Ties": ("ties",),
    "Median interval": ("median_interval",),
    "Chi-square": ("continuity_correction", "fisher_below"),
    "SMD denominator": ("smd_denominator",),
}
_OF_THE_PLAN = ("caliper_scale", "caliper_inclusive", "order", "draw")


@dataclass(frozen=True)
class Variant:
    """One way to analyse the cohort.

    A `profile` exchanges all rules; a `choice` only those named, to `value`. `programs` are the
    profiles that choose so.
    """

    kind: Kind
    name: str
    value: str
    programs: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True)
class Moves:
    """What each variant gives, in two tidy frames; see `what_moves`."""

    effects: pd.DataFrame
    balance: pd.DataFrame


def profile_variants(cohort: Cohort, *, seed: int = 1) -> tuple[Variant, ...]:
    """List the cohort's study under each profile, its own first.

    Under its own profile the study keeps its own plan, so that the first variant is the study's
    page; under another see `replica.settings.plan_under`.

    Raises
    ------
    ParameterError
        If the study names an unknown profile, or a profile's rules contradict its plan.
    """
    study = cohort.study
    keys = sorted(CONVENTIONS, key=lambda key: key != study.convention)
    variants = []
    for profile in (CONVENTIONS[key] for key in keys):
        plan, choices = plan_under(study, profile), choices_under(study, profile)
        chosen = Settings(study, cohort.source, plan, choices, seed)
        variants.append(Variant("profile", profile.label, profile.key, (profile.key,), chosen))
    return tuple(variants)


def choice_variants(cohort: Cohort, *, seed: int = 1) -> tuple[Variant, ...]:
    """List the study's own settings with one choice exchanged for each value a profile has.

    The study's own profile counts among them where its plan departs from it.
    """
    study = cohort.study
    base = Settings(study, cohort.source, study.matching, default_choices(study), seed)
    variants: list[Variant] = []
    for name, fields in CHOICES.items():
        values = {key: _values(profile, fields) for key, profile in CONVENTIONS.items()}
        own = tuple(_own(base, field) for field in fields)
        for value in dict.fromkeys(values.values()):
            if value == own:
                continue
            programs = tuple(key for key in CONVENTIONS if values[key] == value)
            chosen = _exchanged(base, dict(zip(fields, value, strict=True)))
            shown = chosen.choices.convention.chi_square_rule if len(fields) > 1 else str(value[0])
            variants.append(Variant("choice", name, shown, programs, chosen))
    return tuple(variants)


def _values(profile: Convention, fields: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(profile, field) for field in fields)


def _own(base: Settings, field: str) -> object:
    if field == "ties":
        return base.choices.ties
    return getattr(base.plan if field in _OF_THE_PLAN else base.choices.convention, field)


def _exchanged(base: Settings, values: dict[str, Any]) -> Settings:
    of_plan = {key: value for key, value in values.items() if key in _OF_THE_PLAN}
    if of_plan:
        return replace(base, plan=replace(base.plan, **of_plan))
    choices = replace(base.choices, convention=replace(base.choices.convention, **values))
    return replace(base, choices=replace(choices, ties=values.get("ties", choices.ties)))


def what_moves(cohort: Cohort, variants: Sequence[Variant], *, repeats: int = 0) -> Moves:
    """Match and analyse the cohort under each variant.

    Parameters
    ----------
    cohort
        Validated patients.
    variants
        From `profile_variants` and `choice_variants`.
    repeats
        How often a variant in which chance decides is matched again, with the seeds 1, 2, and so
        on; 0: not at all.

    Returns
    -------
    Moves
        `effects` has a row per variant and outcome, after matching: `kind`, `name`, `value`,
        `programs`, `treated`, `control` (patients matched), `outcome`, `hazard_ratio`, `ci_low`,
        `ci_high` (model-based, treatment alone), `p_wald`, `p_log_rank`, for each arm `median_`,
        `median_low_`, `median_high_` (missing: not reached), `repeats` and, over the repeats,
        `treated_min`, `treated_max`, `hazard_ratio_min`, `hazard_ratio_max`, `p_wald_min`,
        `p_wald_max`, and `reason`.
        `balance` has a row per variant: `kind`, `name`, `value`, `programs`, `treated`, `control`,
        `largest_smd` (of a covariate's level, after matching, with its sign) with its `covariate`,
        `level` and `denominator`; `smallest_p` of the tests between the matched arms with `p_of`
        and `test`; `reason`. Where a variant makes no pair, or a model cannot be estimated, numbers
        are missing and `reason` says why; elsewhere it is empty.
    """
    effects: list[dict[str, object]] = []
    compared: list[dict[str, object]] = []
    for variant in variants:
        told: dict[str, object] = {
            "kind": variant.kind,
            "name": variant.name,
            "value": variant.value,
            "programs": " ".join(variant.programs),
        }
        try:
            matched = _matched(cohort, variant.settings)
        except MatchingError as error:
            failed = {"treated": 0, "control": 0, "reason": str(error)}
            outcomes = cohort.study.outcomes
            effects += [{**told, **failed, "outcome": o.key, "repeats": 0} for o in outcomes]
            compared.append({**told, **failed})
            continue
        told |= {arm: int((matched.after.patients["arm"] == arm).sum()) for arm in ARM_KEYS}
        again = _again(cohort, variant.settings, repeats)
        for outcome in (o.key for o in cohort.study.outcomes):
            row = _effect(matched, outcome, variant.settings)
            effects.append({**told, **row, **_range(again, outcome)})
        compared.append({**told, **_balance(matched, variant.settings)})
    columns = [*_TOLD, "outcome", *_ESTIMATES, *_MEDIANS, *_RANGE, "reason"]
    return Moves(
        pd.DataFrame(effects).reindex(columns=columns).fillna({"reason": ""}),
        pd.DataFrame(compared)
        .reindex(columns=[*_TOLD, *_BALANCE, "reason"])
        .fillna({"reason": ""}),
    )


_TOLD = ("kind", "name", "value", "programs", "treated", "control")
_ESTIMATES = ("hazard_ratio", "ci_low", "ci_high", "p_wald", "p_log_rank")
_MEDIANS = tuple(
    f"{what}_{arm}" for arm in ARM_KEYS for what in ("median", "median_low", "median_high")
)
_ENDS = tuple(
    f"{what}_{end}" for what in ("treated", "hazard_ratio", "p_wald") for end in ("min", "max")
)
_RANGE = ("repeats", *_ENDS)
_BALANCE = ("largest_smd", "covariate", "level", "denominator", "smallest_p", "p_of", "test")


def _matched(cohort: Cohort, chosen: Settings) -> Matched:
    return match(cohort, chosen.plan, rng=chosen.generator())


def _effect(matched: Matched, outcome: str, chosen: Settings) -> dict[str, object]:
    profile = chosen.choices.convention
    curves = kaplan_meier(matched.after, outcome, by="arm", interval=profile.survival_interval)
    row: dict[str, object] = {"outcome": outcome, "reason": ""}
    for arm in ARM_KEYS:
        median = median_survival(curves[curves["group"] == arm], interval=profile.median_interval)
        row |= {
            f"median_{arm}": _or_nan(median.median),
            f"median_low_{arm}": _or_nan(median.ci_low),
            f"median_high_{arm}": _or_nan(median.ci_high),
        }
    try:
        fit = cox(matched.after, outcome, ["arm"], ties=chosen.choices.ties).summary().iloc[0]
        test = log_rank_test(matched.after, outcome, by="arm")
    except EstimationError as error:
        return {**row, "reason": str(error)}
    found = {key: float(fit[key]) for key in ("hazard_ratio", "ci_low", "ci_high")}
    return {**row, **found, "p_wald": float(fit["p"]), "p_log_rank": test.p}


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _again(cohort: Cohort, chosen: Settings, repeats: int) -> pd.DataFrame:
    """Match with one seed after the other: a row per seed and outcome that can be estimated."""
    rows: list[tuple[str, int, float, float]] = []
    for seed in range(1, repeats + 1 if chosen.at_random else 1):
        try:
            after = _matched(cohort, replace(chosen, seed=seed)).after
        except MatchingError:
            continue
        rows += [
            (outcome.key, int(after.treated.sum()), *_ratio(after, outcome.key, chosen))
            for outcome in cohort.study.outcomes
        ]
    return pd.DataFrame(rows, columns=["outcome", "treated", "hazard_ratio", "p_wald"])


def _ratio(after: Cohort, outcome: str, chosen: Settings) -> tuple[float, float]:
    try:
        fit = cox(after, outcome, ["arm"], ties=chosen.choices.ties).summary().iloc[0]
    except EstimationError:
        return np.nan, np.nan
    return float(fit["hazard_ratio"]), float(fit["p"])


def _range(again: pd.DataFrame, outcome: str) -> dict[str, object]:
    found = again[again["outcome"] == outcome]
    if found.empty:
        return {"repeats": 0}
    ends: dict[str, object] = {"repeats": len(found)}
    for what in ("treated", "hazard_ratio", "p_wald"):
        ends |= {f"{what}_min": found[what].min(), f"{what}_max": found[what].max()}
    return ends


def _balance(matched: Matched, chosen: Settings) -> dict[str, object]:
    profile, study = chosen.choices.convention, matched.before.study
    frame = balance(matched, denominator=profile.smd_denominator)
    of_covariates = (frame["stage"] == "after") & (frame["covariate"] != "propensity_score")
    known = frame[of_covariates].dropna(subset=["smd"])
    row: dict[str, object] = {"denominator": profile.smd_denominator, "reason": ""}
    if len(known):
        worst = known.loc[known["smd"].abs().idxmax()]
        row |= {"largest_smd": float(worst["smd"])}
        row |= {"covariate": worst["covariate"], "level": worst["level"]}
    tests = [
        (float(estimate.value), covariate.key, estimate.method)
        for covariate in study.covariates
        for estimate in counts(matched.after, covariate, "after", profile)
        if estimate.statistic == "p" and estimate.value is not None
    ]
    if tests:
        row |= dict(zip(("smallest_p", "p_of", "test"), min(tests), strict=True))
    return row
