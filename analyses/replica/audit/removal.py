"""The smallest set of rows without which the rest of a paper's numbers can all be true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from replica.audit.finding import CLAIM_PREFIX, Checked
from replica.errors import EstimationError
from replica.published import PublishedValue

Clash = frozenset[str]


@dataclass(frozen=True)
class _Node:
    """A quantity as it is printed, alike, in some places: all of them are removed or none."""

    name: str
    ids: tuple[str, ...]
    quantity: tuple[str, ...]
    spoken: bool
    confirmed: int
    order: int

    @property
    def is_claim(self) -> bool:
        return self.name.startswith(CLAIM_PREFIX)


def smallest_removal(
    checks: Iterable[Checked], published: Iterable[PublishedValue] = ()
) -> tuple[str, ...]:
    """Return a smallest set of ids that meets every contradiction of the exact findings.

    Parameters
    ----------
    checks
        The outcomes of all checks; only exact findings exclude anything.
    published
        The printed numbers, in the order of print.

    Returns
    -------
    ids, in the order of print; those of claims in words carry the prefix `claim:`

    Notes
    -----
    A quantity that is printed alike in several places is removed from all of them. Among the sets
    that meet every contradiction the first of these that differs decides: fewest rows; fewest
    quantities; most rows that a model-based finding above rounding names as well and no check
    confirms; least confirmed by checks that fit; fewest claims in words; the rows printed last, as
    what is derived stands after what it comes from (an abstract counts as printed last). Words so
    give way before any number.
    """
    return tuple(name for node in _removed(tuple(checks), published) for name in node.ids)


def contradicted(
    checks: Iterable[Checked], published: Iterable[PublishedValue] = ()
) -> dict[str, str]:
    """Return the printed numbers that cannot hold beside the others, each with its evidence.

    Parameters
    ----------
    checks, published
        As for `smallest_removal`; of its ids, claims in words are left out.

    Returns
    -------
    mapping of id to `rule: message` of the first exact finding that excludes it
    """
    outcomes = tuple(checks)
    found = [check.finding for check in outcomes if check.finding is not None]
    evidence: dict[str, str] = {}
    for node in _removed(outcomes, published):
        for name in () if node.is_claim else node.ids:
            # its own contradiction, or that of the same number in another place
            named = [f for f in found if any(name in clash for clash in f.clashes)]
            alike = [f for f in found if any(set(node.ids) & set(clash) for clash in f.clashes)]
            reason = (named or alike)[0]
            evidence[name] = f"{reason.rule}: {reason.message}"
    return evidence


def confirmations(checks: Iterable[Checked]) -> Counter[str]:
    """Count the checks of numbers against numbers that each row passed; words confirm nothing."""
    return Counter(
        name
        for check in checks
        if check.fits and not any(name.startswith(CLAIM_PREFIX) for name in check.ids)
        for name in check.ids
    )


def _removed(checks: Sequence[Checked], published: Iterable[PublishedValue]) -> list[_Node]:
    nodes = _nodes(checks, tuple(published))
    owner = {name: node.name for node in nodes.values() for name in node.ids}
    clashes = {
        frozenset(owner[name] for name in clash)
        for check in checks
        if check.finding is not None
        for clash in check.finding.clashes
    }
    minimal = [clash for clash in clashes if not any(other < clash for other in clashes)]
    found = [nodes[name] for part in _parts(minimal) for name in _hit(part, nodes)]
    return sorted(found, key=lambda node: node.order)


def _nodes(checks: Sequence[Checked], published: Sequence[PublishedValue]) -> dict[str, _Node]:
    """Gather what the contradictions name: printed alike, a quantity is one thing to remove."""
    named = dict.fromkeys(
        name
        for check in checks
        if check.finding is not None
        for clash in check.finding.clashes
        for name in clash
    )
    confirmed = confirmations(checks)
    spoken = {
        name
        for check in checks
        if check.finding is not None
        and (check.finding.certainty, check.finding.severity != "rounding") == ("model_based", True)
        for name in check.finding.rows
    }
    ordered = sorted(published, key=lambda row: row.where.startswith("Abstract"))
    by_id = {row.id: (place, row) for place, row in enumerate(ordered)}
    alike: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for row in published:
        alike[row.key, row.printed].append(row.id)
    nodes: dict[str, _Node] = {}
    for place, name in enumerate(sorted(named)):
        if name in by_id:
            order, row = by_id[name]
            ids, quantity = tuple(alike[row.key, row.printed]), row.key
        else:
            order, ids, quantity = len(by_id) + place, (name,), (name,)
        against = any(each in spoken and not confirmed[each] for each in ids)
        first = min((by_id[each][0] for each in ids if each in by_id), default=order)
        support = sum(confirmed[each] for each in ids)
        nodes[ids[0]] = _Node(ids[0], ids, quantity, against, support, first)
    return nodes


def _parts(clashes: Sequence[Clash]) -> list[list[Clash]]:
    """Split contradictions into groups that share no row."""
    owner: dict[str, str] = {}

    def root(name: str) -> str:
        while owner.setdefault(name, name) != name:
            name = owner[name]
        return name

    for clash in clashes:
        first, *others = sorted(clash)
        for other in others:
            owner[root(other)] = root(first)
    groups: dict[str, list[Clash]] = defaultdict(list)
    for clash in clashes:
        groups[root(min(clash))].append(clash)
    return [groups[key] for key in sorted(groups)]


def _hit(clashes: Sequence[Clash], nodes: Mapping[str, _Node]) -> list[str]:
    names = sorted(set().union(*clashes), key=lambda name: nodes[name].order)
    best = _cheapest(clashes, nodes, ())
    # Among equals the last in print, settled one by one so that no solver's whim shows.
    removed: list[str] = []
    for name in reversed(names):
        unmet = any(not clash & set(removed) for clash in clashes)
        if unmet and _cheapest(clashes, nodes, (*removed, name)) == best:
            removed.append(name)
    return removed


def _cheapest(clashes: Sequence[Clash], nodes: Mapping[str, _Node], kept: Sequence[str]) -> int:
    """Return the least cost of a set that meets every contradiction and holds the names given."""
    model = cp_model.CpModel()
    names = sorted(set().union(*clashes))
    chosen = {name: model.new_bool_var(name) for name in names}
    for clash in sorted(clashes, key=sorted):
        model.add_at_least_one([chosen[name] for name in sorted(clash)])
    for name in kept:
        model.add(chosen[name] == 1)
    numbers = [nodes[name] for name in names if not nodes[name].is_claim]
    quantities: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for node in numbers:
        quantities[node.quantity].append(node.name)
    removed = {}
    for place, members in enumerate(quantities.values()):
        removed[place] = model.new_bool_var(f"quantity {place}")
        for name in members:
            model.add_implication(chosen[name], removed[place])
    # Each step weighs more than all that follow it together.
    claims = len(names) - len(numbers)
    rows = sum(len(node.ids) for node in numbers)
    support = claims + 1
    unspoken = support * (sum(node.confirmed for node in numbers) + 1)
    apart = unspoken * (rows + 1)
    row = apart * (len(quantities) + 1)
    cost: list[cp_model.LinearExprT] = []
    cost += [chosen[name] for name in names if nodes[name].is_claim]
    cost += [apart * variable for variable in removed.values()]
    cost += [
        ((row + unspoken * (not node.spoken)) * len(node.ids) + support * node.confirmed)
        * chosen[node.name]
        for node in numbers
    ]
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    if solver.solve(model) != cp_model.OPTIMAL:
        raise EstimationError(
            f"smallest removal: no best set found among {len(names)} rows; check the findings one "
            "by one."
        )
    return round(solver.objective_value)
