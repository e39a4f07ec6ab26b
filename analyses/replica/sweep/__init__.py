"""Many runs of one study: what may be changed, all combinations of it, and what comes out."""

from __future__ import annotations

from replica.sweep.grid import Grid, make_grid, read_grid
from replica.sweep.record import Record, Value
from replica.sweep.runner import run_all, run_one
from replica.sweep.sweeping import Sweep, sweep

__all__ = [
    "Grid",
    "Record",
    "Sweep",
    "Value",
    "make_grid",
    "read_grid",
    "run_all",
    "run_one",
    "sweep",
]
