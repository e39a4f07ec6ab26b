"""The words in which a study is described: frozen types that check themselves when made.

A study is data. Its description says who was eligible, which arms were compared, which covariates
were balanced, which outcomes were measured and which models were fitted; it holds no patient, no
estimate and no printed result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from replica.errors import ProtocolError, one_of
from replica.groups import Cut, Group, GroupComparison, GroupCurve, GroupDesign, OddsRatioPlan
from replica.leeway import Association, CovariateSet, SetAside
from replica.matching_plan import CaseControlPlan, MatchingPlan
from replica.vocabulary import (
    ARM_KEYS,
    CALIPER_SCALES,
    DISCARDS,
    DRAWS,
    METHODS,
    ORDERS,
    TIES,
    ArmKey,
    Band,
    CaliperScale,
    Categorical,
    Characteristic,
    Covariate,
    Discard,
    Draw,
    Level,
    Measure,
    Method,
    Order,
    Ties,
    check_key,
    check_unique,
)

__all__ = [
    "ARM_KEYS",
    "CALIPER_SCALES",
    "DISCARDS",
    "DRAWS",
    "METHODS",
    "ORDERS",
    "TIES",
    "Arm",
    "ArmKey",
    "Association",
    "Band",
    "Calendar",
    "CaliperScale",
    "CaseControlPlan",
    "Categorical",
    "Characteristic",
    "Citation",
    "Covariate",
    "CovariateSet",
    "CurvePlan",
    "Cut",
    "Discard",
    "Draw",
    "Endpoint",
    "Exhibit",
    "Group",
    "GroupComparison",
    "GroupCurve",
    "GroupDesign",
    "Level",
    "MatchingPlan",
    "Measure",
    "Method",
    "ModelPlan",
    "OddsRatioPlan",
    "Order",
    "Outcome",
    "SetAside",
    "Study",
    "SubgroupPlan",
    "Ties",
]


@dataclass(frozen=True)
class Citation:
    """Where the study was published, in the parts that a reference list needs."""

    authors: str
    title: str
    journal: str
    year: int
    doi: str
    bibkey: str


@dataclass(frozen=True)
class Endpoint:
    """A yes/no endpoint defined as some of the levels of a characteristic (response, control)."""

    key: str
    label: str
    of: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """A time to an event: its two columns, its unit and the times at which rates are reported.

    `no_later_than` names an outcome whose time is never earlier (progression or death against
    death).
    """

    key: str
    label: str
    short: str
    duration: str
    event: str
    unit: str
    rate_times: tuple[int, ...]
    no_later_than: str = ""

    def __post_init__(self) -> None:
        """Refuse times that are not positive and increasing."""
        check_key(self.key, "Outcome")
        if any(t <= 0 for t in self.rate_times) or list(self.rate_times) != sorted(self.rate_times):
            raise ProtocolError(f"{self.key}: rate times must be positive and increasing.")


@dataclass(frozen=True)
class Arm:
    """One of the two groups compared: `label` as the paper has it, `words` for other readers."""

    key: ArmKey
    label: str
    words: str = ""


@dataclass(frozen=True)
class ModelPlan:
    """A univariable screen followed by a multivariable Cox model within one arm.

    Every covariate is tested alone; those with a p value below `entry_p` enter the joint model.
    """

    outcome: str
    arm: ArmKey
    covariates: tuple[str, ...]
    entry_p: float
    exhibit: str

    def __post_init__(self) -> None:
        """Refuse an entry threshold that is not a probability."""
        if not 0 < self.entry_p <= 1:
            raise ProtocolError(f"entry_p: found {self.entry_p}; it must lie in (0, 1].")


@dataclass(frozen=True)
class SubgroupPlan:
    """Treatment effect within each level of each covariate, by Cox with treatment alone."""

    outcome: str
    covariates: tuple[str, ...]
    exhibit: str


@dataclass(frozen=True)
class CurvePlan:
    """Kaplan-Meier curves of one outcome by arm (before or after matching) or by a covariate."""

    exhibit: str
    outcome: str
    stage: Literal["before", "after"]
    by: str = "arm"
    within: ArmKey | None = None


@dataclass(frozen=True)
class Exhibit:
    """A table or figure of the paper; `where` names it as the published table does."""

    key: str
    where: str
    title: str


@dataclass(frozen=True)
class Calendar:
    """Dates between which time zero lies, what it is, and the last day of follow-up."""

    start_column: str
    enrolment_start: date
    enrolment_end: date
    data_cutoff: date
    time_zero: str = "start of treatment"

    def __post_init__(self) -> None:
        """Refuse dates out of order."""
        if not self.enrolment_start <= self.enrolment_end <= self.data_cutoff:
            raise ProtocolError("Calendar: enrolment must start, end and be cut off in that order.")


@dataclass(frozen=True)
class Study:
    """Everything that a notebook needs to know about a study, except patients and results.

    Patients may be matched on covariates and on measures that both arms have. Without a `calendar`
    the patient table holds no dates, and no synthetic cohort can be made.
    """

    key: str
    title: str
    question: str
    citation: Citation
    eligibility: tuple[str, ...]
    exclusions: tuple[str, ...]
    treated: Arm
    control: Arm
    covariates: tuple[Covariate, ...]
    outcomes: tuple[Outcome, ...]
    matching: MatchingPlan
    convention: str
    calendar: Calendar | None = None
    characteristics: tuple[Characteristic, ...] = ()
    measures: tuple[Measure, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    models: tuple[ModelPlan, ...] = ()
    subgroups: tuple[SubgroupPlan, ...] = ()
    curves: tuple[CurvePlan, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    associations: tuple[Association, ...] = ()
    assumptions: tuple[str, ...] = field(default=())
    set_aside: tuple[SetAside, ...] = ()
    covariate_sets: tuple[CovariateSet, ...] = ()
    groups: GroupDesign | None = None

    def __post_init__(self) -> None:
        """Refuse a description whose parts name each other wrongly."""
        check_key(self.key, "Study")
        categorical: list[Categorical] = [*self.covariates, *self.characteristics]
        columns = [*(c.key for c in categorical), *(m.key for m in self.measures)]
        check_unique(columns, self.key)
        self._check_references()
        if self.groups:
            measures = [m.key for m in self.measures]
            self.groups.check(categorical, measures, [o.key for o in self.outcomes])

    def _check_references(self) -> None:
        covariates = [c.key for c in self.covariates]
        outcomes = [o.key for o in self.outcomes]
        exhibits = [e.key for e in self.exhibits]

        def known(names: Iterable[str], allowed: Sequence[str], what: str) -> None:
            for name in names:
                if name not in allowed:
                    raise ProtocolError(f"{self.key}, {what}: {one_of(name, allowed)}")

        measures = [m.key for m in self.measures if set(m.arms) == set(ARM_KEYS)]
        known(self.matching.covariates, [*covariates, *measures], "matching covariates")
        known(self.matching.exact, covariates, "exact matching")
        calipers = [key for key, _ in self.matching.covariate_calipers]
        known(calipers, measures, "covariate calipers")
        sets = (key for one in self.covariate_sets for key in one.covariates)
        known(sets, [*covariates, *measures], "covariate sets")
        known((m.outcome for m in self.models), outcomes, "model outcome")
        known((m.exhibit for m in self.models), exhibits, "model exhibit")
        known((c for m in self.models for c in m.covariates), covariates, "model covariates")
        pairs = [key for a in self.associations for key in (a.first, a.second)]
        known(pairs, covariates, "associations")
        known((s.outcome for s in self.subgroups), outcomes, "subgroup outcome")
        known((s.exhibit for s in self.subgroups), exhibits, "subgroup exhibit")
        known((c for s in self.subgroups for c in s.covariates), covariates, "subgroup covariates")
        known((c.outcome for c in self.curves), outcomes, "curve outcome")
        known((c.exhibit for c in self.curves), exhibits, "curve exhibit")
        known((o.no_later_than for o in self.outcomes if o.no_later_than), outcomes, "outcome")
        for measure in self.measures:
            if measure.groups:
                levels = self.covariate(measure.groups).level_keys
                known((band.level for band in measure.bands), levels, measure.key)
        yes_no = [c.key for c in self.characteristics if c.level_keys == ("yes", "no")]
        known((c.within for c in self.characteristics if c.within), yes_no, "nested in")
        known((c.follows for c in self.characteristics if c.follows), outcomes, "follows")
        known((c.by for c in self.curves), ["arm", *covariates], "curve groups")
        for endpoint in self.endpoints:
            known(endpoint.levels, self.characteristic(endpoint.of).level_keys, endpoint.key)

    def covariate(self, key: str) -> Covariate:
        """Return the covariate with this key, or say which ones there are."""
        for covariate in self.covariates:
            if covariate.key == key:
                return covariate
        raise ProtocolError(f"unknown covariate, {one_of(key, (c.key for c in self.covariates))}")

    def characteristic(self, key: str) -> Characteristic:
        """Return the characteristic with this key, or say which ones there are."""
        for characteristic in self.characteristics:
            if characteristic.key == key:
                return characteristic
        allowed = (c.key for c in self.characteristics)
        raise ProtocolError(f"unknown characteristic, {one_of(key, allowed)}")

    def outcome(self, key: str) -> Outcome:
        """Return the outcome with this key, or say which ones there are."""
        for outcome in self.outcomes:
            if outcome.key == key:
                return outcome
        raise ProtocolError(f"unknown outcome, {one_of(key, (o.key for o in self.outcomes))}")

    def exhibit(self, key: str) -> Exhibit:
        """Return the table or figure with this key, or say which ones there are."""
        for exhibit in self.exhibits:
            if exhibit.key == key:
                return exhibit
        raise ProtocolError(f"unknown exhibit, {one_of(key, (e.key for e in self.exhibits))}")

    def arm_label(self, key: str) -> str:
        """Label of an arm key as the paper prints it."""
        return {"treated": self.treated.label, "control": self.control.label}.get(key, key)
