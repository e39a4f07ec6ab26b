"""The files of a study's ranges: a small table, the cohorts at both ends, how they were made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replica.errors import DataError
from replica.output_file import csv_text
from replica.paths import synthetic_path
from replica.protocol import Study
from replica.ranges.finding import ENDS, Found, sha256_of
from replica.synthetic import origin

FOLDER = "ranges"
COLUMNS = (
    *("key", "outcome", "stage", "quantity", "definition"),
    *("committed", "smallest", "largest", "evaluations", "seed"),
)


@dataclass(frozen=True)
class Kept:
    """Ranges as they are kept: the table, how it was made, and the cohorts at the ends.

    `changed` holds of each quantity and end the patients who differ from the study's cohort.
    """

    ranges: pd.DataFrame
    report: dict[str, Any]
    changed: pd.DataFrame


def ranges_path(study_key: str, folder: Path | None = None) -> Path:
    """Return the table of a study's ranges, beneath the package's synthetic data or elsewhere."""
    return (folder or synthetic_path(study_key).parent) / FOLDER / f"{study_key}.csv"


def write_ranges(study: Study, table: pd.DataFrame, found: Found, folder: Path) -> Path:
    """Write ranges, the cohorts at their ends and a report; the same ranges, the same bytes.

    Parameters
    ----------
    table
        The study's cohort as text, to which the cohorts at the ends are compared.
    folder
        Where the study's cohort is; the files go beneath it.
    """
    path = ranges_path(study.key, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "key": one.asked.key,
            "outcome": one.asked.outcome,
            "stage": one.asked.stage,
            "quantity": one.asked.words(study),
            "definition": one.asked.definition(study),
            "committed": f"{one.committed:.9g}",
            "smallest": f"{one.smallest:.9g}",
            "largest": f"{one.largest:.9g}",
            "evaluations": str(one.evaluations),
            "seed": str(found.seed),
        }
        for one in found.ranges
    ]
    path.write_text(csv_text(pd.DataFrame(rows, columns=list(COLUMNS))), encoding="utf-8")
    changed = pd.concat(list(_changed(table, found)), ignore_index=True)
    arrays = {str(name): pa.array(cells, pa.string()) for name, cells in changed.items()}
    pq.write_table(
        pa.table(arrays), path.with_suffix(".parquet"), compression="zstd", compression_level=19
    )
    report = {
        "study": study.key,
        **origin(found.seed, found.evaluations),
        "cohort_sha256": found.cohort_sha256,
        "results_held": found.held,
        "results_the_cohort_misses": found.missed,
    }
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return path


def _changed(table: pd.DataFrame, found: Found) -> Iterator[pd.DataFrame]:
    """Of each cohort at an end: the patients and columns that differ anywhere."""
    differing = {key: table.ne(made) for key, made in found.extremes.items()}
    columns = [name for name in table if any(d[name].any() for d in differing.values())]
    for (key, end), made in found.extremes.items():
        rows = made.loc[differing[key, end].any(axis=1), ["patient_id", *columns]]
        yield rows.assign(key=key, end=end)[["key", "end", "patient_id", *columns]]


def has_ranges(study_key: str, folder: Path | None = None) -> bool:
    """Whether there are ranges of a study that belong to its cohort as it is now."""
    path = ranges_path(study_key, folder)
    cohort = path.parent.parent / f"{study_key}.csv"
    if not path.is_file() or not cohort.is_file():
        return False
    report = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return bool(report["cohort_sha256"] == sha256_of(read_text(cohort)))


def read_text(path: Path) -> pd.DataFrame:
    """Read a cohort's file as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def load_ranges(study_key: str, folder: Path | None = None) -> Kept:
    """Read the ranges of a study.

    Raises
    ------
    DataError
        If there are none, or the study's cohort is another one since they were made.
    """
    path = ranges_path(study_key, folder)
    if not has_ranges(study_key, folder):
        found = "no" if not path.is_file() else "an outdated"
        raise DataError(
            f"found {found} file {path.name} of ranges of {study_key}; make it with `replica "
            f"ranges {study_key}`."
        )
    ranges = read_text(path).astype(dict.fromkeys(("committed", "smallest", "largest"), float))
    changed = pq.read_table(path.with_suffix(".parquet")).to_pandas()
    report = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Kept(ranges, report, changed)


def extreme(kept: Kept, table: pd.DataFrame, key: str, end: str) -> pd.DataFrame:
    """Return the cohort at one end of a range, as text.

    Parameters
    ----------
    table
        The study's cohort as text.
    key, end
        The quantity, and `smallest` or `largest`.

    Raises
    ------
    DataError
        If the end is neither.
    """
    if end not in ENDS:
        raise DataError(f"end: found {end!r}; allowed: {', '.join(ENDS)}.")
    rows = kept.changed[(kept.changed["key"] == key) & (kept.changed["end"] == end)]
    made = table.set_index("patient_id")
    columns = [name for name in rows if name not in {"key", "end", "patient_id"}]
    made.loc[rows["patient_id"], columns] = rows[columns].to_numpy()
    return made.reset_index()[list(table.columns)]
