"""Whether whole numbers of patients can be what is printed: linear relations between counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

# Nobody prints larger counts of patients.
_LARGEST = 10**9
# Sets of relations that are looked into; beyond it no further contradiction is searched.
_SETS = 150
# Rounds in which bounds are narrowed, and splits after them, before the answer is left open.
_ROUNDS = 15
_SPLITS = 12

Bounds = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Constraint:
    """The sum of coefficients times whole numbers lies between two bounds, if there are any.

    `names` says what makes it hold: printed numbers that can be taken away; a constraint without
    one always holds. `relation` names what relates several counts, so that it can be told.
    """

    terms: tuple[tuple[str, int], ...]
    low: int | None
    high: int | None
    names: frozenset[str] = frozenset()
    relation: str = ""


def equals(variable: str, value: int, name: str) -> Constraint:
    """Return the constraint of a count that is printed."""
    return Constraint(((variable, 1),), value, value, frozenset([name]))


def possible(constraints: Sequence[Constraint]) -> bool:
    """Whether some whole numbers, none negative, meet all constraints.

    Bounds are narrowed until nothing changes; what that leaves open is split in half. Where the
    search is cut short the answer is yes, so that a no is always right.
    """
    names = {variable for constraint in constraints for variable, _ in constraint.terms}
    stack: list[Bounds] = [dict.fromkeys(names, (0, _LARGEST))]
    for _ in range(_SPLITS):
        if not stack:
            return False
        bounds = stack.pop()
        if not _narrowed(constraints, bounds):
            continue
        if any(_all_hold(constraints, _ends(bounds, end)) for end in (0, 1)):
            return True
        wide = [(high - low, name) for name, (low, high) in bounds.items() if high > low]
        if not wide:
            continue
        _, name = min(wide)
        low, high = bounds[name]
        middle = (low + high) // 2
        stack.append({**bounds, name: (middle + 1, high)})
        stack.append({**bounds, name: (low, middle)})
    return True


def _ends(bounds: Bounds, end: int) -> dict[str, int]:
    return {name: both[end] for name, both in bounds.items()}


def _narrowed(constraints: Sequence[Constraint], bounds: Bounds) -> bool:
    """Narrow the bounds in place until nothing changes; False once a variable has no value left."""
    for _ in range(_ROUNDS):
        changed = False
        for constraint in constraints:
            spans = [_span(bounds[name], factor) for name, factor in constraint.terms]
            least, most = sum(low for low, _ in spans), sum(high for _, high in spans)
            low_end, high_end = constraint.low, constraint.high
            if high_end is not None and least > high_end:
                return False
            if low_end is not None and most < low_end:
                return False
            for (name, factor), (low, high) in zip(constraint.terms, spans, strict=True):
                # what the other terms leave to this one
                upper = None if high_end is None else high_end - (least - low)
                lower = None if low_end is None else low_end - (most - high)
                found = _divided(lower, upper, factor)
                old = bounds[name]
                new = (max(old[0], found[0]), min(old[1], found[1]))
                if new[0] > new[1]:
                    return False
                if new != old:
                    bounds[name] = new
                    changed = True
        if not changed:
            return True
    return True


def _span(bounds: tuple[int, int], factor: int) -> tuple[int, int]:
    low, high = bounds[0] * factor, bounds[1] * factor
    return (low, high) if factor > 0 else (high, low)


def _divided(lower: int | None, upper: int | None, factor: int) -> tuple[int, int]:
    """Return the whole numbers whose multiples lie between two bounds."""
    if factor < 0:
        lower, upper = (None if upper is None else -upper), (None if lower is None else -lower)
        factor = -factor
    low = 0 if lower is None else -(-lower // factor)
    high = _LARGEST if upper is None else upper // factor
    return low, high


def _all_hold(constraints: Sequence[Constraint], values: dict[str, int]) -> bool:
    for constraint in constraints:
        total = sum(values[name] * factor for name, factor in constraint.terms)
        if constraint.low is not None and total < constraint.low:
            return False
        if constraint.high is not None and total > constraint.high:
            return False
    return True


@dataclass(frozen=True)
class Conflict:
    """The fewest printed numbers that cannot all be right, and the constraints that say so."""

    names: frozenset[str]
    constraints: tuple[Constraint, ...]


def conflicts(constraints: Sequence[Constraint]) -> tuple[Conflict, ...]:
    """Return contradictions such that removing a number from each leaves the rest possible.

    Notes
    -----
    Reiter's tree of hitting sets: whatever is taken away to resolve the contradictions known so
    far, the rest is tried again. Each contradiction is minimal: without any of its numbers, or of
    its relations, it is none.
    """
    found: list[Conflict] = []
    waiting: list[frozenset[str]] = [frozenset()]
    seen: set[frozenset[str]] = set()
    while waiting and len(seen) < _SETS:
        removed = waiting.pop(0)
        if removed in seen:
            continue
        seen.add(removed)
        known = next((each for each in found if not each.names & removed), None)
        if known is None:
            kept = [each for each in constraints if not each.names & removed]
            if possible(kept):
                continue
            known = _smallest(kept)
            if not known.names:
                return ()  # relations alone, so that no printed number is to blame
            found.append(known)
        waiting += [removed | {name} for name in sorted(known.names)]
    return tuple(found)


def _smallest(constraints: Sequence[Constraint]) -> Conflict:
    """Leave out numbers, then relations, as long as what is left is impossible."""
    kept = list(constraints)
    for name in sorted(_names(kept)):
        fewer = [each for each in kept if name not in each.names]
        if not possible(fewer):
            kept = fewer
    for each in [each for each in kept if each.relation and not each.names]:
        fewer = [other for other in kept if other is not each]
        if not possible(fewer):
            kept = fewer
    return Conflict(_names(kept), tuple(kept))


def _names(constraints: Iterable[Constraint]) -> frozenset[str]:
    return frozenset(name for each in constraints for name in each.names)


def relations(found: Collection[Constraint]) -> tuple[str, ...]:
    """Name what relates the counts of a contradiction, each once."""
    return tuple(dict.fromkeys(each.relation for each in found if each.relation))
