"""Search the single slip that would make clashing numbers agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from replica.audit.claims import Claim
from replica.audit.decimals import Decimals
from replica.audit.edit import CELLS_SWAPPED, Edit
from replica.audit.edits import edits, pairs
from replica.audit.finding import Checked, Explanation, Finding
from replica.audit.rule import Rule
from replica.audit.rules import all_rules
from replica.audit.table import PrintedTable
from replica.protocol import Study
from replica.published import PublishedValue


@dataclass(frozen=True)
class Candidate:
    """A slip that resolves a finding, and what else it does to its neighbourhood.

    `resolved` and `raised` count findings, `gained` the rows that a check confirms (less those that
    it no longer does), `reconciled` the rows of the findings resolved, `unusual` the changed
    numbers whose decimals are not those of their place.
    """

    edit: Edit
    resolved: int
    raised: int
    gained: int
    reconciled: int
    unusual: int

    @property
    def score(self) -> tuple[int, int, int]:
        """How well it does, the smaller the better: findings left, decimals, rows confirmed."""
        return (self.raised - self.resolved, self.unusual, -self.gained)

    @property
    def rank(self) -> tuple[int, ...]:
        """The order of candidates: findings left, decimals, size of the slip, rows confirmed.

        Equals stay in the order in which they were tried.
        """
        left, unusual, confirmed = self.score
        return left, unusual, self.edit.cost, confirmed, len(self.edit.changes)


@dataclass(frozen=True)
class Search:
    """The outcome of a search: what resolves the finding, best first, of how many edits tried."""

    candidates: tuple[Candidate, ...]
    tried: int

    def explanation(self) -> Explanation | None:
        """Return the best slip, with the runner-up and how many of the edits do as well."""
        if not self.candidates:
            return None
        best = self.candidates[0]
        text = f"{best.edit.text}; agrees with {best.reconciled} rows"
        if len(self.candidates) > 1:
            text += f". Next: {self.candidates[1].edit.text}"
        return Explanation(
            kind=best.edit.kind,
            text=f"{text}.",
            would_be=best.edit.would_be,
            tried=self.tried,
            chance=self.as_good / self.tried,
        )

    @property
    def as_good(self) -> int:
        """How many edits do as well as the best one, or better but by a larger slip."""
        return sum(each.score <= self.candidates[0].score for each in self.candidates)


def explained(
    findings: Iterable[Finding],
    published: Iterable[PublishedValue],
    study: Study | None = None,
    claims: Iterable[Claim] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Finding, ...]:
    """Return the findings, each with the best slip found, if one resolves it.

    Parameters
    ----------
    findings
        As `audit` gives them; those about words keep none.
    published, study, claims
        As they were audited.
    progress
        Called with how many findings have been searched, and how many there are.

    Notes
    -----
    `chance` of an explanation is the share of the edits tried that resolve as much: a fit among
    hundreds that do as well is not told from luck.
    """
    table = PrintedTable(published, study, claims)
    rules = all_rules()
    listed = tuple(findings)
    done: list[Finding] = []
    for finding in listed:
        if progress is not None:
            progress(len(done), len(listed))
        done.append(replace(finding, explanation=search(table, finding, rules).explanation()))
    if progress is not None:
        progress(len(done), len(listed))
    return tuple(done)


def search(table: PrintedTable, finding: Finding, rules: Sequence[Rule]) -> Search:
    """Try every small edit of a finding's rows and keep those that resolve it.

    Parameters
    ----------
    table
        All printed numbers of the paper.
    finding
        The finding to be explained.
    rules
        All rules; the finding's own is among them.
    """
    own = [rule for rule in rules if rule.name == finding.rule]
    if not own or _of_words(own[0]):
        return Search((), 0)
    weighed = [
        rule
        for rule in rules
        if not _of_words(rule) and (rule.weighed or rule.name == finding.rule)
    ]
    searcher = _Searcher(table, finding, own, weighed)
    tried = edits(table, finding)
    candidates = searcher.candidates(tried)
    if not candidates:
        # two slips at once are the last resort, and count among the edits tried
        doubled = pairs(table, tried)
        tried = (*tried, *doubled)
        candidates = searcher.candidates(doubled)
    return Search(tuple(sorted(candidates, key=lambda each: each.rank)), len(tried))


class _Searcher:
    """Weighs edits of one finding by what they do to the checks around it."""

    def __init__(
        self, table: PrintedTable, finding: Finding, own: Sequence[Rule], weighed: Sequence[Rule]
    ) -> None:
        self.table = table
        self.finding = finding
        self.own = own
        self.weighed = weighed
        self.near = _neighbourhood(table, finding)
        self.decimals = Decimals(table)
        self._before: dict[tuple[bool, Rule], list[Checked]] = {}

    def candidates(self, tried: Iterable[Edit]) -> list[Candidate]:
        """Return the edits that resolve the finding and raise fewer others than they resolve."""
        found = []
        for edit in tried:
            if not _resolves(_checks(edit.apply(self.near), self.table, self.own), self.finding):
                continue
            candidate = self._weigh(edit)
            if candidate is None:
                continue
            if candidate.raised < candidate.resolved and candidate.gained > 0:
                found.append(candidate)
        return found

    def _leaves(self, edit: Edit, after: Iterable[Checked]) -> bool:
        """Whether a number put in its place by a swap is still in a finding of the same rule."""
        changed = {name for name, _ in edit.changes}
        return any(
            check.finding is not None
            and check.rule == self.finding.rule
            and check.finding.severity != "rounding"
            and changed.intersection(check.ids)
            for check in after
        )

    def _weigh(self, edit: Edit) -> Candidate | None:
        """Weigh an edit; None if it is a swap that puts only one of two numbers right."""
        changed = [self.table.by_id[name] for name, _ in edit.changes]
        # Every number of a group depends on its size, so that a size is weighed by all of them; a
        # number that a swap moves to another item, by that item's too.
        whole = any(self.table.is_size(row) or row not in self.near for row in changed)
        rows = self.table.rows if whole else self.near
        touched = [rule for rule in self.weighed if rule.touched(row.statistic for row in changed)]
        for rule in touched:
            if (whole, rule) not in self._before:
                self._before[whole, rule] = _checks(rows, self.table, [rule])
        before = [check for rule in touched for check in self._before[whole, rule]]
        after = _checks(edit.apply(rows), self.table, touched)
        if edit.kind == CELLS_SWAPPED and self._leaves(edit, after):
            return None
        unusual = sum(
            self.decimals.unusual(self.table.by_id[name], text) for name, text in edit.changes
        )
        minor = self.finding.severity == "rounding"
        return _compare(edit, before, after, unusual=unusual, minor=minor)


def _resolves(checks: Sequence[Checked], finding: Finding) -> bool:
    """Whether the rows now fit, rather than being left unchecked."""
    if any(check.finding is not None and _same(check.ids, finding.ids) for check in checks):
        return False
    return any(check.fits and set(check.ids) & set(finding.rows) for check in checks)


def _compare(
    edit: Edit, before: Sequence[Checked], after: Sequence[Checked], *, unusual: int, minor: bool
) -> Candidate:
    old = [check for check in before if check.finding is not None]
    new = [check for check in after if check.finding is not None]
    resolved = [one for one in old if not any(_alike(one, each) for each in new)]
    # A slip undone on rounded numbers may leave a unit of the last digit: weighed only where the
    # finding is no larger itself.
    raised = [
        each
        for each in new
        if (minor or (each.finding is not None and each.finding.severity != "rounding"))
        and not any(_alike(one, each) for one in old)
    ]
    gained = len(_confirmed(after)) - len(_confirmed(before))
    reconciled = {name for one in resolved for name in one.ids}
    return Candidate(edit, len(resolved), len(raised), gained, len(reconciled), unusual)


def _confirmed(checks: Iterable[Checked]) -> set[tuple[str, str]]:
    """Name what is confirmed by which rule; how many checks say so depends on their grouping."""
    return {(check.rule, name) for check in checks if check.fits for name in check.ids}


def _of_words(rule: Rule) -> bool:
    return rule.name.startswith("words_")


def _neighbourhood(table: PrintedTable, finding: Finding) -> tuple[PublishedValue, ...]:
    """Return the rows that share an item or an outcome with the finding, sizes and settings."""
    rows = [table.by_id[name] for name in finding.rows]
    items = {row.item for row in rows if not table.is_size(row)}
    outcomes = {row.outcome for row in rows if row.outcome}
    # A curve of a subgroup is weighed by the counts of the covariate that makes it.
    items |= {row.subgroup.partition("=")[0] for row in rows if row.subgroup}
    whole = any(table.is_size(row) for row in rows) and not items
    return tuple(
        row
        for row in table.rows
        if whole
        or row.item in items
        or row.outcome in outcomes
        or table.is_size(row)
        or row.statistic == "setting"
    )


def _checks(
    rows: Iterable[PublishedValue], table: PrintedTable, rules: Iterable[Rule]
) -> list[Checked]:
    edited = table.with_rows(rows)
    return [check for rule in rules for check in rule.check(edited)]


def _alike(one: Checked, other: Checked) -> bool:
    return one.rule == other.rule and _same(one.ids, other.ids)


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two checks of one rule are on mostly the same rows."""
    mine, yours = set(one), set(other)
    return 2 * len(mine & yours) > min(len(mine), len(yours))
