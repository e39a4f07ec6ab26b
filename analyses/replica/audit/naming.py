"""What a table's keys mean in words: the protocol's labels, else the keys tidied."""

from __future__ import annotations

import re

from replica.protocol import Study
from replica.published import PublishedValue

STATISTIC_WORDS = {
    "n": "count",
    "count_total": "denominator",
    "q1": "first quartile",
    "q3": "third quartile",
    "sd": "SD",
    "min": "minimum",
    "max": "maximum",
    "hr": "hazard ratio",
    "or": "odds ratio",
    "rr": "risk ratio",
    "ci_low": "lower end of the interval",
    "ci_high": "upper end of the interval",
    "risk_difference": "risk difference",
    "smd": "standardized mean difference",
}

_BOUND = re.compile(r"\b(lt|le|gt|ge|under)_(?=\d)")
_SIGNS = {"lt": "< ", "le": "≤ ", "gt": "> ", "ge": "≥ ", "under": "under "}
_OR_OVER = re.compile(r"\b(\d+)_or_over\b")
_UNDERSCORE = re.compile(r"(?<=\w)_(?=\w)")


def plain(text: str) -> str:
    """Write the keys in a text as words: `cancer_type` as cancer type, `ge_65` as ≥ 65."""
    text = _OR_OVER.sub(r"\1 or over", _BOUND.sub(lambda match: _SIGNS[match[1]], text))
    text = _UNDERSCORE.sub(" ", text)
    return text.replace(" : ", ": ")  # a slip names an item and a level, which may be empty


class Names:
    """Names items, levels, groups and outcomes as a study's protocol labels them.

    Parameters
    ----------
    study
        The protocol, if there is one; what it does not know keeps its key, tidied.
    """

    def __init__(self, study: Study | None) -> None:
        """Gather the labels."""
        self._items: dict[str, str] = {}
        self._levels: dict[tuple[str, str], str] = {}
        self._arms: dict[str, str] = {"all": "all patients"}
        self._outcomes: dict[str, str] = {}
        if study is None:
            return
        cuts = study.groups.cuts if study.groups is not None else ()
        for variable in (*cuts, *study.covariates, *study.characteristics):
            self._items.setdefault(variable.key, variable.label)
            for level in variable.levels:
                self._levels.setdefault((variable.key, level.key), level.label)
        for measure in study.measures:
            self._items.setdefault(measure.key, measure.label)
        for endpoint in study.endpoints:
            self._items.setdefault(endpoint.key, endpoint.label)
        self._arms |= {arm.key: arm.label for arm in (study.treated, study.control)}
        for group in study.groups.groups if study.groups is not None else ():
            self._arms[group.key] = group.label
        self._outcomes = {outcome.key: outcome.short for outcome in study.outcomes}

    def item(self, item: str, level: str = "") -> str:
        """Name an item, and a level of it if given."""
        name = self._items.get(item, plain(item))
        shown = self.level(item, level)
        return f"{name}: {shown}" if shown else name

    def level(self, item: str, level: str) -> str:
        """Name a level of an item."""
        return self._levels.get((item, level), plain(level))

    def arm(self, arm: str) -> str:
        """Name a group."""
        return self._arms.get(arm, plain(arm))

    def outcome(self, outcome: str) -> str:
        """Name an outcome."""
        return self._outcomes.get(outcome, plain(outcome))

    def subgroup(self, subgroup: str) -> str:
        """Name a subgroup `covariate=level`."""
        covariate, _, level = subgroup.partition("=")
        return self.item(covariate, level)

    def group(self, row: PublishedValue) -> str:
        """Name the patients of a number: group, subgroup and stage."""
        arms = " against ".join(self.arm(arm) for arm in (row.arm, row.comparator) if arm)
        stage = f"{row.stage} matching" if row.stage else ""
        subgroup = self.subgroup(row.subgroup) if row.subgroup else ""
        return ", ".join(part for part in (arms, subgroup, stage) if part)

    def subject(self, row: PublishedValue, *, statistic: bool = False) -> str:
        """Say which quantity a number is: item, outcome, patients; the statistic if asked for."""
        said = [
            STATISTIC_WORDS.get(row.statistic, row.statistic) if statistic else "",
            self.item(row.item, "" if row.level == "each_arm" else row.level),
            "each group" if row.level == "each_arm" else "",
            self.outcome(row.outcome) if row.outcome != row.item else "",
            self.group(row),
            row.model,
            row.time,
        ]
        return ", ".join(part for part in said if part)
