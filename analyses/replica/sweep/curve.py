"""The frames behind the specification curve, the order panel and the look-up panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from replica.cohort import Cohort
from replica.errors import ParameterError
from replica.protocol import ORDERS, TIES
from replica.sweep.declared import declared, specification_axes
from replica.sweep.grid import make_grid
from replica.sweep.parameters import SEED, parameters
from replica.sweep.printed import Reference
from replica.sweep.record import Values
from replica.sweep.runner import ready, run_all, run_one

SIGNIFICANT = 0.05
_EQUAL = 1e-9  # a log hazard ratio that is 0 but for the last steps of Newton's method
ORDERINGS = 500
"""Random orders of the order panel."""
PANEL_SEEDS = 10
"""Random orders behind one entry of the look-up panel."""


def specifications(cohort: Cohort) -> pd.DataFrame:
    """Make every run of the study's specification curve; see `specification_axes`."""
    grid = make_grid(cohort.study, specification_axes(cohort.study))
    return pd.DataFrame(run_all(ready(cohort), grid))


def orders(cohort: Cohort, seeds: int = ORDERINGS) -> pd.DataFrame:
    """Analyse the cohort with the treated in random orders, everything else the study's own.

    Raises
    ------
    ParameterError
        If nothing in the study's matching is drawn at random.
    """
    study = cohort.study
    if SEED not in parameters(study):
        raise ParameterError(f"orders: nothing in runs of {study.key} is drawn at random.")
    axes: list[Sequence[Mapping[str, Any]]] = [
        [{"order": "random"}],
        [{SEED: seed} for seed in range(1, seeds + 1)],
        [{"outcome": outcome.key} for outcome in study.outcomes],
    ]
    return pd.DataFrame(run_all(ready(cohort), make_grid(study, axes)))


def own_run(cohort: Cohort, outcome: str) -> dict[str, Any]:
    """Analyse the cohort once at the study's own settings."""
    values: Values = {name: one.default for name, one in parameters(cohort.study).items()}
    return dict(run_one(cohort, {**values, "outcome": outcome}))


def panel_runs(cohort: Cohort) -> pd.DataFrame:
    """Analyse the cohort over the panel's calipers, every order and both kinds of ties.

    A random order is repeated with some seeds.
    """
    study = cohort.study
    own = study.matching.caliper
    near = () if own is None else tuple(own * k for k in (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5))
    calipers = declared(study.key).get("panel", {}).get("caliper", near)
    prepared = ready(cohort)
    shared: list[Sequence[Mapping[str, Any]]] = [
        [{"caliper": caliper} for caliper in calipers],
        [{"ties": ties} for ties in TIES],
        [{"outcome": outcome.key} for outcome in study.outcomes],
    ]
    fixed = [{"order": order} for order in ORDERS if order != "random"]
    at_random = [{SEED: seed} for seed in range(1, PANEL_SEEDS + 1)]
    grids = (
        make_grid(study, [*shared, fixed]),
        make_grid(study, [*shared, [{"order": "random"}], at_random]),
    )
    return pd.DataFrame([record for grid in grids for record in run_all(prepared, grid)])


@dataclass(frozen=True)
class Shares:
    """How the specifications of one outcome come out.

    `below` and `above` count hazard ratios on each side of 1, `equal` those of 1 (as when as many
    pairs speak for either arm), `significant` those with p below 0.05, of the `estimated`;
    `refused` have no estimate. `nearer_null` counts those whose hazard ratio lies nearer 1 than the
    printed one, None without a printed one.
    """

    estimated: int
    below: int
    equal: int
    above: int
    significant: int
    refused: int
    lowest: float
    middle: float
    highest: float
    nearer_null: int | None


def shares(frame: pd.DataFrame, printed: Reference | None = None) -> Shares:
    """Count how runs come out.

    Raises
    ------
    ParameterError
        If no run has an estimate.
    """
    found = frame.dropna(subset=["hazard_ratio"])
    if found.empty:
        raise ParameterError("specifications: found no run with an estimate; widen the choices.")
    ratio = found["hazard_ratio"].to_numpy(dtype=np.float64)
    logs = np.log(ratio)
    equal = np.abs(logs) < _EQUAL
    nearer = None
    if printed is not None:
        nearer = int((np.abs(logs) < abs(np.log(printed.value))).sum())
    return Shares(
        estimated=len(found),
        below=int((~equal & (logs < 0)).sum()),
        equal=int(equal.sum()),
        above=int((~equal & (logs > 0)).sum()),
        significant=int((found["p"] < SIGNIFICANT).sum()),
        refused=len(frame) - len(found),
        lowest=float(ratio.min()),
        middle=float(np.median(ratio)),
        highest=float(ratio.max()),
        nearer_null=nearer,
    )
