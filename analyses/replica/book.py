"""Building the book: stage sources, run notebooks into the stage, render, publish under build/."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from replica.book_notebooks import run_notebooks
from replica.errors import NotebookError, ReplicaError

Report = Callable[[str], None]

_KNOWN_ANSWERS = "tests/known_answers/data"  # of which the page of referees is made
_INPUTS = ("_config.yml", "requirements.lock", "analyses", "book", "data", _KNOWN_ANSWERS)
_NEVER = (".ipynb_checkpoints", "__pycache__", "*.pyc")
# Jupyter Book has no __main__ module, and its script need not be on the PATH
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
_SUMMARY_KEYS = {"source", "parameters", "counts", "values"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COMPLAINT = re.compile(r"(WARNING|ERROR|CRITICAL|SEVERE|Error|Exception):")


class BookError(ReplicaError):
    """The book cannot be staged or rendered."""


def make(root: Path, report: Report = print) -> Path:
    """Stage, run every notebook, render and publish; return the page to open.

    Parameters
    ----------
    root
        The repository's folder.
    report
        Called with one line for each step.

    Raises
    ------
    NotebookError
        If a notebook fails or a study's notebook writes no verification.
    BookError
        If rendering gives a warning or an error; the published book is then left as it was.
    """
    print_of_inputs = fingerprint(root)
    stage(root, report)
    report("rendering the pages")
    page = build(root)
    (root / "build" / "html.sha256").write_text(print_of_inputs + "\n", encoding="utf-8")
    return page


def stage(root: Path, report: Report = print) -> Path:
    """Copy pages and data to build/stage and run the notebooks into it; return that folder.

    Studies' notebooks (`analyses/*.ipynb`) start first. What they wrote to `build/verification/` is
    merged once they ran; then those notebooks among the pages (`book/**/*.ipynb`) run that may read
    it, while the others need not wait. What audits wrote to `build/audit/` is merged as well. What
    all of them wrote to `build/results/` is staged as `results/`.

    Raises
    ------
    NotebookError
        If a notebook fails, or a study's notebook writes no verification.
    """
    made = root / "build"
    staged = made / "stage"
    for old in (staged, made / "results", made / "verification", made / "audit"):
        shutil.rmtree(old, ignore_errors=True)
    for old in (made / "verification.json", made / "audit.json"):
        old.unlink(missing_ok=True)

    book = root / "book"
    _copy(book, staged / "book", leave_out="*.ipynb")
    _copy(root / "data", staged / "data", leave_out="supplied")
    # Jupyter Book looks for styles at the top of its sources only
    _copy(book / "_static", staged / "_static")

    def once_studies_ran() -> None:
        studies = sorted((root / "analyses").glob("*.ipynb"))
        merge_verification(root, [path.stem for path in studies])

    run_notebooks(root, staged, once_studies_ran, report)
    merge_audits(root)

    _copy(made / "results", staged / "results")
    return staged


def merge_verification(root: Path, keys: Iterable[str]) -> Path:
    """Merge each study's build/verification/<key>.json into build/verification.json.

    Raises
    ------
    NotebookError
        If a study has no such file, or one without its four parts.
    """
    folder = root / "build" / "verification"
    studies = {}
    for key in keys:
        path = folder / f"{key}.json"
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotebookError(
                f"{key}.ipynb ran but wrote no {path.relative_to(root)}; end it with "
                "replica.agreement.write_verification."
            ) from None
        except ValueError as error:
            raise NotebookError(f"{path.relative_to(root)} is not JSON: {error}") from None
        missing = _SUMMARY_KEYS - set(summary)
        if missing:
            raise NotebookError(f"{path.relative_to(root)} lacks {', '.join(sorted(missing))}.")
        studies[key] = summary
    merged = root / "build" / "verification.json"
    merged.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"studies": studies}, indent=1, ensure_ascii=False, allow_nan=False)
    merged.write_text(text + "\n", encoding="utf-8")
    return merged


def merge_audits(root: Path) -> Path:
    """Merge the findings of each study's build/audit/<key>.json into the list build/audit.json."""
    found: list[object] = []
    for path in sorted((root / "build" / "audit").glob("*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))
    merged = root / "build" / "audit.json"
    merged.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return merged


def build(root: Path) -> Path:
    """Render build/stage with Jupyter Book, any warning being an error; return the first page.

    The book appears at build/html only once it is whole. The renderer's words stand in
    build/book.log.

    Raises
    ------
    BookError
        If there is a warning or an error; the message quotes them.
    """
    made = root / "build"
    rendered = made / "_build" / "html"
    shutil.rmtree(made / "_build", ignore_errors=True)
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(made / "stage")]
    command += ["--config", str(root / "_config.yml"), "--toc", str(root / "book" / "_toc.yml")]
    command += ["--path-output", str(made), "--all", "-W", "-n", "--keep-going"]
    run = subprocess.run(  # noqa: S603 - our own command, no shell
        command,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "0", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    log = made / "book.log"
    said = _COLOUR.sub("", run.stdout)
    log.write_text(said, encoding="utf-8")
    if run.returncode or not (rendered / "index.html").is_file():
        raise BookError(_complaints(said, log))
    published = made / "html"
    shutil.rmtree(published, ignore_errors=True)
    shutil.move(rendered, published)
    shutil.rmtree(made / "_build")
    return published / "index.html"


def fingerprint(root: Path) -> str:
    """Digest everything that the book is made from: code, notebooks, pages, data and lock file."""
    digest = hashlib.sha256()
    for path in _inputs(root):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(root: Path) -> bool:
    """Whether build/html was made from the files as they are now."""
    mark = root / "build" / "html.sha256"
    page = root / "build" / "html" / "index.html"
    return (
        page.is_file()
        and mark.is_file()
        and mark.read_text(encoding="utf-8").strip() == fingerprint(root)
    )


def _inputs(root: Path) -> list[Path]:
    found: list[Path] = []
    for name in _INPUTS:
        top = root / name
        found += [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
    hidden = {"__pycache__", ".ipynb_checkpoints"}
    supplied = root / "data" / "supplied"
    kept = (p for p in found if not hidden & set(p.parts) and supplied not in p.parents)
    # installing rewrites the egg-info; the baseline and the hashes of a CODECHECK are written from
    # the book, not into it
    made = {root / "data" / "baseline.json", root / "data" / "codecheck"}
    return sorted(p for p in kept if ".egg-info" not in p.parent.name and not made & {p, p.parent})


def _copy(folder: Path, to: Path, *, leave_out: str = "") -> None:
    # A fresh clone may lack an empty folder: git does not keep those
    if folder.is_dir():
        shutil.copytree(folder, to, ignore=shutil.ignore_patterns(*_NEVER, leave_out))


def _complaints(log: str, path: Path) -> str:
    said = [line for line in log.splitlines() if _COMPLAINT.search(line)]
    shown = "\n".join(said[:20]) or log[-2000:]
    return f"the book could not be rendered without warnings:\n{shown}\nAll of it stands in {path}."
