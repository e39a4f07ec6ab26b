"""Plant slips, audit what then stands there, and see what the audit makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from auditing.clean import clean_papers
from auditing.reading import Cells
from auditing.reference import excluded
from auditing.slips import KINDS, Slip, draw_two, sites
from replica.audit import Claim, Finding, all_rules, check_all, findings
from replica.audit.edit import Edit
from replica.audit.explanation import search
from replica.audit.paper import Paper
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

# So many slips make a piece of work.
_PIECE = 10
TWO = "two slips"
INVERSE = "inverse ratio"


@dataclass(frozen=True)
class Outcome:
    """What became of one planted slip.

    `detectable` says that arithmetic excludes it, `found` that a finding names a changed number,
    `exact` that one that rests on arithmetic does. `false_headlines` counts headline findings that
    name no changed number. `rank` is the place of the true edit among those offered (1 the first; 0
    not among them), `as_good` how many edits do as well as the first, `tried` how many were tried.
    """

    table: str
    kind: str
    number: int
    changed: int
    detectable: bool
    found: bool
    exact: bool
    false_headlines: int
    rule: str = ""
    rank: int = 0
    as_good: int = 0
    tried: int = 0


def plant(
    papers: Sequence[Paper], kind: str, number: int, rng: np.random.Generator
) -> Iterator[tuple[Paper, Slip]]:
    """Draw slips of a kind: a paper at random, then one of the slips that it has room for.

    Papers without room for the kind are left out; a slip is drawn once only as long as others are
    left in its paper.
    """
    cells = [Cells(paper) for paper in papers]
    if kind == TWO:
        for _ in range(number):
            slip = None
            while slip is None:
                at = int(rng.integers(len(papers)))
                slip = draw_two(cells[at], rng)
            yield papers[at], slip
        return
    rooms = [(paper, sites(kind, cell)) for paper, cell in zip(papers, cells, strict=True)]
    rooms = [(paper, slips) for paper, slips in rooms if slips]
    orders = [list(rng.permutation(len(slips))) for _, slips in rooms]
    for _ in range(number):
        at = int(rng.integers(len(rooms)))
        paper, slips = rooms[at]
        if not orders[at]:
            orders[at] = list(rng.permutation(len(slips)))
        yield paper, slips[orders[at].pop()]


def judge(paper: Paper, slip: Slip, number: int) -> Outcome:
    """Audit a paper with a slip in it, and search the slip."""
    rows = slip.apply(paper.published)
    changed = {name for name, _ in slip.changes}
    known = set(_findings(paper.published, paper.claims))
    new = [f for f in _findings(rows, paper.claims) if f not in known]
    found = [f for f in new if changed & set(f.ids)]
    outcome = Outcome(
        paper.name,
        slip.kind,
        number,
        len(changed),
        detectable=excluded(replace(paper, published=rows)),
        found=bool(found),
        exact=any(f.certainty == "exact" for f in found),
        false_headlines=sum(f.severity == "headline" and not changed & set(f.ids) for f in new),
    )
    searched = [f for f in found if not f.rule.startswith("words_")]
    if not searched:
        return outcome
    first = min(searched, key=lambda f: f.certainty != "exact")
    result = search(PrintedTable(rows, paper.study, paper.claims), first, all_rules())
    truth = {(name, row.printed) for row in paper.published if (name := row.id) in changed}
    ranks = [
        place
        for place, candidate in enumerate(result.candidates, start=1)
        if truth == set(candidate.edit.changes) or _inverted(slip, candidate.edit)
    ]
    return replace(
        outcome,
        rule=first.rule,
        rank=ranks[0] if ranks else 0,
        as_good=result.as_good if result.candidates else 0,
        tried=result.tried,
    )


@lru_cache(maxsize=64)  # a table is clean again and again
def _findings(rows: tuple[PublishedValue, ...], claims: tuple[Claim, ...]) -> tuple[Finding, ...]:
    return findings(check_all(rows, None, claims), rows)


def _inverted(slip: Slip, edit: Edit) -> bool:
    """Whether an inverse is undone: the digits lost by inverting cannot come back."""
    cells = {name for name, _ in slip.changes}
    return slip.kind == edit.kind == INVERSE and cells == {name for name, _ in edit.changes}


def run(
    *,
    each: int,
    seed: int,
    kinds: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Plant `each` slips of every kind, or of those named; the seed decides which.

    Every kind has a generator of its own, so that neither the number of processes nor the other
    kinds change what is planted.
    """
    asked = [kind for kind in (*KINDS, TWO) if not kinds or kind in kinds]
    pieces = [(kind, place, each, seed) for kind in asked for place in range(0, each, _PIECE)]
    outcomes: list[Outcome] = []
    for made in _mapped(pieces, workers):
        outcomes += made
        if progress is not None:
            progress(len(outcomes), each * len(asked))
    return tuple(outcomes)


_Asked = tuple[str, int, int, int]


def _mapped(pieces: Sequence[_Asked], workers: int) -> Iterator[list[Outcome]]:
    if workers == 1:
        yield from map(_judged, pieces)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_judged, pieces)


def _judged(asked: _Asked) -> list[Outcome]:
    kind, first, each, seed = asked
    rng = np.random.default_rng([seed, [*KINDS, TWO].index(kind)])
    planted = list(plant(clean_papers(seed), kind, each, rng))
    return [judge(*planted[at], at) for at in range(first, min(first + _PIECE, len(planted)))]
