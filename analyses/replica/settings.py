"""The settings of one run: a notebook's parameters, checked, in the words of the protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, get_args

import numpy as np

from replica.analysis import Choices
from replica.cohort import Source
from replica.convention import convention
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

    @property
    def at_paper_settings(self) -> bool:
        """Whether this run is the study as described, on the synthetic cohort.

        Only such a run gives verdicts; the seed plays no part unless the order is random.
        """
        return self.source == "synthetic" and (self.plan, self.choices) == (
            self.study.matching,
            default_choices(self.study),
        )

    def generator(self) -> np.random.Generator:
        """A fresh generator from the seed, for the one thing that may be random: the order."""
        return np.random.default_rng(self.seed)

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
        return {
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
    profile = convention(study.convention)
    entry_p = study.models[0].entry_p if study.models else 1.0
    return Choices(profile.ties, entry_p, profile)


def settings(
    study: Study,
    *,
    source: Source,
    caliper: float | None,
    caliper_scale: CaliperScale,
    ratio: int,
    order: Order,
    ties: Ties,
    entry_p: float,
    seed: int,
) -> Settings:
    """Check a notebook's parameters and put them in the words of the protocol.

    Raises
    ------
    ParameterError
        If a value is impossible; the message says which are allowed.
    """
    _check_types(caliper=caliper, ratio=ratio, entry_p=entry_p, seed=seed)
    if source not in get_args(Source):
        raise ParameterError(f"source: {one_of(source, get_args(Source))}")
    if ties not in TIES:
        raise ParameterError(f"ties: {one_of(ties, TIES)}")
    if not 0 < entry_p <= 1:
        raise ParameterError(f"entry_p: found {entry_p}; it must lie above 0 and at most at 1.")
    if seed < 0:
        raise ParameterError(f"seed: found {seed!r}; it must be a whole number from 0 up.")
    try:
        plan = replace(
            study.matching, caliper=caliper, caliper_scale=caliper_scale, ratio=ratio, order=order
        )
    except ProtocolError as error:
        raise ParameterError(str(error)) from None
    choices = replace(default_choices(study), ties=ties, entry_p=entry_p)
    return Settings(study, source, plan, choices, seed)


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
