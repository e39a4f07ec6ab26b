"""Which counts must be masked so that no small one can be read or worked out."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)

_ZERO = 1e-9


@dataclass(frozen=True)
class Sum(Generic[Key]):
    """One count that is the sum of others, as any reader knows who sees them all."""

    total: Key
    parts: tuple[Key, ...]

    @property
    def members(self) -> tuple[Key, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


def small(count: int, min_cell: int) -> bool:
    """Whether a count must not be known: from 1 to one less than the smallest that may be."""
    return 0 < count < min_cell


def suppressed(
    counts: Mapping[Key, int],
    sums: Sequence[Sum[Key]],
    *,
    shown: Collection[Key],
    fixed: Collection[Key] = (),
    kept: Collection[Key] = (),
    min_cell: int,
) -> frozenset[Key]:
    """Choose the counts to mask: the small ones, and others from which these would follow.

    Parameters
    ----------
    counts
        Every count, shown or not, by a key of its own.
    sums
        Which counts add up to which.
    shown
        Keys of the counts that tables show.
    fixed
        Keys of those that are shown whatever follows (the sizes of the groups compared).
    kept
        Keys of those that are masked to protect others only where nothing else does.
    min_cell
        The smallest count, other than 0, that may be known; 0 masks nothing.

    Returns
    -------
    frozenset
        Keys to mask, all among `shown`. Small counts that are not shown (the rest of a total) are
        protected as well. A count is given away if the sums determine it, or if all masked members
        of one sum together are small. Only fixed counts that are themselves small, or from which
        one follows directly, stay.

    Notes
    -----
    Primary and secondary cell suppression (Hundepool et al., Statistical Disclosure Control, Wiley
    2012, chapter 4), with the second cell chosen greedily: the smallest one not 0, parts before
    totals. Determined cells are found by linear algebra, over all sums at once.
    """
    if min_cell < 2:
        return frozenset()
    secret = {key for key, count in counts.items() if small(count, min_cell)}
    open_to_choice = set(shown) - set(fixed)
    masked = secret & open_to_choice
    unknown = (set(counts) - set(shown)) | masked
    beyond_help: set[Key] = set()
    while True:
        told = next(_telling(counts, sums, unknown, secret - beyond_help, min_cell), None)
        if told is None:
            return frozenset(masked)
        key, around = told
        free = open_to_choice - unknown
        chosen = _next(counts, around, free - set(kept)) or _next(counts, around, free)
        if chosen is None:
            beyond_help.add(key)
        else:
            masked.add(chosen)
            unknown.add(chosen)


def _telling(
    counts: Mapping[Key, int],
    sums: Sequence[Sum[Key]],
    unknown: set[Key],
    secret: set[Key],
    min_cell: int,
) -> Iterator[tuple[Key, tuple[Sum[Key], ...]]]:
    """Secret counts that can be worked out, each with the sums to which a mask must be added."""
    for part in _connected(sums, unknown):
        keys = sorted({key for sum_ in part for key in sum_.members if key in unknown}, key=repr)
        wanted = [key for key in keys if key in secret]
        if not wanted:
            continue
        determined = _determined(part, keys)
        for key in wanted:
            if key in determined:
                yield key, _outward(part, key, unknown)
        for sum_ in part:
            hidden = [key for key in sum_.parts if key in unknown]
            among = [key for key in hidden if key in secret]
            # Two masked counts that add up to 2 are 1 and 1.
            if among and sum_.total not in unknown and sum(counts[k] for k in hidden) < min_cell:
                yield among[0], (sum_,)


def _determined(sums: Sequence[Sum[Key]], keys: Sequence[Key]) -> set[Key]:
    """Which of the unknown counts the sums leave only one value."""
    place = {key: i for i, key in enumerate(keys)}
    matrix = np.zeros((len(sums), len(keys)))
    for row, sum_ in enumerate(sums):
        for key, sign in ((sum_.total, 1.0), *((part, -1.0) for part in sum_.parts)):
            if key in place:
                matrix[row, place[key]] += sign
    _, values, vectors = np.linalg.svd(matrix)
    rank = int((values > _ZERO).sum())
    freedom = np.abs(vectors[rank:]).max(axis=0, initial=0.0)
    return {key for key, moves in zip(keys, freedom, strict=True) if moves < _ZERO}


def _connected(sums: Sequence[Sum[Key]], unknown: set[Key]) -> Iterator[list[Sum[Key]]]:
    """Sums that share unknown counts, together; those without any are left out."""
    groups: list[tuple[set[Key], list[Sum[Key]]]] = []
    for sum_ in sums:
        keys = {key for key in sum_.members if key in unknown}
        if not keys:
            continue
        together = [sum_]
        apart = []
        for others, members in groups:
            if others & keys:
                keys |= others
                together = [*members, *together]
            else:
                apart.append((others, members))
        groups = [*apart, (keys, together)]
    for _, members in groups:
        yield members


def _outward(sums: Sequence[Sum[Key]], key: Key, unknown: set[Key]) -> tuple[Sum[Key], ...]:
    """Order sums by how many unknown counts lie between them and a key."""
    ordered: list[Sum[Key]] = []
    reached, left = {key}, list(sums)
    while left:
        near = [sum_ for sum_ in left if reached & set(sum_.members)]
        ordered += near
        left = [sum_ for sum_ in left if sum_ not in near]
        reached |= {member for sum_ in near for member in sum_.members if member in unknown}
    return tuple(ordered)


def _next(counts: Mapping[Key, int], around: Sequence[Sum[Key]], free: set[Key]) -> Key | None:
    """Return the next count to mask: as near as may be, parts first, the smallest that is not 0."""
    for sum_ in around:
        for members in (sum_.parts, (sum_.total,)):
            left = [key for key in members if key in free and counts[key]]
            if left:
                return min(left, key=lambda key: (counts[key], repr(key)))
    return None
