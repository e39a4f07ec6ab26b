"""The files of a synthetic cohort: its patients, and the report of how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from replica.paths import synthetic_path


def origin(seed: int, evaluations: int) -> dict[str, Any]:
    """What else must be known to make a cohort again: seed, effort and versions."""
    packages = ("replica", "numpy", "numba", "pandas", "scipy")
    return {
        "seed": seed,
        "evaluations": evaluations,
        "versions": {package: version(package) for package in packages},
    }


def read_report(folder: Path, study_key: str) -> dict[str, Any] | None:
    """Read the report beside a synthetic cohort; None if there is none."""
    path = folder / f"{study_key}.json"
    if not path.is_file():
        return None
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def aimed_at(study_key: str) -> frozenset[str]:
    """Ids of the printed numbers that the committed cohort was made to give back."""
    report = read_report(synthetic_path(study_key).parent, study_key)
    return frozenset() if report is None else frozenset(row["id"] for row in report["values"])


def write_synthetic(
    folder: Path, study_key: str, patients: pd.DataFrame, report: Mapping[str, Any]
) -> tuple[Path, Path]:
    """Write a synthetic cohort and its report; the same cohort gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    table, beside = folder / f"{study_key}.csv", folder / f"{study_key}.json"
    patients.to_csv(table, index=False, lineterminator="\n")
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    beside.write_text(text + "\n", encoding="utf-8")
    return table, beside
