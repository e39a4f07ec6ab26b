"""Follow-up of one group of patients of `mlc_second_primary`: days, and what ended them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replica.events.facts import DAYS_PER_MONTH

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class FollowUp:
    """Follow-up of one group, one entry per patient: days, and what ended it.

    `event` is 0 for the end of follow-up, 1 for a second primary, 2 for death.
    """

    days: Integers
    event: Integers
    window: float

    @property
    def months(self) -> Floats:
        """Months within the window, with two decimals."""
        months = np.minimum(self.days.astype(np.float64) / DAYS_PER_MONTH, self.window)
        return np.asarray(np.round(months, 2), dtype=np.float64)

    def shuffled(self, rng: np.random.Generator) -> FollowUp:
        """Return the same patients in random order."""
        order = rng.permutation(len(self.days))
        return FollowUp(self.days[order], self.event[order], self.window)
