"""Every count of patients that the tables of a study could show, and which of them are hidden."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.case_control import CaseControl
from replica.cohort import Cohort
from replica.disclosure.suppression import Sum, small, suppressed
from replica.errors import DataError
from replica.group_counts import design_of, levels, members
from replica.matching import Matched
from replica.protocol import ARM_KEYS

YES = "yes"
"""Level of what a table counts without naming a level: an endpoint, an event, a yes/no item."""

REST = "(rest)"
"""Level of those at none of an item's levels."""

MATCHED_SET = Matched | CaseControl


class Cell(NamedTuple):
    """A count: of the patients at a level of an item, in a group, before or after matching.

    The words are those of `replica.estimate.Quantity`; the rest of a total has a level of its own.
    """

    item: str
    level: str
    arm: str
    stage: str


@dataclass(frozen=True)
class Population:
    """Some of the patients enrolled: an arm or a group, before or after matching."""

    arm: str
    stage: str
    cohort: Cohort
    rows: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.rows.sum())


@dataclass(frozen=True)
class Disclosure:
    """What may be shown of one matched set of patients.

    `hidden` are the counts to mask, `counts` all of them; both are empty if nothing is masked.
    """

    min_cell: int
    counts: Mapping[Cell, int]
    hidden: frozenset[Cell]
    populations: tuple[Population, ...] = ()

    @classmethod
    def of(cls, matched: MATCHED_SET) -> Disclosure:
        """Find what must be hidden, from the patients and from the sums that tables let one see.

        Levels of an item add up to the size of a group, arms to all patients, the matched and the
        unmatched to those before matching, the levels of an endpoint to the endpoint.

        Raises
        ------
        DataError
            If a group is itself smaller than the smallest count that may be shown.
        """
        min_cell = matched.before.min_cell
        if min_cell < 2:
            return cls(min_cell, {}, frozenset())
        populations = tuple(_populations(matched))
        for population in populations:
            if small(population.size, min_cell):
                when = f" {population.stage} matching" if population.stage else ""
                raise DataError(
                    f"min_cell = {min_cell}: found fewer patients than that in the group "
                    f"{population.arm!r}{when}; allowed: at least as many, for sizes of groups are "
                    "shown. Match otherwise, or show nothing of these patients."
                )
        counts: dict[Cell, int] = {}
        sums: list[Sum[Cell]] = []
        nested = tuple(_nested(populations))
        for item, coded in _items(matched):
            by_level: dict[str, dict[int, Cell]] = {level: {} for level in coded}
            for i, population in enumerate(populations):
                for cell in _count(item, coded, population, counts, sums):
                    by_level[cell.level][i] = cell
            for cells in by_level.values():
                _across(cells, nested, counts, sums)
        sums += _endpoints(matched, populations, counts)
        # That the levels of an item are complete is no secret, nor is the size of a group.
        sizes = {cell for cell in counts if not cell.item}
        complete = {cell for cell in counts if cell.level == REST and not counts[cell]}
        shown = {cell for cell in counts if not cell.level.startswith("(")} | complete
        hidden = suppressed(
            counts,
            sums,
            shown=shown,
            fixed=sizes | complete,
            # Few left unmatched cost cells of the matched, not of everybody.
            kept={cell for cell in shown if cell.stage == "before"},
            min_cell=min_cell,
        )
        return cls(min_cell, counts, hidden, populations)

    def small(self, count: int) -> bool:
        """Whether a count must not be known."""
        return small(count, self.min_cell)

    def hides(self, item: str, arms: Collection[str], stage: str, level: str = "") -> bool:
        """Whether a count of an item is hidden in one of these groups; at any level if none is."""
        return any(
            cell.item == item
            and cell.arm in arms
            and cell.stage == stage
            and (not level or cell.level == level)
            for cell in self.hidden
        )

    def few(self, item: str, level: str, arms: Collection[str], stage: str) -> bool:
        """Whether one of these groups has few patients at a level, though not none."""
        return any(self.small(self.counts.get(Cell(item, level, arm, stage), 0)) for arm in arms)

    def size(self, arm: str, stage: str) -> int:
        """Size of a group; 0 if there is no such group."""
        return next((p.size for p in self.populations if (p.arm, p.stage) == (arm, stage)), 0)

    def few_unmatched(self, arm: str) -> bool:
        """Whether few patients of a group were left unmatched, so that means give them away."""
        return self.small(self.size(arm, "before") - self.size(arm, "after"))


def _populations(matched: MATCHED_SET) -> Iterator[Population]:
    everybody = matched.before.patients["patient_id"]
    if isinstance(matched, CaseControl):
        for group in design_of(matched.before.study).groups:
            cohort = members(matched, group.key)
            rows = everybody.isin(cohort.patients["patient_id"]).to_numpy(dtype=np.bool_)
            yield Population(group.key, "", cohort, rows)
        return
    for stage, cohort in (("before", matched.before), ("after", matched.after)):
        for arm in ("all", *ARM_KEYS):
            part = (
                cohort if arm == "all" else cohort.where((cohort.column("arm") == arm).to_numpy())
            )
            rows = everybody.isin(part.patients["patient_id"]).to_numpy(dtype=np.bool_)
            yield Population(arm, stage, part, rows)


def _items(matched: MATCHED_SET) -> Iterator[tuple[str, Sequence[str]]]:
    """What is counted, with its levels in the words of a table."""
    study = matched.before.study
    cuts = design_of(study).cuts if isinstance(matched, CaseControl) else ()
    for column in (*cuts, *study.covariates, *study.characteristics):
        yield column.key, column.level_keys
    for outcome in study.outcomes:
        yield outcome.key, (YES,)
    if isinstance(matched, CaseControl):
        yield design_of(study).exposed, (YES,)


def _values(cohort: Cohort, item: str) -> pd.Series[Any]:
    study = cohort.study
    events = {outcome.key: outcome.event for outcome in study.outcomes}
    if item in events:
        return (cohort.column(events[item]) == 1).map({True: YES, False: "no"})
    if study.groups is None:
        return cohort.column(item)
    if item == study.groups.exposed:
        return pd.Series(np.where(cohort.treated, YES, "no"))
    return levels(cohort, item)


def _count(
    item: str,
    coded: Sequence[str],
    population: Population,
    counts: dict[Cell, int],
    sums: list[Sum[Cell]],
) -> list[Cell]:
    """Count an item in one group; its levels and the rest make up the group's size."""
    values = _values(population.cohort, item)
    arm, stage = population.arm, population.stage
    size = Cell("", "", arm, stage)
    counts[size] = len(values)
    if not values.notna().any():
        return []
    cells = [Cell(item, level, arm, stage) for level in coded]
    counts |= {cell: int((values == cell.level).sum()) for cell in cells}
    rest = Cell(item, REST, arm, stage)
    counts[rest] = len(values) - sum(counts[cell] for cell in cells)
    sums.append(Sum(size, (*cells, rest)))
    return cells


def _nested(populations: Sequence[Population]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Groups within groups: each with parts that make it up, or with one part of it."""
    within = {
        i: [
            j
            for j, inner in enumerate(populations)
            if j != i and not (inner.rows & ~outer.rows).any() and inner.size < outer.size
        ]
        for i, outer in enumerate(populations)
    }
    for i, inner in within.items():
        closest = [j for j in inner if not any(j in within[k] for k in inner)]
        paired: set[int] = set()
        for one, other in combinations(closest, 2):
            apart = not (populations[one].rows & populations[other].rows).any()
            if apart and populations[one].size + populations[other].size == populations[i].size:
                paired |= {one, other}
                yield i, (one, other)
        yield from ((i, (j,)) for j in closest if j not in paired)


def _across(
    cells: Mapping[int, Cell],
    nested: Sequence[tuple[int, tuple[int, ...]]],
    counts: dict[Cell, int],
    sums: list[Sum[Cell]],
) -> None:
    """Relate one level's counts in groups that lie within each other."""
    for outer, inner in nested:
        if outer not in cells or not all(i in cells for i in inner):
            continue
        total, parts = cells[outer], tuple(cells[i] for i in inner)
        rest = counts[total] - sum(counts[part] for part in parts)
        if rest < 0:
            # A control used twice is counted twice after matching: no sum holds.
            continue
        if len(parts) == 1:
            beside = Cell(
                total.item,
                f"({total.level}, not {parts[0].arm} {parts[0].stage})",
                total.arm,
                total.stage,
            )
            counts[beside] = rest
            parts = (*parts, beside)
        sums.append(Sum(total, parts))


def _endpoints(
    matched: MATCHED_SET, populations: Sequence[Population], counts: dict[Cell, int]
) -> Iterator[Sum[Cell]]:
    """An endpoint is reached by those at some levels of a characteristic."""
    for endpoint in matched.before.study.endpoints:
        for population in populations:
            arm, stage = population.arm, population.stage
            parts = tuple(Cell(endpoint.of, level, arm, stage) for level in endpoint.levels)
            if all(part in counts for part in parts):
                total = Cell(endpoint.key, YES, arm, stage)
                counts[total] = sum(counts[part] for part in parts)
                yield Sum(total, parts)
                rest = Cell(endpoint.key, REST, arm, stage)
                counts[rest] = population.size - counts[total]
                yield Sum(Cell("", "", arm, stage), (total, rest))
