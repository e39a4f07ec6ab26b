"""What may be changed in a study's runs: names, what a value must be, and the study's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from replica.convention import CONVENTIONS
from replica.errors import ParameterError, one_of
from replica.matching_plan import CaseOrder
from replica.protocol import CALIPER_SCALES, ORDERS, TIES, Study
from replica.sweep.declared import covariate_sets
from replica.sweep.record import Value
from replica.vocabulary import DRAWS

Kind = Literal["number", "whole number", "yes or no", "word"]
Adjustment = Literal["crude", "clustered", "adjusted"]
GroupAdjustment = Literal["crude", "clustered", "stratified"]

ADJUSTMENTS: dict[str, str] = {
    "crude": "treatment alone, model-based error",
    "clustered": "treatment alone, error clustered on matched sets",
    "adjusted": "treatment and the matching covariates, model-based error",
    "stratified": "treatment alone, a baseline hazard for each matched set",
}
"""What each adjustment of the Cox model is, in words."""

SEED = "seed"


@dataclass(frozen=True)
class Parameter:
    """One thing that runs may differ in.

    `default` is the study's own value; an empty text means that of the convention profile. A number
    must be at least `least`, or more than `above`; `none` says that "none" is a value too.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    allowed: tuple[str, ...] = ()
    least: float = -math.inf
    above: float = -math.inf
    none: bool = False

    def read(self, text: str) -> Value:
        """Read a value as typed.

        Raises
        ------
        ParameterError
            If it is none of the allowed ones.
        """
        stripped = text.strip()
        if self.none and stripped.lower() == "none":
            return None
        if self.kind == "word":
            if stripped not in self.allowed:
                raise ParameterError(f"{self.name}: {one_of(stripped, self.allowed)}")
            return stripped
        if self.kind == "yes or no":
            words = {"true": True, "yes": True, "false": False, "no": False}
            if stripped.lower() not in words:
                raise ParameterError(f"{self.name}: {one_of(stripped, ('true', 'false'))}")
            return words[stripped.lower()]
        return self._number(stripped)

    def _number(self, text: str) -> Value:
        try:
            value = int(text) if self.kind == "whole number" else float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= self.least and value > self.above):
            bound = ""
            if self.above > -math.inf:
                bound = f" above {self.above:g}"
            elif self.least > -math.inf:
                bound = f" of at least {self.least:g}"
            none = ", or none" if self.none else ""
            raise ParameterError(
                f"{self.name}: found {text!r}; allowed: a {self.kind}{bound}{none}."
            )
        return value


def parameters(study: Study) -> dict[str, Parameter]:
    """Return what may be changed in runs of a study, by name.

    The order is that in which combinations are made: what decides who is matched comes first and
    changes slowest.

    Raises
    ------
    ParameterError
        If the study has no outcome, so that there is nothing to estimate.
    """
    if not study.outcomes:
        raise ParameterError(
            f"{study.key}: found no outcome in its protocol; a sweep estimates hazard ratios. "
            "Describe an outcome with a duration and an event."
        )
    found = _of_groups(study) if study.groups else _of_matching(study)
    return {parameter.name: parameter for parameter in found}


def _of_matching(study: Study) -> Iterable[Parameter]:
    plan, sets = study.matching, covariate_sets(study)
    own = next(name for name, keys in sets.items() if keys == plan.covariates)
    profile = "; default: the convention's"
    return (
        Parameter("convention", "word", study.convention, "rules of a program", (*CONVENTIONS,)),
        Parameter(
            "matching_covariates", "word", own, "covariates of the propensity model", (*sets,)
        ),
        Parameter("caliper", "number", plan.caliper, "widest distance", above=0, none=True),
        Parameter("caliper_scale", "word", "", f"unit of the caliper{profile}", CALIPER_SCALES),
        Parameter("order", "word", "", f"order of the treated{profile}", ORDERS),
        Parameter("draw", "word", "", f"how a control is drawn{profile}", DRAWS),
        Parameter("ratio", "whole number", plan.ratio, "controls per treated patient", least=1),
        Parameter("replace", "yes or no", plan.replace, "whether a control serves in several sets"),
        Parameter(SEED, "whole number", 1, "seed of a random order or draw", least=0),
        Parameter("outcome", "word", study.outcomes[0].key, "outcome", _outcomes(study)),
        Parameter("ties", "word", "", f"tied events in Cox models{profile}", TIES),
        Parameter("adjustment", "word", "crude", "Cox model after matching", get_args(Adjustment)),
    )


def _of_groups(study: Study) -> Iterable[Parameter]:
    if study.groups is None:  # pragma: no cover - the caller has asked
        raise ParameterError(f"{study.key}: found no groups.")
    plan = study.groups.case_control
    (_, age), (_, year) = plan.within
    return (
        Parameter("convention", "word", study.convention, "rules of a program", (*CONVENTIONS,)),
        Parameter("ratio", "whole number", plan.ratio, "controls per case, at most", least=1),
        Parameter("age_window", "number", age, "largest difference in age, in years", least=0),
        Parameter("year_window", "number", year, "largest difference in calendar year", least=0),
        Parameter("same_sex", "yes or no", bool(plan.exact), "whether sex must be the same"),
        Parameter("order", "word", plan.order, "which case chooses first", get_args(CaseOrder)),
        Parameter("outcome", "word", study.outcomes[0].key, "outcome", _outcomes(study)),
        Parameter("ties", "word", "", "tied events in Cox models; default: the convention's", TIES),
        Parameter(
            "adjustment", "word", "crude", "Cox model after matching", get_args(GroupAdjustment)
        ),
    )


def _outcomes(study: Study) -> tuple[str, ...]:
    return tuple(outcome.key for outcome in study.outcomes)


def check_name(name: str, known: Mapping[str, Parameter]) -> Parameter:
    """Return the parameter with this name.

    Raises
    ------
    ParameterError
        If there is none; the message names the nearest.
    """
    if name not in known:
        raise ParameterError(f"grid: unknown parameter, {one_of(name, known)}")
    return known[name]
