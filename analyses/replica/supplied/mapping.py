"""A mapping file: what a reader's own file calls and codes otherwise than the study does."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replica.dictionary import Column, columns
from replica.errors import DataError, one_of
from replica.protocol import Study
from replica.supplied.problems import Problem

_PARTS = ("columns", "levels", "durations", "date_format", "missing", "sheet")
_ENDS = ("from", "to")


@dataclass(frozen=True)
class Span:
    """The two columns of dates from which a duration is computed."""

    start: str
    end: str


@dataclass(frozen=True)
class DataMap:
    """What a mapping file says.

    `columns` gives the file's name of a column of the dictionary, `levels` for a column what each
    of the file's codes stands for, `durations` the two dates that stand in for a duration.
    `date_format` is how the file writes dates (`%d.%m.%Y`; empty: year-month-day), `missing` what
    it writes for nothing, `sheet` the sheet of a spreadsheet.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    durations: Mapping[str, Span] = field(default_factory=dict)
    date_format: str = ""
    missing: tuple[str, ...] = ()
    sheet: str = ""


def read_map(study: Study, path: str | Path) -> DataMap:
    """Read a mapping file (TOML) and hold it against the study's dictionary.

    Raises
    ------
    DataError
        If there is no such file, it is no TOML, or it names what the study does not have; all that
        is wrong is listed.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"no mapping file {str(path)!r}; give the path of a .toml file.")
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            f"{file.name}: not TOML: {error}. `replica data template {study.key}` writes one."
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{file.name}: not UTF-8 text; save the mapping file as UTF-8.") from None
    wrong = list(_wrong(given, {column.name: column for column in columns(study)}))
    if wrong:
        raise DataError("\n".join([f"{file.name}: {len(wrong)} to correct.", *wrong]))
    return DataMap(
        dict(given.get("columns", {})),
        {name: dict(codes) for name, codes in given.get("levels", {}).items()},
        {name: Span(ends["from"], ends["to"]) for name, ends in given.get("durations", {}).items()},
        str(given.get("date_format", "")),
        tuple(given.get("missing", ())),
        str(given.get("sheet", "")),
    )


def _wrong(given: Mapping[str, Any], known: Mapping[str, Column]) -> Iterator[str]:
    for part in given:
        if part not in _PARTS:
            yield f"- unknown part, {one_of(part, _PARTS)}"
    for part in ("date_format", "sheet"):
        if not isinstance(given.get(part, ""), str):
            yield f"- {part}: found {given[part]!r}; allowed: text. Put it in quotes."
    missing = given.get("missing", [])
    if not isinstance(missing, list) or not all(isinstance(one, str) for one in missing):
        yield f'- missing: found {missing!r}; allowed: a list of texts, such as ["NA", "."].'
    for part in ("columns", "levels", "durations"):
        table = given.get(part, {})
        if isinstance(table, dict):
            yield from _wrong_part(part, table, known)
        else:
            yield f"- {part}: found {table!r}; allowed: a table. Write [{part}] above its lines."


def _wrong_part(
    part: str, table: Mapping[str, object], known: Mapping[str, Column]
) -> Iterator[str]:
    for name, value in table.items():
        if name in known:
            yield from _wrong_entry(part, known[name], value)
        else:
            yield f"- {part}: unknown column of the study, {one_of(name, known)}"
    if part == "columns":
        yield from _named_twice(table)


def _wrong_entry(part: str, column: Column, value: object) -> Iterator[str]:
    where = f"- {part}.{column.name}"
    if part == "columns":
        if not isinstance(value, str) or not value.strip():
            yield f"{where}: found {value!r}; allowed: the name of a column of your file, as text."
    elif part == "durations":
        if column.type != "number" or not column.unit:
            yield f"{where}: found a duration for a {column.type}; allowed: a time with a unit."
        elif not isinstance(value, dict) or set(value) != set(_ENDS) or not _all_text(value):
            yield (
                f"{where}: found {value!r}; allowed: two columns of dates of your file, such as "
                '{ from = "start_date", to = "event_date" }.'
            )
    elif column.type not in ("category", "event"):
        yield f"{where}: found codes for a {column.type}; allowed: codes of categories and events."
    elif not isinstance(value, dict) or not _all_text(value):
        yield f'{where}: found {value!r}; allowed: lines such as "your code" = "level", in quotes.'
    else:
        levels = ("0", "1") if column.type == "event" else column.level_keys
        for code, level in value.items():
            if level not in ("", *levels):
                yield f"{where}: {code!r} stands for no level, {one_of(level, levels)}"


def _all_text(table: Mapping[str, object]) -> bool:
    return all(isinstance(value, str) for value in table.values())


def _named_twice(names: Mapping[str, object]) -> Iterator[str]:
    given = [str(name) for name in names.values()]
    for name in dict.fromkeys(name for name in given if given.count(name) > 1):
        of = ", ".join(column for column, its in names.items() if its == name)
        yield f"- columns: found {name!r} for {of}; allowed: one column each. Leave one out."


def map_template(study: Study) -> str:
    """Write a mapping file with every line commented out, to start from."""
    described = columns(study)
    category = next((c for c in described if c.type == "category" and c.name != "arm"), None)
    time = next((outcome.duration for outcome in study.outcomes), "")
    lines = [
        "# How your file differs from what the study needs. Take the # off the lines you need.",
        "# Left: the study's name (see the dictionary). Right: what your file says instead.",
        "",
        '# date_format = "%d.%m.%Y"   # how your file writes dates; without it: 2021-03-31',
        '# missing = ["NA", "."]       # what your file writes for nothing',
        '# sheet = "Sheet1"            # of an Excel file with several sheets',
        "",
        "# [columns]                   # study's column = your column",
        *(f"# {column.name} = {_quoted(column.name)}" for column in described),
        "",
    ]
    if category is not None:
        lines += [
            f"# [levels.{category.name}]   # your code = study's level; likewise for others",
            *(f'# "{i}" = {_quoted(key)}' for i, key in enumerate(category.level_keys, start=1)),
            "",
        ]
    if time:
        lines += [
            "# [durations]                 # two dates of your file in place of a duration",
            f'# {time} = {{ from = "start_date", to = "end_date" }}',
        ]
    return "\n".join(lines).rstrip() + "\n"


def suggested_map(problems: Iterable[Problem]) -> str:
    """Write the mapping file that says what the hints of these problems suspect; empty if nothing.

    Each line is a guess from spelling alone, for the reader to judge.
    """
    names: dict[str, str] = {}
    levels: dict[str, dict[str, str]] = {}
    formats: set[str] = set()
    for problem in problems:
        if not problem.meant:
            continue
        if problem.what == "missing column":
            names[problem.column] = problem.given
        elif problem.what == "not an ISO date":
            formats.add(problem.meant)
        else:
            levels.setdefault(problem.column, {})[problem.given] = problem.meant
    lines = [f"date_format = {_quoted(*formats)}", ""] if len(formats) == 1 else []
    if names:
        lines += ["[columns]", *(f"{name} = {_quoted(its)}" for name, its in names.items()), ""]
    for name, codes in levels.items():
        lines += [f"[levels.{name}]"]
        lines += [f"{_quoted(code)} = {_quoted(level)}" for code, level in codes.items()]
        lines += [""]
    return "\n".join(lines).rstrip() + ("\n" if lines else "")


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, whatever stands in it.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
