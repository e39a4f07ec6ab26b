"""What the benchmark of the audit found, as tables of the book."""

from __future__ import annotations

import csv
import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from scipy.stats import binomtest

from auditing.running import TWO, Outcome
from auditing.sources import source
from replica.audit import check_all, findings
from replica.audit.paper import Paper

ALL_KINDS = "all single slips"
PACKAGES = ("replica", "numpy", "scipy", "pandas", "lifelines", "statsmodels")


@dataclass(frozen=True)
class Share:
    """Some of a number, with Wilson's 95% interval; empty where there are none."""

    part: int
    of: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the share."""
        if not self.of:
            return None
        found = binomtest(self.part, self.of).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class KindRow:
    """How the slips of one kind fared, in percent: found, and the true edit ranked first."""

    kind: str
    planted: int
    detectable: int
    detectable_found: int
    found: str
    found_low: str
    found_high: str
    undetectable_found: int
    explained: int
    explained_first: int
    first: str
    first_low: str
    first_high: str
    offered: int
    median_tried: int
    false_headlines: int


def kind_rows(outcomes: Sequence[Outcome]) -> list[KindRow]:
    """Count the slips of every kind, and of all kinds of one slip together."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    single = [outcome for outcome in outcomes if outcome.kind != TWO]
    rows = [_row(kind, found) for kind, found in by_kind.items()]
    return [*rows, _row(ALL_KINDS, single)] if len(by_kind) > 1 else rows


def _row(kind: str, outcomes: Sequence[Outcome]) -> KindRow:
    detectable = [each for each in outcomes if each.detectable]
    caught = [each for each in detectable if each.found]
    first = [each for each in caught if each.rank == 1]
    tried = sorted(each.tried for each in caught if each.tried)
    return KindRow(
        kind,
        len(outcomes),
        len(detectable),
        len(caught),
        *_percents(Share(len(caught), len(detectable))),
        sum(each.found for each in outcomes if not each.detectable),
        len(caught),
        len(first),
        *_percents(Share(len(first), len(caught))),
        sum(each.rank > 0 for each in caught),
        tried[len(tried) // 2] if tried else 0,
        sum(each.false_headlines for each in outcomes),
    )


def _percents(share: Share) -> tuple[str, str, str]:
    if share.interval is None:
        return "", "", ""
    return tuple(f"{100 * x:.1f}" for x in (share.part / share.of, *share.interval))  # type: ignore[return-value]


@dataclass(frozen=True)
class TableRow:
    """A clean table: what it was made of, and what the audit says of it."""

    table: str
    subjects: int
    design: str
    numbers: int
    checks: int
    above_rounding: int
    rounding: int


def table_rows(papers: Iterable[Paper]) -> list[TableRow]:
    """Audit every clean table."""
    rows = []
    for paper in papers:
        checks = check_all(paper.published, None, paper.claims)
        found = findings(checks, paper.published)
        key, _, design = paper.name.rpartition("_")
        minor = sum(each.severity == "rounding" for each in found)
        rows.append(
            TableRow(
                key,
                len(source(key).frame),
                {"all": "as they are", "matched": "matched 1:1"}[design],
                len(paper.published),
                len(checks),
                len(found) - minor,
                minor,
            )
        )
    return rows


def write(rows: Sequence[KindRow | TableRow | Outcome], path: Path) -> None:
    """Write rows of one kind as CSV, a column for each field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(rows[0])])
        table.writerows(astuple(row) for row in rows)


def write_run(path: Path, *, seed: int, each: int, rows: Sequence[KindRow]) -> None:
    """Write what the run was made with."""
    total = asdict(rows[-1])
    said = {"seed": seed, "slips of each kind": each, "kinds": len(rows) - 1}
    said |= {"slips planted": sum(row.planted for row in rows[:-1])}
    said |= {"detectable in principle": total["detectable"], "found": total["detectable_found"]}
    said |= {"Python": platform.python_version()}
    said |= {name: version(name) for name in PACKAGES}
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["What", "Value"])
        table.writerows(said.items())
