"""Counts before and after matching."""

from __future__ import annotations

from collections.abc import Iterator

from replica.audit.finding import Checked
from replica.audit.rule import Rule
from replica.audit.table import ALL, EACH_ARM, PrintedTable
from replica.published import PublishedValue


class MatchedWithinAll(Rule):
    """Matched patients are among those before matching."""

    title = "Matched patients are among those before matching"
    reads = frozenset(["n"])
    needs = "the same count before and after matching"
    how_to_read = (
        "Matching leaves patients out; it adds none. A count after matching that exceeds the one "
        "before, or that fell by more patients than were left out, is impossible. If controls were "
        "used more than once the counts may be of uses, and the rule does not apply."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every count that stands at both stages."""
        if table.study is not None and table.study.matching.replace:
            return
        keys = [(i, lv, arm) for i, lv, arm, stage in table.counts if stage == "before"]
        for item, level, arm in dict.fromkeys(keys):
            before = _only(table, table.counts[item, level, arm, "before"])
            after = _only(table, table.counts.get((item, level, arm, "after"), ()))
            if arm in ("", ALL) or before is None or after is None:
                continue
            yield from self._compare(table, before, after)

    def _compare(
        self, table: PrintedTable, before: PublishedValue, after: PublishedValue
    ) -> Iterator[Checked]:
        counts = (table.count(before) or 0, table.count(after) or 0)
        ids = [before.id, after.id]
        names = table.names
        what = f"{names.item(before.item, before.level)}, {names.arm(before.arm)}"
        if counts[1] > counts[0]:
            message = f"{what}: {counts[1]} after matching, {counts[0]} before."
            severity = table.severity(ids)
            yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])
            return
        sizes = [table.size(before.arm, r.stage, r.where) for r in (before, after)]
        if sizes[0] is None or sizes[1] is None:
            yield self.fits(ids, f"{counts[1]} of {counts[0]} remain")
            return
        left = sizes[0][0] - sizes[1][0]
        ids += [sizes[0][1].id, sizes[1][1].id]
        shown = (
            f"{what}: {counts[0]} before and {counts[1]} after, so {counts[0] - counts[1]} left "
            f"out; the group went from {sizes[0][0]} to {sizes[1][0]}, so {left} left out in all"
        )
        if counts[0] - counts[1] <= left:
            yield self.fits(ids, shown)
        else:
            severity = table.severity(ids)
            message, clash = f"{shown}.", table.open(ids)
            yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[clash])


class SizesAfterMatching(Rule):
    """Sizes after matching follow the ratio."""

    title = "Sizes after matching follow the ratio"
    reads = frozenset(["n", "setting"])
    needs = "the sizes of both arms after matching, and a protocol or words that give the ratio"
    how_to_read = (
        "With 1:1 matching both arms have the same size, with 1:k the controls number at most k "
        "times the treated, and a covariate matched exactly has the same counts in both arms."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the sizes, and the counts of covariates matched exactly."""
        ratio = _ratio(table)
        arms = [table.size(arm, "after") for arm in ("treated", "control")]
        treated, control = arms
        if ratio is None or treated is None or control is None:
            return
        ids = [treated[1].id, control[1].id]
        shown = f"{treated[0]} treated and {control[0]} controls after 1:{ratio} matching"
        possible = (
            control[0] == treated[0]
            if ratio == 1
            else (treated[0] <= control[0] <= ratio * treated[0])
        )
        if possible:
            yield self.fits(ids, shown)
        else:
            severity = table.severity(ids, flips=True)
            message = f"{shown}."
            yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])
        if ratio == 1 and table.study is not None:
            for item in table.study.matching.exact:
                yield from self._exact(table, item)

    def _exact(self, table: PrintedTable, item: str) -> Iterator[Checked]:
        for level in table.known_levels(item) or ():
            rows = [
                _only(table, table.counts.get((item, level, arm, "after"), ()))
                for arm in ("treated", "control")
            ]
            if rows[0] is None or rows[1] is None:
                continue
            ids = [rows[0].id, rows[1].id]
            what = table.names.item(item, level)
            shown = f"{what}: {rows[0].printed} treated, {rows[1].printed} controls"
            if table.count(rows[0]) == table.count(rows[1]):
                yield self.fits(ids, shown)
            else:
                severity = table.severity(ids)
                message = f"{shown}, though matched exactly."
                yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])


def _only(table: PrintedTable, rows: tuple[PublishedValue, ...]) -> PublishedValue | None:
    """Return the row of a count that has one value wherever it is printed."""
    return rows[0] if rows and len({table.count(row) for row in rows}) == 1 else None


def _ratio(table: PrintedTable) -> int | None:
    if table.study is not None:
        return table.study.matching.ratio
    words = {"1:1": 1, "one-to-one": 1, "1:2": 2, "1:3": 3, "1:4": 4}
    for row in table.with_statistic("setting"):
        if row.item == "matching" and row.level == "ratio":
            return words.get(row.printed.strip().casefold())
    # One size printed for each arm says that they are equal.
    each = [r for r in table.with_statistic("n") if r.level == EACH_ARM and r.stage == "after"]
    return 1 if each else None
