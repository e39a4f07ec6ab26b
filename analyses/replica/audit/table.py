"""A table of printed numbers with its relations at hand, read from the columns alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from replica.audit.claims import Claim
from replica.audit.finding import CLAIM_PREFIX, Severity
from replica.audit.interval import Interval, printed_interval
from replica.protocol import Study
from replica.published import Printed, PublishedValue, parse_printed

# How a table names the rows that give the size of a group.
SIZE_ITEMS = ("patients", "group_size", "participants", "subjects", "sample_size", "cohort_size")
EACH_ARM = "each_arm"
ALL = "all"


@lru_cache(maxsize=16384)  # a search for slips reads the same texts again and again
def _read(text: str) -> tuple[Printed, Interval | None]:
    printed = parse_printed(text)
    return printed, printed_interval(printed)


class PrintedTable:
    """The printed numbers of one paper, its protocol and its claims, if there are any.

    Parameters
    ----------
    rows
        The printed numbers, in the paper's order.
    study
        The protocol: it tells which levels make up a covariate and how patients were matched.
    claims
        What the paper says in words.
    """

    def __init__(
        self,
        rows: Iterable[PublishedValue],
        study: Study | None = None,
        claims: Iterable[Claim] = (),
    ) -> None:
        """Keep the rows; what follows from them is worked out when it is asked for."""
        self.rows: tuple[PublishedValue, ...] = tuple(rows)
        self.study = study
        self.claims: tuple[Claim, ...] = tuple(claims)

    @cached_property
    def by_id(self) -> dict[str, PublishedValue]:
        """The rows by their id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def quantities(self) -> dict[tuple[str, ...], tuple[PublishedValue, ...]]:
        """The rows of each quantity, which may be printed in several places."""
        found: dict[tuple[str, ...], list[PublishedValue]] = defaultdict(list)
        for row in self.rows:
            found[row.key].append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def estimates(self) -> dict[str, dict[str, PublishedValue]]:
        """The rows of each estimate by statistic; the first counts if one stands twice."""
        found: dict[str, dict[str, PublishedValue]] = defaultdict(dict)
        for row in self.rows:
            found[row.estimate_id].setdefault(row.statistic, row)
        return dict(found)

    def printed(self, row: PublishedValue) -> Printed:
        """Return what the printed string says."""
        return _read(row.printed)[0]

    def interval(self, row: PublishedValue) -> Interval | None:
        """Return every value that could be printed so; None for words and blanks."""
        return _read(row.printed)[1]

    def count(self, row: PublishedValue | None) -> int | None:
        """Return a printed whole number, or None if there is none."""
        if row is None:
            return None
        printed = self.printed(row)
        if printed.kind != "number" or printed.value.denominator != 1 or printed.value < 0:
            return None
        return int(printed.value)

    def with_statistic(self, *statistics: str) -> tuple[PublishedValue, ...]:
        """Return the rows with one of these statistics, in order."""
        return tuple(row for row in self.rows if row.statistic in statistics)

    @cached_property
    def size_items(self) -> frozenset[str]:
        """Names of the items whose counts are sizes of groups."""
        named = {row.item for row in self.rows if row.statistic == "n"}
        return frozenset(named & set(SIZE_ITEMS))

    def is_size(self, row: PublishedValue) -> bool:
        """Whether a row gives the size of a group."""
        plain = not (row.outcome or row.subgroup or row.model or row.time or row.comparator)
        return (
            row.statistic == "n"
            and row.item in self.size_items
            and row.level in ("", EACH_ARM)
            and plain
        )

    @cached_property
    def sizes(self) -> dict[tuple[str, str], tuple[PublishedValue, ...]]:
        """Rows that print the size of a group, by (arm, stage); `each_arm` counts for each."""
        rows = [row for row in self.rows if self.is_size(row) and self.count(row) is not None]
        arms: dict[str, dict[str, None]] = defaultdict(dict)
        for row in rows:
            if row.level != EACH_ARM and row.arm != ALL:
                arms[row.stage][row.arm] = None
        found: dict[tuple[str, str], list[PublishedValue]] = defaultdict(list)
        for row in rows:
            names = arms[row.stage] if row.level == EACH_ARM else (row.arm,)
            for arm in names:
                found[arm, row.stage].append(row)
        return {key: tuple(value) for key, value in found.items()}

    def size(self, arm: str, stage: str, where: str = "") -> tuple[int, PublishedValue] | None:
        """Return a group's size: as its table prints it, else as it is printed most often."""
        rows = self.sizes.get((arm, stage), ())
        here = [row for row in rows if row.where == where]
        counts = Counter(self.count(row) for row in rows)
        ranked = sorted(here or rows, key=lambda row: -counts[self.count(row)])
        if not ranked:
            return None
        count = self.count(ranked[0])
        return None if count is None else (count, ranked[0])

    @cached_property
    def levels(self) -> dict[tuple[str, str, str, str], dict[str, PublishedValue]]:
        """Counts by level for each (where, item, arm, stage), in the printed order."""
        found: dict[tuple[str, str, str, str], dict[str, PublishedValue]] = defaultdict(dict)
        for row in self.rows:
            plain = not (row.subgroup or row.model or row.time or row.comparator)
            counted = row.statistic == "n" and self.count(row) is not None
            if counted and plain and not self.is_size(row):
                found[row.where, row.item, row.arm, row.stage].setdefault(row.level, row)
        return dict(found)

    @cached_property
    def counts(self) -> dict[tuple[str, str, str, str], tuple[PublishedValue, ...]]:
        """Counts for each (item, level, arm, stage), wherever they stand."""
        found: dict[tuple[str, str, str, str], list[PublishedValue]] = defaultdict(list)
        for (_, item, arm, stage), levels in self.levels.items():
            for level, row in levels.items():
                found[item, level, arm, stage].append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    def known_levels(self, item: str) -> tuple[str, ...] | None:
        """Return the levels that the protocol gives an item, or None if it gives none."""
        if self.study is None:
            return None
        for variable in (*self.study.covariates, *self.study.characteristics):
            if variable.key == item:
                return variable.level_keys
        return None

    @cached_property
    def claims_about(self) -> dict[str, tuple[Claim, ...]]:
        """The claims that speak of each estimate."""
        found: dict[str, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            for estimate in claim.estimates:
                found[estimate].append(claim)
        return {key: tuple(value) for key, value in found.items()}

    def is_subject(self, claim: Claim, row: PublishedValue) -> bool:
        """Whether a row is what a claim is about, not one that it is contrasted with."""
        first = next(iter(self.estimates.get(claim.estimates[0], {}).values()), None)
        return first is not None and first.item == row.item

    def severity(
        self, ids: Sequence[str], *, flips: bool = False, within_a_unit: bool = False
    ) -> Severity:
        """Grade a finding.

        `headline`: a number of the abstract, or a direction or significance (`flips`) of an
        outcome, a model or something that the paper claims in words. `rounding`: a unit of the
        last printed digit. `table`: any other cell.
        """
        rows = [self.by_id[name] for name in ids if not name.startswith(CLAIM_PREFIX)]
        if within_a_unit:
            return "rounding"
        if any(row.where.startswith("Abstract") for row in rows):
            return "headline"
        if flips and any(row.outcome or row.model or self._claimed(row) for row in rows):
            return "headline"
        return "table"

    def _claimed(self, row: PublishedValue) -> bool:
        claims = self.claims_about.get(row.estimate_id, ())
        return any(claim.direction not in ("method", "not_available") for claim in claims)
