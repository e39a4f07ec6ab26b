"""Measure a sweep: runs per second at 1 and 2 workers, and what a million runs would take."""  # noqa: INP001 - a script

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from distributed import Client
from rich.console import Console

from replica.cohort import Cohort
from replica.protocol import Study
from replica.studies import load_study
from replica.sweep import Grid, read_grid, sweep
from replica.sweep.cluster import each_here, each_on, local_cluster
from replica.sweep.patients import patients_of
from replica.sweep.sweeping import Engine

ROOT = Path(__file__).resolve().parent.parent
STUDY = "sclc_second_line"
WORKERS = (1, 2)
MILLION = 1_000_000
WARM = 40


def main(
    runs: Annotated[int, typer.Option(min=100, help="Runs to time in each place.")] = 4000,
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = ROOT
    / "book"
    / "benchmarks"
    / "sweep.csv",
) -> None:
    """Time sweeps in which every run is matched anew and has one Cox model."""
    study = load_study(STUDY)
    cohort = patients_of(study)
    own = partial(_seconds, cohort, study, runs)
    rows = [_row("this process, without Dask", runs, *own(each_here, time.process_time))]
    for workers in WORKERS:
        with local_cluster(workers) as client:
            busy = partial(_busy, client)
            name = f"{workers} worker{'s' if workers > 1 else ''}"
            rows.append(_row(name, runs, *own(partial(each_on, client), busy)))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    console = Console()
    for row in rows:
        console.print(", ".join(f"{name}: {value}" for name, value in row.items()))


def _grid(study: Study, runs: int, first: int) -> Grid:
    seeds = ",".join(str(seed) for seed in range(first, first + runs))
    return read_grid(study, ["order=random", "outcome=os", f"seed={seeds}"])


def _busy(client: Client) -> float:
    """Processor time that all workers have used, in seconds."""
    return sum(client.run(time.process_time).values())


def _seconds(
    cohort: Cohort, study: Study, runs: int, engine: Engine, busy: Callable[[], float]
) -> tuple[float, float]:
    """Time a sweep after a small one on the same processes: by the clock, and their processors'.

    Starting the processes is not counted.
    """
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        out = Path(folder)
        sweep(cohort, _grid(study, WARM, 0), out / "warm.parquet", engine=engine, batch=2)
        start, used = time.perf_counter(), busy()
        sweep(cohort, _grid(study, runs, WARM), out / "timed.parquet", engine=engine)
        return time.perf_counter() - start, busy() - used


def _row(where: str, runs: int, seconds: float, used: float) -> dict[str, str]:
    rate = runs / seconds
    return {
        "Where": where,
        "Runs": f"{runs:,}",
        "Seconds": f"{seconds:.1f}",
        "Processor seconds": f"{used:.1f}",
        "Runs per second": f"{rate:,.0f}",
        "A million runs": _duration(MILLION / rate),
    }


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


if __name__ == "__main__":
    typer.run(main)
