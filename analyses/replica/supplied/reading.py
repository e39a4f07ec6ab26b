"""Reading a file of patients as text, nothing guessed: CSV, TSV, Excel, Parquet and Stata."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from replica.dictionary import START_HERE
from replica.errors import DataError, one_of
from replica.supplied.problems import as_text

FORMATS = ".csv (commas), .tsv (tabs), .xlsx, .parquet and .dta"
"""The kinds of file that are read, in words."""


def read_table(path: str | Path, sheet: str = "") -> pd.DataFrame:
    """Read a table as text: every cell a string, blanks empty, wholly empty rows left out.

    Index label i is row i + 2 of a text file or spreadsheet, whose header is row 1; in Parquet and
    Stata files, which have no such row, the first patient is row 1. Whole numbers are written
    without a point and days as year-month-day; the codes of Stata files appear as their labels.

    Parameters
    ----------
    path
        A file that ends in .csv, .tsv, .xlsx, .parquet or .dta.
    sheet
        Which sheet of a spreadsheet; needed if several hold something.

    Raises
    ------
    DataError
        If the file is missing, empty, of another format, damaged, not UTF-8 or not rectangular.
    """
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError(
            f"{file.name}: found the ending {file.suffix!r}; formats read: {FORMATS}. Save the "
            "table as one of them."
        )
    if not file.is_file():
        raise DataError(f"no file {str(path)!r}; give the path of a file: {FORMATS}.")
    if sheet and file.suffix.lower() != ".xlsx":
        raise DataError(
            f"{file.name}: found the sheet {sheet!r} named for a file without sheets; allowed: a "
            "sheet of an .xlsx file. Leave it out."
        )
    table = reader(file, sheet)
    if not table.shape[1]:
        raise DataError(f"{file.name}: the file is empty. {START_HERE}")
    filled: pd.DataFrame = table.loc[(table != "").any(axis="columns").to_numpy()]
    return filled


def _comma_separated(file: Path, _: str) -> pd.DataFrame:
    return _separated(file, ",")


def _tab_separated(file: Path, _: str) -> pd.DataFrame:
    return _separated(file, "\t")


def _separated(file: Path, separator: str) -> pd.DataFrame:
    try:
        lines = pd.read_csv(
            file,
            sep=separator,
            header=None,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        ).fillna("")
    except pd.errors.EmptyDataError:
        raise DataError(f"{file.name}: the file is empty. {START_HERE}") from None
    except UnicodeDecodeError:
        raise DataError(f"{file.name}: not UTF-8 text; save the table as 'CSV UTF-8'.") from None
    except pd.errors.ParserError as error:
        where = re.search(r"line (\d+)", str(error))
        raise DataError(
            f"{file.name}: {f'row {where.group(1)}' if where else 'a row'} does not have as many "
            "cells as row 1; put cells that hold the separator in double quotes."
        ) from None
    return _headed(lines.apply(lambda cells: cells.str.strip()))


def _headed(lines: pd.DataFrame) -> pd.DataFrame:
    """Take the first row as the header; the second is then labelled 0."""
    if lines.empty:
        return lines
    table = lines.iloc[1:].set_axis(lines.iloc[0].tolist(), axis="columns")
    return table.reset_index(drop=True)


def _spreadsheet(file: Path, sheet: str) -> pd.DataFrame:
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError):
        raise _damaged(file, "an Excel workbook", "Excel workbook (.xlsx)") from None
    try:
        pages = {page.title: list(page.values) for page in book.worksheets}
    finally:
        book.close()
    filled = {
        title: rows
        for title, rows in pages.items()
        if any(cell is not None for row in rows for cell in row)
    }
    if sheet and sheet not in filled:
        raise DataError(f"{file.name}: no such sheet with cells in it, {one_of(sheet, filled)}")
    if len(filled) > 1 and not sheet:
        names = ", ".join(repr(name) for name in filled)
        raise DataError(
            f"{file.name}: found {len(filled)} sheets with cells in them; allowed: one of {names}. "
            "Name it with `--sheet`, or as `sheet` in a mapping file."
        )
    rows = filled.get(sheet) or next(iter(filled.values()), [])
    lines = as_text(pd.DataFrame(rows, dtype=object))
    # Cells that were formatted and never filled stretch a sheet beyond its table.
    kept = [name for name in lines.columns if (lines[name] != "").any()]
    return _headed(lines[kept])


def _parquet(file: Path, _: str) -> pd.DataFrame:
    try:
        table = pd.read_parquet(file, engine="pyarrow").reset_index(drop=True)
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged(file, "a Parquet file", "Parquet") from None
    return _unheaded(table)


def _stata(file: Path, _: str) -> pd.DataFrame:
    try:
        table = pd.read_stata(file, convert_missing=False, preserve_dtypes=True)
    except ValueError as error:
        if "labels" in str(error):
            raise DataError(
                f"{file.name}: found value labels that stand for several codes; allowed: one code "
                "each. Correct them with `label define`, or save the table as CSV."
            ) from None
        raise _damaged(file, "a Stata file", "Stata (.dta, version 8 or later)") from None
    except (OSError, KeyError, IndexError, EOFError):
        raise _damaged(file, "a Stata file", "Stata (.dta, version 8 or later)") from None
    return _unheaded(table)


def _unheaded(table: pd.DataFrame) -> pd.DataFrame:
    """Number the patients so that the first is row 1: no header stands in a row of its own."""
    text = as_text(table)
    return text.set_axis(range(-1, len(text) - 1), axis="index")


def _damaged(file: Path, expected: str, save_as: str) -> DataError:
    return DataError(
        f"{file.name}: cannot be read as {expected}; allowed: a whole, unprotected file of the "
        f"kind that its ending names. Save the table again as {save_as}."
    )


_READERS: dict[str, Callable[[Path, str], pd.DataFrame]] = {
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
    ".xlsx": _spreadsheet,
    ".parquet": _parquet,
    ".dta": _stata,
}
