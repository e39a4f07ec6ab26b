"""Plant slips, audit what then stands there, and see what the audit makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from auditing.reading import Cells
from auditing.reference import excluded
from auditing.slips import KINDS, Slip, draw_two, sites
from replica.audit import Finding, all_rules, check_all, findings
from replica.audit.edit import Edit
from replica.audit.explanation import search
from replica.audit.paper import Paper
from replica.audit.table import PrintedTable

TWO = "two slips"
INVERSE = "inverse ratio"


@dataclass(frozen=True)
class Outcome:
    """What became of one planted slip.

    `detectable` says that arithmetic excludes it, `found` that a finding names a changed number,
    `exact` that one that rests on arithmetic does, `marked` that it is graded above rounding.
    `rank` is the place of the true edit among those offered (1 the first; 0 not among them), `None`
    where nothing was searched; `tried` counts the edits searched.
    """

    paper: str
    kind: str
    number: int
    detectable: bool
    found: bool
    exact: bool
    marked: bool
    rule: str = ""
    rank: int | None = None
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


def judge(paper: Paper, slip: Slip, number: int, clean: set[Finding], *, explain: bool) -> Outcome:
    """Audit a paper with a slip in it, and search the slip."""
    rows = slip.apply(paper.published)
    slipped = replace(paper, published=rows)
    changed = {name for name, _ in slip.changes}
    statistics = {row.statistic for row in rows if row.id in changed}
    touched = [rule for rule in all_rules() if rule.touched(statistics)]
    checks = check_all(rows, paper.study, paper.claims, rules=touched)
    found = [f for f in findings(checks) if f not in clean and changed & set(f.ids)]
    outcome = Outcome(
        paper.name,
        slip.kind,
        number,
        detectable=excluded(slipped),
        found=bool(found),
        exact=any(f.certainty == "exact" for f in found),
        marked=any(f.severity != "rounding" for f in found),
    )
    searched = [f for f in found if not f.rule.startswith("words_")]
    if not (searched and explain):
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


def _inverted(slip: Slip, edit: Edit) -> bool:
    """Whether an inverse is undone: the digits lost by inverting cannot come back."""
    cells = {name for name, _ in slip.changes}
    return slip.kind == edit.kind == INVERSE and cells == {name for name, _ in edit.changes}


def run(
    papers: Sequence[Paper],
    *,
    each: int,
    searched: int,
    twos: int,
    seed: int,
    kinds: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Plant `each` slips of every kind, and `twos` pairs of slips; the seed decides which.

    Of each kind the first `searched` that are found are explained too.
    """
    asked = dict.fromkeys(KINDS, each) | {TWO: twos}
    asked = {kind: n for kind, n in asked.items() if not kinds or kind in kinds}
    clean = {
        paper.name: set(findings(check_all(paper.published, paper.study, paper.claims)))
        for paper in papers
    }
    total, outcomes = sum(asked.values()), list[Outcome]()
    for place, (kind, number) in enumerate(asked.items()):
        rng = np.random.default_rng([seed, place])
        left = searched
        for at, (paper, slip) in enumerate(plant(papers, kind, number, rng)):
            judged = judge(paper, slip, at, clean[paper.name], explain=left > 0)
            left -= judged.rank is not None
            outcomes.append(judged)
            if progress is not None:
                progress(len(outcomes), total)
    return tuple(outcomes)
