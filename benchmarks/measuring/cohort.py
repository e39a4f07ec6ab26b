"""The synthetic cohort of a study, for the whole matched analysis here and in R."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from measuring.arrays import Arrays, save
from measuring.first_call import KEY, OUTCOME
from measuring.tasks import Answers, Call, Task
from replica.bootstrap import bootstrap
from replica.cohort import Cohort
from replica.convention import convention
from replica.matched_hazard import columns_of
from replica.studies import load_study
from replica.supplied import load_cohort


def cohort() -> Cohort:
    """Read the cohort: 496 patients, 10 covariates, pairs within a caliper on the probability."""
    return load_cohort(load_study(KEY), "synthetic")


def write(folder: Path, draws: int, workers: int) -> Path:
    """Write what R and `bootstrap_replica` read: the coded covariates, arms, times and settings."""
    patients = cohort()
    plan = patients.study.matching
    columns = columns_of(patients, OUTCOME, plan)
    if plan.caliper is None or plan.caliper_scale != "probability" or plan.order != "data":
        raise ValueError(f"peers.R matches in data order within a raw caliper, not as {plan}.")
    save(
        Arrays(
            X=columns.matrix,
            time=columns.duration,
            event=columns.event.astype(np.float64),
            score=np.zeros(len(columns)),
            treated=columns.treated.astype(np.float64),
        ),
        folder,
    )
    np.array([len(columns), columns.matrix.shape[1], plan.caliper]).tofile(folder / "size.bin")
    efron = convention(patients.study.convention).ties == "efron"
    np.array([float(efron)]).tofile(folder / "ties.bin")
    np.array([float(draws), float(workers)]).tofile(folder / "draws.bin")
    return folder


def bootstrap_task(folder: Path) -> Task:
    """Bootstrap the whole matched analysis, as often as the folder says."""
    replications, workers = (int(value) for value in np.fromfile(folder / "draws.bin"))

    def prepare(_: Arrays) -> Call:
        patients = cohort()

        def call() -> Answers:
            found = bootstrap(
                patients,
                OUTCOME,
                replications=replications,
                rng=np.random.default_rng(1),
                workers=workers,
            )
            return {
                "log_hazard_ratio": [found.estimate],
                "se": [found.std_error],
                "pairs": [found.matched_sets],
                "failed": [found.failed],
            }

        return call

    return Task(prepare, warm_up=0)
