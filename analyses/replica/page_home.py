"""What the book's home page shows: how far each study is reproduced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import HTML

from replica.agreement import VERDICT_KINDS
from replica.errors import NotebookError
from replica.figures import Picture, agreement_figure
from replica.html_table import html_table
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
    rows = []
    for path in sorted(published_path("any").parent.glob("*.csv")):
        printed = len(load_published(path.stem))
        row = {"Study": path.stem, "printed numbers": str(printed)}
        number = verified[path.stem]["counts"] if path.stem in verified else None
        row["settings and sizes"] = str(number["inputs"]) if number else "not run"
        for kind in VERDICT_KINDS:
            name = "attained by construction" if kind == "reproduced" else kind.replace("_", " ")
            row[name] = str(number[kind]) if number else ""
        row["of those computable"] = _share(number, "attainable") if number else ""
        row["of all results"] = _share(number, "results") if number else ""
        rows.append(row)
    return html_table(pd.DataFrame(rows), "Printed numbers and verdicts by study")


def _share(number: Mapping[str, int], of: str) -> str:
    return f"{100 * number['reproduced'] / number[of]:.1f}%"


def progress_figure() -> Picture:
    """Bars of the verdicts of each study that has been run."""
    verified = _verification()
    bars = {key: study["counts"] for key, study in verified.items()}
    figure = agreement_figure(bars, source="synthetic")
    alt = "; ".join(
        f"{key}: {number['reproduced']} of {number['results']} printed results attained, "
        f"{number['rounding']} within a unit of the last digit, {number['different']} different, "
        f"{number['contradicted']} contradicted, {number['not_computable']} not computable"
        for key, number in bars.items()
    )
    return Picture(figure, "progress", f"Verdicts by study. {alt}.")
