"""The look-up panel of a book page: what caliper, order and ties do, from runs made beforehand.

The page holds the runs as JSON and native inputs; `book/_static/panel.js` shows what is chosen.
Without scripts the page shows the study's own settings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
from IPython.display import HTML

from replica.html_table import keep_csv
from replica.paths import build_path
from replica.protocol import ORDERS, TIES, Study
from replica.published import load_published
from replica.settings import default_choices
from replica.studies import load_study
from replica.sweep.choice_rows import SCALES
from replica.sweep.curve import PANEL_SEEDS, panel_runs
from replica.sweep.patients import patients_of
from replica.sweep.printed import Reference, printed_pairs, printed_ratio

NUMBERS = {
    "pairs": 0,
    "treated": 0,
    "control": 0,
    "largest_smd": 3,
    "mean_smd": 3,
    "events": 0,
    "hazard_ratio": 3,
    "ci_low": 3,
    "ci_high": 3,
    "p": 4,
}
"""What the panel shows of a run, and to how many decimals the page keeps it."""

ORDER_WORDS = {
    "data": "by patient id",
    "largest": "highest score first",
    "smallest": "lowest score first",
    "closest": "closest pair first",
    "random": f"at random ({PANEL_SEEDS} seeds)",
}
_RANGED = ("pairs", "largest_smd", "hazard_ratio")


def panel(study_key: str) -> HTML:
    """Make a study's panel from its synthetic patients; the runs are kept as CSV too.

    Raises
    ------
    ParameterError
        If there is no such study, or it has no caliper to choose.
    """
    study = load_study(study_key)
    runs = panel_runs(patients_of(study))
    keep_csv(runs, build_path() / "results" / "panel", study_key)
    return HTML(panel_html(study, panel_data(study, runs)))  # type: ignore[no-untyped-call]  # IPython has no types


def panel_data(study: Study, runs: pd.DataFrame) -> dict[str, Any]:
    """Lay out runs for the page: a list of calipers, and an entry per combination.

    Parameters
    ----------
    study
        Whose runs they are.
    runs
        As `replica.sweep.curve.panel_runs` returns them. With a random order the numbers shown are
        those of the first seed, beside their range over all.

    Returns
    -------
    dict
        `calipers`, `own` (the study's own choices), `printed` (texts by `pairs` and outcome) and
        `entries`, keyed by outcome, order, ties and the place of the caliper, joined by `|`.
    """
    calipers = sorted(float(value) for value in runs["caliper"].unique())
    entries: dict[str, Any] = {}
    by = ["outcome", "order", "ties", "caliper"]
    for _, group in runs.groupby(by, sort=False):
        first = group.sort_values("seed", kind="stable").iloc[0]
        place = calipers.index(float(first["caliper"]))
        name = "|".join([*(str(first[key]) for key in by[:3]), str(place)])
        entry: dict[str, Any] = {key: _kept(first[key], digits) for key, digits in NUMBERS.items()}
        if len(group) > 1:
            entry["range"] = {
                key: [_kept(end, NUMBERS[key]) for end in (group[key].min(), group[key].max())]
                for key in _RANGED
            }
        if first["reason"]:
            entry["reason"] = str(first["reason"])
        entries[name] = entry
    return {
        "calipers": calipers,
        "own": own_choices(study, calipers),
        "printed": _printed(study),
        "entries": entries,
    }


def _kept(value: object, digits: int) -> float | int | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    number = float(value)  # type: ignore[arg-type]  # a number by now
    return round(number) if digits == 0 else round(number, digits)


def own_choices(study: Study, calipers: Sequence[float]) -> dict[str, Any]:
    """The study's own outcome, order and ties, and the place of the caliper nearest its own."""
    plan, wanted = study.matching, study.matching.caliper or 0.0
    return {
        "outcome": study.outcomes[0].key,
        "order": plan.order,
        "ties": default_choices(study).ties,
        "caliper": min(range(len(calipers)), key=lambda i: abs(calipers[i] - wanted)),
    }


def _printed(study: Study) -> dict[str, str]:
    published = load_published(study.key)
    found: Mapping[str, Reference | None] = {
        "pairs": printed_pairs(published),
        **{one.key: printed_ratio(published, one.key) for one in study.outcomes},
    }
    return {key: one.text for key, one in found.items() if one is not None}


def panel_html(study: Study, data: Mapping[str, Any]) -> str:
    """Write the panel: labelled native inputs, what they show, and the data."""
    own = data["own"]
    scale = SCALES.get(study.matching.caliper_scale, study.matching.caliper_scale)
    outcomes = {one.key: one.short for one in study.outcomes}
    orders: dict[str, str] = {order: ORDER_WORDS[order] for order in ORDERS}
    ties: dict[str, str] = {name: name.capitalize() for name in TIES}
    ident = f"sweep-{study.key}"
    steps = len(data["calipers"]) - 1
    # the text must not end the script that holds it
    held = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    inputs = (
        _select(f"{ident}-outcome", "outcome", "Outcome", outcomes, own["outcome"])
        + f'<div><label for="{ident}-caliper">Caliper ({escape(scale)})</label>'
        f'<span class="sweep-range"><input type="range" id="{ident}-caliper" name="caliper" '
        f'min="0" max="{steps}" step="1" value="{own["caliper"]}">'
        f'<output for="{ident}-caliper">{data["calipers"][own["caliper"]]:g}</output></span></div>'
        + _select(f"{ident}-order", "order", "Order of the treated", orders, own["order"])
        + _select(f"{ident}-ties", "ties", "Ties in the Cox model", ties, own["ties"])
    )
    title = escape(study.title)
    return (
        f'<form class="sweep-panel" id="{ident}" aria-label="{title}">'
        f'<fieldset class="sweep-inputs" hidden><legend>{title}</legend>{inputs}'
        '<button type="reset">Back to the study\'s own choices</button></fieldset>'
        f'<p class="sweep-said" role="status" aria-live="polite">{_static(study, data)}</p>'
        '<div class="sweep-track" aria-hidden="true" hidden></div>'
        '<div class="sweep-shown"></div>'
        "<noscript><p>This panel needs JavaScript to change the choices. The sentence above holds "
        "at the study's own choices; the CSV file below has all runs.</p></noscript>"
        f'<script type="application/json" class="sweep-data">{held}</script></form>'
    )


def _select(ident: str, name: str, label: str, options: Mapping[str, str], chosen: str) -> str:
    inner = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(words)}</option>"
        for value, words in options.items()
    )
    return (
        f'<div><label for="{ident}">{escape(label)}</label>'
        f'<select id="{ident}" name="{name}">{inner}</select></div>'
    )


def _static(study: Study, data: Mapping[str, Any]) -> str:
    """Say what the study's own choices give: what is read without scripts."""
    own = data["own"]
    name = "|".join([own["outcome"], own["order"], own["ties"], str(own["caliper"])])
    entry = data["entries"][name]
    short = study.outcome(own["outcome"]).short
    if entry["hazard_ratio"] is None:
        return f"{escape(short)}: no hazard ratio at the study's own choices."
    return (
        f"{escape(short)} at the study's own choices: {entry['pairs']} pairs, largest "
        f"standardized mean difference {entry['largest_smd']:.3f}, hazard ratio "
        f"{entry['hazard_ratio']:.2f} ({entry['ci_low']:.2f} to {entry['ci_high']:.2f})."
    )
