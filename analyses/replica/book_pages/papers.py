"""What the book knows of each paper: its study, its verdicts, and the pages about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replica.errors import NotebookError
from replica.paths import build_path, notebook_path, published_path, repository
from replica.protocol import MatchingPlan, Study
from replica.published import PublishedValue, load_published
from replica.studies import load_study, study_keys


@dataclass(frozen=True)
class BookPaper:
    """One paper: its printed numbers, its protocol and its verdicts, if there are any."""

    key: str
    published: tuple[PublishedValue, ...]
    study: Study | None
    verification: Mapping[str, Any] | None

    @property
    def title(self) -> str:
        """The study's title, or its key in words."""
        return self.study.title if self.study else self.key.replace("_", " ")

    @property
    def short(self) -> str:
        """First author and year, or the key in words."""
        if self.study is None:
            return self.key.replace("_", " ")
        citation = self.study.citation
        return f"{citation.authors.split()[0]} {citation.year}"

    @property
    def page(self) -> str:
        """The study's page without its ending, from the book's root; empty if there is none."""
        return f"analyses/{self.key}" if notebook_path(self.key).is_file() else ""

    @property
    def audit_page(self) -> str:
        """The page of the paper's audit, likewise."""
        name = f"book/audit_{self.key}"
        return name if (repository() / f"{name}.ipynb").is_file() else ""


def book_papers() -> tuple[BookPaper, ...]:
    """Return every paper whose printed numbers are transcribed, in the order of their keys.

    Raises
    ------
    NotebookError
        If the studies' notebooks have not been run.
    """
    path = build_path() / "verification.json"
    if not path.is_file():
        raise NotebookError(
            "found no build/verification.json; the studies' notebooks write it. Run `make book`."
        )
    verified: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["studies"]
    described = study_keys()
    return tuple(
        BookPaper(
            key,
            load_published(key),
            load_study(key) if key in described else None,
            verified.get(key),
        )
        for key in (table.stem for table in sorted(published_path("any").parent.glob("*.csv")))
    )


def patients(published: tuple[PublishedValue, ...]) -> int:
    """Return the largest number of patients that a paper prints: all it looked at."""
    sizes = [
        int(row.value.value)
        for row in published
        if row.unit == "patients"
        and row.statistic in {"n", "count_total"}
        and row.value.kind == "number"
    ]
    return max(sizes, default=0)


_SCALES = {
    "probability": "on the scale of the score",
    "sd_probability": "SD of the score",
    "sd_probability_pooled": "pooled SD of the score",
    "logit": "on the logit",
    "sd_logit": "SD of the logit",
    "sd_logit_pooled": "pooled SD of the logit",
}


def design(paper: BookPaper) -> str:
    """Say in a line who was compared with whom, and how they were matched."""
    study = paper.study
    if study is None:
        return ""
    arms = (study.treated, study.control)
    named = (f"{arm.words} ({arm.label})" if arm.words else arm.label for arm in arms)
    compared = (" or " if all(arm.words for arm in arms) else " against ").join(named)
    who = f"{patients(paper.published):,} patients: {compared}. "
    if study.groups is None:
        return who + _pairs(study.matching)
    plan = study.groups.case_control
    labels = {measure.key: measure.label for measure in study.measures}
    labels |= {covariate.key: covariate.label for covariate in study.covariates}
    if study.calendar:
        labels[study.calendar.start_column] = f"year of {study.calendar.time_zero}"
    on = [*plan.exact, *(key for key, _ in plan.within)]
    names = ", ".join(_lower(labels.get(key, key.replace("_", " "))) for key in on)
    return f"{who}Each case with up to {plan.ratio} controls, matched on {names}."


def _lower(label: str) -> str:
    """Write a label inside a sentence; one that starts with a short form keeps its capitals."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _pairs(plan: MatchingPlan) -> str:
    said = f"1:{plan.ratio} matching on the propensity score"
    if plan.caliper is None:
        return f"{said}."
    scale = _SCALES.get(plan.caliper_scale, plan.caliper_scale.replace("_", " "))
    return f"{said}, caliper {plan.caliper:g} {scale}."


def pages_named(start: str, root: Path) -> tuple[Path, ...]:
    """Return the files of the book's pages whose names start so, sorted by name."""
    found = [p for p in (root / "book").glob(f"{start}*") if p.suffix in {".md", ".ipynb"}]
    return tuple(sorted(found, key=lambda path: path.stem))
