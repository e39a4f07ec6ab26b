"""Several synthetic cohorts of one paper: other seeds, other patients, the same printed rows.

What the paper prints, they share. In what it does not print they differ, and the spread says how
little the printed rows leave known of it: at least so little, for other cohorts may differ more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replica.cohort import Cohort
from replica.errors import DataError
from replica.paths import synthetic_path
from replica.protocol import Study
from replica.supplied import parse_cohort

SEED = "seed"
FOLDER = "cohorts"


def cohorts_path(study_key: str, folder: Path | None = None) -> Path:
    """Return the file of a study's cohorts, beneath the package's synthetic data or elsewhere."""
    return (folder or synthetic_path(study_key).parent) / FOLDER / f"{study_key}.parquet"


def has_cohorts(study_key: str) -> bool:
    """Whether several cohorts of a study are at hand."""
    return cohorts_path(study_key).is_file()


def write_cohorts(
    path: Path, patients: Mapping[int, pd.DataFrame], report: Mapping[str, Any]
) -> None:
    """Write cohorts in one file, and beside it how they were made; same cohorts, same bytes.

    Parameters
    ----------
    path
        As `cohorts_path` gives it.
    patients
        By seed: tables as text, ready to analyse, of the same columns.
    report
        What is kept as JSON beside the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.concat(
        [table.astype(str).assign(**{SEED: str(seed)}) for seed, table in patients.items()],
        ignore_index=True,
    )
    table = pa.table({str(name): pa.array(cells, pa.string()) for name, cells in frame.items()})
    pq.write_table(table, path, compression="zstd", compression_level=19)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def load_cohorts(study: Study, path: Path | None = None) -> dict[int, Cohort]:
    """Read, check and type the several cohorts of a study, by seed.

    Raises
    ------
    DataError
        If there is no such file, or patients in it do not fit the study's dictionary.
    """
    file = path or cohorts_path(study.key)
    if not file.is_file():
        raise DataError(
            f"found no file {file.name} of several cohorts of {study.key}; make it with `replica "
            f"synthesize {study.key} --cohorts 5`."
        )
    frame = pq.read_table(file).to_pandas()
    return {
        int(seed): parse_cohort(
            study,
            rows.drop(columns=SEED).reset_index(drop=True),
            "synthetic",
            name=f"{file.name}, seed {seed}",
        )
        for seed, rows in frame.groupby(SEED, sort=False)
    }
