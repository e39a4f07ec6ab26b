"""The stage that finds covariates: twins of patients found first, or exchanges between the arms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.errors import SynthesisError
from replica.protocol import Study
from replica.synthesis.arm_search import ArmFound, to_arrays
from replica.synthesis.covariates import (
    contrasts,
    draw_covariates,
    matching_goal,
    with_contrasts,
)
from replica.synthesis.handing_out import found_counts
from replica.synthesis.matching_search import covariates_of, search_covariates
from replica.synthesis.matching_search import first_standing as first_covariates
from replica.synthesis.plan import COVARIATES, TIMES, TWINS, Plan
from replica.synthesis.snapshots import Snapshot
from replica.synthesis.twin_search import ROUNDS, search_twins, twin_table

Ints = NDArray[np.int64]

DRAWS = 10
"""How many draws of covariates to search from before giving up."""

COVARIATE_SHARE = 5
"""A search over covariates tries one change for so many of the search over times."""


@dataclass(frozen=True)
class Table:
    """Patients with arms and covariates.

    `source` (treated,) says which patient of an arm found first each treated one is; None if the
    covariates were found otherwise.
    """

    patients: pd.DataFrame
    source: Ints | None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays for a snapshot."""
        source = {} if self.source is None else {"source": self.source}
        return {"patients": self.patients.to_numpy(dtype=str), **source}


def find_covariates(plan: Plan, arms: tuple[ArmFound, ...]) -> Table:
    """Find covariates that the real score and matching balance as printed.

    Twins of the matched treated, if these were found first; else, or if no draw of twins will do,
    exchanges of values between drawn patients.
    """
    if (stood := plan.stood(TIMES)) is not None:
        return Table(drawn_table(stood, plan.targets.study), stood.arrays.get("source"))
    if [arm.asked.arm for arm in arms] == ["treated"] and plan.stood(COVARIATES) is None:
        table = _twins(plan, arms[0])
        if table is not None:
            return table
    return Table(_exchanged(plan, arms), None)


def _twins(plan: Plan, arm: ArmFound) -> Table | None:
    """Draw controls around twins of the matched treated until the matching is as printed."""
    goal = matching_goal(plan.targets)
    study, rng = plan.targets.study, plan.rng
    first = 1
    if (stood := plan.stood(TWINS)) is not None:
        first = int(stood.numbers["draw"])
        stood.restore(rng)
    for draw in range(first, DRAWS + 1):
        plan.snapshot(TWINS, {"draw": draw}, to_arrays((arm,)))
        for standing in search_twins(plan.targets, arm, goal, rng):
            state = f"counts off by {standing.closest:g}"
            plan.progress(f"twins, draw {draw}", standing.done, ROUNDS, state)
            if standing.found is not None:
                rows, who = standing.found
                patients, row = twin_table(study, rows, who.size, rng)
                return Table(patients, who[row[row < who.size]])
    return None


def _exchanged(plan: Plan, arms: tuple[ArmFound, ...]) -> pd.DataFrame:
    """Search for covariates by exchanges between the arms."""
    targets, study, rng = plan.targets, plan.targets.study, plan.rng
    keys = study.matching.covariates
    joint = tuple(found_counts(targets, arm) for arm in arms)
    goal = matching_goal(targets, joint)
    planned = max(1, plan.evaluations // COVARIATE_SHARE)
    closest, first = math.inf, 1
    stood = plan.stood(COVARIATES)
    if stood is not None:
        first, closest = int(stood.numbers["draw"]), float(stood.numbers["closest"])
    for draw in range(first, DRAWS + 1):
        if stood is not None and draw == first:
            patients = drawn_table(stood, study)
            standing = covariates_of(stood.numbers, stood.arrays)
            treated = Cohort(study, patients, "synthetic").treated
            stood.restore(rng)
        else:
            patients = draw_covariates(targets, rng, joint)
            cohort = Cohort(study, patients, "synthetic")
            treated = cohort.treated
            standing = first_covariates(contrasts(cohort, keys), treated, goal)
        search = search_covariates(standing, treated, goal, rng, evaluations=planned)
        for standing in search:
            state = f"counts off by {standing.best:g}"
            plan.progress(f"covariates, draw {draw}", standing.done, planned, state)
            numbers = standing.numbers() | {"draw": draw, "closest": closest}
            arrays = {"patients": patients.to_numpy(dtype=str), **standing.arrays()}
            plan.snapshot(COVARIATES, numbers, arrays | to_arrays(arms))
        if standing.best == 0.0:
            return with_contrasts(patients, study, keys, standing.best_x)
        closest = min(closest, standing.best)
    raise SynthesisError(
        f"{study.key}: from {DRAWS} draws with {planned} changes each, the matched counts stay off "
        f"by {closest:g} in all at best. Allow more with --evaluations, or try another --seed."
    )


def drawn_table(snapshot: Snapshot, study: Study) -> pd.DataFrame:
    """Read patients with arms and covariates back from a snapshot."""
    columns = ["patient_id", "arm", *(covariate.key for covariate in study.covariates)]
    return pd.DataFrame(snapshot.arrays["patients"].astype(object), columns=columns)
