"""What a page on second primaries shows of how its synthetic patients were made."""

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
from replica.html_table import html_table, keep_csv, note
from replica.synthesis.second_primary_plausibility import plausibility

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
    rows = []
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
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "gives_way")
    return html_table(frame, "Printed numbers that the synthetic patients do not meet", words=True)


def plausibility_table(cohort: Cohort, folder: Path) -> HTML:
    """Hold the synthetic patients against the rules by which they should look like patients."""
    if cohort.source != "synthetic":
        return note("Not shown", _NOT_SYNTHETIC)
    labels = {arm: cohort.study.arm_label(arm) for arm in ("treated", "control")}
    frame = plausibility(cohort).rename(columns={"rule": "Rule", **labels})
    keep_csv(frame, folder, "plausibility")
    return html_table(frame, "Do the synthetic patients look like patients?", words=True)
