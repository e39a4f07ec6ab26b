"""Code lists: which codes of diagnoses, drugs and procedures mean what, read from data files.

A code fits a row if it begins with the row's prefix; dots and small letters do not matter. The
lists are this package's own, with their sources in `data/codes/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from replica.errors import DataError
from replica.paths import repository

_COLUMNS = {
    "neoplasms": ("first", "last", "group", "label"),
    "comorbidity_index": ("component", "weight", "prefixes", "overruled_by"),
    "conditions": ("condition", "prefix", "label"),
    "checkpoint_inhibitors": ("name", "atc", "target"),
    "treatments": ("treatment", "system", "prefix", "label"),
}


@dataclass(frozen=True)
class CodeLists:
    """The code lists of a cohort, one frame each, as text.

    `neoplasms` has ranges of three-character categories (`first`, `last`) and their `group`;
    `comorbidity` one prefix per row with its `component`, `weight` and the component by which it is
    `overruled_by`; `conditions`, `inhibitors` and `treatments` have one prefix or name per row.
    """

    neoplasms: pd.DataFrame
    comorbidity: pd.DataFrame
    conditions: pd.DataFrame
    inhibitors: pd.DataFrame
    treatments: pd.DataFrame


def codes_path() -> Path:
    """Return the folder of the code lists."""
    return repository() / "data" / "codes"


def load_codes(folder: Path | None = None) -> CodeLists:
    """Read the code lists of a folder, by default the package's own.

    Raises
    ------
    DataError
        If a list is missing, lacks a column or holds nothing.
    """
    place = codes_path() if folder is None else folder
    frames = {name: _read(place / f"{name}.csv", columns) for name, columns in _COLUMNS.items()}
    index = frames["comorbidity_index"].assign(
        prefix=lambda rows: rows["prefixes"].str.split(),
        weight=lambda rows: rows["weight"].astype("int64"),
    )
    return CodeLists(
        neoplasms=frames["neoplasms"],
        comorbidity=index.drop(columns="prefixes").explode("prefix", ignore_index=True),
        conditions=frames["conditions"],
        inhibitors=frames["checkpoint_inhibitors"],
        treatments=frames["treatments"],
    )


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(
            f"no code list {path.name} in {path.parent.name}; needed beside the others."
        )
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(frame.columns) != columns or frame.empty:
        raise DataError(
            f"{path.name}: found the columns {', '.join(frame.columns)} and {len(frame)} rows; "
            f"needed: exactly {', '.join(columns)}, and at least one row."
        )
    return frame
