"""How much is measured: sizes, repeats, limits, and what is there to compare with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from measuring import arrays, processes
from measuring.processes import Effort, Measured
from measuring.rows import Peers

NO_R = "R with its package survival is not installed: not measured"


@dataclass(frozen=True)
class Plan:
    """Settings of one run; `step` announces what is measured next."""

    folder: Path
    sizes: tuple[int, ...]
    effort: Effort
    with_r: bool
    replications: int
    replications_in_r: int
    workers: int
    cold: bool
    seed: int = 1
    step: Callable[[str], AbstractContextManager[object]] = field(repr=False, kw_only=True)
    peers: Peers = field(default_factory=Peers, repr=False)

    @property
    def largest(self) -> int:
        """The size that requirements are about."""
        return self.sizes[-1]

    def drawn(self, n: int) -> Path:
        """Folder of the arrays of one size; drawn at the first call."""
        folder = self.folder / f"patients-{n}"
        if not folder.exists():
            arrays.save(arrays.draw(n, self.seed), folder)
        return folder

    def python(self, task: str, n: int) -> Measured:
        """Time a task of ours, or of NumPy."""
        with self.step(f"{task}, n = {n:,}"):
            return processes.in_python(task, self.drawn(n), self.effort)

    def memory(self, task: str, n: int) -> Measured:
        """Time a task, and take its memory in another process."""
        timed = self.python(task, n)
        with self.step(f"memory of {task}, n = {n:,}"):
            peak = processes.in_python(task, self.drawn(n), self.effort, mode="memory").peak
        return Measured(timed.runs, timed.answers, timed.stopped, peak)

    def peer(self, task: str, n: int) -> Measured:
        """Time a peer in Python, unless a smaller size was too much for it."""
        with self.step(f"{task}, n = {n:,}"):
            return self.peers.measure(
                task, n, lambda: processes.in_python(task, self.drawn(n), self.effort)
            )

    def r(self, task: str, n: int) -> Measured:
        """Time a peer in R, or say that there is none."""
        if not self.with_r:
            return Measured(stopped=NO_R)
        with self.step(f"R: {task}, n = {n:,}"):
            return self.peers.measure(
                f"R {task}", n, lambda: processes.in_r(task, self.drawn(n), self.effort)
            )
