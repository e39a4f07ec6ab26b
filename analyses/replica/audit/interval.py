"""Exact rational intervals: which unrounded values a printed number stands for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from replica.errors import PublishedTableError
from replica.published import Printed

HALF_UP = "half up"
HALF_EVEN = "half to even"
TRUNCATED = "truncated"
ROUNDINGS = (HALF_UP, HALF_EVEN, TRUNCATED)


@dataclass(frozen=True)
class Interval:
    """A closed interval of rationals; an end that is None is infinite."""

    low: Fraction | None
    high: Fraction | None

    def __post_init__(self) -> None:
        """Refuse ends out of order."""
        if self.low is not None and self.high is not None and self.low > self.high:
            raise PublishedTableError(
                f"found the interval {self.low} to {self.high}, which is empty."
            )

    def __contains__(self, value: Fraction) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def meets(self, other: Interval) -> bool:
        """Whether some value lies in both."""
        return not (self.below(other) or other.below(self))

    def below(self, other: Interval) -> bool:
        """Whether every value here is less than every value there."""
        return self.high is not None and other.low is not None and self.high < other.low

    def __add__(self, other: Interval) -> Interval:
        return Interval(_plus(self.low, other.low), _plus(self.high, other.high))

    def __neg__(self) -> Interval:
        return Interval(
            None if self.high is None else -self.high, None if self.low is None else -self.low
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def times(self, factor: Fraction | int) -> Interval:
        """Multiply by a factor that is not negative."""
        return Interval(
            None if self.low is None else self.low * factor,
            None if self.high is None else self.high * factor,
        )

    def product(self, other: Interval) -> Interval:
        """Multiply by another interval; both must not reach below 0 and end above."""
        low, high = _positive(self)
        other_low, other_high = _positive(other)
        return Interval(
            low * other_low, None if high is None or other_high is None else high * other_high
        )

    def quotient(self, other: Interval) -> Interval:
        """Divide by another interval; both must not reach below 0."""
        low, high = _positive(self)
        other_low, other_high = _positive(other)
        return Interval(
            Fraction(0) if other_high is None or other_high == 0 else low / other_high,
            None if high is None or other_low == 0 else high / other_low,
        )

    def clipped(self, low: int, high: int) -> Interval:
        """Cut to the values that the quantity can take; an interval wholly outside stays."""
        bounds = Interval(Fraction(low), Fraction(high))
        if not self.meets(bounds):
            return self
        return Interval(
            max(bounds.low or Fraction(0), self.low) if self.low is not None else Fraction(low),
            min(Fraction(high), self.high) if self.high is not None else Fraction(high),
        )


def _plus(left: Fraction | None, right: Fraction | None) -> Fraction | None:
    return None if left is None or right is None else left + right


def _positive(interval: Interval) -> tuple[Fraction, Fraction | None]:
    if interval.low is None or (interval.high is not None and interval.high < 0):
        raise PublishedTableError(
            f"found {interval.low} to {interval.high}; products need numbers that are not negative."
        )
    return max(interval.low, Fraction(0)), interval.high


def exactly(value: Fraction | int) -> Interval:
    """Return the interval of one value."""
    return Interval(Fraction(value), Fraction(value))


def printed_interval(printed: Printed) -> Interval | None:
    """Return every value that could be printed so by rounding to nearest; None for words.

    Both halves belong to it, so that what lies outside is excluded under rounding half up and
    half to even alike. `<0.001` and `>.99` are half-infinite.
    """
    if printed.kind == "below":
        return Interval(None, printed.value)
    if printed.kind == "above":
        return Interval(printed.value, None)
    if printed.kind == "text":
        return None
    half = printed.unit / 2
    return Interval(printed.value - half, printed.value + half)


def roundings(printed: Printed, value: Fraction) -> tuple[str, ...]:
    """Name the ways of rounding by which an exact value is printed so; empty if none is."""
    if printed.kind != "number":
        return ROUNDINGS if printed.admits(value) else ()
    # whole numbers throughout: fractions would take most of the time of an audit
    scale = 10**printed.digits
    above, below = value.numerator * scale, value.denominator
    shown = printed.value.numerator * (scale // printed.value.denominator)
    whole, rest = divmod(above, below)
    found = {
        HALF_UP: (2 * above + below) // (2 * below),
        HALF_EVEN: whole + (2 * rest > below or (2 * rest == below and whole % 2 == 1)),
        TRUNCATED: whole if above >= 0 else -(-above // below),
    }
    return tuple(name for name in ROUNDINGS if found[name] == shown)


def show(value: Fraction | float, digits: int) -> str:
    """Write a value at some decimal places, rounded half up."""
    above, below = value.as_integer_ratio()
    whole = (2 * abs(above) * 10**digits + below) // (2 * below)
    sign = "-" if above < 0 and whole else ""
    if not digits:
        return f"{sign}{whole}"
    text = str(whole).zfill(digits + 1)
    return f"{sign}{text[:-digits]}.{text[-digits:]}"
