"""The command `replica synthesize`: synthetic patients from a study's printed numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from replica.audit import read_claims
from replica.audit.paper import Paper
from replica.commands.console import StudyKey, plain
from replica.commands.several import several
from replica.conflicts import excluded, study_conflicts
from replica.errors import SynthesisError
from replica.events.build import events_path
from replica.paths import build_path, claims_path, synthetic_path
from replica.protocol import Study
from replica.published import PublishedValue, load_published
from replica.second_primary import is_second_primary
from replica.studies import load_study
from replica.synthesis.case_control_report import synthesize_case_control
from replica.synthesis.second_primary_files import SyntheticEvents, synthesize_second_primary
from replica.synthesis.snapshots import every_so_often, read_snapshot, write_snapshot
from replica.synthesis.synthesize import DEFAULT_EVALUATIONS, DEFAULT_SEED, Synthesis, better
from replica.synthesis.synthesize import synthesize as make_cohort
from replica.synthetic import origin, read_report, write_synthetic

Told = Callable[[str, int, int, str], None]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog="Example: replica synthesize mlc_second_primary --seed 8 --cohorts 5")(
        synthesize
    )


def not_aimed_at(study: Study, published: Sequence[PublishedValue]) -> dict[str, str]:
    """Rows that a search leaves out: contradicted ones, and those the protocol sets aside."""
    aside = {id_: given.reason for given in study.set_aside for id_ in given.ids}
    said = claims_path(study.key)
    claims = read_claims(said, published) if said.is_file() else ()
    paper = Paper(study.key, tuple(published), tuple(claims), study)
    return aside | excluded(paper, study_conflicts(study.key, published))


def synthesize(
    study: StudyKey,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all randomness.")] = DEFAULT_SEED,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Candidate changes to try; more may meet more rows.")
    ] = DEFAULT_EVALUATIONS,
    cohorts: Annotated[
        int,
        typer.Option(
            min=0,
            help="Make so many cohorts for data/synthetic/cohorts instead, of this seed and those "
            "after it; a seed that meets fewer rows than the committed cohort is passed over.",
        ),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write to [data/synthetic].")
    ] = None,
) -> None:
    """Make a study's synthetic patients from its printed numbers.

    The same seed and number of evaluations give the same bytes. A search that was stopped goes on
    where it stood, to the same result. A cohort that meets more printed numbers than the new one is
    not overwritten.
    """
    chosen, published = load_study(study), load_published(study)
    folder = out or synthetic_path(study).parent
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("starting", state="")

        def progress(stage: str, done: int, total: int, state: str) -> None:
            bar.update(task, description=stage, completed=done, total=total, state=state)

        if cohorts:
            path = several(
                study,
                lambda one: _made(chosen, published, one, evaluations, progress)[0],
                lambda one: _plan(chosen, published, one, evaluations),
                first=seed,
                number=cohorts,
                evaluations=evaluations,
                folder=folder,
                unfinished=build_path() / "synthesis" / "cohorts",
            )
            bar.stop()
            plain().print(f"{cohorts} cohorts: {path}")
            return
        made, events = _made(chosen, published, seed, evaluations, progress)
    report = origin(seed, evaluations) | made.report
    if not better(report, read_report(folder, study)):
        raise SynthesisError(
            f"the cohort in {folder} meets more printed numbers than this one and was kept. Allow "
            "more --evaluations, try another --seed, or write elsewhere with --out."
        )
    written, _ = write_synthetic(folder, study, made.patients, report)
    if events is not None:
        events.write_events(events_path(chosen, folder))
    _snapshot_path(study, seed, evaluations).unlink(missing_ok=True)
    number = report["targets"]
    plain().print(
        f"{number['reproduced']} of {number['aimed_at']} printed numbers aimed at are met, "
        f"{number['rounding']} within a unit of the last digit, {number['different']} not.\n"
        f"The patients: {written}"
    )


def _snapshot_path(study: str, seed: int, evaluations: int) -> Path:
    return build_path() / "synthesis" / f"{study}-{seed}-{evaluations}.npz"


def _plan(
    study: Study, published: Sequence[PublishedValue], seed: int, evaluations: int
) -> dict[str, Any]:
    """Everything that a search depends on."""
    printed = [(row.id, row.printed) for row in published]
    return origin(seed, evaluations) | {"study": repr(study), "published": printed}


def _made(
    study: Study,
    published: Sequence[PublishedValue],
    seed: int,
    evaluations: int,
    progress: Told,
) -> tuple[Synthesis, SyntheticEvents | None]:
    """Make one cohort, and its events if the study is built from events."""
    if is_second_primary(study):
        left_out = not_aimed_at(study, published)
        events = synthesize_second_primary(
            study, published, contradicted=left_out, seed=seed, progress=progress
        )
        return Synthesis(events.cohort.patients, dict(events.report)), events
    plan = _plan(study, published, seed, evaluations)
    stood_at = _snapshot_path(study.key, seed, evaluations)
    keep = every_so_often(lambda snapshot: write_snapshot(stood_at, snapshot, plan))
    resume = read_snapshot(stood_at, plan)
    if study.groups is not None:
        patients, given = synthesize_case_control(
            study,
            tuple(published),
            seed=seed,
            steps=evaluations,
            progress=progress,
            keep=keep,
            resume=resume,
        )
        return Synthesis(patients, given), None
    made = make_cohort(
        study,
        published,
        np.random.default_rng(seed),
        evaluations=evaluations,
        excluded=not_aimed_at(study, published),
        progress=progress,
        keep=keep,
        resume=resume,
    )
    return made, None
