"""What the page of planted slips shows: how often the audit finds a slip, and the right one."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replica.errors import PublishedTableError
from replica.figure_file import Picture, save_figure
from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    EDGE,
    INK,
    RULE,
    WIDTH,
    add_title,
    heading,
    inch_axes,
    new_figure,
    styled,
    text_width,
)
from replica.html_table import html_table
from replica.paths import build_path, repository

TOTAL = "all single slips"
_NAME = "planted_slips"
_ROW = 0.3
# What is drawn for each kind: column, its interval, words, colour, marker, place in the row.
_SERIES = (
    ("found", "found", ARM_COLOURS["treated"], "o", -0.14),
    ("first", "true edit ranked first", ARM_COLOURS["control"], "D", 0.14),
)


def read(name: str) -> pd.DataFrame:
    """Read one of the benchmark's tables: `kinds`, `tables` or `run`.

    Raises
    ------
    PublishedTableError
        If the table is missing.
    """
    path = repository() / "book" / "benchmarks" / f"audit_{name}.csv"
    if not path.is_file():
        raise PublishedTableError(f"{path.name}: not found; `make audit-benchmark` writes it.")
    return pd.read_csv(path)


def summary() -> Markdown:
    """Say in sentences how all kinds of one slip fared together."""
    kinds, tables = read("kinds"), read("tables")
    row = kinds[kinds["kind"] == TOTAL].iloc[0]
    false = int(kinds[kinds["kind"] != TOTAL]["false_headlines"].sum())
    text = (
        f"- **Clean tables**: {len(tables)}, with {tables['numbers'].sum():,} printed numbers and "
        f"{tables['checks'].sum():,} checks. Findings above rounding: "
        f"**{tables['above_rounding'].sum()}**.\n"
        f"- **Found**: {row['detectable_found']} of the {row['detectable']} single slips that are "
        f"detectable in principle, **{row['found']:.1f}%** ({row['found_low']:.1f} to "
        f"{row['found_high']:.1f}), of {row['planted']} planted. Of the others a question points "
        f"at {row['undetectable_found']}.\n"
        f"- **Explained**: the true edit is ranked first for {row['explained_first']} of these "
        f"{row['explained']}, **{row['first']:.1f}%** ({row['first_low']:.1f} to "
        f"{row['first_high']:.1f}), and is offered at all for {row['offered']}.\n"
        f"- **Headline findings about numbers that were not changed**: **{false}**."
    )
    return Markdown(text)  # type: ignore[no-untyped-call]  # IPython has no types here


def kinds_table() -> HTML:
    """Show each kind: slips planted, detectable, found and explained, with Wilson's intervals."""
    kinds = read("kinds")
    frame = pd.DataFrame(
        {
            "Kind": kinds["kind"].str.capitalize(),
            "Planted": kinds["planted"],
            "Detectable": kinds["detectable"],
            "Found": kinds["detectable_found"],
            "Found, % (95% CI)": _shares(kinds, "found"),
            "First": kinds["explained_first"],
            "First, % (95% CI)": _shares(kinds, "first"),
            "Offered": kinds["offered"],
            "Edits tried": kinds["median_tried"],
        }
    )
    return html_table(frame, "Planted slips by kind")


def tables_table() -> HTML:
    """Show each clean table and what the audit says of it."""
    tables = read("tables")
    frame = pd.DataFrame(
        {
            "Data set": tables["table"].str.replace("_", " "),
            "Subjects": tables["subjects"],
            "Analysed": tables["design"],
            "Numbers": tables["numbers"],
            "Checks": tables["checks"],
            "Above rounding": tables["above_rounding"],
            "Rounding": tables["rounding"],
        }
    )
    return html_table(frame, "Clean tables")


def run_table() -> HTML:
    """Show seed, numbers and versions of the run."""
    return html_table(read("run").astype(str), "The run", words=True)


def _shares(kinds: pd.DataFrame, name: str) -> list[str]:
    return [
        "" if pd.isna(at) else f"{at:.0f} ({low:.0f} to {high:.0f})"
        for at, low, high in zip(
            kinds[name], kinds[f"{name}_low"], kinds[f"{name}_high"], strict=True
        )
    ]


def kinds_picture() -> Picture:
    """Draw the shares found and explained of every kind, and keep the figure."""
    kinds = read("kinds")
    figure = kinds_figure(kinds)
    save_figure(figure, build_path() / "results" / _NAME, _NAME)
    row = kinds.set_index("kind").loc[TOTAL]
    alt = (
        f"Share of planted slips found and explained, by kind; of all single slips {row['found']}% "
        f"are found and {row['first']}% have the true edit ranked first."
    )
    return Picture(figure, _NAME, alt)


@styled
def kinds_figure(kinds: pd.DataFrame) -> Figure:
    """Draw for every kind the shares found and explained, with their intervals.

    Parameters
    ----------
    kinds
        The benchmark's table of kinds; shares and ends of intervals are in percent.
    """
    rows = kinds.reset_index(drop=True)
    names = [
        f"{kind.capitalize()} ({number})"
        for kind, number in zip(rows["kind"], rows["detectable"], strict=True)
    ]
    left = EDGE + 0.1 + max(text_width(name) for name in names)
    lines, top = heading("Planted slips that are detectable: found, and explained")
    plot, bottom, legend = _ROW * len(rows), 0.5, 0.32
    figure = new_figure(WIDTH, bottom + plot + legend + top)
    add_title(figure, lines)
    axes = inch_axes(figure, left, bottom, WIDTH - left - 0.25, plot)
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=BAND, linewidth=0, zorder=0)
    handles = []
    for name, words, colour, marker, shift in _SERIES:
        known = rows[rows[name].notna()]
        at = known.index.to_numpy(dtype=float) + shift
        axes.hlines(
            at, known[f"{name}_low"], known[f"{name}_high"], color=colour, linewidth=1.4, zorder=2
        )
        axes.plot(
            known[name], at, marker, color=colour, markersize=5, zorder=3, gid=f"slips-{name}"
        )
        handles.append(
            Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=1.4, label=words)
        )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 101.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.xaxis.grid(visible=True, color=RULE, linewidth=0.5, alpha=0.5)
    axes.set_xlabel("Percent of the detectable slips (number in brackets), 95% interval")
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2
    )
    return figure
