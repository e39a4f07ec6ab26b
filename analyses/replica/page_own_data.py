"""What the page on the reader's own data shows: dictionaries, a check and masking at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.analysis import reproduce
from replica.cohort import Cohort
from replica.comparison import Comparison
from replica.disclosure import RECOMMENDED_MIN_CELL
from replica.disclosure.curves import at_risk_texts
from replica.disclosure.estimates import masked
from replica.estimate import Estimate
from replica.html_table import html_table, keep_csv
from replica.matching import match
from replica.paths import synthetic_path
from replica.protocol import Study
from replica.settings import default_choices
from replica.studies import load_study, study_keys
from replica.supplied import (
    Problem,
    check,
    column_findings,
    dictionary,
    load_cohort,
    map_template,
    read_table,
    suggested_map,
)
from replica.survival import kaplan_meier, numbers_at_risk
from replica.tables import count_lines, side_by_side

_ROWS = 60


def dictionaries(folder: Path) -> Iterator[HTML]:
    """Show the dictionary of each study as a table, also kept as `<study>.csv`."""
    for key in study_keys():
        study = load_study(key)
        frame = dictionary(study)
        keep_csv(frame, folder, key)
        united = frame["type"].where(frame["unit"] == "", frame["type"] + ", " + frame["unit"])
        shown = frame.assign(type=united, allowed=frame["allowed"].str.replace(";", "; "))
        shown = shown.drop(columns="unit")
        shown.columns = pd.Index([str(name).capitalize() for name in shown.columns])
        yield html_table(shown, f"Dictionary of {study.key}: {study.title}", words=True)


def spoilt(study: Study) -> pd.DataFrame:
    """Lay out some synthetic patients with mistakes that files have: names, codes, dates, units."""
    table = read_table(synthetic_path(study.key)).groupby("arm").head(_ROWS // 2)
    table = table.reset_index(drop=True)
    column, event = study.covariates[0], study.outcomes[0].event
    table[column.key] = [cell.upper() for cell in table[column.key]]
    table[event] = table[event].map({"1": "yes", "0": "no"})
    table.loc[4, study.outcomes[0].duration] = "-2"
    table.loc[7, "patient_id"] = table.loc[6, "patient_id"]
    if study.calendar is not None:
        start = study.calendar.start_column
        table[start] = pd.to_datetime(table[start]).dt.strftime("%d.%m.%Y")
    last = study.outcomes[-1].duration
    return table.rename(columns={last: f" {last.replace('_', ' ').title()}"})


def spoilt_problems(study: Study) -> tuple[Problem, ...]:
    """Check the spoilt table as `replica data check` does."""
    return check(study, spoilt(study))


def check_table(study: Study, folder: Path) -> HTML:
    """Show what the check of the spoilt table finds, column by column; also kept as a CSV file."""
    raw = spoilt(study)
    rows = [
        {
            "Column": finding.column,
            "Found": f"{problem.what}: {problem.found}",
            "To do": problem.hint,
            "Rows": problem.where,
            "Expected": finding.expected,
        }
        for finding in column_findings(study, raw, check(study, raw))
        for problem in finding.problems
    ]
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "check")
    return html_table(frame, f"What the check says of {len(raw)} rows with mistakes", words=True)


def suggestion(study: Study) -> HTML:
    """Show the mapping file that the check of the spoilt table suggests."""
    return _file("Suggested mapping file", suggested_map(spoilt_problems(study)))


def mapping_example(study: Study) -> HTML:
    """Show the example of a mapping file that comes with the template."""
    return _file("Example of a mapping file", map_template(study))


def _file(name: str, text: str) -> HTML:
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        f'<div class="highlight"><pre tabindex="0" role="region" aria-label="{escape(name)}">'
        f"{escape(text)}</pre></div>"
    )


def masking_table(study: Study, folder: Path, min_cell: int = RECOMMENDED_MIN_CELL) -> HTML:
    """Set counts of synthetic patients beside the same counts masked; also kept as a CSV file."""
    cohort = load_cohort(study)
    lines = count_lines(study, [*study.covariates, *study.characteristics], "after")
    whole, hidden = _counts(cohort), _counts(replace(cohort, min_cell=min_cell))
    shown = [
        side_by_side(Comparison.of(study, [], rows), lines, label="Characteristic")
        for rows in (whole, hidden)
    ]
    arms = [arm.label for arm in (study.treated, study.control)]
    frame = pd.DataFrame({"Characteristic": list(_in_full(shown[0].iloc[:, 0]))})
    for arm in arms:
        for name, table in zip(("all shown", f"min_cell = {min_cell}"), shown, strict=True):
            frame[f"{arm}, {name}"] = table[arm, "reproduced"]
    differs = (frame.iloc[:, 1::2].to_numpy() != frame.iloc[:, 2::2].to_numpy()).any(axis=1)
    frame = frame[differs].reset_index(drop=True)
    keep_csv(frame, folder, "masking")
    return html_table(frame, f"Matched synthetic patients of {study.key}: rows with masked counts")


def _in_full(labels: Iterable[str]) -> Iterator[str]:
    """Put the heading that a level is indented under in front of it."""
    heading = ""
    for label in labels:
        level = label.lstrip("\u2003")
        if level == label:
            heading = label
        yield label if level == label else f"{heading}: {level}"


def _counts(cohort: Cohort) -> tuple[Estimate, ...]:
    matched = match(cohort)
    return masked(reproduce(matched, default_choices(cohort.study)), matched)


def at_risk_table(study: Study, folder: Path, min_cell: int = RECOMMENDED_MIN_CELL) -> HTML:
    """Set numbers at risk beside the same numbers masked; also kept as a CSV file."""
    outcome = study.outcomes[0]
    curves = kaplan_meier(load_cohort(study).within("treated"), outcome.key, by=None)
    times = [*range(0, int(curves["time"].max()), 3)]
    counts = numbers_at_risk(curves, times)["at_risk"].tolist()
    frame = pd.DataFrame(
        {
            f"{outcome.unit.capitalize()}": [str(time) for time in times],
            "all shown": [str(count) for count in counts],
            f"min_cell = {min_cell}": at_risk_texts(counts, min_cell),
        }
    )
    keep_csv(frame, folder, "at_risk")
    return html_table(frame, f"{study.treated.label}: numbers at risk, {outcome.label.lower()}")
