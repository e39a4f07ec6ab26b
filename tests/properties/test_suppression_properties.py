"""No small count can be worked out from what is shown, whatever the table."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from replica.disclosure.suppression import Sum, small, suppressed

MIN_CELL = 5


def table(counts):
    """Lay a matrix out as cells with row, column and grand totals, and its sums."""
    rows, columns = counts.shape
    cells = {(i, j): int(counts[i, j]) for i in range(rows) for j in range(columns)}
    cells |= {(i, "all"): int(counts[i].sum()) for i in range(rows)}
    cells |= {("all", j): int(counts[:, j].sum()) for j in range(columns)}
    cells["all", "all"] = int(counts.sum())
    sums = [Sum((i, "all"), tuple((i, j) for j in range(columns))) for i in [*range(rows), "all"]]
    sums += [Sum(("all", j), tuple((i, j) for i in range(rows))) for j in [*range(columns), "all"]]
    return cells, sums


def reach(cells, sums, hidden, wanted):
    """Smallest and largest value that a hidden count could have for all a reader knows."""
    keys = sorted(hidden, key=repr)
    place = {key: i for i, key in enumerate(keys)}
    left, right = [], []
    for sum_ in sums:
        row, known = np.zeros(len(keys)), 0.0
        for key, sign in ((sum_.total, 1.0), *((part, -1.0) for part in sum_.parts)):
            if key in place:
                row[place[key]] += sign
            else:
                known -= sign * cells[key]
        left.append(row)
        right.append(known)
    ends = []
    for sign in (1.0, -1.0):
        goal = np.zeros(len(keys))
        goal[place[wanted]] = sign
        found = linprog(goal, A_eq=np.array(left), b_eq=np.array(right), bounds=(0, None))
        ends.append(sign * found.fun if found.status == 0 else sign * -np.inf)
    return ends


tables = st.integers(2, 4).flatmap(
    lambda rows: st.integers(2, 4).flatmap(
        lambda columns: st.lists(
            st.integers(0, 14), min_size=rows * columns, max_size=rows * columns
        ).map(lambda values: np.array(values).reshape(rows, columns))
    )
)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_no_small_count_follows_from_what_is_shown(counts):
    """Of every small count a reader can at best tell a range, totals included."""
    cells, sums = table(counts)
    hidden = suppressed(cells, sums, shown=cells, min_cell=MIN_CELL)
    for key, count in cells.items():
        if small(count, MIN_CELL):
            low, high = reach(cells, sums, hidden, key)
            assert high - low > 0.5, (counts, key, hidden)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_small_counts_are_hidden_and_zeros_are_not(counts):
    """Every small count is masked, no zero is, and without a small count nothing is."""
    cells, sums = table(counts)
    hidden = suppressed(cells, sums, shown=cells, min_cell=MIN_CELL)
    few = {key for key, count in cells.items() if small(count, MIN_CELL)}
    assert few <= hidden
    assert all(cells[key] for key in hidden)
    assert bool(hidden) == bool(few)
    assert suppressed(cells, sums, shown=cells, min_cell=0) == frozenset()


@settings(max_examples=40, deadline=None)
@given(tables)
def test_the_order_of_the_sums_does_not_matter_for_safety(counts):
    """Sums in reverse mask as safely: small counts stay hidden and undetermined."""
    cells, sums = table(counts)
    hidden = suppressed(cells, sums[::-1], shown=cells, min_cell=MIN_CELL)
    for key, count in cells.items():
        if small(count, MIN_CELL):
            low, high = reach(cells, sums, hidden, key)
            assert high - low > 0.5
