"""One run of R over all data sets, and its answers by data set, analysis and quantity."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

SCRIPT = Path(__file__).with_name("referee.R")
KNOWN_ANSWERS = Path(__file__).with_name("known_answers.R")
DATA = Path(__file__).parents[1] / "known_answers" / "data"
PACKAGES = ("survival", "cmprsk")
REMEDY = "nothing was compared with R live; install r-base-core, r-cran-survival, r-cran-cmprsk"


@dataclass(frozen=True)
class CoxModel:
    """Options of a Cox model that R and the package both fit to every data set.

    `truncated` takes late entry into account; `zph` adds concordance and tests of proportionality.
    """

    name: str
    ties: str = "efron"
    strata: bool = False
    cluster: bool = False
    weights: bool = False
    truncated: bool = False
    zph: bool = False


@dataclass(frozen=True)
class Answers:
    """What R found, or what it complained of instead, by (data set, analysis)."""

    versions: str
    numbers: dict[tuple[str, str], dict[str, np.ndarray]] = field(repr=False)
    complaints: dict[tuple[str, str], str] = field(repr=False)


def what_is_missing() -> str | None:
    """Say what of R is not installed, or return None."""
    if shutil.which("Rscript") is None:
        return f"no Rscript on the PATH: {REMEDY}"
    asked = ", ".join(f'"{name}"' for name in PACKAGES)
    code = f"for (p in c({asked})) if (!nzchar(system.file(package = p))) cat(p, '')"
    missing = subprocess.run(
        ["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"R lacks {missing}: {REMEDY}" if missing else None


def ask_r(
    folder: Path, patients: pd.DataFrame, tables: pd.DataFrame, models: Sequence[CoxModel]
) -> Answers:
    """Write the data sets to a folder, let one R analyse them all, and read its answers."""
    asked = pd.DataFrame([asdict(model) for model in models]).astype(str)
    asked = asked.replace({"True": "TRUE", "False": "FALSE"})
    for name, frame in (("patients", patients), ("tables", tables), ("models", asked)):
        frame.to_csv(folder / f"{name}.csv", index=False)
    run_r(SCRIPT, folder)
    found = pd.read_csv(folder / "answers.csv", dtype={"data": str}, float_precision="round_trip")
    numbers: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for (data, analysis, quantity), values in found.groupby(["data", "analysis", "quantity"])[
        "value"
    ]:
        numbers.setdefault((data, analysis), {})[quantity] = values.to_numpy()
    said = pd.read_csv(folder / "complaints.csv", dtype=str)
    complaints = {(row.data, row.analysis): row.text for row in said.itertuples()}
    versions = ", ".join((folder / "versions.txt").read_text(encoding="utf-8").splitlines())
    return Answers(versions, numbers, complaints)


def known_answers(folder: Path) -> dict[str, np.ndarray]:
    """Let R find its answers in the public data sets again, by the key of an estimate."""
    path = folder / "answers.csv"
    run_r(KNOWN_ANSWERS, DATA, path)
    lines = pd.read_csv(path, dtype=str)
    lines = lines[~lines["key"].str.startswith("version.")]
    return {key: values.map(float).to_numpy() for key, values in lines.groupby("key")["value"]}


def run_r(script: Path, *arguments: Path) -> None:
    """Run a script of R; if it fails, so does the test, with R's words."""
    command = ["Rscript", "--vanilla", str(script), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
