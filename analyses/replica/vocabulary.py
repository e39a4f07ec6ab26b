"""The vocabulary of a study's description: settings of methods, and the columns of its patients.

Studies import it from `replica.protocol`, which builds whole descriptions of these words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from replica.errors import ProtocolError, one_of

Order = Literal["data", "largest", "smallest", "closest", "random"]
CaliperScale = Literal[
    "probability",
    "sd_probability",
    "sd_probability_pooled",
    "logit",
    "sd_logit",
    "sd_logit_pooled",
]
Ties = Literal["efron", "breslow"]
ArmKey = Literal["treated", "control"]
Draw = Literal["nearest", "random", "exact_then_random"]
Discard = Literal["none", "treated", "control", "both"]
Method = Literal["nearest", "optimal"]

ORDERS: tuple[Order, ...] = get_args(Order)
CALIPER_SCALES: tuple[CaliperScale, ...] = get_args(CaliperScale)
SCALE_WORDS: Mapping[CaliperScale, str] = {
    "probability": "probability",
    "sd_probability": "SD of the probability",
    "sd_probability_pooled": "pooled SD of the probability",
    "logit": "logit",
    "sd_logit": "SD of the logit",
    "sd_logit_pooled": "pooled SD of the logit",
}
"""How a page names the scale of a caliper."""
TIES: tuple[Ties, ...] = get_args(Ties)
ARM_KEYS: tuple[ArmKey, ...] = get_args(ArmKey)
DRAWS: tuple[Draw, ...] = get_args(Draw)
DISCARDS: tuple[Discard, ...] = get_args(Discard)
METHODS: tuple[Method, ...] = get_args(Method)

_KEY = re.compile(r"[a-z0-9][a-z0-9_]*\Z")


def check_key(key: str, what: str) -> None:
    """Refuse a key that cannot stand in a file name, a column or an id."""
    if not _KEY.match(key):
        raise ProtocolError(
            f"{what}: found the key {key!r}; allowed: lower-case letters, digits and underscores, "
            "such as 'liver_metastases'."
        )


def check_unique(keys: Sequence[str], what: str) -> None:
    """Refuse keys of which one stands twice."""
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ProtocolError(f"{what}: each key may stand once; found twice: {', '.join(twice)}.")


@dataclass(frozen=True)
class Level:
    """One value of a categorical column, with the label that a table shows."""

    key: str
    label: str

    def __post_init__(self) -> None:
        """Refuse a key that cannot stand in a file or an id."""
        check_key(self.key, "Level")


@dataclass(frozen=True)
class Categorical:
    """A categorical column of the patient table, its levels in the printed order."""

    key: str
    label: str
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        """Refuse fewer than two levels or a level named twice."""
        check_key(self.key, type(self).__name__)
        if len(self.levels) < 2:
            raise ProtocolError(f"{self.key}: found {len(self.levels)} levels; at least 2 needed.")
        check_unique([level.key for level in self.levels], self.key)

    @property
    def level_keys(self) -> tuple[str, ...]:
        """Keys of the levels in the printed order."""
        return tuple(level.key for level in self.levels)

    def level(self, key: str) -> Level:
        """Return the level with this key, or say which ones there are."""
        for level in self.levels:
            if level.key == key:
                return level
        raise ProtocolError(f"{self.key}: unknown level, {one_of(key, self.level_keys)}")


@dataclass(frozen=True)
class Covariate(Categorical):
    """A baseline covariate; models compare `contrast` (default: first) with the reference (last).

    `assumed` marks a direction of comparison that the paper does not state.
    """

    contrast: str = ""
    assumed: bool = False

    def __post_init__(self) -> None:
        """Fill in the default contrast and refuse an unknown one."""
        super().__post_init__()
        if not self.contrast:
            object.__setattr__(self, "contrast", self.levels[0].key)
        self.level(self.contrast)
        if self.contrast == self.reference:
            raise ProtocolError(f"{self.key}: contrast and reference are both {self.contrast!r}.")

    @property
    def reference(self) -> str:
        """Key of the level that ratios are relative to."""
        return self.levels[-1].key


@dataclass(frozen=True)
class Characteristic(Categorical):
    """Something recorded per patient and reported as counts (regimen, response, adverse event).

    `arms` restricts it to the arms in which it exists; patients of the other arm leave it blank.
    `within` names a yes/no characteristic without which this one cannot be (grade 3 within any
    grade). `follows` names an outcome whose shorter times go with the later levels (response).
    """

    arms: tuple[ArmKey, ...] = ("treated", "control")
    within: str = ""
    follows: str = ""


@dataclass(frozen=True)
class Band:
    """Values that a measure takes at one level of the covariate that groups it, both ends in."""

    level: str
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Measure:
    """A numeric column, reported by its median and range within the arms named.

    `groups` names a covariate that is this measure cut into `bands` (age behind age group), from
    the lowest to the highest; `follows` an outcome whose longer times go with higher values.
    """

    key: str
    label: str
    unit: str
    minimum: float
    maximum: float
    arms: tuple[ArmKey, ...] = ("treated", "control")
    whole: bool = True
    groups: str = ""
    bands: tuple[Band, ...] = ()
    follows: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty range, and bands without the covariate that they make."""
        if bool(self.groups) != bool(self.bands):
            raise ProtocolError(f"{self.key}: `groups` and `bands` go together.")
        check_key(self.key, "Measure")
        if not self.minimum <= self.maximum:
            raise ProtocolError(f"{self.key}: minimum {self.minimum} exceeds {self.maximum}.")
