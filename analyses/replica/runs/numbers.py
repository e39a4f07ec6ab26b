"""The numbers in a cell of a result table: "0.87 (0.70-1.08)", "12 (3.4)", "<0.001"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from replica.comparison import MARKS

# A minus stands before a number and after nothing, a space or a bracket; between two numbers the
# same sign means "to". Groups of thousands are those of the papers: 2,167.
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>(?<![\d)%])[-−+])?"  # noqa: RUF001 - the typographic minus
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?![\d,])|\d+)?(?P<fraction>\.\d+)?(?P<power>[eE][-+]?\d+)?(?!\w)"
)
_RANGE = re.compile(r"\s*(?:[-–—]|to|,)\s*")  # noqa: RUF001 - dashes between numbers
_MARK = re.compile(r"\s*[" + "".join(mark.strip() for mark in MARKS.values()) + r"]\s*$")

_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")

_PLACES = {
    ("#", " (", "#", ")"): ("before the brackets", "in brackets"),
    ("#", " (", "#", "%)"): ("before the brackets", "in brackets"),
    ("#", " (", "#", "to", "#", ")"): ("estimate", "lower end", "upper end"),
    ("#", "to", "#"): ("lower end", "upper end"),
}


@dataclass(frozen=True)
class Cell:
    """A cell taken apart: its numbers, and the text between them with `#` for each number.

    A mark of agreement at its end belongs to neither: it comments on the printed number.
    """

    text: str
    pattern: tuple[str, ...]
    numbers: tuple[Decimal, ...]
    written: tuple[str, ...]

    def wordless(self) -> bool:
        """Whether the cell holds numbers and no word beside them."""
        between = "".join(part for part in self.pattern if part not in {"#", "to"})
        return bool(self.numbers) and not any(sign.isalpha() for sign in between)

    def bounded(self) -> bool:
        """Whether a number is a bound, as in "<0.001": two bounds have no difference."""
        return any("<" in part or ">" in part for part in self.pattern)

    def place(self, index: int) -> str:
        """What the number at this place is; empty in a cell of one number."""
        if len(self.numbers) == 1:
            return ""
        names: Sequence[str] = _PLACES.get(self.pattern, ())
        return names[index] if names else f"number {index + 1} of {len(self.numbers)}"


def split(text: str) -> Cell:
    """Take a cell apart.

    Parameters
    ----------
    text
        A cell of a CSV table.
    """
    bare = _MARK.sub("", text.strip())
    pattern: list[str] = []
    numbers: list[Decimal] = []
    written: list[str] = []
    end = 0
    for found in () if _DATE.fullmatch(bare) else _NUMBER.finditer(bare):
        if not (found["digits"] or found["fraction"]):
            continue
        _add(pattern, bare[end : found.start()])
        pattern.append("#")
        numbers.append(Decimal(found.group().replace(",", "").replace("−", "-")))  # noqa: RUF001 - as above
        written.append(found.group())
        end = found.end()
    _add(pattern, bare[end:])
    return Cell(text, tuple(pattern), tuple(numbers), tuple(written))


def _add(pattern: list[str], between: str) -> None:
    if pattern and _RANGE.fullmatch(between):
        pattern.append("to")
    elif between:
        pattern.append(re.sub(r"\s+", " ", between))
