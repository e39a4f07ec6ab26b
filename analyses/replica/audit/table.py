"""A table of printed numbers with its relations at hand, read from the columns alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache

from replica.audit.claims import Claim
from replica.audit.finding import CLAIM_PREFIX, Severity
from replica.audit.interval import Interval, printed_interval, roundings
from replica.audit.naming import Names
from replica.protocol import Study
from replica.published import Printed, PublishedValue, parse_printed

# How a table names the rows that give the size of a group.
SIZE_ITEMS = ("patients", "group_size", "participants", "subjects", "sample_size", "cohort_size")
EACH_ARM = "each_arm"
ALL = "all"
ARMS = ("treated", "control")
# Words that say how something was done, and nothing of its result.
_OF_METHODS = ("method", "until_event", "not_available")
# So many percents of a column that follow from the group's size bear it out.
_FOLLOWING = 3


@lru_cache(maxsize=16384)  # a search for slips reads the same texts again and again
def _read(text: str) -> tuple[Printed, Interval | None, int | None]:
    printed = parse_printed(text)
    whole = printed.kind == "number" and printed.value.denominator == 1 and printed.value >= 0
    return printed, printed_interval(printed), int(printed.value) if whole else None


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
        self._standing: dict[str, bool] = {}
        self._known_sizes: dict[tuple[str, str, str], tuple[int, PublishedValue] | None] = {}

    @cached_property
    def by_id(self) -> dict[str, PublishedValue]:
        """The rows by their id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def quantities(self) -> dict[tuple[str, ...], tuple[PublishedValue, ...]]:
        """The rows of each quantity, which may be printed in several places."""
        found: dict[tuple[str, ...], list[PublishedValue]] = defaultdict(list)
        for row in self.rows:
            found[self._keys[row.id]].append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def names(self) -> Names:
        """What keys mean in words, by the protocol."""
        return Names(self.study)

    @cached_property
    def _keys(self) -> dict[str, tuple[str, ...]]:
        return {row.id: row.key for row in self.rows}

    def with_rows(self, rows: Iterable[PublishedValue]) -> PrintedTable:
        """Return a table of some of these rows, which may print other texts.

        What a row is of stays as it is here, so that it is not worked out again.
        """
        table = PrintedTable(rows, self.study, self.claims)
        table.__dict__ |= {"_keys": self._keys, "names": self.names}
        return table

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
        return None if row is None else _read(row.printed)[2]

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
        """Return a group's size: as its table prints it, else as most other sizes bear it out.

        That is the one which the other arm leaves of all patients, else the most frequent one.
        """
        asked = (arm, stage, where)
        if asked not in self._known_sizes:
            self._known_sizes[asked] = self._size(*asked)
        return self._known_sizes[asked]

    def _size(self, arm: str, stage: str, where: str) -> tuple[int, PublishedValue] | None:
        rows = self.sizes.get((arm, stage), ())
        here = [row for row in rows if row.where == where]
        counts = Counter(self.count(row) for row in rows)
        ranked = sorted(
            here or rows,
            key=lambda row: (
                not self._implied(arm, stage, self.count(row)),
                -counts[self.count(row)],
                row.where.startswith("Abstract"),
            ),
        )
        if not ranked:
            return None
        count = self.count(ranked[0])
        return None if count is None else (count, ranked[0])

    def stands(self, row: PublishedValue) -> bool:
        """Whether a group's size needs no other row's word for it.

        It is printed alike elsewhere, or other sizes imply it, or three percents of its column
        follow from it: taking the row away would not make another size possible.
        """
        if row.id not in self._standing:
            self._standing[row.id] = self._stands(row)
        return self._standing[row.id]

    def open(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Leave out the sizes of groups that stand: a contradiction is between the other rows."""
        names = tuple(ids)
        left = tuple(
            name
            for name in names
            if not (self.is_size(self.by_id[name]) and self.stands(self.by_id[name]))
        )
        return left or names

    def _stands(self, row: PublishedValue) -> bool:
        count, stage = self.count(row), row.stage
        arm = ARMS[0] if row.level == EACH_ARM else row.arm
        usual = self.size(arm, stage)
        if not count or usual is None or usual[0] != count:
            return False
        alike = [other for other in self.sizes[arm, stage] if self.count(other) == count]
        return len(alike) > 1 or self._implied(arm, stage, count) or self._followed(arm, stage)

    def _implied(self, arm: str, stage: str, count: int | None) -> bool:
        """Whether the sizes of the other arm and of all patients leave just this one."""
        whole = [
            self.count(r)
            for r in self.rows
            if self.is_size(r) and r.level != EACH_ARM and (r.arm, r.stage) == (ALL, stage)
        ]
        others = [
            self.count(row)
            for other in ARMS
            if other != arm
            for row in self.sizes.get((other, stage), ())
        ]
        if arm not in ARMS or count is None:
            return False
        return any(w - o == count for w in whole for o in others if w is not None and o is not None)

    def _followed(self, arm: str, stage: str) -> bool:
        """Whether enough percents of a column follow from its group's size."""
        size = self.size(arm, stage)
        total = 0 if size is None else size[0]
        following = 0
        for (_, _, own, at), cells in self.levels.items():
            for cell in cells.values() if (own, at) == (arm, stage) and total else ():
                percent = self.estimates[cell.estimate_id].get("percent")
                value = Fraction(100 * (self.count(cell) or 0), total)
                following += percent is not None and bool(roundings(self.printed(percent), value))
        return following >= _FOLLOWING

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
        return any(claim.direction not in _OF_METHODS for claim in claims)
