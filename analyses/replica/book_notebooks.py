"""Running the notebooks of the book: as many at once as there are cores, the long ones first."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from replica.errors import NotebookError, ReplicaError, one_of
from replica.notebook_parameters import read_notebook
from replica.notebooks import execute

Report = Callable[[str], None]
Turn = Literal["first", "any time", "after the studies"]

TURNS: tuple[Turn, ...] = ("first", "any time", "after the studies")
"""When a page's notebook runs; its metadata say so, in `replica.runs`.

`first` and `any time` are for pages that read nothing that a study's notebook wrote; `first` is for
those that take long. A page that says nothing waits for the studies.
"""


@dataclass(frozen=True)
class Notebooks:
    """The notebooks of a book in the order they start in."""

    studies: tuple[Path, ...]
    first: tuple[Path, ...]
    any_time: tuple[Path, ...]
    after: tuple[Path, ...]


def notebooks_of(root: Path) -> Notebooks:
    """List a book's notebooks: studies in `analyses/`, pages in `book/` by when they may run.

    Raises
    ------
    NotebookError
        If a page's metadata name a time that does not exist.
    """
    studies = tuple(sorted((root / "analyses").glob("*.ipynb")))
    found = (path for path in (root / "book").rglob("*.ipynb"))
    pages = sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)
    by_turn = {turn: tuple(p for p in pages if turn_of(p) == turn) for turn in TURNS}
    return Notebooks(studies, *(by_turn[turn] for turn in TURNS))


def turn_of(page: Path) -> Turn:
    """Read from a page's metadata when its notebook may run.

    Raises
    ------
    NotebookError
        If there is no such time.
    """
    turn = read_notebook(page)["metadata"].get("replica", {}).get("runs", TURNS[-1])
    if turn not in TURNS:
        raise NotebookError(f"{page.name}: metadata replica.runs: {one_of(str(turn), TURNS)}")
    return cast("Turn", turn)


def run_notebooks(
    root: Path, staged: Path, once_studies_ran: Callable[[], object], report: Report
) -> None:
    """Run every notebook of a book once, each in a process of its own.

    Parameters
    ----------
    root, staged
        The repository, and the folder that executed notebooks are written under.
    once_studies_ran
        Called when all studies' notebooks have run; the pages that wait for them start then.
    report
        Called with one line for each notebook that ran.

    Raises
    ------
    NotebookError
        If notebooks fail; one message tells of all of them. Pages that wait for the studies do not
        run when a study failed.
    """
    found = notebooks_of(root)
    at_once = (*found.studies, *found.first, *found.any_time)
    workers = min(len(at_once) + len(found.after), os.cpu_count() or 1)
    if not workers:
        once_studies_ran()
        return
    failures: list[str] = []

    # Fresh processes: papermill changes the working directory of the one it runs in.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh) as pool:

        def start(paths: Sequence[Path]) -> dict[Future[None], Path]:
            report(f"running {', '.join(path.name for path in paths)}")
            return {pool.submit(_run_one, root, staged, path): path for path in paths}

        def finish(running: dict[Future[None], Path], only: Sequence[Path]) -> None:
            awaited = [future for future, path in running.items() if path in only]
            for done in as_completed(awaited):
                failure = _failure(done)
                if failure:
                    failures.append(failure)
                else:
                    report(f"ran {running[done].relative_to(root)}")

        try:
            running = start(at_once)
            finish(running, found.studies)
            if not failures:
                once_studies_ran()
                late = start(found.after) if found.after else {}
                finish(running | late, (*found.first, *found.any_time, *found.after))
            else:
                finish(running, (*found.first, *found.any_time))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failures:
        raise NotebookError("\n\n".join(sorted(failures)))


def _failure(done: Future[None]) -> str | None:
    error = done.exception()
    if error is not None and not isinstance(error, ReplicaError):
        raise error
    return None if error is None else str(error)


def _run_one(root: Path, staged: Path, path: Path) -> None:
    execute(path, staged / path.relative_to(root), {}, cwd=root / "analyses")
