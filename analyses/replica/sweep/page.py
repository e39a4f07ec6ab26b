"""What the page on sensitivity shows: specification curves, order panels, shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown

from replica.figure_file import Picture, save_figure
from replica.html_table import html_table, keep_csv, note
from replica.paths import build_path
from replica.protocol import Outcome, Study
from replica.published import load_published
from replica.studies import load_study
from replica.sweep.curve import SIGNIFICANT, Shares, orders, own_run, shares, specifications
from replica.sweep.figure_curve import curve_alt, specification_curve
from replica.sweep.figure_orders import PAIRS, order_alt, order_panel
from replica.sweep.parameters import ADJUSTMENTS
from replica.sweep.patients import patients_of
from replica.sweep.printed import Reference, printed_pairs, printed_ratio

_SAME = 0.005  # hazard ratios are printed with two decimals
_HEAD = "Study and outcome"

__all__ = [
    "Sensitivity",
    "adjustment_table",
    "caveat",
    "curve",
    "finding",
    "order_figure",
    "order_finding",
    "panel_caveat",
    "sensitivity",
    "shares_table",
]


@dataclass(frozen=True)
class Sensitivity:
    """All runs of a study's specification curve and order panel, and what they stand beside.

    `printed` and `own` hold the paper's number and that of the study's own settings for `pairs` and
    for each outcome. `orders` is None where nothing is drawn at random.
    """

    study: Study
    specifications: pd.DataFrame
    orders: pd.DataFrame | None
    printed: Mapping[str, Reference | None]
    own: Mapping[str, Mapping[str, Any]]
    folder: Path

    def of(self, outcome: str) -> pd.DataFrame:
        """Specifications of one outcome."""
        return self.specifications[self.specifications["outcome"] == outcome]

    def shares(self, outcome: str) -> Shares:
        """How the specifications of one outcome come out."""
        return shares(self.of(outcome), self.printed[outcome])


def sensitivity(study_key: str) -> Sensitivity:
    """Make a study's specifications and random orders on its synthetic patients; keep both as CSV.

    Raises
    ------
    ParameterError
        If there is no such study.
    """
    study = load_study(study_key)
    cohort, published = patients_of(study), load_published(study_key)
    printed: dict[str, Reference | None] = {PAIRS: printed_pairs(published)}
    printed |= {one.key: printed_ratio(published, one.key) for one in study.outcomes}
    own = {one.key: own_run(cohort, one.key) for one in study.outcomes}
    made = specifications(cohort)
    ordered = None if study.groups else orders(cohort)
    folder = build_path() / "results" / "sensitivity"
    keep_csv(made, folder, f"{study_key}_specifications")
    if ordered is not None:
        keep_csv(ordered, folder, f"{study_key}_orders")
    return Sensitivity(study, made, ordered, printed, own, folder)


def _name(one: Sensitivity, what: str) -> str:
    return f"{one.study.key}_{what}"


def curve(one: Sensitivity, outcome: str) -> Picture:
    """Draw the specification curve of one outcome."""
    described = one.study.outcome(outcome)
    printed, runs = one.printed[outcome], one.of(outcome)
    figure = specification_curve(
        runs,
        one.study,
        title=f"{described.short}: hazard ratio under every combination of choices",
        printed=printed,
        own=one.own[outcome]["hazard_ratio"],
    )
    name = _name(one, f"curve_{outcome}")
    save_figure(figure, one.folder, name)
    return Picture(figure, name, curve_alt(runs, outcome_label=described.short, printed=printed))


def finding(one: Sensitivity) -> Markdown:
    """Say in sentences how the specifications of each outcome come out."""
    return _markdown("\n".join(_sentence(one, outcome) for outcome in one.study.outcomes))


def _sentence(one: Sensitivity, outcome: Outcome) -> str:
    found, printed = one.shares(outcome.key), one.printed[outcome.key]
    text = (
        f"- **{outcome.short}**: {found.estimated} specifications with hazard ratios from "
        f"{found.lowest:.2f} to {found.highest:.2f}, median {found.middle:.2f}. "
        f"{_share(found.below, found.estimated)} lie below 1 and "
        f"{_share(found.above, found.estimated)} above{_at_one(found)}; "
        f"{_share(found.significant, found.estimated)} have p below {SIGNIFICANT:g}."
    )
    if printed is None:
        text += " The paper prints no such hazard ratio of all matched patients."
    else:
        text += (
            f" The paper prints {printed.text}; {_share(found.nearer_null or 0, found.estimated)} "
            "lie nearer 1 than that."
        )
    if found.refused:
        text += (
            f" {found.refused} more have no estimate, as a covariate in the model is without "
            "events at one level."
        )
    return text


def _at_one(found: Shares) -> str:
    return f", {_share(found.equal, found.estimated)} are 1" if found.equal else ""


def _share(part: int, of: int) -> str:
    return f"{100 * part / of:.0f}%"


def order_figure(one: Sensitivity) -> Picture:
    """Draw the order panel of a study."""
    if one.orders is None:  # pragma: no cover - the page asks for studies that have one
        return curve(one, one.study.outcomes[0].key)
    first = one.own[one.study.outcomes[0].key]
    own = {PAIRS: float(first["pairs"])}
    own |= {key: float(run["hazard_ratio"]) for key, run in one.own.items()}
    count = len(one.orders) // len(one.study.outcomes)
    figure = order_panel(
        one.orders,
        one.study,
        title=f"{count} random orders of the treated",
        printed=one.printed,
        own=own,
    )
    name = _name(one, "orders_panel")
    save_figure(figure, one.folder, name)
    return Picture(figure, name, order_alt(one.orders, one.study, one.printed))


def order_finding(one: Sensitivity) -> Markdown:
    """Say how often a random order gives the printed numbers, one by one and together."""
    if one.orders is None:
        return _markdown("Nothing in this study's matching is drawn at random.")
    runs = one.orders.pivot_table(index="seed", columns="outcome", values="hazard_ratio")
    pairs = one.orders.drop_duplicates("seed").set_index("seed")["pairs"]
    together = pd.Series(data=True, index=pairs.index)
    parts = []
    for key, values in {PAIRS: pairs, **{o.key: runs[o.key] for o in one.study.outcomes}}.items():
        printed = one.printed[key]
        name = "pairs" if key == PAIRS else f"the hazard ratio of {one.study.outcome(key).short}"
        decimals = 0 if key == PAIRS else 2
        spread = f"{values.min():.{decimals}f} to {values.max():.{decimals}f}"
        if values.min() == values.max() or len({f"{v:.{decimals}f}" for v in values}) == 1:
            spread = f"always {values.iloc[0]:.{decimals}f}"
        if printed is None:
            parts.append(f"{name}: {spread}")
            continue
        hits = pd.Series([bool(printed.count([value])) for value in values], index=values.index)
        together &= hits
        parts.append(f"{name}: {spread}, as printed ({printed.text}) in {int(hits.sum())}")
    text = (
        f"Of {len(pairs)} random orders, {'; '.join(parts)}. All printed numbers at once come out "
        f"in {int(together.sum())}."
    )
    if (runs.max() - runs.min()).max() < _SAME and pairs.min() == pairs.max():
        text += " On these patients the order decides nothing that is printed."
    return _markdown(text)


def shares_table(*many: Sensitivity) -> HTML:
    """Set the shares of all studies and outcomes side by side, and keep them as `shares.csv`."""
    kept: list[dict[str, str]] = []
    shown: list[dict[str, str]] = []
    for one in many:
        shown.append({_HEAD: one.study.title})
        for outcome in one.study.outcomes:
            found, printed = one.shares(outcome.key), one.printed[outcome.key]
            row = {
                "Printed": "none" if printed is None else printed.text,
                "Specifications": str(len(one.of(outcome.key))),
                "No estimate": str(found.refused),
                "Lowest": f"{found.lowest:.2f}",
                "Median": f"{found.middle:.2f}",
                "Highest": f"{found.highest:.2f}",
                "Below 1": _share(found.below, found.estimated),
                "Above 1": _share(found.above, found.estimated),
                "p < 0.05": _share(found.significant, found.estimated),
            }
            kept.append({"Study": one.study.title, "Outcome": outcome.short, **row})
            shown.append({_HEAD: outcome.short, **row})
    keep_csv(pd.DataFrame(kept), many[0].folder, "shares")
    frame = pd.DataFrame(shown).fillna("")
    return html_table(frame, "Hazard ratios over all specifications, on synthetic patients")


def adjustment_table() -> HTML:
    """Say what each Cox model of the curves is."""
    rows: Sequence[tuple[str, str]] = list(ADJUSTMENTS.items())
    frame = pd.DataFrame(rows, columns=["Cox model", "Meaning"])
    return html_table(frame, "Cox models after matching", words=True)


def _markdown(text: str) -> Markdown:
    return Markdown(text)  # type: ignore[no-untyped-call]  # IPython has no types


def caveat(*many: Sensitivity) -> HTML:
    """Say on whose patients the curves of a page rest."""
    runs = sum(len(one.specifications) for one in many)
    ordered = sum(len(one.orders) for one in many if one.orders is not None)
    return note(
        f"{runs:,} specifications and {ordered:,} runs in random order, on synthetic patients",
        "No patient on this page is real. The patients of each study were made so that one "
        "combination of choices returns printed numbers. How far the other combinations lie from "
        "it is a property of these patients; it is no evidence about any treatment.",
    )


def panel_caveat() -> HTML:
    """Say on whose patients the look-up panels rest."""
    return note(
        "Synthetic patients",
        "No patient on this page is real. At the study's own choices printed numbers come out by "
        "construction; how they move with a choice is a property of these patients.",
    )
