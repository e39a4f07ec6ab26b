"""Several cohorts of one study by `replica synthesize STUDY --cohorts N`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replica.errors import SynthesisError
from replica.several_cohorts import cohorts_path, write_cohorts
from replica.synthesis.synthesize import Synthesis
from replica.synthetic import origin, read_report, write_synthetic

TRIES = 4
"""Seeds that are tried for each of several cohorts, at most."""


def several(
    study: str,
    make: Callable[[int], Synthesis],
    plan: Callable[[int], Mapping[str, Any]],
    *,
    first: int,
    number: int,
    evaluations: int,
    folder: Path,
    unfinished: Path,
) -> Path:
    """Make cohorts of one seed after another until there are enough, and write them in one file.

    A seed whose cohort meets fewer printed rows than the one in `folder` (or, without one, than it
    aims at), or that leads to no cohort, is passed over and listed.

    Parameters
    ----------
    make, plan
        By seed: the cohort, and everything that it depends on.
    first, number
        The first seed, and how many cohorts are wanted.
    folder, unfinished
        Where the committed cohorts are, and where finished ones wait for the others, so that a
        command that was stopped does not make them again.

    Raises
    ------
    SynthesisError
        If too few of the seeds lead to such a cohort.
    """
    committed = read_report(folder, study)
    found: dict[int, Synthesis] = {}
    passed: list[dict[str, Any]] = []
    for seed in range(first, first + TRIES * number):
        try:
            made = _once(study, seed, make, plan(seed), unfinished / f"{study}-{seed}")
        except SynthesisError as error:
            passed.append({"seed": seed, "why": str(error)})
            continue
        least = (committed or made.report)["targets"]["reproduced" if committed else "aimed_at"]
        met = made.report["targets"]["reproduced"]
        if met >= least:
            found[seed] = made
        else:
            passed.append({"seed": seed, "why": f"meets {met} rows, not {least}"})
        if len(found) == number:
            break
    else:
        raise SynthesisError(
            f"{study}: of {TRIES * number} seeds {len(found)} led to cohorts that meet as many "
            f"rows as wanted, not {number}. Allow more --evaluations or begin at another --seed."
        )
    first_report = next(iter(found.values())).report
    # a search that counts no evaluations says so itself
    about = origin(first, evaluations) | {
        name: first_report[name] for name in ("evaluations",) if name in first_report
    }
    del about["seed"]
    report = {
        "study": study,
        **about,
        "cohorts": [_summary(seed, made.report) for seed, made in found.items()],
        "passed_over": passed,
    }
    path = cohorts_path(study, folder)
    write_cohorts(path, {seed: made.patients for seed, made in found.items()}, report)
    return path


def _summary(seed: int, report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seed": seed,
        "targets": report["targets"],
        "not_met": [row for row in report["values"] if row["verdict"] != "reproduced"],
    }


def _once(
    study: str,
    seed: int,
    make: Callable[[int], Synthesis],
    plan: Mapping[str, Any],
    folder: Path,
) -> Synthesis:
    """Make a cohort, or take the one that was finished before by the same plan."""
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
    known = read_report(folder, study)
    if known is None or known.get("plan") != digest:
        made = make(seed)
        write_synthetic(folder, study, made.patients, made.report | {"plan": digest})
        known = dict(made.report)
    patients = pd.read_csv(folder / f"{study}.csv", dtype=str, keep_default_na=False)
    return Synthesis(patients, known)
