"""Relations that a study's protocol describes: nested events, endpoints, entry into a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import Interval
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue


class NestedWithin(Rule):
    """An event that is part of another has no more patients."""

    title = "An event within another has no more patients"
    reads = frozenset(["n"])
    needs = "a protocol that nests one characteristic in another, and counts of both"
    how_to_read = "More patients have the narrower event than the wider one that contains it."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every nested characteristic in every column."""
        if table.study is None:
            return
        for inner in table.study.characteristics:
            if not inner.within:
                continue
            for (where, item, arm, stage), levels in table.levels.items():
                outer = table.levels.get((where, inner.within, arm, stage), {})
                rows = [_yes(levels), _yes(outer)] if item == inner.key else [None, None]
                if rows[0] is None or rows[1] is None:
                    continue
                ids = [rows[0].id, rows[1].id]
                names = table.names
                shown = (
                    f"{names.item(item)} {rows[0].printed}, {names.item(inner.within)} "
                    f"{rows[1].printed}"
                )
                if (table.count(rows[0]) or 0) <= (table.count(rows[1]) or 0):
                    yield self.fits(ids, shown)
                else:
                    severity = table.severity(ids)
                    message = f"{names.arm(arm)}: {shown}."
                    yield self.finds(
                        ids, message, certainty="exact", severity=severity, clashes=[ids]
                    )


class EndpointFromLevels(Rule):
    """An endpoint's count is that of the levels that define it."""

    title = "An endpoint's count is that of its levels"
    reads = frozenset(["n"])
    needs = "a protocol that defines an endpoint by levels, and counts of both"
    how_to_read = "The levels that define the endpoint do not add up to its count."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every endpoint in every column."""
        if table.study is None:
            return
        for endpoint in table.study.endpoints:
            for (where, item, arm, stage), levels in table.levels.items():
                row = _yes(levels) if item == endpoint.key else None
                parts = table.levels.get((where, endpoint.of, arm, stage), {})
                if row is None or not set(endpoint.levels) <= set(parts):
                    continue
                counts = [table.count(parts[level]) or 0 for level in endpoint.levels]
                ids = [row.id, *(parts[level].id for level in endpoint.levels)]
                shown = f"{' + '.join(map(str, counts))} = {sum(counts)}; printed {row.printed}"
                if sum(counts) == table.count(row):
                    yield self.fits(ids, shown)
                else:
                    severity = table.severity(ids)
                    message = f"{table.names.item(item)}, {table.names.arm(arm)}: {shown}."
                    yield self.finds(
                        ids, message, certainty="exact", severity=severity, clashes=[ids]
                    )


class EntryIntoModel(Rule):
    """Covariates enter the joint model by their p value alone."""

    title = "Covariates enter the joint model by their p value"
    reads = frozenset(["hr", "p"])
    needs = "a protocol with an entry p, univariable p values and a multivariable model"
    how_to_read = (
        "A covariate whose p value alone is below the entry level is missing from the joint model, "
        "or one above it is in it. The paper may have added covariates for other reasons."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every covariate of every model that the protocol describes."""
        if table.study is None:
            return
        for plan in table.study.models:
            models: dict[str, dict[str, PublishedValue]] = defaultdict(dict)
            for row in table.rows:
                own = (row.outcome, row.arm) == (plan.outcome, plan.arm) and row.model
                if own and row.statistic in ("p", "hr"):
                    models[row.item].setdefault(f"{row.model}.{row.statistic}", row)
            joint = any("multivariable.hr" in rows for rows in models.values())
            entry = Fraction(str(plan.entry_p))
            for item in plan.covariates:
                alone = models[item].get("univariable.p")
                interval = table.interval(alone) if alone is not None else None
                if alone is None or interval is None or not joint:
                    continue
                yield from self._covariate(
                    table, item, alone, models[item].get("multivariable.hr"), interval, entry
                )

    def _covariate(
        self,
        table: PrintedTable,
        item: str,
        row: PublishedValue,
        joint: PublishedValue | None,
        interval: Interval,
        entry: Fraction,
    ) -> Iterator[Checked]:
        ids = [row.id] if joint is None else [row.id, joint.id]
        shown = f"{table.names.item(item)}: p {row.printed} alone, entry below {float(entry):g}"
        below = interval.high is not None and interval.high < entry
        above = interval.low is not None and interval.low >= entry
        if (below and joint is None) or (above and joint is not None):
            where = "not in" if joint is None else "in"
            severity = table.severity(ids)
            message = f"{shown}, {where} the joint model."
            yield self.finds(ids, message, certainty="model_based", severity=severity)
        else:
            yield self.fits(ids, shown)


def _yes(levels: dict[str, PublishedValue]) -> PublishedValue | None:
    return levels.get("yes") or levels.get("")
