"""What the page on conventions shows: profiles, their sources, and how far results move."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from replica.convention import CONVENTIONS, Convention
from replica.figure_file import Picture, save_figure
from replica.figure_profiles import profile_alt, profile_plot, sets_word
from replica.figure_style import DASH, interval, number, p_value
from replica.html_table import html_table, keep_csv
from replica.profiles import Moves
from replica.protocol import ARM_KEYS, Study

__all__ = [
    "balance_table",
    "convention_sources",
    "convention_table",
    "effects_figure",
    "effects_table",
    "finding",
    "keep",
    "medians_table",
]

Row = Mapping[Hashable, Any]
Write = Callable[[Row], str]
SAME = "·"
"""Stands where a choice leaves a number as it is under the study's own settings."""

_HEADINGS = {"profile": "All rules of a profile", "choice": "One choice exchanged"}
_WORDS = {"True": "yes", "False": "no"}


_DECIDES = {
    "caliper_scale": "what a caliper is measured in",
    "caliper_inclusive": "whether a pair just a caliper apart is allowed",
    "order": "who is matched first",
    "draw": "which control within the caliper is taken",
    "ties": "how a Cox model counts events at one time",
    "median_interval": "how the interval of a median is made",
    "survival_interval": "how the interval of a curve is made",
    "continuity_correction": "whether Yates' correction is made in 2 x 2 tables",
    "fisher_below": "below which expected count Fisher's exact test replaces Pearson's",
    "smd_denominator": "by which standard deviation a difference is divided",
}


def convention_table() -> HTML:
    """List the choices of each profile, with a star where no source at hand states them."""
    frame = pd.DataFrame({"Choice": [name.replace("_", " ") for name in _choices()]})
    frame["What it decides"] = [_DECIDES[name] for name in _choices()]
    for profile in CONVENTIONS.values():
        frame[profile.label] = [_shown(profile, name) for name in _choices()]
    return html_table(frame, "The convention profiles (* assumed)", words=True)


def _choices() -> list[str]:
    told_elsewhere = {"key", "label", "assumed", "sources"}
    return [field.name for field in fields(Convention) if field.name not in told_elsewhere]


def _shown(profile: Convention, name: str) -> str:
    value = str(getattr(profile, name))
    if name == "fisher_below":
        value = f"{profile.fisher_below:g}" if profile.fisher_below else "never"
    return f"{_WORDS.get(value, value)}{' *' if name in profile.assumed else ''}"


def convention_sources() -> Markdown:
    """List what documents each choice of each profile, and which choices are assumed."""
    parts = []
    for profile in CONVENTIONS.values():
        parts.append(f"**{profile.label}** (`{profile.key}`)\n")
        parts += [f"- {name.replace('_', ' ')}: {text}." for name, text in profile.sources]
        if profile.assumed:
            names = ", ".join(name.replace("_", " ") for name in profile.assumed)
            parts.append(f"- assumed, no source at hand: {names}.")
        parts.append("")
    return Markdown("\n".join(parts))  # type: ignore[no-untyped-call]  # IPython has no types


def keep(moves: Moves, folder: Path) -> None:
    """Keep both frames, unrounded, as `effects.csv` and `balance.csv`."""
    keep_csv(moves.effects, folder, "effects")
    keep_csv(moves.balance, folder, "balance")


def finding(moves: Moves, study: Study) -> Markdown:
    """Say in sentences how far sizes, ratios and p values move."""
    effects = moves.effects
    sizes = effects.loc[effects["kind"] == "profile", "treated"]
    lines = [
        f"From the same patients and the same printed caliper the profiles make {_range(sizes, 0)} "
        f"{sets_word(effects).lower()}.",
        "",
    ]
    for outcome in study.outcomes:
        rows = effects[effects["outcome"] == outcome.key]
        profiles, single = rows[rows["kind"] == "profile"], rows[rows["kind"] == "choice"]
        excludes = int(((profiles["ci_high"] < 1) | (profiles["ci_low"] > 1)).sum())
        text = (
            f"- **{outcome.label}**: over the profiles the hazard ratio runs from "
            f"{_range(profiles['hazard_ratio'], 2)}; {excludes} of {len(profiles)} intervals "
            "exclude 1."
        )
        own, known = profiles.iloc[0], single.dropna(subset=["hazard_ratio"])
        if len(known):
            far = known.loc[(known["hazard_ratio"] - own["hazard_ratio"]).abs().idxmax()]
            text += (
                f" Of the single choices, “{far['name']}: {far['value']}” moves it most, from "
                f"{_with_p(own)} to {_with_p(far)}."
            )
        lines.append(text)
    return Markdown("\n".join(lines))  # type: ignore[no-untyped-call]  # IPython has no types


def _with_p(row: Mapping[str, Any] | pd.Series[Any]) -> str:
    p = p_value(row["p_wald"])
    return f"{number(row['hazard_ratio'])} (p {f'< {p[1:]}' if p.startswith('<') else f'= {p}'})"


def _range(values: pd.Series[Any], decimals: int) -> str:
    low, high = (number(float(end), decimals=decimals) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def effects_table(moves: Moves, study: Study, outcome: str) -> HTML:
    """Show sets, hazard ratio and p values of one outcome under each profile and choice."""
    rows = moves.effects[moves.effects["outcome"] == outcome]
    columns: dict[str, Write] = {
        sets_word(moves.effects): lambda row: f"{row['treated']:.0f}",
        "HR (95% CI)": lambda row: interval(row["hazard_ratio"], row["ci_low"], row["ci_high"]),
        "p": lambda row: p_value(row["p_wald"]),
    }
    repeats = int(moves.effects["repeats"].max())
    if repeats:
        columns[f"HR, {repeats} seeds"] = lambda row: _ends(row, "hazard_ratio", number)
        columns[f"p, {repeats} seeds"] = lambda row: _ends(row, "p_wald", p_value)
    label = study.outcome(outcome).label
    return _table(rows, columns, f"{label} after matching, by convention")


def _ends(row: Row, what: str, write: Callable[[float], str]) -> str:
    low, high = float(row[f"{what}_min"]), float(row[f"{what}_max"])
    if math.isnan(low):
        return ""
    ends = dict.fromkeys((write(low), write(high)))
    return DASH.join(ends)


def medians_table(moves: Moves, study: Study, outcome: str) -> HTML:
    """Show the medians of one outcome with their intervals, by arm."""
    rows = moves.effects[moves.effects["outcome"] == outcome]
    columns = {study.arm_label(arm): _median_writer(arm) for arm in ARM_KEYS}
    named = study.outcome(outcome)
    caption = f"Median {named.label.lower()} after matching, {named.unit} (95% CI), by convention"
    return _table(rows, columns, caption)


def _median_writer(arm: str) -> Write:
    def write(row: Row) -> str:
        middle, low, high = (
            number(row[f"{part}_{arm}"], "NR") for part in ("median", "median_low", "median_high")
        )
        return f"{middle} ({low}{DASH}{high})"

    return write


def balance_table(moves: Moves, study: Study) -> HTML:
    """Show the largest difference and the smallest p value between the matched arms."""
    columns: dict[str, Write] = {
        sets_word(moves.balance): lambda row: f"{row['treated']:.0f}",
        "Largest SMD": lambda row: _of(study, _smd(row["largest_smd"]), row["covariate"]),
        "Smallest p": lambda row: _of(study, p_value(row["smallest_p"]), row["p_of"]),
    }
    return _table(moves.balance, columns, "Balance after matching, by convention")


def _smd(value: float) -> str:
    return number(abs(value), decimals=3)


def _of(study: Study, value: str, covariate: object) -> str:
    if not isinstance(covariate, str):
        return value
    return f"{value} ({study.covariate(covariate).label})"


def _table(rows: pd.DataFrame, columns: Mapping[str, Write], caption: str) -> HTML:
    """Show variants under a heading per kind; choices that move nothing are named below.

    A dot stands for a number that a choice leaves as it is under the study's own settings.
    """
    records = rows.to_dict("records")
    own = {name: write(records[0]) for name, write in columns.items()}
    shown: list[dict[str, str]] = []
    unmoved: list[str] = []
    kind = ""
    for i, record in enumerate(records):
        cells = {name: write(record) for name, write in columns.items()}
        if record["reason"]:
            cells = dict.fromkeys(columns, "not estimable")
        if record["kind"] == "choice" and cells == own:
            unmoved.append(f"{record['name']}: {record['value']}")
            continue
        if record["kind"] != kind:
            kind = str(record["kind"])
            shown.append({"Convention": _HEADINGS[kind], **dict.fromkeys(columns, "")})
        if kind == "choice":
            cells = {k: SAME if v and v == own[k] else v for k, v in cells.items()}
        shown.append({"Convention": _name(record, first=i == 0), **cells})
    table = html_table(pd.DataFrame(shown), caption).data
    if unmoved:
        table += f"<p>No number shown moves with {escape('; '.join(unmoved))}.</p>"
    return HTML(table)  # type: ignore[no-untyped-call]  # IPython has no types


def _name(record: Row, *, first: bool) -> str:
    if record["kind"] == "choice":
        return f"\u2003{record['name']}: {record['value']}"
    return f"\u2003{record['name']}{', the study’s own' if first else ''}"  # noqa: RUF001 - apostrophe


def effects_figure(moves: Moves, study: Study, folder: Path) -> Picture:
    """Dots and intervals of the hazard ratio under each profile and each choice that moves it."""
    labels = {outcome.key: outcome.label for outcome in study.outcomes}
    repeats = int(moves.effects["repeats"].max())
    title = "Hazard ratio after matching, by convention"
    figure = profile_plot(moves.effects, labels=labels, title=title, repeats=repeats)
    picture = Picture(figure, "hazard_ratios", profile_alt(moves.effects, labels=labels))
    save_figure(figure, folder, picture.name)
    return picture
