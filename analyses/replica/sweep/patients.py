"""The patients of a study, from wherever it keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from replica.cohort import Cohort, Source, check_min_cell
from replica.events.build import events_path, load_patients
from replica.protocol import Study
from replica.supplied import load_cohort


def patients_of(
    study: Study, data: Path | None = None, *, data_map: Path | None = None, min_cell: int = 0
) -> Cohort:
    """Read a study's synthetic patients, or those of a reader's file or folder of event tables.

    Parameters
    ----------
    study
        Whose patients.
    data
        The reader's file or folder; default: the synthetic patients.
    data_map
        Mapping file for other names and codes in the reader's file.
    min_cell
        Smallest count that may be shown of them; see `replica.cohort.Cohort`.

    Raises
    ------
    DataError
        If the files are missing or do not fit the study's dictionary.
    ParameterError
        If a mapping file is given without a file that it could belong to.
    """
    source: Source = "synthetic" if data is None else "supplied"
    if events_path(study).is_dir() if data is None else data.is_dir():
        check_min_cell(min_cell)
        return replace(load_patients(study, source, data, data_map=data_map), min_cell=min_cell)
    return load_cohort(study, source, data, data_map=data_map, min_cell=min_cell)
