"""Groups of patients other than the two arms, and how a study of cases and controls compares them.

Studies import these words from `replica.protocol`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replica.errors import ProtocolError, one_of
from replica.matching_plan import CaseControlPlan
from replica.vocabulary import ArmKey, Categorical, check_key, check_unique

MATCHED, ENROLLED = "matched", "enrolled"
WALD, PEARSON = "wald", "pearson"


@dataclass(frozen=True)
class Cut(Categorical):
    """A measure cut in two: the first level below `at`, the second from it up.

    Its key is the measure's, so that its levels are counted under that name.
    """

    at: float = 0.0

    def __post_init__(self) -> None:
        """Refuse other than two levels."""
        super().__post_init__()
        if len(self.levels) != 2:
            raise ProtocolError(f"{self.key}: a cut makes 2 levels; found {len(self.levels)}.")


@dataclass(frozen=True)
class Group:
    """A named part of the patients: those of an arm, or those of it at some level of a column.

    Without an arm it is everybody. `stage` says of whom: the `matched` patients, as a rule, or all
    who were `enrolled`.
    """

    key: str
    label: str
    arm: ArmKey | None = None
    column: str = ""
    level: str = ""
    stage: str = MATCHED

    def __post_init__(self) -> None:
        """Refuse an impossible key or stage, and a column without a level."""
        check_key(self.key, "Group")
        if self.stage not in (MATCHED, ENROLLED):
            raise ProtocolError(f"{self.key}, stage: {one_of(self.stage, (MATCHED, ENROLLED))}")
        if bool(self.column) != bool(self.level):
            raise ProtocolError(f"{self.key}: `column` and `level` go together.")


@dataclass(frozen=True)
class GroupComparison:
    """Two groups whose patients are compared in each of the columns named, by a test of counts."""

    exhibit: str
    first: str
    second: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class OddsRatioPlan:
    """One printed odds ratio, and the logistic regression that it is read as.

    The ratio compares patients at one of `levels` of `item` with the others, or, with `trend`, one
    level with the next; `levels` names the direction, which a paper may leave open. `first` and
    `second` are the groups of the printed column, the first being the cases; `cases` are the
    patients that the ratio follows from, where these are others. `adjusted_for` names items of
    planned ratios of the same cases and controls, which enter the model as they are planned. `p`
    says which test the printed p value is read as: Wald's of the model or, for a ratio of two
    levels that is not adjusted, Pearson's chi-square of the same counts.
    """

    item: str
    first: str
    second: str
    levels: tuple[str, ...] = ()
    trend: bool = False
    adjusted_for: tuple[str, ...] = ()
    cases: str = ""
    p: str = WALD

    def __post_init__(self) -> None:
        """Refuse a ratio without a direction, and a test of counts of an adjusted one."""
        if bool(self.levels) == self.trend:
            raise ProtocolError(f"{self.item}: name either `levels` or `trend`.")
        if self.p not in (WALD, PEARSON):
            raise ProtocolError(f"{self.item}, p: {one_of(self.p, (WALD, PEARSON))}")
        if self.p == PEARSON and (self.trend or self.adjusted_for):
            raise ProtocolError(
                f"{self.item}, p: Pearson's chi-square compares two levels as they are counted; "
                f"found a trend or an adjusted ratio. Name {WALD!r}."
            )

    @property
    def compared(self) -> tuple[str, str]:
        """The groups of the model: its cases, which may be others than printed, and controls."""
        return self.cases or self.first, self.second


@dataclass(frozen=True)
class GroupCurve:
    """Kaplan-Meier curves of two groups, as drawn in one figure, perhaps at one level only."""

    exhibit: str
    outcome: str
    first: str
    second: str
    column: str = ""
    level: str = ""


@dataclass(frozen=True)
class GroupDesign:
    """A study of cases and controls: its groups, how controls were found, what is compared.

    `subgroups` names columns, each with the levels within which `exposed` and `unexposed` are
    compared by a Cox model. `interval` names the measure between the two diagnoses of a case, and
    `order` the column that says which came first, at `exposed_later` the disease studied.
    """

    case_control: CaseControlPlan
    groups: tuple[Group, ...]
    exposed: str
    unexposed: str
    cuts: tuple[Cut, ...] = ()
    comparisons: tuple[GroupComparison, ...] = ()
    odds_ratios: tuple[OddsRatioPlan, ...] = ()
    subgroups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    curves: tuple[GroupCurve, ...] = ()
    interval: str = ""
    order: str = ""
    exposed_later: str = ""

    def __post_init__(self) -> None:
        """Refuse groups that are not there."""
        keys = [group.key for group in self.groups]
        check_unique(keys, "groups")
        named = [self.exposed, self.unexposed]
        named += [key for pair in self.comparisons for key in (pair.first, pair.second)]
        named += [key for plan in self.odds_ratios for key in (plan.first, plan.second)]
        named += [key for curve in self.curves for key in (curve.first, curve.second)]
        named += [plan.cases for plan in self.odds_ratios if plan.cases]
        for name in named:
            if name not in keys:
                raise ProtocolError(f"unknown group, {one_of(name, keys)}")

    def group(self, key: str) -> Group:
        """Return the group with this key, or say which ones there are."""
        for group in self.groups:
            if group.key == key:
                return group
        raise ProtocolError(f"unknown group, {one_of(key, (g.key for g in self.groups))}")

    def check(
        self, columns: Iterable[Categorical], measures: Sequence[str], outcomes: Sequence[str]
    ) -> None:
        """Refuse a column, level, measure or outcome that the study does not have."""
        known = {column.key: column for column in (*columns, *self.cuts)}
        named: list[tuple[str, tuple[str, ...]]]
        named = [(group.column, (group.level,)) for group in self.groups if group.column]
        named += [(column, ()) for pair in self.comparisons for column in pair.columns]
        named += [(plan.item, plan.levels) for plan in self.odds_ratios]
        named += [(curve.column, (curve.level,)) for curve in self.curves if curve.column]
        named += [*self.subgroups, *([(self.order, (self.exposed_later,))] if self.order else [])]
        for column, levels in named:
            if column not in known:
                raise ProtocolError(f"groups: unknown column, {one_of(column, known)}")
            for level in levels:
                known[column].level(level)
        words = [("outcome", curve.outcome, outcomes) for curve in self.curves]
        words += [("measure", cut.key, measures) for cut in self.cuts]
        words += [("measure", self.interval, measures)] if self.interval else []
        for what, name, allowed in words:
            if name not in allowed:
                raise ProtocolError(f"groups: unknown {what}, {one_of(name, allowed)}")
