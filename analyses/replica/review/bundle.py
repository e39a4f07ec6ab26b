"""A CODECHECK bundle: one folder per study with outputs, hashes, inputs and configuration."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from replica.paths import notebook_path, repository
from replica.protocol import Study
from replica.review.codecheck import (
    HASHES,
    OUTPUTS,
    configuration,
    corresponding_author,
    hash_lines,
    hashes_of,
)
from replica.review.descriptions import describe, told_by

INPUTS = "inputs.sha256"
"""Name of the list of the files that the outputs are made from."""

_README = """# CODECHECK bundle: {title}

This folder is the author's part of a CODECHECK (https://codecheck.org.uk): what a computation must
give again, so that somebody else can check that it does.

| File | What it is |
|---|---|
| `codecheck.yml` | the manifest: every output with what it is, and the paper |
| `{outputs}/` | the outputs as this run gave them |
| `{hashes}` | their SHA-256 hashes; `sha256sum --check {hashes}` reads them |
| `{inputs}` | the files of the repository that they are made from, with their hashes |

To repeat it, in a copy of the repository:

```
make codecheck
```

It installs the locked versions, runs the notebook of each study, compares every output with the
committed hashes in `data/codecheck/` and names those that differ. The same files, lock and
processor family give the same bytes. On another processor family last digits may differ;
`replica verify` then tells whether a verdict does.

The patients are synthetic. They were made from the printed numbers of the paper, whose authors had
no part in it: agreement is attained by construction and is no evidence about any patient. The paper
is: {authors}. {paper} {journal} {year}. https://doi.org/{doi}

What the codechecker adds to `codecheck.yml` is left out: names of codecheckers, report, summary,
time of the check and certificate.
"""


def describe_outputs(study: Study, folder: Path, notebook: Path | None = None) -> dict[str, str]:
    """Say what each file of a folder of outputs is, by its path in the bundle."""
    told = told_by(notebook or notebook_path(study.key))
    names = (name.removeprefix(f"{OUTPUTS}/") for name in hashes_of(folder))
    return {f"{OUTPUTS}/{name}": describe(name, study, told) for name in names}


def input_files(study_key: str, root: Path) -> tuple[Path, ...]:
    """List the files of the repository that a study's outputs are made from, sorted."""
    fixed = (
        "requirements.lock",
        f"analyses/{study_key}.ipynb",
        f"analyses/replica/studies/{study_key}.py",
    )
    found = [root / name for name in fixed]
    for folder in ("claims", "dictionary", "published", "synthetic"):
        found += (root / "data" / folder).glob(f"{study_key}.*")
        found += (root / "data" / folder / study_key).rglob("*")
    return tuple(sorted(path for path in found if path.is_file()))


def write_bundle(study: Study, outputs: Path, bundle: Path) -> dict[str, str]:
    """Write a study's bundle from a folder of outputs; return the hashes of the outputs.

    What lay in the bundle before is removed.

    Raises
    ------
    NotebookError
        If the folder holds no output.
    """
    root = repository()
    hashes = hashes_of(outputs)
    described = describe_outputs(study, outputs)
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(outputs, bundle / OUTPUTS)
    made_from = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in input_files(study.key, root)
    }
    cited = study.citation
    readme = _README.format(
        title=study.title,
        outputs=OUTPUTS,
        hashes=HASHES,
        inputs=INPUTS,
        authors=cited.authors,
        paper=cited.title,
        journal=cited.journal,
        year=cited.year,
        doi=cited.doi,
    )
    for name, text in (
        ("codecheck.yml", configuration(study, described, corresponding_author(study.key))),
        (HASHES, hash_lines(hashes)),
        (INPUTS, hash_lines(made_from)),
        ("README.md", readme),
    ):
        (bundle / name).write_text(text, encoding="utf-8")
    return hashes
