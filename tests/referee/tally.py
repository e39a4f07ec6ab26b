"""Counts of what was compared with R, and how closely it agreed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

RELATIVE = 1e-8
# Newton's method ends, here and in R, where its next step would be about this many standard
# deviations of a covariate; a coefficient near zero has fewer digits for it.
STEP = 2e-9


@dataclass(frozen=True)
class Near:
    """Numbers that may differ by `slack` if that is more than one part in 10^8 of them."""

    values: np.ndarray
    slack: np.ndarray


@dataclass
class Tally:
    """Numbers compared by estimator, the largest difference of each, and refusals on both sides."""

    versions: str
    compared: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    apart: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    refusals: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    data_sets: set[str] = field(default_factory=set)

    def lines(self) -> list[str]:
        """Write the count, then one line for each estimator."""
        total, refused = sum(self.compared.values()), sum(self.refusals.values())
        first = f"referee: {total:,} comparisons with {self.versions}"
        first += f" ({len(self.data_sets)} data sets); {refused} refusals on both sides"
        width = max(map(len, self.compared), default=0)
        return [first] + [
            f"  {what:<{width}} {count:>7,}   largest difference {self.apart[what]:.0e}"
            for what, count in self.compared.items()
        ]


class Judge:
    """Holds numbers against R's, one analysis of one data set at a time."""

    def __init__(self, tally: Tally) -> None:
        """Count into the session's tally."""
        self.tally = tally
        self.wrong: list[str] = []

    def analysis(
        self,
        name: str,
        data: str,
        ours: Mapping[str, object] | str | None,
        theirs: Mapping[str, np.ndarray] | str | None,
    ) -> None:
        """Compare an analysis: numbers by quantity, or the reason of a refusal, or None if unasked.

        A refusal on one side only is wrong, as is a quantity that only one side has.
        """
        if ours is None and theirs is None:
            return
        self.tally.data_sets.add(data)
        if isinstance(ours, str) and isinstance(theirs, str):
            self.tally.refusals[name] += 1
        elif isinstance(ours, Mapping) and isinstance(theirs, Mapping) and set(ours) == set(theirs):
            for quantity, values in ours.items():
                self._numbers(f"{name}: {quantity}", data, values, theirs[quantity])
        else:
            found = [list(side) if isinstance(side, Mapping) else side for side in (ours, theirs)]
            self.wrong.append(f"{name} of {data}: here {found[0]}; R {found[1]}")

    def _numbers(self, what: str, data: str, ours: object, theirs: np.ndarray) -> None:
        near = ours if isinstance(ours, Near) else Near(np.asarray(ours, float), np.zeros(1))
        values, slack = np.atleast_1d(near.values), near.slack
        if values.shape != theirs.shape:
            self.wrong.append(f"{what} of {data}: {values.shape} numbers, R {theirs.shape}")
            return
        self.tally.compared[what] += values.size
        known = np.isfinite(values) & np.isfinite(theirs)
        apart = np.abs(values - theirs, out=np.zeros(values.size), where=known)
        size = np.maximum(np.abs(theirs), slack / RELATIVE)
        relative = np.divide(apart, size, out=np.zeros(values.size), where=apart > 0)
        self.tally.apart[what] = max(self.tally.apart[what], float(relative.max(initial=0.0)))
        missing = np.isnan(values) & np.isnan(theirs)
        for i in np.flatnonzero(~missing & ~(known & (relative <= RELATIVE))):
            self.wrong.append(f"{what} of {data}, {i}: here {values[i]}, R {theirs[i]}")

    def verdict(self) -> None:
        """Fail with the first differences, if there are any."""
        shown = "\n".join(self.wrong[:15])
        assert not self.wrong, f"{len(self.wrong)} differences:\n{shown}"
