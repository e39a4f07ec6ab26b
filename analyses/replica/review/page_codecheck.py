"""CODECHECK bundles on their page: what each holds, with configuration and hashes to download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd
from IPython.display import HTML, Markdown

from replica.paths import build_path
from replica.review.bundle import describe_outputs
from replica.review.codecheck import (
    HASHES,
    configuration,
    corresponding_author,
    hash_lines,
    hashes_of,
)
from replica.review.prose import prose_table
from replica.studies import load_study

RESULTS = "review_codecheck"
KINDS = ("csv", "svg", "png")


def outputs_folder(study_key: str) -> Path:
    """Return the folder that a study's notebook writes to when the book is made."""
    return build_path() / "results" / study_key


def manifest_counts(study_keys: Sequence[str]) -> HTML:
    """Count the outputs of each study by kind, and keep configuration and hashes of each."""
    rows = []
    for key in study_keys:
        hashes = hashes_of(outputs_folder(key))
        keep(key)
        kinds = Counter(PurePosixPath(name).suffix.removeprefix(".") for name in hashes)
        cited = load_study(key).citation
        rows.append(
            (
                load_study(key).title,
                f"{cited.journal} {cited.year}, doi:{cited.doi}",
                *(str(kinds.pop(kind, 0)) for kind in KINDS),
                str(sum(kinds.values())),
            )
        )
    columns = ["Study", "Paper", "Tables (CSV)", "Figures (SVG)", "Figures (PNG)", "Other"]
    return prose_table(
        pd.DataFrame(rows, columns=columns), "Outputs in the manifest of each study", words=True
    )


def keep(study_key: str) -> None:
    """Write configuration and hashes of a study where the page's downloads come from."""
    folder = build_path() / "results" / RESULTS / study_key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "codecheck.yml").write_text(configured(study_key), encoding="utf-8")
    lines = hash_lines(hashes_of(outputs_folder(study_key)))
    (folder / HASHES).write_text(lines, encoding="utf-8")


def configured(study_key: str) -> str:
    """Return `codecheck.yml` of a study's outputs in the book."""
    study = load_study(study_key)
    described = describe_outputs(study, outputs_folder(study_key))
    return configuration(study, described, corresponding_author(study_key))


def configuration_text(study_key: str) -> Markdown:
    """Show `codecheck.yml` of a study as it is."""
    shown = f"```yaml\n{configured(study_key)}```"
    return Markdown(shown)  # type: ignore[no-untyped-call]  # IPython has no types here
