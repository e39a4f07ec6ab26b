"""How treated and control patients are to be paired, as a description that checks itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from replica.arrays import limits, number, whole_number
from replica.errors import ProtocolError, one_of
from replica.vocabulary import (
    CALIPER_SCALES,
    DISCARDS,
    DRAWS,
    METHODS,
    ORDERS,
    CaliperScale,
    Discard,
    Draw,
    Method,
    Order,
)

CaseOrder = Literal["hardest", "data"]


@dataclass(frozen=True)
class MatchingPlan:
    """How treated and control patients were paired on the propensity score.

    `replace` lets a control serve in several sets. `draw` is `nearest`, `random` (any free control
    within the calipers) or `exact_then_random` (at random among the free controls of the very same
    score, and if there is none among all within the calipers). `discard` leaves out, before
    matching, patients whose score lies outside the range of the other arm's, and `reestimate` then
    fits the score again to those kept. `covariate_calipers` are measures with the largest
    difference allowed, in their own units. `method` `optimal` makes as many pairs as can be made,
    at the least total distance; it has no `order`. `assumed` names the settings that the paper does
    not state.
    """

    covariates: tuple[str, ...]
    caliper: float | None
    caliper_scale: CaliperScale
    ratio: int = 1
    order: Order = "data"
    exact: tuple[str, ...] = ()
    caliper_inclusive: bool = True
    assumed: tuple[str, ...] = ()
    replace: bool = False
    draw: Draw = "nearest"
    discard: Discard = "none"
    reestimate: bool = False
    covariate_calipers: tuple[tuple[str, float], ...] = ()
    method: Method = "nearest"

    def __post_init__(self) -> None:
        """Refuse impossible settings and settings that contradict each other."""
        if self.caliper is not None and not number(self.caliper, "caliper", ProtocolError) > 0:
            raise ProtocolError(
                f"caliper: found {self.caliper}; it must be above 0, or None for no limit."
            )
        for name, found, allowed in (
            ("caliper_scale", self.caliper_scale, CALIPER_SCALES),
            ("order", self.order, ORDERS),
            ("draw", self.draw, DRAWS),
            ("discard", self.discard, DISCARDS),
            ("method", self.method, METHODS),
        ):
            if found not in allowed:
                raise ProtocolError(f"{name}: {one_of(found, allowed)}")
        whole_number(self.ratio, "ratio", " control per treated", ProtocolError)
        for name, keys in (("covariates", self.covariates), ("exact", self.exact)):
            if not isinstance(keys, tuple | list):
                raise ProtocolError(
                    f"{name}: found {keys!r}; allowed: names in a tuple. Write ({keys!r},)."
                )
        if not self.covariates:
            raise ProtocolError(
                "covariates: found none; the propensity model needs at least one. Name the "
                "covariates to balance."
            )
        self._check_covariate_calipers()
        self._check_together()

    def _check_covariate_calipers(self) -> None:
        found = limits(self.covariate_calipers, "covariate_calipers", ProtocolError)
        for key, width in found.items():
            if not width > 0:
                raise ProtocolError(
                    f"covariate_calipers: found {width} for {key}; it must be above 0, in the unit "
                    "of the measure. Name a covariate in `exact` to match it exactly."
                )

    def _check_together(self) -> None:
        if self.draw != "nearest" and self.order == "closest":
            raise ProtocolError(
                f"draw: found {self.draw!r} with the order 'closest', which goes by the nearest "
                "control. Choose another order, or draw 'nearest'."
            )
        if self.reestimate and self.discard == "none":
            raise ProtocolError(
                "reestimate: found True with discard 'none'; there is nobody to leave out. Choose "
                "whom to discard: 'treated', 'control' or 'both'."
            )
        asked = (self.ratio, self.replace, self.draw)
        if self.method == "optimal" and asked != (1, False, "nearest"):
            raise ProtocolError(
                f"method: found 'optimal' with ratio {self.ratio}, replace {self.replace} and draw "
                f"{self.draw!r}; optimal matching makes pairs, 1:1 and without replacement, of "
                "least distance. Choose these, or method 'nearest'."
            )


@dataclass(frozen=True)
class CaseControlPlan:
    """Which controls may be matched to a case (a treated patient), and in which order they are.

    `within` names measures, or the study's calendar column for the calendar year of its date, with
    the largest difference allowed (years of age, calendar years; the difference itself is allowed,
    0 asks for equality). `exact` names covariates. `order` `hardest` serves first the case with the
    fewest eligible controls, `data` goes by patient id; at ratio k every case gets its first
    control before any gets a second.
    """

    within: tuple[tuple[str, float], ...]
    exact: tuple[str, ...] = ()
    ratio: int = 1
    replace: bool = False
    order: CaseOrder = "hardest"

    def __post_init__(self) -> None:
        """Refuse impossible settings."""
        if self.order not in get_args(CaseOrder):
            raise ProtocolError(f"order: {one_of(self.order, get_args(CaseOrder))}")
        whole_number(self.ratio, "ratio", " control per case", ProtocolError)
        found = limits(self.within, "within", ProtocolError)
        keys = list(found)
        if not isinstance(self.exact, tuple | list):
            raise ProtocolError(
                f"exact: found {self.exact!r}; allowed: names in a tuple. Write ({self.exact!r},)."
            )
        if not keys or len({*keys, *self.exact}) < len(keys) + len(self.exact):
            raise ProtocolError(
                f"within, exact: found {keys} and {list(self.exact)}; name at least one measure "
                "under `within`, and nothing twice."
            )
        for key, width in found.items():
            if not 0 <= width < math.inf:
                raise ProtocolError(
                    f"within: found {width} for {key}; needed: a finite difference of 0 or more."
                )
