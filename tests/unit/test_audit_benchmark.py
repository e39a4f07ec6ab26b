"""The benchmark of the audit: its goals are met, and what it holds the audit against is right."""

from __future__ import annotations

import csv
import sys

import pytest

from replica import page_slips
from replica.paths import repository

sys.path.insert(0, str(repository() / "benchmarks"))

from auditing.clean import STYLES, paper
from auditing.reading import Cells
from auditing.reference import excluded
from auditing.reporting import Share, kind_rows
from auditing.running import TWO, Outcome, judge
from auditing.slips import KINDS, Slip, sites


def rows_of(name):
    """Read one of the committed tables."""
    path = repository() / "book" / "benchmarks" / f"audit_{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lung():
    """Return one small clean table."""
    return paper("lung", matching=False, style=STYLES[0], seed=1)


def test_the_goals_are_met():
    """No finding on clean tables, no false headline, 95% found, 80% explained first."""
    tables, kinds = rows_of("tables"), rows_of("kinds")
    total = kinds[-1]
    assert len(tables) >= 20
    assert {row["above_rounding"] for row in tables} == {"0"}
    assert {row["false_headlines"] for row in kinds} == {"0"}
    assert total["kind"] == page_slips.TOTAL
    assert int(total["planted"]) >= 500
    assert float(total["found"]) >= 95
    assert float(total["first"]) >= 80


def test_the_tables_agree_with_every_planted_slip():
    """Each kind is there, and its row counts the slips listed."""
    slips, kinds = rows_of("slips"), {row["kind"]: row for row in rows_of("kinds")}
    assert set(kinds) == {*KINDS, TWO, page_slips.TOTAL}
    for kind in (*KINDS, TWO):
        own = [row for row in slips if row["kind"] == kind]
        found = [row for row in own if row["detectable"] == row["found"] == "True"]
        assert int(kinds[kind]["planted"]) == len(own)
        assert int(kinds[kind]["detectable_found"]) == len(found)
        assert int(kinds[kind]["explained_first"]) == sum(row["rank"] == "1" for row in found)


def test_wilsons_interval_is_that_of_the_textbook():
    """8 of 10: 0.490 to 0.943 (Wilson 1927); of none there is no interval."""
    low, high = Share(8, 10).interval
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert Share(0, 0).interval is None


def test_a_clean_table_is_excluded_only_with_a_slip():
    """As printed it can be true; with a percent of other digits it cannot."""
    clean = lung()
    assert not excluded(clean)
    row = next(row for row in clean.published if row.statistic == "percent")
    slip = Slip(
        "digit changed", ((row.id, f"1{row.printed[1:]}" if row.printed[0] != "1" else "99.9"),)
    )
    changed = clean.__class__(clean.name, slip.apply(clean.published), clean.claims)
    assert excluded(changed)
    outcome = judge(clean, slip, 0)
    assert outcome.detectable
    assert outcome.found
    assert outcome.false_headlines == 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_slip_changes_what_is_printed(kind):
    """Every site of every kind prints another text for each of its numbers."""
    cells = Cells(lung())
    for slip in sites(kind, cells)[:20]:
        assert slip.kind == kind
        assert all(cells.by_id[name].printed != text for name, text in slip.changes)


def test_kinds_are_counted_apart_from_pairs_of_slips():
    """The last row holds the single slips only."""
    one = Outcome("t", "truncated", 0, 1, True, True, True, 0, rank=1, tried=9)
    two = Outcome("t", TWO, 0, 2, True, True, True, 0)
    *_, total = kind_rows([one, two])
    assert (total.planted, total.explained_first, total.first) == (1, 1, "100.0")


def test_the_page_draws_every_kind():
    """One point per kind and series, at the share of the table."""
    figure = page_slips.kinds_figure(page_slips.read("kinds"))
    (axes,) = figure.axes
    kinds = page_slips.read("kinds")
    assert len(axes.get_yticks()) == len(kinds)
    drawn = {line.get_gid(): list(line.get_xdata()) for line in axes.lines if line.get_gid()}
    assert drawn["slips-found"] == list(kinds["found"].dropna())
    assert drawn["slips-first"] == list(kinds["first"].dropna())
