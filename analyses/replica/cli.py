"""The command line: a thin friendly layer over the package; each command is a few calls."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperCommand, TyperGroup

from replica import baseline, book, cli_audit, notebooks
from replica.agreement import shares
from replica.audit import contradictions, read_claims
from replica.errors import NotebookError, ReplicaError, SynthesisError, one_of
from replica.paths import build_path, claims_path, notebook_path, repository, synthetic_path
from replica.protocol import Study
from replica.published import PublishedValue, load_published
from replica.studies import load_study, study_keys
from replica.supplied import check, dictionary, read_table, template
from replica.synthesis.case_control_report import synthesize_case_control
from replica.synthesis.snapshots import every_so_often, read_snapshot, write_snapshot
from replica.synthesis.synthesize import DEFAULT_EVALUATIONS, DEFAULT_SEED, Synthesis, better
from replica.synthesis.synthesize import synthesize as make_cohort
from replica.synthetic import origin, read_report, write_synthetic

# A study's notebook that has this parameter writes its tables and figures there.
RESULTS_PARAMETER = "results_dir"


class _CleanErrors(TyperGroup):
    """Shows an error of this package as one message and ends with exit code 2."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer keeps the type to itself
        try:
            return super().invoke(ctx)
        except ReplicaError as error:
            _plain(sys.stderr).print(f"Error: {error}")
            raise typer.Exit(2) from None


class _PairedOptions(TyperCommand):
    """Lets `-p` take a name and a value, as papermill's does; typer has no such option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        return super().parse_args(ctx, list(_joined(args)))


def _joined(args: list[str]) -> list[str]:
    joined: list[str] = []
    rest = iter(args)
    for arg in rest:
        joined.append(arg)
        if arg in {"-p", "--parameter"}:
            name = next(rest, None)
            if name is None:
                break
            # `-p name=value` is understood too
            value = None if "=" in name else next(rest, None)
            joined.append(name if value is None else f"{name}={value}")
    return joined


app = typer.Typer(
    cls=_CleanErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Re-run and check published observational oncology studies.",
)
data_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Prepare and check your own patients' file."
)
app.add_typer(data_app, name="data", epilog="Example: replica data template sclc_second_line")
app.command(
    name="audit", epilog="Example: replica audit myeloma_second_primary --report report.md"
)(cli_audit.audit)

StudyKey = Annotated[str, typer.Argument(help="Key of a study; `replica studies` lists them.")]


def _plain(stream: Any = None) -> Console:  # noqa: ANN401 - any text stream
    # No styling by guesswork: paths and ids are printed as they are and not broken over lines
    return Console(file=stream, markup=False, highlight=False, soft_wrap=True, emoji=False)


def _notebook(study: str) -> Path:
    path = notebook_path(study)
    if not path.is_file():
        there = sorted(found.stem for found in path.parent.glob("*.ipynb"))
        raise NotebookError(f"no notebook for this study, {one_of(study, there)}")
    return path


@app.command(epilog="Example: replica studies")
def studies() -> None:
    """List the studies and the parameters that their notebooks take."""
    out = _plain()
    with_notebook = {path.stem for path in notebook_path("any").parent.glob("*.ipynb")}
    for key in sorted(with_notebook | set(study_keys())):
        title = f": {load_study(key).title}" if key in study_keys() else ""
        out.print(f"{key}{title}")
        if key not in with_notebook:
            out.print("  no notebook")
            continue
        for parameter in notebooks.inspect(_notebook(key)):
            about = f"  {parameter.help}" if parameter.help else ""
            out.print(f"  {parameter.name} ({parameter.type}) = {parameter.default!r}{about}")


@app.command(
    cls=_PairedOptions,
    epilog="Example: replica run sclc_second_line -p caliper 0.05 --data patients.csv",
)
def run(
    study: StudyKey,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME VALUE",
            help="A parameter of the notebook and its value; may be repeated.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Your own patients instead of synthetic."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write to [build/runs/STUDY].")
    ] = None,
) -> None:
    """Run a study's notebook with other parameters or with your own patients."""
    path = _notebook(study)
    known = notebooks.inspect(path)
    values = notebooks.parse_parameters(_pairs(parameter or []), known, path.name)
    if data:
        twice = sorted({"source", "data_path"} & set(values))
        if twice:
            raise NotebookError(f"--data sets {' and '.join(twice)} itself; leave out -p for it.")
        values |= {"source": "supplied", "data_path": str(data.resolve())}
    folder = (out or build_path() / "runs" / study).resolve()
    if RESULTS_PARAMETER in {p.name for p in known}:
        values.setdefault(RESULTS_PARAMETER, str(folder))
    output = folder / path.name
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("cells"), TimeElapsedColumn()) as bar:
        task = bar.add_task(f"running {path.name}")
        notebooks.execute(
            path,
            output,
            values,
            cwd=path.parent,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _plain().print(f"The executed notebook: {output}")


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise NotebookError(f"-p {name}: found no value; write -p NAME VALUE.")
        pairs.append((name, value))
    return pairs


@app.command(name="book", epilog="Example: replica book")
def make_book() -> None:
    """Run every notebook and build the book; any warning stops it."""
    out = _plain()
    page = book.make(repository(), report=out.print)
    out.print(f"The book is at {page}\nOpen {page.as_uri()}")


def not_aimed_at(study: Study, published: Sequence[PublishedValue]) -> dict[str, str]:
    """Rows that a search leaves out: contradicted ones, and those the protocol sets aside."""
    aside = {id_: given.reason for given in study.set_aside for id_ in given.ids}
    said = claims_path(study.key)
    claims = read_claims(said, published) if said.is_file() else ()
    return aside | contradictions(published, study, claims)


@app.command(epilog="Example: replica synthesize sclc_second_line --seed 7")
def synthesize(
    study: StudyKey,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all randomness.")] = DEFAULT_SEED,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Candidate changes to try; more may meet more rows.")
    ] = DEFAULT_EVALUATIONS,
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
    about = origin(seed, evaluations)
    plan = about | {"study": repr(chosen), "published": [(r.id, r.printed) for r in published]}
    stood_at = build_path() / "synthesis" / f"{study}-{seed}-{evaluations}.npz"
    resume = read_snapshot(stood_at, plan)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[state]}")) as bar:
        task = bar.add_task("starting", state="")
        if chosen.groups is not None:
            patients, given = synthesize_case_control(
                chosen, published, seed=seed, steps=evaluations
            )
            made = Synthesis(patients, given)
        else:
            made = make_cohort(
                chosen,
                published,
                np.random.default_rng(seed),
                evaluations=evaluations,
                excluded=not_aimed_at(chosen, published),
                progress=lambda stage, done, total, state: bar.update(
                    task, description=stage, completed=done, total=total, state=state
                ),
                keep=every_so_often(lambda snapshot: write_snapshot(stood_at, snapshot, plan)),
                resume=resume,
            )
    report = about | made.report
    if not better(report, read_report(folder, study)):
        raise SynthesisError(
            f"the cohort in {folder} meets more printed numbers than this one and was kept. Allow "
            "more --evaluations, try another --seed, or write elsewhere with --out."
        )
    written, _ = write_synthetic(folder, study, made.patients, report)
    stood_at.unlink(missing_ok=True)
    number = report["targets"]
    _plain().print(
        f"{number['reproduced']} of {number['aimed_at']} printed numbers aimed at are met, "
        f"{number['rounding']} within a unit of the last digit, {number['different']} not.\n"
        f"The patients: {written}"
    )


@app.command(epilog="Example: replica verify --update")
def verify(
    *,
    update: Annotated[
        bool, typer.Option("--update", help="Make this run the baseline that later ones must hold.")
    ] = False,
) -> None:
    """Count the verdicts of the last book and hold them against data/baseline.json.

    Ends with exit code 1 if a printed number's verdict is worse than the baseline's.
    """
    root = repository()
    out = _plain()
    if not book.is_current(root):
        raise NotebookError("the book was not made from the files as they are; run `replica book`.")
    made = baseline.read_json(root / "build" / "verification.json", "make it with `replica book`")
    now = baseline.summarise(made)
    kinds = (verdict.replace("_", " ") for verdict in baseline.RANKING)
    table = Table("Study", *kinds, "All", "Of attainable", "Of all results")
    for key, verdicts in now.items():
        counts = baseline.counts(verdicts)
        number = made["studies"][key].get("counts")
        share = shares(number).values() if number else ()
        table.add_row(key, *map(str, counts.values()), str(len(verdicts)), *share)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    committed = root / "data" / "baseline.json"
    if update:
        baseline.write_baseline(now, committed)
        out.print(f"The baseline is now this run: {committed}")
        return
    remedy = "write the first one with `replica verify --update`"
    fallen = baseline.worse(baseline.read_json(committed, remedy), now)
    for line in fallen:
        out.print(line)
    if fallen:
        out.print(f"{len(fallen)} verdicts are worse than the baseline's.")
        raise typer.Exit(1)
    out.print("No verdict is worse than the baseline's.")


@data_app.command(
    name="template", epilog="Example: replica data template sclc_second_line --out patients.csv"
)
def data_template(
    study: StudyKey,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write; printed if left out.")
    ] = None,
) -> None:
    """Write an empty table with the columns that a study needs."""
    _csv(template(load_study(study)).to_csv(index=False), out)


@data_app.command(
    name="dictionary", epilog="Example: replica data dictionary sclc_second_line --out columns.csv"
)
def data_dictionary(
    study: StudyKey,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write; printed if left out.")
    ] = None,
) -> None:
    """Describe each column that a study needs: meaning, unit, allowed values."""
    _csv(dictionary(load_study(study)).to_csv(index=False), out)


@data_app.command(name="check", epilog="Example: replica data check sclc_second_line patients.csv")
def data_check(
    study: StudyKey,
    file: Annotated[Path, typer.Argument(help="Your patients, .csv or .tsv.")],
) -> None:
    """Say everything that is wrong with a file of patients; exit code 1 if anything is."""
    problems = check(load_study(study), read_table(file))
    out = _plain()
    for problem in problems:
        out.print(str(problem))
    if problems:
        out.print(f"{file}: {len(problems)} problems found.")
        raise typer.Exit(1)
    out.print(f"{file} fits the study {study}.")


def _csv(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    if out.exists():
        raise ReplicaError(f"{out} exists; choose another name or remove it first.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    _plain().print(f"written: {out}")
