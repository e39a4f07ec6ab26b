"""Counts and their percents."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import TRUNCATED, roundings, show
from replica.audit.percentages import Percent, Percents
from replica.audit.rule import Rule
from replica.audit.table import ALL, PrintedTable


class PercentOfCount(Rule):
    """A percent is its count over its denominator."""

    title = "A percent follows from its count and denominator"
    reads = frozenset(["n", "count_total", "percent"])
    needs = "a count, a percent of the same estimate, and a denominator or the group's size"
    how_to_read = (
        "The count over the denominator, rounded half up, half to even or truncated, is not the "
        "percent printed. It is exact where the denominator is printed, where the levels add up "
        "to it, where no smaller whole number would give the percent, or where the same percent "
        "before or after matching leaves too few patients without data; otherwise patients "
        "without data could explain it."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every percent that stands beside a count."""
        percents = Percents(table)
        for column in percents.columns.values():
            for percent in column:
                yield from self._check(table, percents, percent)

    def _check(
        self, table: PrintedTable, percents: Percents, percent: Percent
    ) -> Iterator[Checked]:
        ways = roundings(percent.printed, percent.value)
        shown = f"{percent.arithmetic}; printed {percent.printed.text}"
        if ways and ways != (TRUNCATED,):
            yield self.fits(percent.ids, shown)
            return
        if ways:
            message = f"{shown}: follows by truncation, not by rounding."
            yield self.finds(percent.ids, message, certainty="exact", severity="rounding")
            return
        others = percents.levels_total(percent.row)
        if others is not None and percent.count <= others[0] != percent.total:
            value = Fraction(100 * percent.count, others[0]) if others[0] else Fraction(0)
            if roundings(percent.printed, value):
                note = f"{percent.count} of the {others[0]} with a printed level"
                yield self.fits((percent.row.id, *others[1]), note)
                return
        yield from self._differs(table, percents, percent, shown)

    def _differs(
        self, table: PrintedTable, percents: Percents, percent: Percent, shown: str
    ) -> Iterator[Checked]:
        fitting, basis = percent.smaller_denominators(), percents.basis(percent)
        exact = bool(basis) or not fitting
        beside = percents.beside(percent)
        if not exact and not percents.telling(percent) and beside is None:
            return
        message = f"{shown}.{_other_totals(table, percent)}"
        missing = percents.without_data(percent) if basis == "matching" else None
        if missing is not None and fitting:
            message += (
                f" Or {missing[0]} patients have no data, while by the same percent at the other "
                f"stage at most {missing[1]} do."
            )
        elif not exact:
            span = f"{fitting[0]}" if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
            message += f" The percent would need a denominator of {span}, while " + (
                f"the column's other percents have {percent.total}."
                if beside is None or percents.telling(percent)
                else f"that of {table.names.arm(beside.row.arm)} is of all {beside.total}."
            )
        near = percent.printed.within_a_unit(percent.value)
        yield self.finds(
            percent.ids,
            message,
            certainty="exact" if exact else "model_based",
            severity=table.severity(percent.ids, within_a_unit=near),
            clashes=[table.open(percent.ids)] if exact else (),
        )


class PercentOfArms(Rule):
    """A percent of everyone follows from the counts of the arms."""

    title = "A percent of all patients follows from the arms' counts"
    reads = frozenset(["n", "count_total", "percent"])
    needs = "a percent of all patients, and the counts and sizes of treated and control"
    how_to_read = "The arms' counts together, over the arms' sizes, are not the percent printed."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every percent printed for both arms together."""
        for row in table.with_statistic("percent"):
            printed = table.printed(row)
            alone = "n" in table.estimates[row.estimate_id] or row.subgroup or row.time
            if row.arm != ALL or alone or printed.kind != "number":
                continue
            parts = [
                (
                    table.counts.get((row.item, row.level, arm, row.stage)),
                    table.size(arm, row.stage),
                )
                for arm in ("treated", "control")
            ]
            rows = [(counts[0], size) for counts, size in parts if counts and size]
            if len(rows) != len(parts):
                continue
            count = sum(table.count(found) or 0 for found, _ in rows)
            total = sum(size for _, (size, _) in rows)
            value = Fraction(100 * count, total)
            ids = [*(found.id for found, _ in rows), *(size.id for _, (_, size) in rows), row.id]
            added = " + ".join(str(table.count(found)) for found, _ in rows)
            sizes = " + ".join(str(size) for _, (size, _) in rows)
            text = (
                f"({added}) of ({sizes}) is {show(value, printed.digits + 2)}%; "
                f"printed {printed.text}"
            )
            if roundings(printed, value):
                yield self.fits(ids, text)
                continue
            severity = table.severity(ids, within_a_unit=printed.within_a_unit(value))
            clash = table.open(ids)
            yield self.finds(ids, f"{text}.", certainty="exact", severity=severity, clashes=[clash])


def _other_totals(table: PrintedTable, percent: Percent) -> str:
    """Name the other sizes that the paper prints, or sums of two of one stage, that would fit."""
    found: dict[int, str] = {}
    for stage in sorted({stage for _, stage in table.sizes}):
        sizes = {
            arm: size[0]
            for arm, own in sorted(table.sizes)
            if own == stage and (size := table.size(arm, stage)) is not None
        }
        for value in sizes.values():
            found.setdefault(value, str(value))
        if {"treated", "control"} <= set(sizes):
            both = sizes["treated"] + sizes["control"]
            found.setdefault(both, f"{both} = {sizes['treated']} + {sizes['control']}")
    fitting = [
        text
        for value, text in found.items()
        if value >= percent.count
        and value not in (0, percent.total)
        and roundings(percent.printed, Fraction(100 * percent.count, value))
    ]
    return f" It would follow from a denominator of {', or of '.join(fitting)}." if fitting else ""
