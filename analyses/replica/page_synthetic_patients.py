"""What a page shows of its synthetic patients: what gives way, how they look, how others differ."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.agreement import Verdict
from replica.audit.paper import Paper
from replica.audit.wording import row_words
from replica.cohort import Cohort
from replica.conflicts import Conflict
from replica.figure_plausibility import plausibility_figure
from replica.figures import Picture, save_figure
from replica.html_table import html_table, keep_csv, note, under_headings
from replica.matching import match
from replica.page_ranges import written
from replica.plausibility import correlations, hazards, pile_ups
from replica.protocol import ARM_KEYS
from replica.settings import Settings
from replica.several_cohorts import has_cohorts, load_cohorts
from replica.synthesis.second_primary_plausibility import plausibility
from replica.unprinted import spread, unprinted

LARGEST = 8
"""Correlations that are drawn."""

_NOT_SYNTHETIC = "Shown for the synthetic patients only: these were not made to meet any number."


def gives_way_table(
    verdicts: Iterable[Verdict],
    paper: Paper,
    conflicts: Iterable[Conflict],
    cohort: Cohort,
    folder: Path,
) -> HTML:
    """List the printed rows that give way to others, with what the patients have, and why.

    Parameters
    ----------
    verdicts
        On every printed number.
    paper
        What is printed, with the words that name it.
    conflicts
        The printed rows that cannot hold together, as the study lists them.
    cohort
        The patients; of supplied ones nothing is shown.
    """
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    found = {verdict.published.id: verdict for verdict in verdicts}
    rows, reasons = [], []
    for conflict in conflicts:
        for place, name in enumerate(conflict.gives_way):
            row = found[name].published
            rows.append(
                {
                    "Where": row.where,
                    "Number": row_words(paper, row),
                    "printed": row.printed,
                    "here": found[name].reproduced,
                    "Why": conflict.why if place == 0 else "as above",
                }
            )
            reasons.append(f"{conflict.why[0].upper()}{conflict.why[1:]}")
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "gives_way")
    shown = under_headings(frame[["Number", "Where", "printed", "here"]].assign(Why=reasons), "Why")
    caption = "Printed numbers that the synthetic patients do not meet, below the reason"
    return html_table(shown, caption, words=True)


def look_table(cohort: Cohort, folder: Path) -> HTML:
    """Count pile-ups of event times, and say how hazards move, by outcome and arm of any study."""
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    study = cohort.study
    rows = []
    for row in pile_ups(cohort).to_dict("records"):
        outcome = next(one for one in study.outcomes if one.key == row["outcome"])
        steps = hazards(cohort, outcome.key)
        found = steps.loc[steps["arm"] == row["arm"], "hazard"].to_numpy()
        rows.append(
            {
                "Outcome": outcome.short,
                "Arm": study.arm_label(row["arm"]),
                "Events": str(row["events"]),
                "Different times": str(row["times"]),
                "Most at one time": str(row["most"]),
                f"Hazard, % per {outcome.unit.removesuffix('s')}, from first to last": ", ".join(
                    f"{100 * hazard:.2g}" for hazard in found
                ),
            }
        )
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "look")
    return html_table(frame, "Pile-ups of times, and hazards in stretches of as many events each")


def look_figure(cohort: Cohort, folder: Path) -> Picture | HTML:
    """Draw hazards over follow-up and the largest correlations of covariates of any study."""
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    study = cohort.study
    drawn = dict.fromkeys(plan.outcome for plan in study.curves)
    outcomes = [one for one in study.outcomes if one.key in drawn]
    largest = correlations(cohort).head(LARGEST)
    labels: dict[str, str] = {arm: study.arm_label(arm) for arm in ARM_KEYS}
    figure = plausibility_figure(
        [(f"Hazard: {one.short.lower()}", hazards(cohort, one.key)) for one in outcomes],
        largest,
        labels=labels,
        unit=outcomes[0].unit,
        title="Hazards over follow-up, and the largest correlations of covariates",
    )
    save_figure(figure, folder, "look")
    first = largest.iloc[0]
    alt = (
        "Hazards in stretches of follow-up by arm, and bars of the largest correlations between "
        f"covariates: {first['first']} with {first['second']}, {first['correlation']:.2f}, is the "
        "largest."
    )
    return Picture(figure, "look", alt)


def spread_table(chosen: Settings, cohort: Cohort, folder: Path) -> HTML:
    """Lay out what the paper does not print, of several cohorts that agree with what it prints.

    Parameters
    ----------
    chosen
        The settings of the page: all cohorts are matched and analysed by them.
    cohort
        The patients of the page; beside supplied ones nothing is shown.
    """
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    study = cohort.study
    if not has_cohorts(study.key):
        return note("Not shown", "There are no further synthetic cohorts of this study.")
    found = {
        seed: unprinted(match(one, chosen.plan, rng=chosen.generator()), chosen.choices.ties)
        for seed, one in load_cohorts(study).items()
    }
    frame = spread(found, study)
    keep_csv(frame, folder, "spread")
    ps = frame["quantity"].str.endswith(", p")
    numbers = {
        name: [written(value, is_p=is_p) for value, is_p in zip(frame[name], ps, strict=True)]
        for name in frame.columns[2:]
    }
    shown = frame.assign(**numbers)
    caption = (
        f"Not printed: at least this wide among {len(found)} cohorts that agree with everything "
        "printed but what gives way"
    )
    shown.insert(0, "Quantity", shown["outcome"] + ": " + shown["quantity"])
    return html_table(shown.drop(columns=["outcome", "quantity"]), caption)


def plausibility_table(cohort: Cohort, folder: Path) -> HTML:
    """Hold the synthetic patients against the rules by which they should look like patients."""
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    labels = {arm: cohort.study.arm_label(arm) for arm in ("treated", "control")}
    frame = plausibility(cohort).rename(columns={"rule": "Rule", **labels})
    keep_csv(frame, folder, "plausibility")
    return html_table(frame, "Do the synthetic patients look like patients?", words=True)
