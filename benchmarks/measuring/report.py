"""The tables of one run: Markdown for the repository, CSV for reckoning and for the book."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from measuring.rows import QUESTIONS, Findings, Requirement, Row

QUICK = "tiny sizes in one process, to see that it runs; these numbers mean nothing"
MEASURED = ("n", "what", "seconds", "median", "ratio", "memory", "difference", "remark")
REQUIRED = ("requirement", "measured", "limit", "met", "remark")
RAW = (
    *("question", "n", "what", "seconds", "median", "runs", "versus", "ratio"),
    *("memory", "difference", "stopped", "note"),
)


def write(
    findings: Findings,
    machine: Mapping[str, str],
    *,
    results: Path,
    pages: Path,
    quick: bool = False,
) -> None:
    """Write results.md and results.csv to one folder, and the tables of the book to the other."""
    results.mkdir(parents=True, exist_ok=True)
    pages.mkdir(parents=True, exist_ok=True)
    _csv(results / "results.csv", RAW, (_raw(row) for row in findings.rows))
    text = _markdown(findings, machine, quick=quick)
    (results / "results.md").write_text(text, encoding="utf-8")
    _csv(pages / "machine.csv", ("what", "found"), machine.items())
    _csv(pages / "required.csv", REQUIRED, (_required(need) for need in findings.requirements))
    for question in QUESTIONS:
        rows = [_shown(row) for row in findings.rows if row.question == question]
        if rows:
            _csv(pages / f"{question}.csv", MEASURED, rows)


def _csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def _markdown(findings: Findings, machine: Mapping[str, str], *, quick: bool) -> str:
    parts = [
        "# Benchmarks" if not quick else f"# Benchmarks: {QUICK}",
        "Made by `make bench`; README.md says how it is measured. Seconds are those of the "
        "shortest run. A ratio is that time over the time of what is named. Memory is the input "
        "and all that was needed on top of it at the peak, as a multiple of the input. The "
        "difference is the largest one of the answers from replica's, as a share of the largest "
        "of these.",
        ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "## Requirements",
        _table(REQUIRED, [_required(need) for need in findings.requirements]),
    ]
    for question, title in QUESTIONS.items():
        rows = [_shown(row) for row in findings.rows if row.question == question]
        if rows:
            parts += [f"## {title}", _table(MEASURED, rows)]
    return "\n\n".join(parts) + "\n"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float | None, digits: int = 3) -> str:
    """Three figures, in plain notation where that is readable; nothing for None."""
    if value is None:
        return ""
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if value == 0 or abs(value) >= 1e-4 else f"{value:.1e}"


def _shown(row: Row) -> tuple[str, ...]:
    found = row.measured
    times = f"{_number(row.ratio)} x {row.versus}" if row.ratio is not None else ""
    return (
        f"{row.n:,}",
        row.what,
        _number(found.least),
        _number(found.median),
        times,
        _number(found.peak),
        _number(row.difference, 2),
        found.stopped or row.note,
    )


def _required(need: Requirement) -> tuple[str, ...]:
    limit = f"{'at least' if need.at_least else 'at most'} {need.limit:g}"
    return need.text, _number(need.measured), limit, need.met, need.note


def _raw(row: Row) -> tuple[str, ...]:
    found = row.measured
    return (
        row.question,
        str(row.n),
        row.what,
        *(_full(value) for value in (found.least, found.median)),
        str(len(found.runs)),
        row.versus,
        *(_full(value) for value in (row.ratio, found.peak, row.difference)),
        found.stopped,
        row.note,
    )


def _full(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
