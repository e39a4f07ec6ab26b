"""The settings of one run: a notebook's parameters, checked, in the words of the protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, get_args

import numpy as np

from replica.analysis import Choices
from replica.cohort import Source, check_min_cell
from replica.convention import CONVENTIONS, Convention
from replica.convention import convention as profile_of
from replica.errors import ParameterError, ProtocolError, one_of
from replica.protocol import TIES, CaliperScale, MatchingPlan, Order, Study, Ties


@dataclass(frozen=True)
class Settings:
    """A checked set of parameters: where patients come from, how they are matched and modelled."""

    study: Study
    source: Source
    plan: MatchingPlan
    choices: Choices
    seed: int
    min_cell: int = field(default=0, kw_only=True)

    @property
    def at_paper_settings(self) -> bool:
        """Whether this run is the study as described, on the synthetic cohort.

        Only such a run gives verdicts: another convention profile, like any other setting, gives
        none. The seed plays no part unless the order or the draw is random; where small counts are
        masked there is nothing to compare.
        """
        return (
            self.source == "synthetic"
            and not self.min_cell
            and (self.plan, self.choices)
            == (
                self.study.matching,
                default_choices(self.study),
            )
        )

    def generator(self) -> np.random.Generator:
        """A fresh generator from the seed, for what may be random: the order and the draw."""
        return np.random.default_rng(self.seed)

    @property
    def at_random(self) -> bool:
        """Whether chance decides who is matched with whom, so that the seed matters."""
        return self.plan.order == "random" or self.plan.draw != "nearest"

    def as_printed(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Settings by item and level in the ways that papers print them."""
        calendar = self.study.calendar
        words = {1: ("1:1", "one-to-one")}.get(self.plan.ratio, (f"1:{self.plan.ratio}",))
        printed: dict[tuple[str, str], tuple[str, ...]] = {
            ("matching", "ratio"): words,
            ("matching", "caliper"): (f"{self.plan.caliper:g}" if self.plan.caliper else "none",),
            ("selection", "entry_p"): (f"{self.choices.entry_p:g}",),
            ("significance", "confidence"): ("95",),
        }
        if calendar is not None:
            printed |= {
                ("enrolment", "start"): _date_words(calendar.enrolment_start),
                ("enrolment", "end"): _date_words(calendar.enrolment_end),
                ("data_cutoff", ""): _date_words(calendar.data_cutoff),
            }
        return printed

    def as_parameters(self) -> dict[str, Any]:
        """The parameters as JSON holds them."""
        sets = {one.covariates: one.key for one in self.study.covariate_sets}
        named = {"matching_covariates": sets.get(self.plan.covariates, "")} if sets else {}
        return {
            **named,
            "convention": self.choices.convention.key,
            "caliper": self.plan.caliper,
            "caliper_scale": self.plan.caliper_scale,
            "ratio": self.plan.ratio,
            "order": self.plan.order,
            "ties": self.choices.ties,
            "entry_p": self.choices.entry_p,
            "seed": self.seed,
        }


def _date_words(day: date) -> tuple[str, ...]:
    return (f"{day:%B} {day.day}, {day.year}", f"{day:%B %Y}", f"{day.year}")


def default_choices(study: Study) -> Choices:
    """The modelling choices of a study's own protocol and convention."""
    return choices_under(study, profile_of(study.convention))


def choices_under(study: Study, profile: Convention) -> Choices:
    """The modelling choices of a study under a convention profile."""
    entry_p = study.models[0].entry_p if study.models else 1.0
    return Choices(profile.ties, entry_p, profile)


def plan_under(study: Study, profile: Convention) -> MatchingPlan:
    """The study's matching as the program of a profile would do it.

    Under its own profile a study keeps its own plan. Under another the numbers (caliper, ratio)
    stay, and the program's rules say what they mean: scale and edge of the caliper, order of the
    treated, draw of a control.

    Raises
    ------
    ParameterError
        If the program's rules contradict the rest of the plan.
    """
    if profile.key == study.convention:
        return study.matching
    try:
        return replace(
            study.matching,
            caliper_scale=profile.caliper_scale,
            caliper_inclusive=profile.caliper_inclusive,
            order=profile.order,
            draw=profile.draw,
        )
    except ProtocolError as error:
        raise ParameterError(
            f"convention: {profile.key!r} does not fit the plan: {error}"
        ) from None


def settings(
    study: Study,
    *,
    source: Source,
    caliper: float | None,
    ratio: int,
    entry_p: float,
    seed: int,
    convention: str = "",
    caliper_scale: CaliperScale | Literal[""] = "",
    order: Order | Literal[""] = "",
    ties: Ties | Literal[""] = "",
    matching_covariates: str = "",
    min_cell: int = 0,
) -> Settings:
    """Check a notebook's parameters and put them in the words of the protocol.

    `convention` names a profile, empty for the study's own. A `caliper_scale`, `order` or `ties`
    that is named counts; one left empty is that of the profile (of the study's plan, under the
    study's own profile). `matching_covariates` names one of the study's `covariate_sets`; empty
    for the study's own plan. `min_cell` is the smallest count that is shown, 0 for all.

    Raises
    ------
    ParameterError
        If a value is impossible; the message says which are allowed.
    """
    _check_types(caliper=caliper, ratio=ratio, entry_p=entry_p, seed=seed)
    if source not in get_args(Source):
        raise ParameterError(f"source: {one_of(source, get_args(Source))}")
    if convention and convention not in CONVENTIONS:
        raise ParameterError(f"convention: {one_of(convention, CONVENTIONS)}")
    if ties and ties not in TIES:
        raise ParameterError(f"ties: {one_of(ties, TIES)}")
    if not 0 < entry_p <= 1:
        raise ParameterError(f"entry_p: found {entry_p}; it must lie above 0 and at most at 1.")
    if seed < 0:
        raise ParameterError(f"seed: found {seed!r}; it must be a whole number from 0 up.")
    check_min_cell(min_cell)
    profile = profile_of(convention or study.convention)
    plan, choices = plan_under(study, profile), choices_under(study, profile)
    covariates = _named_covariates(study, matching_covariates) or plan.covariates
    try:
        plan = replace(
            plan,
            covariates=covariates,
            caliper=caliper,
            caliper_scale=caliper_scale or plan.caliper_scale,
            ratio=ratio,
            order=order or plan.order,
        )
    except ProtocolError as error:
        raise ParameterError(str(error)) from None
    choices = replace(choices, ties=ties or choices.ties, entry_p=entry_p)
    return Settings(study, source, plan, choices, seed, min_cell=min_cell)


def _named_covariates(study: Study, name: str) -> tuple[str, ...]:
    """Covariates of the set with this name, none for an empty name."""
    if not name:
        return ()
    sets = {one.key: one.covariates for one in study.covariate_sets}
    if name not in sets:
        raise ParameterError(f"matching_covariates: {one_of(name, sets)}")
    return sets[name]


def _check_types(**values: object) -> None:
    """Refuse what is no number: plain papermill passes on whatever it was given."""
    for name, value in values.items():
        if name == "caliper" and value is None:
            continue
        whole = name in {"ratio", "seed"}
        kinds = (int,) if whole else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]  # a number by now
            needed = "a whole number" if whole else "a finite number"
            none = ", or None" if name == "caliper" else ""
            raise ParameterError(f"{name}: found {value!r}; it must be {needed}{none}.")
