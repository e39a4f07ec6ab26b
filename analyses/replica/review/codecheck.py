"""The author's part of a CODECHECK: what a study's notebook must give again, and whether it does.

CODECHECK configuration file specification 1.0, https://codecheck.org.uk/spec/config/1.0/; Nüst and
Eglen, F1000Research 2021;10:253.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from replica.errors import NotebookError, ParameterError
from replica.paths import repository
from replica.protocol import Citation, Study
from replica.text_table import read_rows

SPECIFICATION = "https://codecheck.org.uk/spec/config/1.0/"
OUTPUTS = "outputs"
"""Folder of a bundle that holds what the notebook wrote."""
HASHES = "codecheck.sha256"
"""Name of the list of hashes inside a bundle."""

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\Z")
_CORRESPONDING_COLUMNS = ("study", "corresponding", "where")


@dataclass(frozen=True)
class Comparison:
    """Outputs of a run beside the committed hashes, by what became of them."""

    same: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every output is there, unchanged, and no other one is."""
        return not (self.changed or self.missing or self.new)


def manifest_path(study_key: str) -> Path:
    """Return the path of the committed hashes of a study's outputs."""
    return repository() / "data" / "codecheck" / f"{study_key}.sha256"


def hashes_of(folder: Path, prefix: str = OUTPUTS) -> dict[str, str]:
    """Return the SHA-256 hash of every file in a folder, by its path in a bundle, sorted.

    Raises
    ------
    NotebookError
        If the folder holds no file.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
    if not files:
        raise NotebookError(f"found no output in {folder}; run the study's notebook first.")
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }


def hash_lines(hashes: Mapping[str, str]) -> str:
    """Write hashes as `sha256sum` does, so that `sha256sum --check` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))


def read_hashes(path: Path) -> dict[str, str]:
    """Read hashes that `hash_lines` wrote.

    Raises
    ------
    ParameterError
        If the file is missing, or a line is no hash with a path, or names a path twice.
    """
    if not path.is_file():
        raise ParameterError(
            f"found no hashes at {path}; write the first ones with `replica codecheck --update`."
        )
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = _LINE.match(line)
        if match is None or match[2] in found:
            raise ParameterError(
                f"{path.name}, line {number}: found {line!r}; allowed: 64 hexadecimal digits, two "
                "spaces and a path that stands once."
            )
        found[match[2]] = match[1]
    return found


def compare(committed: Mapping[str, str], made: Mapping[str, str]) -> Comparison:
    """Hold the hashes of a run against the committed ones."""
    both = sorted(committed.keys() & made.keys())
    return Comparison(
        same=tuple(name for name in both if committed[name] == made[name]),
        changed=tuple(name for name in both if committed[name] != made[name]),
        missing=tuple(sorted(committed.keys() - made.keys())),
        new=tuple(sorted(made.keys() - committed.keys())),
    )


def authors(citation: Citation, corresponding: str = "") -> tuple[str, ...]:
    """List a paper's authors, the corresponding one first if it is known.

    Raises
    ------
    ParameterError
        If the corresponding author is none of them.
    """
    names = [name.strip() for name in citation.authors.split(",") if name.strip()]
    if not corresponding:
        return tuple(names)
    if corresponding not in names:
        raise ParameterError(
            f"corresponding author: found {corresponding!r}; allowed: one of {', '.join(names)}."
        )
    names.remove(corresponding)
    return (corresponding, *names)


def corresponding_author(study_key: str, path: Path | None = None) -> str:
    """Return a paper's corresponding author as its citation spells the name; empty if unknown."""
    file = path or repository() / "data" / "codecheck" / "corresponding.csv"
    rows = read_rows(file, _CORRESPONDING_COLUMNS) if file.is_file() else ()
    return next((row["corresponding"] for row in rows if row["study"] == study_key), "")


def configuration(study: Study, outputs: Mapping[str, str], corresponding: str = "") -> str:
    """Write `codecheck.yml` for a study, as far as it is the author's to write.

    Parameters
    ----------
    study
        Gives the paper: title, authors, reference.
    outputs
        What each output is, by its path in the bundle.
    corresponding
        The corresponding author, whom the specification puts first; empty if not known.

    Notes
    -----
    Checker, report, date and certificate are for the codechecker to add: none is invented here.
    Texts are written as JSON strings, which YAML reads as they are.
    """
    listed = authors(study.citation, corresponding)
    order = (
        "the corresponding author first, then the others as printed"
        if corresponding
        else "in the printed order; who is the corresponding author is not known here"
    )
    lines = [
        "%YAML 1.1",
        "---",
        "# Author's part only. The codechecker adds: codechecker, report, summary, check_time,",
        "# certificate.",
        f"version: {SPECIFICATION}",
        "",
        f"source: {_text(_SOURCE.format(key=study.key))}",
        "",
        "manifest:",
    ]
    for name, comment in outputs.items():
        lines += [f"  - file: {_text(name)}", f"    comment: {_text(comment)}"]
    lines += [
        "",
        "# The paper whose printed numbers the workflow repeats. Its authors did not make the",
        f"# workflow. Names {order}.",
        "paper:",
        f"  title: {_text(study.citation.title)}",
        "  authors:",
        *(f"    - name: {_text(name)}" for name in listed),
        f"  reference: {_text(f'https://doi.org/{study.citation.doi}')}",
        "",
        "replica:",
        f"  study: {_text(study.key)}",
        f"  version: {_text(version('replica'))}",
        '  patients: "synthetic"',
        f"  hashes: {_text(HASHES)}",
    ]
    return "\n".join(lines) + "\n"


_SOURCE = (
    "Synthetic patients (data/synthetic/{key}.csv), made so that their analysis gives back the "
    "printed numbers as far as possible; no patient is real. Workflow: analyses/{key}.ipynb of the "
    "repository that this bundle comes from; command: make codecheck."
)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
