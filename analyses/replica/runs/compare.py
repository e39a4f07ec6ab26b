"""Two runs held against each other: parameters that differ, then every number that does."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from replica.output_file import neutral
from replica.runs.folder import read_record
from replica.runs.numbers import split

# Columns whose numbers name a row of a tidy table
_NAMING = {"time", "level", "label"}


@dataclass(frozen=True)
class Change:
    """One thing that differs: where it stands, both values and, of numbers, B minus A.

    `part` says which number of a cell it is, such as the upper end of an interval; of a row, a
    column or a table that only one run has, it says so, and the values are "present" and "absent".
    `difference` is empty where there is none, as for words or bounds such as "<0.001".
    """

    table: str
    row: str
    column: str
    part: str
    a: str
    b: str
    difference: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs."""

    parameters: tuple[Change, ...]
    changes: tuple[Change, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    tables: int

    @property
    def rows(self) -> tuple[Change, ...]:
        """Everything that differs, as the rows of one table."""
        alone = [Change(name, "", "", "table", *_only_in_a(True)) for name in self.only_a]
        alone += [Change(name, "", "", "table", *_only_in_a(False)) for name in self.only_b]
        return (*self.parameters, *alone, *self.changes)


def compare_runs(a: Path, b: Path) -> Comparison:
    """Compare two runs' folders.

    Parameters
    ----------
    a, b
        Folders that `replica run` wrote.

    Raises
    ------
    NotebookError
        If one of them is no run's folder.
    """
    record_a, record_b = read_record(a), read_record(b)
    tables_a, tables_b = _tables(a, record_a), _tables(b, record_b)
    both = [name for name in tables_a if name in tables_b]
    return Comparison(
        tuple(_parameters(record_a, record_b)),
        tuple(c for name in both for c in compare_tables(name, tables_a[name], tables_b[name])),
        tuple(name for name in tables_a if name not in tables_b),
        tuple(name for name in tables_b if name not in tables_a),
        len(both),
    )


def write_changes(found: Comparison, path: Path) -> None:
    """Write everything that differs as a CSV table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Change)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([neutral(getattr(row, name)) for name in names] for row in found.rows)


def _parameters(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    """List what was run differently: study, patients, parameters, notebook, versions, outcome."""
    yield from _settings("", a, b, ("study", "state", "source"))
    data_a, data_b = a.get("data") or {}, b.get("data") or {}
    yield from _settings("data ", data_a, data_b, ("name", "sha256"))
    yield from _settings("map ", a.get("map") or {}, b.get("map") or {}, ("name", "sha256"))
    given_a, given_b = a.get("parameters") or {}, b.get("parameters") or {}
    names = (name for name in _union(given_a, given_b) if name != "source")
    yield from _settings("", given_a, given_b, names)
    yield from _settings("", a, b, ("notebook_sha256",))
    versions_a, versions_b = a.get("versions") or {}, b.get("versions") or {}
    yield from _settings("version of ", versions_a, versions_b, _union(versions_a, versions_b))
    yield from _settings("git ", a.get("git") or {}, b.get("git") or {}, ("commit", "clean"))


def _settings(
    group: str, a: Mapping[str, Any], b: Mapping[str, Any], names: Iterable[str]
) -> Iterator[Change]:
    for name in names:
        # None is a value (no caliper at all); what a run does not have is empty
        x, y = (str(run[name]) if name in run else "" for run in (a, b))
        if x != y:
            yield Change("run.json", f"{group}{name}", "", "", x, y)


def _union(a: Iterable[str], b: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*a, *b]))


Rows = list[list[str]]


def _tables(folder: Path, record: Mapping[str, Any]) -> dict[str, Rows]:
    """Read the tables that a run wrote; files that others put beside them do not count."""
    names = [name for name in record["files"] if name.endswith(".csv")]
    return {name: _read(folder / name) for name in sorted(names) if (folder / name).is_file()}


def _read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.reader(stream) if row]


def compare_tables(
    name: str, a: Sequence[Sequence[str]], b: Sequence[Sequence[str]]
) -> list[Change]:
    """List the cells of two tables that differ, number by number.

    Rows are matched by their labels and not by their place, columns by their names.

    Parameters
    ----------
    name
        The table's name.
    a, b
        Rows of text, the first being the header.
    """
    head_a, head_b = (list(rows[0]) if rows else [] for rows in (a, b))
    columns = _union(head_a, head_b)
    shared = [column for column in columns if column in head_a and column in head_b]
    changes = [
        Change(name, "", column, "column", *_only_in_a(column in head_a))
        for column in columns
        if column not in shared
    ]
    width = _label_width(a, b)
    rows_a, rows_b = _labelled(a, width), _labelled(b, width)
    for label in _union(rows_a, rows_b):
        if label not in rows_a or label not in rows_b:
            changes.append(Change(name, label, "", "row", *_only_in_a(label in rows_a)))
            continue
        cells_a = dict(zip(head_a, rows_a[label], strict=False))
        cells_b = dict(zip(head_b, rows_b[label], strict=False))
        for column in shared:
            x, y = cells_a.get(column, ""), cells_b.get(column, "")
            changes += _cell(name, label, column, x, y)
    return changes


def _only_in_a(in_a: bool) -> tuple[str, str]:
    return ("present", "absent") if in_a else ("absent", "present")


def _cell(table: str, row: str, column: str, a: str, b: str) -> list[Change]:
    if a == b:
        return []
    one, two = split(a), split(b)
    if one.pattern != two.pattern or not one.numbers:
        return [Change(table, row, column, "", a, b)]
    moved = [
        Change(
            table,
            row,
            column,
            one.place(index),
            one.written[index],
            two.written[index],
            "" if one.bounded() else f"{y - x:+}",
        )
        for index, (x, y) in enumerate(zip(one.numbers, two.numbers, strict=True))
        if x != y
    ]
    # Nothing but a mark or the number of digits
    return moved or [Change(table, row, column, "", a, b)]


def _label_width(a: Sequence[Sequence[str]], b: Sequence[Sequence[str]]) -> int:
    """Number of leading columns that name a row.

    One, unless its labels repeat and the next columns hold what tidy tables name rows by: words,
    or times.
    """
    width = 1
    if any(len(rows) < 2 for rows in (a, b)) or a[0] != b[0] or _indented(a):
        return width
    while width < len(a[0]) and _repeats(a, width):
        column = [row[width] for rows in (a, b) for row in rows[1:] if len(row) > width]
        if a[0][width] not in _NAMING and any(split(cell).wordless() for cell in column):
            break
        width += 1
    return width if not _repeats(a, width) else 1


def _indented(rows: Sequence[Sequence[str]]) -> bool:
    return any(_below_heading(row) for row in rows[1:])


def _below_heading(row: Sequence[str]) -> bool:
    # Tables indent by a space of any width
    return row[0][:1].isspace()


def _repeats(rows: Sequence[Sequence[str]], width: int) -> bool:
    return max(Counter(tuple(row[:width]) for row in rows[1:]).values(), default=1) > 1


def _labelled(rows: Sequence[Sequence[str]], width: int) -> dict[str, Sequence[str]]:
    """Rows by label: below a heading with its name, and numbered where a label repeats."""
    found: dict[str, Sequence[str]] = {}
    seen: Counter[str] = Counter()
    heading = ""
    for row in rows[1:]:
        label = ", ".join(cell.strip() for cell in row[:width] if cell.strip())
        if not _below_heading(row):
            heading = label
        elif heading:
            label = f"{heading}: {label}"
        seen[label] += 1
        found[label if seen[label] == 1 else f"{label} ({seen[label]})"] = row
    return found
