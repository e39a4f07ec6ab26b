"""Counts and percents of one characteristic as relations between whole numbers of patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from replica.audit.interval import Interval, printed_interval
from replica.audit.percentages import Percent, Percents
from replica.audit.possible import Constraint, equals
from replica.audit.table import ALL, EACH_ARM, PrintedTable
from replica.published import PublishedValue

_ARMS = ("treated", "control")


@dataclass(frozen=True)
class Characteristic:
    """One item (and outcome) with the constraints on its counts.

    `rows` are the printed numbers behind each name of a constraint: the same quantity printed alike
    in several places has one name. `totals` are the denominators of percents, by name too.
    """

    item: str
    outcome: str
    constraints: tuple[Constraint, ...]
    rows: Mapping[str, tuple[PublishedValue, ...]]
    totals: Mapping[str, int]


def characteristics(table: PrintedTable) -> Iterator[Characteristic]:
    """Yield every item with counts, its relations read off the columns and the protocol."""
    percents = Percents(table)
    counted: dict[tuple[str, str], list[PublishedValue]] = defaultdict(list)
    for row in table.with_statistic("n"):
        plain = not (row.subgroup or row.model or row.time or row.comparator)
        if plain and not table.is_size(row) and table.count(row) is not None:
            counted[row.item, row.outcome].append(row)
    shares: dict[tuple[str, str], list[Percent]] = defaultdict(list)
    for column in percents.columns.values():
        for percent in column:
            shares[percent.row.item, percent.row.outcome].append(percent)
    for (item, outcome), rows in counted.items():
        builder = _Builder(table, percents)
        builder.counts(rows)
        builder.percents(shares[item, outcome])
        builder.levels(item, rows)
        builder.arms(rows)
        builder.matching(rows)
        yield Characteristic(
            item, outcome, tuple(builder.constraints), builder.rows, builder.totals
        )


def count_of(row: PublishedValue) -> str:
    """Name the number of patients that a count or percent is of."""
    return f"{row.item}|{row.level}|{row.outcome}|{row.arm}|{row.stage}"


class _Builder:
    """Collects the constraints of one characteristic."""

    def __init__(self, table: PrintedTable, percents: Percents) -> None:
        self.table = table
        self.known = percents
        self.constraints: list[Constraint] = []
        self.rows: dict[str, tuple[PublishedValue, ...]] = {}
        self.totals: dict[str, int] = {}

    def name(self, row: PublishedValue) -> str:
        """Name a printed number and its copies; the size of a group that stands has none."""
        alike = [r for r in self.table.quantities[row.key] if r.printed == row.printed]
        self.rows[alike[0].id] = tuple(alike)
        return alike[0].id

    def size(self, arm: str, stage: str) -> tuple[str, int] | None:
        """Return the size of a group as a variable, constrained to what is printed."""
        found = self.table.size(arm, stage)
        if found is None:
            return None
        value, row = found
        variable = f"size|{arm}|{stage}"
        if not any(each.terms == ((variable, 1),) for each in self.constraints):
            fixed = self.table.stands(row)
            plain = Constraint(((variable, 1),), value, value)
            self.constraints.append(plain if fixed else equals(variable, value, self.name(row)))
        return variable, value

    def counts(self, rows: Sequence[PublishedValue]) -> None:
        seen: set[str] = set()
        for row in rows:
            name = self.name(row)
            if name not in seen:
                seen.add(name)
                self.constraints.append(equals(count_of(row), self.table.count(row) or 0, name))
            size = self.size(row.arm, row.stage)
            if size is not None:
                self._add(((count_of(row), 1), (size[0], -1)), None, 0)

    def percents(self, percents: Sequence[Percent]) -> None:
        seen: set[str] = set()
        for percent in percents:
            row = percent.row
            name = self.name(row)
            if name in seen:
                continue
            seen.add(name)
            size = self.size(row.arm, row.stage)
            if percent.stated:
                total = f"total|{row.estimate_id}"
                self.constraints.append(equals(total, percent.total, self.name(percent.total_row)))
            elif size is None:
                continue
            else:
                total = size[0]
            self.totals[name] = percent.total if percent.stated or size is None else size[1]
            interval = printed_interval(percent.printed)
            if interval is None or interval.low is None or interval.high is None:
                continue
            exact = bool(self.known.basis(percent))
            relation = f"{percent.printed.text}%|{total}|{count_of(row)}"
            self._share(count_of(row), total, interval, percent, name, relation, exact=exact)

    def _share(
        self,
        count: str,
        total: str,
        interval: Interval,
        percent: Percent,
        name: str,
        relation: str,
        *,
        exact: bool,
    ) -> None:
        """Bound a count by its percent, rounded or cut off; with missing data only from above."""
        scale = 2 * 10**percent.printed.digits
        low = int((interval.low or Fraction(0)) * scale)
        # cut off, a percent stands for all that is less than a unit above it
        high = int((percent.printed.value + percent.printed.unit) * scale)
        names = frozenset([name])
        above = Constraint(((count, 100 * scale), (total, -high)), None, -1, names, relation)
        below = Constraint(((count, 100 * scale), (total, -low)), 0, None, names, relation)
        self.constraints += [above, below] if exact else [above]

    def levels(self, item: str, rows: Sequence[PublishedValue]) -> None:
        """Levels that make up their group in the protocol or the table are at most the group."""
        names = {row.level for row in rows} - {""}
        known = self.table.known_levels(item)
        columns = {(row.arm, row.stage) for row in rows if row.arm}
        sums = []
        for arm, stage in sorted(columns):
            own = {r.level: r for r in rows if (r.arm, r.stage) == (arm, stage) and r.level}
            size = self.table.size(arm, stage)
            if set(own) == names and len(own) > 1 and size is not None:
                total = sum(self.table.count(row) or 0 for row in own.values())
                sums.append((own, self.size(arm, stage), total == size[0]))
        equal = sum(whole for _, _, whole in sums)
        full = names == {"yes", "no"} or (known is not None and set(known) == names)
        if not full and not (equal and 2 * equal >= len(sums)):
            return
        for own, size_of, _ in sums:
            if size_of is not None:
                terms = tuple((count_of(row), 1) for row in own.values())
                self._add((*terms, (size_of[0], -1)), None, 0, f"levels|{size_of[0]}")

    def arms(self, rows: Sequence[PublishedValue]) -> None:
        """Treated and control make up all."""
        for row in rows:
            if row.arm != ALL or row.level == EACH_ARM:
                continue
            parts = [next((r for r in rows if _same_but(r, row, arm=arm)), None) for arm in _ARMS]
            if parts[0] is not None and parts[1] is not None:
                terms = ((count_of(row), -1), (count_of(parts[0]), 1), (count_of(parts[1]), 1))
                self._add(terms, 0, 0, f"arms|{count_of(row)}")

    def matching(self, rows: Sequence[PublishedValue]) -> None:
        """Nobody joins by matching, and no more leave than the group loses."""
        study = self.table.study
        if study is not None and study.matching.replace:
            return
        cells = {count_of(row): row for row in rows if row.stage == "before"}
        after = {count_of(row): row for row in rows if row.stage == "after"}
        for before in cells.values():
            matched = next((r for r in after.values() if _same_but(r, before, stage="after")), None)
            if matched is None or before.arm in ("", ALL):
                continue
            one, other = count_of(before), count_of(matched)
            self._add(((one, 1), (other, -1)), 0, None, f"joins|{one}")
            sizes = [self.size(before.arm, stage) for stage in ("before", "after")]
            if sizes[0] is not None and sizes[1] is not None:
                terms = ((one, 1), (other, -1), (sizes[0][0], -1), (sizes[1][0], 1))
                self._add(terms, None, 0, f"leaves|{one}")

    def _add(
        self,
        terms: tuple[tuple[str, int], ...],
        low: int | None,
        high: int | None,
        relation: str = "",
    ) -> None:
        added = Constraint(terms, low, high, frozenset(), relation)
        if added not in self.constraints:
            self.constraints.append(added)


def _same_but(row: PublishedValue, other: PublishedValue, **changed: str) -> bool:
    names = ("item", "level", "arm", "stage")
    return all(getattr(row, name) == changed.get(name, getattr(other, name)) for name in names)
