"""Tiny tables of printed numbers for the tests of the audit."""

from __future__ import annotations

from dataclasses import fields

from replica.audit import Claim
from replica.published import PublishedValue

COLUMNS = tuple(field.name for field in fields(PublishedValue))
UNITS = {"n": "patients", "count_total": "patients", "percent": "percent", "rate": "percent"}


def estimate(name, printed, **columns):
    """Make the rows of one estimate: `printed` maps a statistic to what is printed."""
    rows = []
    for statistic, text in printed.items():
        values = dict.fromkeys(COLUMNS, "")
        values |= {"where": "Table 1", "unit": UNITS.get(statistic, "")}
        values |= columns
        values |= {"id": f"{name}.{statistic}", "estimate_id": name}
        values |= {"statistic": statistic, "printed": text, "note": "" if text else "blank"}
        rows.append(PublishedValue(**values))
    return rows


def sizes(treated, control, stage="before", **columns):
    """Make the sizes of two arms."""
    named = (("treated", treated), ("control", control))
    return [
        row
        for arm, count in named
        for row in estimate(
            f"size.{arm}.{stage}",
            {"n": str(count)},
            item="patients",
            arm=arm,
            stage=stage,
            **columns,
        )
    ]


def counts(item, cells, stage="before", arms=("treated", "control"), **columns):
    """Make counts: `cells` maps a level to one `n` or `n (percent)` per arm."""
    rows = []
    for level, pair in cells.items():
        for arm, text in zip(arms, pair, strict=True):
            number, _, percent = str(text).partition(" ")
            printed = {"n": number} | ({"percent": percent.strip("()")} if percent else {})
            name = f"{columns.get('where', 'Table 1')}.{item}.{level}.{arm}.{stage}"
            rows += estimate(name, printed, item=item, level=level, arm=arm, stage=stage, **columns)
    return rows


def claim(about, direction, strength="descriptive", words="the risk", where="Text: Results"):
    """Make a claim about some estimates."""
    return Claim(
        f"about.{direction}.{strength}", where, words, ";".join(about), direction, strength
    )
