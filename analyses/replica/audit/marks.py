"""How each printed number stands after the audit: the cells of a heat map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from replica.audit.finding import Checked
from replica.audit.removal import confirmations, smallest_removal
from replica.audit.table import SIZE_ITEMS
from replica.published import PublishedValue

Mark = Literal["unchecked", "confirmed", "rounding", "questioned", "involved", "contradicted"]
MARKS: tuple[Mark, ...] = get_args(Mark)
REPEATED = "repeated_number"


def marks(published: Iterable[PublishedValue], checks: Iterable[Checked]) -> dict[str, Mark]:
    """Return how each printed number stands, by id.

    Parameters
    ----------
    published
        The printed numbers.
    checks
        The outcomes of `check_all` on them.

    Returns
    -------
    `contradicted`: among the fewest numbers whose removal leaves the rest possible. `involved`: in
    an exact contradiction that another row's removal resolves, and not confirmed otherwise.
    `questioned`: in a model-based finding above rounding. `rounding`: in a finding of a unit of
    the last digit. `confirmed`: only in checks that fit. `unchecked`: in none. For a
    number of a finding, that the same is printed elsewhere confirms nothing; a group's size that
    other numbers confirm is not marked beside them.
    """
    outcomes, printed = tuple(checks), tuple(published)
    found = [check.finding for check in outcomes if check.finding is not None]
    confirmed = confirmations(outcomes)
    followed = confirmations(each for each in outcomes if each.rule != REPEATED)
    sizes = {row.id for row in printed if row.item in SIZE_ITEMS and row.statistic == "n"}
    removed = set(smallest_removal(outcomes, printed))
    standing: dict[str, Mark] = {}
    for row in printed:
        standing[row.id] = "confirmed" if confirmed[row.id] else "unchecked"
    for finding in found:
        clashing = {name for clash in finding.clashes for name in clash}
        for name in finding.rows:
            mark: Mark = "questioned"
            if finding.severity == "rounding":
                mark = "rounding"
            elif name in clashing:
                mark = "involved"
            if name in removed:
                mark = "contradicted"
            elif name in sizes and confirmed[name] and not sizes.issuperset(finding.rows):
                continue
            elif followed[name] and not _names_only(finding.rows, followed):
                continue  # other numbers confirm this one; the finding rests on another of its rows
            standing[name] = max(standing[name], mark, key=MARKS.index)
    # the same number in another place, which no finding needs to name
    return {name: "contradicted" if name in removed else mark for name, mark in standing.items()}


def _names_only(rows: Iterable[str], confirmed: dict[str, int]) -> bool:
    """Whether every row of a finding is confirmed elsewhere, so that none stands out."""
    return all(confirmed.get(name, 0) for name in rows)
