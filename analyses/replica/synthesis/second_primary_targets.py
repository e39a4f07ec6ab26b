"""What a study of second primaries prints, read once for the making of its patients.

No number of the paper stands in the code that makes patients: each is found in the published table
by what it is about. Printed rows that give way to others are not read at all (`replica.conflicts`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from replica.errors import SynthesisError
from replica.protocol import ARM_KEYS, Study
from replica.published import Printed, PublishedValue
from replica.second_primary import EITHER, EVENT


@dataclass(frozen=True)
class Quartiles:
    """Lower quartile, median, upper quartile."""

    q1: float
    median: float
    q3: float

    @property
    def each(self) -> tuple[float, float, float]:
        """The three in order."""
        return self.q1, self.median, self.q3


@dataclass(frozen=True)
class ArmCounts:
    """What Table 1 prints of one arm at one stage.

    `types` counts the cancer types in the protocol's order; the last is what the others leave.
    `yes` holds the printed counts of yes/no rows, as far as they stand.
    """

    patients: int
    female: int
    types: tuple[int, ...]
    age: Quartiles
    index: Quartiles
    yes: Mapping[str, int]


@dataclass(frozen=True)
class Ratio:
    """A hazard ratio with the ends of its interval, as printed."""

    ratio: Printed
    low: Printed
    high: Printed

    @property
    def each(self) -> tuple[Printed, Printed, Printed]:
        """The ratio and both ends."""
        return self.ratio, self.low, self.high


@dataclass(frozen=True)
class PrintedStudy:
    """Everything that the patients are made from, by arm, stage or outcome.

    Times are in months, waits in days. Of `follow_up` those quartiles are kept, as (share whose
    follow-up has ended, months), that are printed as numbers; an upper quartile not reached says
    that more than a quarter are followed for longer than the window.
    """

    study: Study
    counts: Mapping[tuple[str, str], ArmCounts]
    age_mean: float
    age_sd: float
    age_p: Printed
    index_p: Printed
    second: Mapping[str, int]
    rate_time: float
    time_to_second: Mapping[str, Quartiles]
    time_to_either: Mapping[str, tuple[float, float]]
    ratios: Mapping[str, Ratio]
    follow_up: Mapping[str, tuple[tuple[float, float], ...]]
    wait: Quartiles
    since: Quartiles

    @property
    def pairs(self) -> int:
        """Matched pairs."""
        return self.counts["treated", "after"].patients


def read_targets(
    study: Study, published: Sequence[PublishedValue], left_out: Collection[str]
) -> PrintedStudy:
    """Find the printed numbers that patients are made from.

    Parameters
    ----------
    study, published
        A study of second primaries and what its paper prints.
    left_out
        Ids of rows that contradict others and give way.

    Raises
    ------
    SynthesisError
        If a number is not printed, or printed twice with different values; it is named.
    """
    rows = _Rows(study, tuple(row for row in published if row.id not in left_out))
    seconds = {"treated": rows.whole(EVENT, "n", outcome=EVENT, arm="treated")}
    # the number of the controls follows from the total, which stands
    total = rows.whole(EVENT, "n", outcome=EVENT, arm="all")
    seconds["control"] = total - seconds["treated"]
    incidence = rows.of("incidence", "rate", outcome=EVENT, arm="treated")
    return PrintedStudy(
        study=study,
        counts={
            (arm, stage): _counts(rows, arm, stage)
            for arm in ARM_KEYS
            for stage in ("before", "after")
        },
        age_mean=rows.number("age_years", "mean", arm="treated"),
        age_sd=rows.number("age_years", "sd", arm="treated"),
        age_p=rows.of("age_years", "p", arm="treated").value,
        index_p=rows.of("charlson_index", "p", arm="treated").value,
        second=seconds,
        rate_time=float(incidence.time.split()[0]),
        time_to_second={arm: rows.quartiles("time_to_event", arm, EVENT) for arm in ARM_KEYS},
        time_to_either={
            arm: (
                rows.number("time_to_event", "median", outcome=EITHER, arm=arm),
                rows.number("time_to_event", "q3", outcome=EITHER, arm=arm),
            )
            for arm in ARM_KEYS
        },
        ratios={outcome: _ratio(rows, outcome) for outcome in (EVENT, EITHER)},
        follow_up={arm: _follow_up(rows, arm) for arm in ARM_KEYS},
        wait=rows.quartiles("time_to_ici", "treated"),
        since=rows.quartiles("time_ici_to_second_primary", "treated", EVENT),
    )


@dataclass(frozen=True)
class _Rows:
    """The printed rows that stand, asked by what they are about."""

    study: Study
    rows: tuple[PublishedValue, ...]

    def find(
        self, item: str, statistic: str, *, level: str, outcome: str, arm: str, stage: str
    ) -> tuple[PublishedValue, ...]:
        """Return all rows of one quantity; none, one, or the same number in several places."""
        asked = (item, statistic, level, outcome, arm, stage, "", "")
        found = tuple(
            row
            for row in self.rows
            if (
                *(row.item, row.statistic, row.level, row.outcome, row.arm, row.stage),
                *(row.subgroup, row.comparator if statistic not in _OF_TWO else ""),
            )
            == asked
        )
        if len({row.value.value for row in found}) > 1:
            said = "; ".join(f"{row.printed} ({row.id})" for row in found)
            raise SynthesisError(
                f"{self.study.key}: {statistic} of {item} is printed as {said}. Say in the "
                "conflicts which of them gives way."
            )
        return found

    def of(
        self,
        item: str,
        statistic: str,
        *,
        level: str = "",
        outcome: str = "",
        arm: str = "",
        stage: str = "after",
    ) -> PublishedValue:
        """Return the row of a quantity that must be printed."""
        found = self.find(item, statistic, level=level, outcome=outcome, arm=arm, stage=stage)
        if not found:
            words = " ".join(part for part in (item, level, outcome, arm, stage) if part)
            raise SynthesisError(
                f"{self.study.key}: found no printed {statistic} of {words}; the patients cannot "
                "be made without it. Add the row to the published table."
            )
        return found[0]

    def number(
        self,
        item: str,
        statistic: str,
        *,
        level: str = "",
        outcome: str = "",
        arm: str = "",
        stage: str = "after",
    ) -> float:
        """Return the number printed of a quantity."""
        row = self.of(item, statistic, level=level, outcome=outcome, arm=arm, stage=stage)
        if row.value.kind != "number":
            raise SynthesisError(f"{row.id}: found {row.printed!r}; the patients need a number.")
        return float(row.value.value)

    def whole(
        self, item: str, statistic: str, *, outcome: str = "", arm: str, stage: str = "after"
    ) -> int:
        """Return a printed count."""
        return round(self.number(item, statistic, outcome=outcome, arm=arm, stage=stage))

    def quartiles(self, item: str, arm: str, outcome: str = "", stage: str = "after") -> Quartiles:
        """Return the printed quartiles of a measure."""
        return Quartiles(
            *(
                self.number(item, name, outcome=outcome, arm=arm, stage=stage)
                for name in ("q1", "median", "q3")
            )
        )


# These compare the arm with the other one.
_OF_TWO = frozenset({"p", "hr", "ci_low", "ci_high"})


def _counts(rows: _Rows, arm: str, stage: str) -> ArmCounts:
    study = rows.study

    def count(item: str, level: str) -> int:
        return round(rows.number(item, "n", level=level, arm=arm, stage=stage))

    patients = rows.whole("patients", "n", arm=arm, stage=stage)
    *printed, _ = study.covariate("cancer_type").level_keys
    types = [count("cancer_type", level) for level in printed]
    yes: dict[str, int] = {}
    for column in (*study.covariates, *study.characteristics):
        if column.level_keys != ("yes", "no"):
            continue
        where = {"level": "yes", "outcome": "", "arm": arm, "stage": stage}
        for row in rows.find(column.key, "n", **where):
            yes[column.key] = int(row.value.value)
    return ArmCounts(
        patients,
        count("sex", "female"),
        (*types, patients - sum(types)),
        rows.quartiles("age_years", arm, stage=stage),
        rows.quartiles("charlson_index", arm, stage=stage),
        yes,
    )


def _ratio(rows: _Rows, outcome: str) -> Ratio:
    return Ratio(
        *(
            rows.of("treatment", name, outcome=outcome, arm="treated").value
            for name in ("hr", "ci_low", "ci_high")
        )
    )


def _follow_up(rows: _Rows, arm: str) -> tuple[tuple[float, float], ...]:
    knots = []
    for name, share in (("q1", Fraction(1, 4)), ("median", Fraction(1, 2)), ("q3", Fraction(3, 4))):
        found = rows.find("follow_up", name, level="", outcome="", arm=arm, stage="after")
        knots += [
            (float(share), float(r.value.value)) for r in found[:1] if r.value.kind == "number"
        ]
    return tuple(knots)
