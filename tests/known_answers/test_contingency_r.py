"""Tests of contingency tables return R's p values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from replica.contingency import fisher, pearson, yates

ANSWERS = Path(__file__).parent / "data" / "survival_known_answers.csv"
TWO_BY_TWO = [[45, 86], [46, 101]]


def answer(analysis: str, quantity: str) -> tuple[str, float]:
    """Return what R was given and what it returned."""
    rows = pd.read_csv(ANSWERS, header=0, names=["analysis", "quantity", "at", "value"])
    row = rows[(rows["analysis"] == analysis) & (rows["quantity"] == quantity)]
    assert len(row) == 1
    return str(row["at"].item()), float(row["value"].item())


@pytest.mark.parametrize(
    ("quantity", "run"), [("pearson_p", pearson), ("yates_p", yates), ("fisher_p", fisher)]
)
def test_two_by_two_equals_r(quantity, run):
    """Pearson, Yates and Fisher of one 2 x 2 table agree with R to the printed eleven digits."""
    _, expected = answer("table2x2_45_86_46_101", quantity)
    assert run(TWO_BY_TWO).p == pytest.approx(expected, rel=1e-11)


def test_exact_test_beyond_two_by_two_equals_r():
    """The enumerated Freeman-Halton test of five categories in two groups agrees with R."""
    counts, expected = answer("table4x2", "fisher_p")
    table = [[int(cell) for cell in row.split(",")] for row in counts.split("/")]
    assert table == [[25, 12, 4, 21, 4], [17, 9, 1, 7, 0]]
    assert fisher(table).p == pytest.approx(expected, rel=1e-11)
    transposed = [list(column) for column in zip(*table, strict=True)]
    assert fisher(transposed).p == fisher(table).p
