"""Processes of their own for each timing, on one thread, and what they report."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
R_SCRIPT = HERE / "peers.R"
# lifelines and scikit-learn may start threads of their own: every library is held to one
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class MeasuringError(Exception):
    """A measured process failed; the message holds its last words."""


@dataclass(frozen=True)
class Measured:
    """What a process reported: seconds of each run, its answers, and memory if asked for.

    `stopped` says why there are no seconds; `peak` is the input's bytes plus what was needed on
    top of it, as a multiple of the input's bytes.
    """

    runs: tuple[float, ...] = ()
    answers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    stopped: str = ""
    peak: float | None = None

    @property
    def least(self) -> float | None:
        """Shortest run."""
        return min(self.runs) if self.runs else None

    @property
    def median(self) -> float | None:
        """Median run."""
        return median(self.runs) if self.runs else None


@dataclass(frozen=True)
class Effort:
    """How often a thing is run, and after how many seconds it is not repeated, or stopped.

    `here` runs Python's tasks in the process at hand, for tests: quick, and good for nothing else.
    """

    repeats: int = 5
    enough: float = 60.0
    limit: float = 150.0
    here: bool = False


def in_python(task: str, folder: Path, effort: Effort, *, mode: str = "time") -> Measured:
    """Run a task of `measuring.worker` in a fresh interpreter: mode `time` or `memory`."""
    if effort.here:
        from measuring.worker import measure  # noqa: PLC0415 - loads everything that is measured

        return read("\n".join(measure(mode, task, folder, effort.repeats, effort.enough)))
    command = [sys.executable, "-m", "measuring.worker", mode, task, str(folder)]
    return _run([*command, str(effort.repeats), str(effort.enough)], effort.limit)


def in_r(task: str, folder: Path, effort: Effort) -> Measured:
    """Run a task of `peers.R` in a fresh R."""
    command = ["Rscript", "--vanilla", str(R_SCRIPT), task, str(folder)]
    return _run([*command, str(effort.repeats), str(effort.enough)], effort.limit)


def has_r() -> bool:
    """Whether R with its survival package is installed."""
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "--vanilla", "-e", 'stopifnot(nzchar(system.file(package = "survival")))']
    run = subprocess.run(asked, capture_output=True, check=False)  # noqa: S603 - no shell, no input
    return run.returncode == 0


def environment(**changes: str) -> dict[str, str]:
    """Environment of a measured process."""
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": str(HERE.parent), **changes}


def _run(command: Sequence[str], limit: float) -> Measured:
    process = subprocess.Popen(  # noqa: S603 - our own scripts, no shell
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    stopped = ""
    try:
        said, complained = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        said, complained = process.communicate()
        stopped = f"stopped after {limit:g} s"
    if process.returncode != 0 and not stopped:
        raise MeasuringError(f"{' '.join(command[-5:])} failed:\n{complained[-3000:]}")
    return read(said, stopped)


def read(said: str, stopped: str = "") -> Measured:
    """Read a process's report: lines of a word and numbers.

    `seconds s` for each run, `answer name value...`, `memory input extra` in bytes, and
    `unavailable reason` for what cannot be run.
    """
    runs: list[float] = []
    answers: dict[str, tuple[float, ...]] = {}
    peak = None
    for line in said.splitlines():
        word, *rest = line.split()
        if word == "seconds":
            runs.append(float(rest[0]))
        elif word == "answer":
            answers[rest[0]] = tuple(float(value) for value in rest[1:])
        elif word == "memory":
            given, extra = (float(value) for value in rest)
            peak = (given + extra) / given
        elif word == "unavailable":
            stopped = " ".join(rest)
    return Measured(tuple(runs), answers, "" if runs else stopped, peak)
