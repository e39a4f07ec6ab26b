"""What the book's home page shows: how far each study is reproduced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import HTML

from replica.agreement import shares
from replica.errors import NotebookError
from replica.figures import Picture, agreement_figure
from replica.html_table import html_table
from replica.page_tables import VERDICT_WORDS
from replica.paths import build_path, published_path
from replica.published import load_published


def _verification() -> Mapping[str, Any]:
    path = build_path() / "verification.json"
    if not path.is_file():
        raise NotebookError(
            "found no build/verification.json; the studies' notebooks write it. Run `make book`."
        )
    studies: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["studies"]
    return studies


def progress_table() -> HTML:
    """Count printed numbers and verdicts by study; studies without a notebook have no verdicts."""
    verified = _verification()
    columns: dict[str, dict[str, str]] = {}
    for path in sorted(published_path("any").parent.glob("*.csv")):
        number = verified[path.stem]["counts"] if path.stem in verified else None
        column = {"Printed numbers": str(len(load_published(path.stem)))}
        column["Settings and sizes, not counted"] = str(number["inputs"]) if number else "not run"
        for kind, words in VERDICT_WORDS.items():
            column[words.capitalize()] = str(number[kind]) if number else "not run"
        column["Share of the attainable results"] = _share(number, "attainable")
        column["Share of all results"] = _share(number, "results")
        columns[_words(path.stem)] = column
    frame = pd.DataFrame(columns)
    return html_table(frame.reset_index(names="Count"), "Printed numbers and verdicts by study")


def _words(study_key: str) -> str:
    """A study's key as words, which a narrow column can break."""
    return study_key.replace("_", " ")


def _share(number: Mapping[str, int] | None, of: str) -> str:
    return "not run" if number is None else shares(number)[of]


def progress_figure() -> Picture:
    """Bars of the verdicts of each study that has been run."""
    verified = _verification()
    bars = {_words(key): study["counts"] for key, study in verified.items()}
    figure = agreement_figure(bars, source="synthetic")
    alt = "; ".join(
        f"{key}: {number['reproduced']} of {number['results']} printed results attained, "
        f"{number['rounding']} within a unit of the last digit, {number['different']} different, "
        f"{number['contradicted']} contradicted, {number['not_computable']} not computable"
        for key, number in bars.items()
    )
    return Picture(figure, "progress", f"Verdicts by study. {alt}.")
