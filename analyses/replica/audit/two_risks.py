"""Two risks from counts: their ratio with its interval, and their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from scipy.special import ndtri

from replica.audit.counts import CountTable
from replica.contingency import Ratio


@dataclass(frozen=True)
class TwoRisks:
    """The patients of two groups with something, and the sizes of the groups (at least 1)."""

    with_it: tuple[int, int]
    sizes: tuple[int, int]

    @property
    def risks(self) -> tuple[Fraction, Fraction]:
        """The two risks, exactly."""
        return (
            Fraction(self.with_it[0], self.sizes[0]),
            Fraction(self.with_it[1], self.sizes[1]),
        )

    @property
    def without(self) -> TwoRisks:
        """The same of those without it."""
        left = (self.sizes[0] - self.with_it[0], self.sizes[1] - self.with_it[1])
        return TwoRisks(left, self.sizes)

    @property
    def difference(self) -> Fraction:
        """The first risk less the second."""
        return self.risks[0] - self.risks[1]

    def ratio(self) -> tuple[Fraction, Ratio] | None:
        """Return the first risk over the second, exactly and with Katz's 95% interval.

        None where a risk is 0. Katz and colleagues (1978): the squared standard error of the log
        ratio is 1/a - 1/m + 1/c - 1/n for a of m and c of n patients.
        """
        (a, c), (m, n) = self.with_it, self.sizes
        if min(a, c) == 0:
            return None
        exact = self.risks[0] / self.risks[1]
        error = math.sqrt(max(1 / a - 1 / m + 1 / c - 1 / n, 0.0))
        log, reach = math.log(exact), float(ndtri(0.975)) * error
        p = math.erfc(abs(log) / error / math.sqrt(2)) if error else float(log == 0)
        return exact, Ratio(float(exact), math.exp(log - reach), math.exp(log + reach), p)


def two_risks(counts: CountTable) -> TwoRisks | None:
    """Read the first of two levels as what the risks are of; None with more levels than two."""
    if len(counts.counts) != 2:
        return None
    (a, c), (b, d) = counts.counts
    if min(a + b, c + d) == 0:
        return None
    return TwoRisks((a, c), (a + b, c + d))
