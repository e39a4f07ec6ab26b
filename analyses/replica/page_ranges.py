"""What a page shows of the ranges of quantities that its paper does not print."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.cohort import Cohort
from replica.figure_ranges import Kind, Panel, ranges_figure, words_figure
from replica.figure_style import p_value
from replica.figures import Picture, save_figure
from replica.html_table import html_table, keep_csv, note, under_headings
from replica.protocol import Study
from replica.ranges.files import COLUMNS, Kept, has_ranges, load_ranges

_NOT_SYNTHETIC = (
    "Shown for the synthetic patients only: from real patients such a quantity is computed, not "
    "searched for."
)
_NONE = (
    "No ranges were made for the patients of this page as they are now; replica ranges {study} "
    "makes them."
)
_STAGES = {"before": "before matching", "after": "after matching"}


def table(cohort: Cohort, folder: Path) -> HTML:
    """Lay out each quantity with its value in the cohort of the page, and how far it can lie.

    Parameters
    ----------
    cohort
        The patients of the page; beside supplied ones nothing is shown.
    folder
        Where the table is kept as CSV, empty if there are no ranges.
    """
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    if not has_ranges(cohort.study.key):
        keep_csv(pd.DataFrame(columns=list(COLUMNS)), folder, "ranges")
        return note("Not shown", _NONE.format(study=cohort.study.key))
    kept = load_ranges(cohort.study.key)
    keep_csv(kept.ranges, folder, "ranges")
    study = cohort.study
    rows = [
        {
            "Of": f"{study.outcome(str(row['outcome'])).short}, {_STAGES[str(row['stage'])]}",
            "Quantity": str(row["quantity"]),
        }
        | {
            label: written(row[name], is_p=_kind(str(row["key"])) == "p")
            for name, label in _ENDS.items()
        }
        for row in kept.ranges.to_dict("records")
    ]
    return html_table(under_headings(pd.DataFrame(rows), "Of"), _caption(kept))


_ENDS = {"committed": "This cohort", "smallest": "Smallest", "largest": "Largest"}


def figure(cohort: Cohort, folder: Path) -> Picture | HTML:
    """Draw each range as a bar, and the value in the cohort of the page as a dot."""
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    if not has_ranges(cohort.study.key):
        none = _NONE.format(study=cohort.study.key)
        drawn = words_figure(none)
        save_figure(drawn, folder, "ranges")
        return Picture(drawn, "ranges", none)
    study = cohort.study
    kept = load_ranges(study.key)
    rows = kept.ranges.to_dict("records")
    frame = kept.ranges.assign(
        panel=[_kind(str(row["key"])) for row in rows], label=[_short(study, row) for row in rows]
    )
    drawn = ranges_figure(
        frame, _panels(study), title="What is not printed, and how far it can lie at least"
    )
    save_figure(drawn, folder, "ranges")
    spans = frame[frame["panel"] == "p"]
    wide = int(((spans["smallest"] < 0.05) & (spans["largest"] >= 0.05)).sum())
    alt = (
        f"{len(frame)} unprinted quantities: a dot for the cohort of this page and a bar from the "
        f"smallest to the largest value that was found. Of {len(spans)} p values {wide} can lie on "
        "either side of 0.05."
    )
    return Picture(drawn, "ranges", alt)


def _caption(kept: Kept) -> str:
    held, missed = kept.report["results_held"], kept.report["results_the_cohort_misses"]
    said = "Not printed: at least this wide among cohorts that agree with everything printed"
    if not missed:
        return f"{said} but what gives way, {held} results"
    return f"{said} that this cohort agrees with, {held} of {held + missed} results"


def _short(study: Study, row: Mapping[Hashable, object]) -> str:
    """Name a quantity where the axis says what is measured."""
    outcome = study.outcome(str(row["outcome"])).short
    _, stage, kind, *about = str(row["key"]).split(".")
    words = {
        "hazards": "proportional hazards",
        "restricted": str(row["quantity"]).partition(",")[0].removeprefix("Restricted mean "),
        "subdistribution": "subdistribution",
        "interaction": "interaction, ",
        "subgroup": "",
    }[kind]
    if about:
        covariate = study.covariate(about[0])
        levels = [level.label for level in covariate.levels if level.key in about[1:]]
        words += ": ".join([covariate.label, *levels])
    return f"{outcome}, {stage}: {words}" if not about else f"{outcome}, {words}"


def _kind(key: str) -> Kind:
    """Which axis a quantity belongs on, by its key."""
    kind = key.split(".")[2]
    kinds: dict[str, Kind] = {"hazards": "p", "interaction": "p", "restricted": "difference"}
    return kinds.get(kind, "ratio")


def _panels(study: Study) -> dict[str, Panel]:
    first, second = study.treated.label, study.control.label
    unit = study.outcomes[0].unit
    return {
        "p": Panel("p", "p value (logarithmic; dashed: 0.05)"),
        "difference": Panel(
            "difference", f"Difference of restricted means, {first} less {second} ({unit})"
        ),
        "ratio": Panel("ratio", f"Hazard ratio, {first} against {second} (logarithmic)"),
    }


def written(value: float, *, is_p: bool) -> str:
    """Write an unprinted quantity as papers print its like: a p value, or a number to hundredths.

    A dash stands where there is none.
    """
    return p_value(value) if is_p or math.isnan(value) else f"{value:.2f}"
