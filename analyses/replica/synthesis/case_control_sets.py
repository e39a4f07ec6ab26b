"""Matched sets of cases and controls with printed counts, so that real matching returns them.

Counts are met exactly by integer programming; ages and years are then drawn so that no control is
eligible for two cases, which makes the matched sets the only ones that the rule can find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from replica.errors import SynthesisError
from replica.published import PublishedValue

ORDERS = ("solid_cancer_first", "myeloma_first")
GENDERS = ("male", "female")
BANDS = ("lt_65", "ge_65")

Cell = tuple[str, str]


@dataclass(frozen=True)
class PrintedCounts:
    """Printed numbers by item, level and group, where these are plain counts or percentages."""

    numbers: dict[tuple[str, str, str, str], float]

    @classmethod
    def of(cls, published: tuple[PublishedValue, ...]) -> PrintedCounts:
        """Index numbers that compare no groups; the first place where one is printed counts."""
        numbers: dict[tuple[str, str, str, str], float] = {}
        for row in published:
            if row.comparator or row.subgroup or row.value.kind != "number":
                continue
            key = (row.item, row.level, row.arm, row.statistic)
            numbers.setdefault(key, float(row.value.value))
        return cls(numbers)

    def n(self, item: str, level: str, group: str) -> int:
        """Return a printed count; for the 23, what is left of the 34 where it is not printed."""
        if (found := self.numbers.get((item, level, group, "n"))) is not None:
            return int(found)
        if group == ORDERS[0]:
            return self.n(item, level, "second_cancer") - self.n(item, level, ORDERS[1])
        raise SynthesisError(f"{item}, {level}, {group}: no count is printed; one is needed.")


def joint_counts(
    printed: PrintedCounts, ratio: int
) -> tuple[dict[tuple[str, str, str], int], dict[Cell, int]]:
    """Sex by age of the cases and of their controls, as even as the printed margins allow.

    Returns
    -------
    tuple of dict
        Cases by order of cancers, sex and age band; controls by sex and age band. Every cell has
        between one and `ratio` controls per case.

    Raises
    ------
    SynthesisError
        If no such table exists: the printed counts do not fit that many controls per case.
    """
    model = cp_model.CpModel()
    cases = {
        (order, gender, band): model.new_int_var(0, 100, f"case_{order}_{gender}_{band}")
        for order in ORDERS
        for gender in GENDERS
        for band in BANDS
    }
    controls = {
        (gender, band): model.new_int_var(0, 200, f"control_{gender}_{band}")
        for gender in GENDERS
        for band in BANDS
    }
    for order in ORDERS:
        for gender in GENDERS:
            of = sum(cases[order, gender, band] for band in BANDS)
            model.add(of == printed.n("gender", gender, order))
        for band in BANDS:
            of = sum(cases[order, gender, band] for gender in GENDERS)
            model.add(of == printed.n("age_years", band, order))
    for gender in GENDERS:
        of = sum(controls[gender, band] for band in BANDS)
        model.add(of == printed.n("gender", gender, "control"))
    for band in BANDS:
        of = sum(controls[gender, band] for gender in GENDERS)
        model.add(of == printed.n("age_years", band, "control"))
    uneven = []
    for cell, n in controls.items():
        at = sum(cases[order, *cell] for order in ORDERS)
        model.add(n >= at)
        model.add(n <= ratio * at)
        off = model.new_int_var(0, 200, f"uneven_{cell}")
        model.add_abs_equality(off, n - 2 * at)
        uneven.append(off)
    # first two controls per case wherever possible, then sex and age as if independent
    lopsided = []
    for (order, gender, band), n in cases.items():
        margins = printed.n("gender", gender, order) * printed.n("age_years", band, order)
        size = printed.n("group_size", "", order)
        off = model.new_int_var(0, 10_000, f"lopsided_{order}_{gender}_{band}")
        model.add_abs_equality(off, size * n - margins)
        lopsided.append(off)
    model.minimize(10_000 * sum(uneven) + sum(lopsided))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    if solver.solve(model) != cp_model.OPTIMAL:
        raise SynthesisError(
            f"no table of sex by age has the printed margins with 1 to {ratio} controls of the "
            "same sex and age band for each case. Allow more controls per case."
        )
    return (
        {cell: int(solver.value(n)) for cell, n in cases.items()},
        {cell: int(solver.value(n)) for cell, n in controls.items()},
    )


def most_controls(printed: PrintedCounts, ratio: int) -> dict[str, tuple[int, int]]:
    """Printed controls of each sex and age band beside the most that `ratio` per case allows."""
    found = {}
    for item, of in (("gender", GENDERS), ("age_years", BANDS)):
        for level in of:
            cases = printed.n(item, level, "second_cancer")
            found[f"{item}={level}"] = (printed.n(item, level, "control"), ratio * cases)
    return found


def matched_sets(
    printed: PrintedCounts, ratio: int, years: tuple[int, int], rng: np.random.Generator
) -> pd.DataFrame:
    """Cases and controls with order of cancers, sex, age and year of diagnosis, set by set.

    Returns
    -------
    DataFrame
        `set`, `group` (order of cancers, or `control`), `gender`, `band`, `age_years`, `year`: each
        case before its controls, who are at most a year older or younger and of the same year.
    """
    cases, controls = joint_counts(printed, ratio)
    rows = [cell for cell, n in cases.items() for _ in range(n)]
    ages = _ages(rows, round(printed.numbers["age_years", "", "second_cancer", "median"]), rng)
    year = _years(rows, ages, years, rng)
    found: list[tuple[int, str, str, str, int, int]] = []
    for cell, n in controls.items():
        members = [k for k, (_, *of) in enumerate(rows) if tuple(of) == cell]
        sizes = np.ones(len(members), dtype=np.int64)
        while sizes.sum() < n:
            # the shortest sets first, at random among them
            open_sets = np.flatnonzero(sizes == sizes[sizes < ratio].min())
            sizes[rng.choice(open_sets)] += 1
        for k, size in zip(members, sizes, strict=True):
            found.append((k, *rows[k], int(ages[k]), int(year[k])))
            low, high = (18, 64) if cell[1] == BANDS[0] else (65, 110)
            for _ in range(size):
                age = int(np.clip(ages[k] + rng.integers(-1, 2), low, high))
                found.append((k, "control", *cell, age, int(year[k])))
    columns = ["set", "group", "gender", "band", "age_years", "year"]
    return pd.DataFrame(found, columns=columns).sort_values("set", kind="stable", ignore_index=True)


def _ages(
    rows: list[tuple[str, str, str]], median: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Ages within their bands, the two in the middle of all at the printed median."""
    n = len(rows)
    young = [k for k, row in enumerate(rows) if row[2] == BANDS[0]]
    old = [k for k, row in enumerate(rows) if row[2] == BANDS[1]]
    below = n // 2 - 1 - len(young)
    ages = np.zeros(n, dtype=np.int64)
    ages[young] = rng.integers(46, 65, len(young))
    values = [
        *rng.integers(65, median + 1, below),
        *[median] * 2,
        *rng.integers(median + 1, 83, len(old) - below - 2),
    ]
    ages[old] = rng.permutation(values)
    return ages


def _years(
    rows: list[tuple[str, str, str]],
    ages: np.ndarray[tuple[int], np.dtype[np.int64]],
    years: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Years of diagnosis such that no control can be near two cases in sex, age and year."""
    first, last = years
    chosen = np.zeros(len(rows), dtype=np.int64)
    # whoever still has a cancer to come needs years of follow-up, and chooses first
    queue = sorted(range(len(rows)), key=lambda k: (rows[k][0] != ORDERS[1], k))
    for k in queue:
        latest = last - 2 if rows[k][0] == ORDERS[1] else last
        near = {
            int(chosen[j])
            for j in queue
            if chosen[j] and rows[j][1] == rows[k][1] and abs(int(ages[j]) - int(ages[k])) <= 2
        }
        free = [year for year in range(first, latest + 1) if year not in near]
        if not free:
            raise SynthesisError("cases of one sex and age outnumber the years; draw again.")
        chosen[k] = rng.choice(free)
    return chosen
