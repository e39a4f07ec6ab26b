"""Which level the odds ratios of one covariate are against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from replica.audit.counts import admits, against_levels, count_table
from replica.audit.finding import Checked
from replica.audit.interval import show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import PrintedRatio, printed_ratios
from replica.contingency import odds_ratio
from replica.published import PublishedValue

_REST = "the rest"


class OneReference(Rule):
    """The odds ratios of one covariate have one reference."""

    title = "The odds ratios of one covariate have one reference"
    reads = frozenset(["n", "percent", "hr", "or", "ci_low", "ci_high", "p"])
    needs = "odds ratios of at least two levels of a covariate of three, and the counts of all"
    how_to_read = (
        "Most of the covariate's ratios follow from the counts against one reference (the rest of "
        "the group, or one level), and this one follows against another."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Compare the references of the levels of every covariate."""
        items: dict[tuple[str, ...], list[PrintedRatio]] = defaultdict(list)
        for printing in printed_ratios(table):
            row = printing.row
            if row.statistic == "or" and row.level and row.model != "multivariable":
                items[row.where, row.item, row.arm, row.comparator, row.stage].append(printing)
        for printings in items.values():
            if len(printings) > 1:
                yield from self._item(table, printings)

    def _item(self, table: PrintedTable, printings: list[PrintedRatio]) -> Iterator[Checked]:
        references = [_references(table, each.row) for each in printings]
        times = Counter(name for found in references for name in found)
        usual, most = times.most_common(1)[0] if times else ("", 0)
        if 2 * most <= len(printings):
            return
        for printing, found in zip(printings, references, strict=True):
            row, ids, names = printing.row, printing.ids("or"), table.names
            others = [name for name in found if name != usual]
            if usual in found:
                yield self.fits(ids, f"{row.printed} is {row.level} against {usual}")
            elif others:
                value = show(_ratios(table, row).get(usual, 0.0), table.printed(row).digits)
                yield self.finds(
                    ids,
                    f"{names.item(row.item, row.level)}: {row.printed} follows from the counts "
                    f"against {names.level(row.item, others[0])}; against "
                    f"{names.level(row.item, usual)}, as {most} of the {len(printings)} ratios "
                    f"there, it would be {value}.",
                    certainty="model_based",
                    severity=table.severity(ids),
                )


def _ratios(table: PrintedTable, row: PublishedValue) -> dict[str, float]:
    """Return the odds ratio of a level against the rest and against each other level."""
    found = {level: ratio.estimate for level, ratio in against_levels(table, row).items()}
    own = count_table(table, row)
    if found and own is not None and len(own.counts) == 2:
        (a, c), (b, d) = own.counts
        if min(a, b, c, d) > 0:
            found = {_REST: odds_ratio(a, b, c, d).estimate, **found}
    return found


def _references(table: PrintedTable, row: PublishedValue) -> tuple[str, ...]:
    """Name the references against which the printed ratio follows, in either direction."""
    interval = table.interval(row)
    return tuple(
        name
        for name, value in _ratios(table, row).items()
        if interval is not None and (admits(interval, value) or admits(interval, 1 / value))
    )
