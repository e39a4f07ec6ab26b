"""The smallest set of rows without which the rest of a paper's numbers can all be true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ortools.sat.python import cp_model

from replica.audit.finding import CLAIM_PREFIX, Checked, Finding
from replica.errors import EstimationError

Clash = frozenset[str]


def smallest_removal(
    findings: Iterable[Finding], confirmed: Mapping[str, int] | None = None
) -> tuple[str, ...]:
    """Return a smallest set of ids that meets every contradiction of the exact findings.

    Parameters
    ----------
    findings
        Findings of any certainty; only exact ones exclude anything.
    confirmed
        How many checks confirm each id (`confirmations`). Of a contradiction only the rows count
        by which the checks that confirm least exceed those that contradict: what other numbers
        imply anyway is not freed by removing it. Claims in words give way before any number.
        Among sets of as few numbers, the one that is confirmed least is taken; then the first by
        id.

    Returns
    -------
    ids, sorted; those of claims in words carry the prefix `claim:`
    """
    support = confirmed or {}
    every = {frozenset(clash) for finding in findings for clash in finding.clashes}
    clashes = _open(every, support)
    minimal = [clash for clash in clashes if not any(other < clash for other in clashes)]
    removed: list[str] = []
    for part in _parts(minimal):
        removed.extend(_hit(part, support))
    return tuple(sorted(removed))


def contradicted(
    findings: Sequence[Finding], confirmed: Mapping[str, int] | None = None
) -> dict[str, str]:
    """Return the printed numbers that cannot hold beside the others, each with its evidence.

    Parameters
    ----------
    findings, confirmed
        As for `smallest_removal`; of its ids, claims in words are left out.

    Returns
    -------
    mapping of id to `rule: message` of the first exact finding that excludes it
    """
    evidence: dict[str, str] = {}
    for name in smallest_removal(findings, confirmed):
        if name.startswith(CLAIM_PREFIX):
            continue
        finding = next(f for f in findings if any(name in clash for clash in f.clashes))
        evidence[name] = f"{finding.rule}: {finding.message}"
    return evidence


def confirmations(checks: Iterable[Checked]) -> Counter[str]:
    """Count the checks of numbers against numbers that each row passed; words confirm nothing."""
    return Counter(
        name
        for check in checks
        if check.fits and not any(name.startswith(CLAIM_PREFIX) for name in check.ids)
        for name in check.ids
    )


def _open(clashes: Iterable[Clash], support: Mapping[str, int]) -> set[Clash]:
    """Take from each contradiction the rows that more checks confirm than contradict.

    Of a contradiction between such rows alone the least confirmed ones stay.
    """
    known = set(clashes)
    against = Counter(name for clash in known for name in clash)
    excess = {
        name: 0 if name.startswith(CLAIM_PREFIX) else max(support.get(name, 0) - times, 0)
        for name, times in against.items()
    }
    reduced = set()
    for clash in known:
        least = min(excess[name] for name in clash)
        reduced.add(frozenset(name for name in clash if excess[name] == least))
    return reduced


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


def _hit(clashes: Sequence[Clash], support: Mapping[str, int]) -> list[str]:
    names = sorted(set().union(*clashes))
    # Rows are counted first, then how far each is confirmed; words give way before any number.
    claims = [name for name in names if name.startswith(CLAIM_PREFIX)]
    weight = {name: (1 + len(claims)) * (1 + support.get(name, 0)) for name in names}
    each = 1 + sum(weight.values()) + len(claims)
    cost = {name: 1 if name in claims else each + weight[name] for name in names}
    best = _cheapest(clashes, cost, ())
    # Among equals the first by id, settled one id at a time so that no solver's whim shows.
    removed: list[str] = []
    for name in names:
        open_ones = any(not clash & set(removed) for clash in clashes)
        if open_ones and _cheapest(clashes, cost, (*removed, name)) == best:
            removed.append(name)
    return removed


def _cheapest(clashes: Sequence[Clash], cost: Mapping[str, int], kept: Sequence[str]) -> int:
    """Return the least cost of a set that meets every contradiction and holds the ids given."""
    model = cp_model.CpModel()
    chosen = {name: model.new_bool_var(name) for name in cost}
    for clash in sorted(clashes, key=sorted):
        model.add_at_least_one([chosen[name] for name in sorted(clash)])
    for name in kept:
        model.add(chosen[name] == 1)
    model.minimize(sum(cost[name] * variable for name, variable in chosen.items()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    if solver.solve(model) != cp_model.OPTIMAL:
        raise EstimationError(
            f"smallest removal: no best set found among {len(cost)} rows; check the findings one "
            "by one."
        )
    return round(solver.objective_value)
