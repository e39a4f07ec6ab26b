"""A clean table read back without the package's rules: cells, neighbours, counts and tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np

from auditing.analysing import odds_ratio, p_of_counts
from replica.audit.paper import Paper
from replica.published import PublishedValue

Rows = dict[str, PublishedValue]
Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
_CELL = ("item", "level", "arm", "stage", "outcome", "comparator", "model", "time")
_TESTS = {"Pearson's": "pearson", "Yates'": "yates", "Fisher's": "fisher"}


class Cells:
    """The printed numbers of a clean paper, by what they are."""

    def __init__(self, paper: Paper) -> None:
        """Keep the paper's rows."""
        self.paper = paper
        self.rows = tuple(row for row in paper.published if row.value.kind == "number")

    @cached_property
    def by_id(self) -> dict[str, PublishedValue]:
        """All rows by id."""
        return {row.id: row for row in self.paper.published}

    @cached_property
    def estimates(self) -> dict[str, Rows]:
        """The rows of each estimate by statistic."""
        found: dict[str, Rows] = defaultdict(dict)
        for row in self.paper.published:
            found[row.estimate_id][row.statistic] = row
        return dict(found)

    @staticmethod
    def digits(row: PublishedValue) -> int:
        """Return the decimals of a number."""
        return row.value.digits

    def copies(self, row: PublishedValue) -> list[PublishedValue]:
        """Return all printings of a quantity."""
        return self._copies[row.key]

    @cached_property
    def _copies(self) -> dict[tuple[str, ...], list[PublishedValue]]:
        found: dict[tuple[str, ...], list[PublishedValue]] = defaultdict(list)
        for row in self.paper.published:
            found[row.key].append(row)
        return found

    def neighbours(self) -> Iterator[tuple[PublishedValue, PublishedValue]]:
        """Yield cells of one place that stand side by side: one column apart, or in one cell."""
        groups = [("ci_low", "ci_high"), ("q1", "median"), ("median", "q3"), ("hr", "ci_low")]
        for rows in self.estimates.values():
            for one, other in groups:
                if one in rows and other in rows:
                    yield rows[one], rows[other]
        by_rest: dict[tuple[str, ...], list[PublishedValue]] = defaultdict(list)
        for row in self.rows:
            for name in ("arm", "level", "stage"):
                rest = tuple("" if c == name else getattr(row, c) for c in _CELL)
                by_rest[row.where, row.statistic, name, *rest].append(row)
        for rows_of in by_rest.values():
            for a, b in pairwise(rows_of):
                if "all" not in (a.arm, b.arm):
                    yield a, b

    def sizes(self) -> dict[tuple[str, str], int]:
        """Return the sizes of the groups by arm and stage."""
        found: dict[tuple[str, str], int] = {}
        for row in self.paper.published:
            if row.item == "patients" and row.arm in ("treated", "control"):
                found[row.arm, row.stage] = int(row.value.value)
        return found

    def all_sizes(self) -> set[int]:
        """Return every size that the paper prints."""
        return {int(r.value.value) for r in self.rows if r.item == "patients"}

    def blocks(self) -> dict[tuple[str, str, str], dict[str, Rows]]:
        """Return count and percent of each level, by item, arm and stage."""
        found: dict[tuple[str, str, str], dict[str, Rows]] = defaultdict(dict)
        for rows in self.estimates.values():
            row = rows.get("n")
            if row is not None and "percent" in rows and row.level:
                found[row.item, row.arm, row.stage][row.level] = rows
        return dict(found)

    def percents(self) -> Iterator[tuple[PublishedValue, int, int]]:
        """Yield each percent beside a count, with the count and its denominator."""
        for rows in self.estimates.values():
            if {"n", "percent"} <= set(rows):
                row = rows["percent"]
                yield row, int(rows["n"].value.value), self.sizes()[row.arm, row.stage]

    def ratios(self) -> Iterator[Rows]:
        """Yield each odds or hazard ratio with its interval and p, the fullest printing."""
        seen: set[tuple[str, ...]] = set()
        for rows in self.estimates.values():
            ratio = rows.get("or") or rows.get("hr")
            if ratio is not None and ratio.key not in seen:
                seen.add(ratio.key)
                yield rows

    def counts_of(self, item: str, stage: str) -> dict[str, tuple[int, int]]:
        """Return the counts of each level in treated and control."""
        one = self.blocks().get((item, "treated", stage), {})
        other = self.blocks().get((item, "control", stage), {})
        return {
            level: (int(one[level]["n"].value.value), int(other[level]["n"].value.value))
            for level in one
            if level in other
        }

    def two_by_two(self, row: PublishedValue) -> tuple[int, int, int, int] | None:
        """Return with and without, treated then control, of a ratio's level or event."""
        sizes = [self.sizes()[arm, row.stage] for arm in ("treated", "control")]
        if row.level:
            counts = self.counts_of(row.item, row.stage).get(row.level)
        elif row.outcome:
            found = [
                int(r.value.value)
                for arm in ("treated", "control")
                for r in self.rows
                if (r.item, r.statistic, r.arm, r.where) == ("event", "n", arm, "Figure 1")
            ]
            counts = (found[0], found[1]) if len(found) == 2 else None
        else:
            counts = None
        if counts is None:
            return None
        return counts[0], sizes[0] - counts[0], counts[1], sizes[1] - counts[1]

    def exact_ratio(self, rows: Rows, statistic: str) -> Fraction:
        """Return a ratio or an end of its interval, unrounded where counts give it."""
        row = rows[statistic]
        cells = self.two_by_two(row) if "or" in rows else None
        if cells is None or min(cells) == 0:
            return row.value.value
        a, b, c, d = cells
        found = odds_ratio(a, b, c, d)
        values = {"or": found.ratio, "ci_low": found.low, "ci_high": found.high}
        return Fraction(values[statistic])

    def exact_p(self, row: PublishedValue) -> float | None:
        """Return the p value of counts, unrounded; None where it is of something else."""
        for found, counts, used in self.tests():
            if found.id == row.id:
                return p_of_counts(counts, used)
        cells = self.two_by_two(row) if "or" in self.estimates[row.estimate_id] else None
        return None if cells is None or min(cells) == 0 else odds_ratio(*cells).p

    def tests(self) -> Iterator[tuple[PublishedValue, Counts, str]]:
        """Yield each p value of counts, the counts, and the test that gave it."""
        named = next((c for c in self.paper.claims if c.direction == "method"), None)
        for row in self.paper.published:
            if row.statistic != "p" or row.outcome or row.model or row.level:
                continue
            counts = np.array([n for n in self.counts_of(row.item, row.stage).values() if sum(n)])
            if counts.ndim != 2 or len(counts) < 2:
                continue
            words = named.claim if named is not None else ""
            test = next((t for word, t in _TESTS.items() if word in words), "")
            if not test:
                values = {name: p_of_counts(counts, name) for name in _TESTS.values()}
                fits = [name for name, p in values.items() if row.value.admits(Fraction(p))]
                test = fits[0] if fits else "pearson"
            yield row, counts, test
