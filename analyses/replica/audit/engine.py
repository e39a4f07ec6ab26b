"""Hold the printed numbers of a paper against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from replica.audit.claims import Claim
from replica.audit.finding import Checked, Finding
from replica.audit.removal import contradicted, smallest_removal
from replica.audit.rule import Rule
from replica.audit.rules import all_rules
from replica.audit.table import SIZE_ITEMS, PrintedTable
from replica.protocol import Study
from replica.published import PublishedValue

P_RULE = "p_from_counts"
SOLVING_RULE = "counts_possible"
IN_QUESTION = "The counts are in question themselves: another finding contradicts one of them."
_SEVERITIES = ("headline", "table", "rounding")
_CERTAINTIES = ("exact", "model_based")


def check_all(
    published: Iterable[PublishedValue],
    study: Study | None = None,
    claims: Iterable[Claim] = (),
    *,
    rules: Iterable[Rule] | None = None,
) -> tuple[Checked, ...]:
    """Return the outcome of every check of every rule: rows that fit and rows that do not.

    Parameters
    ----------
    published
        The printed numbers, as `replica.published.read_published` gives them.
    study
        The protocol of the study, if there is one; its key names the findings.
    claims
        What the paper says in words, as `replica.audit.claims.read_claims` gives it.
    rules
        The rules to apply; all of them by default.
    """
    table = PrintedTable(published, study, claims)
    outcomes = (
        checked
        for rule in (all_rules() if rules is None else rules)
        for checked in rule.check(table)
    )
    key = study.key if study is not None else ""
    named = tuple(
        checked
        if checked.finding is None
        else replace(checked, finding=replace(checked.finding, study=key))
        for checked in outcomes
    )
    return _without_counts_in_question(table, named)


def _without_counts_in_question(
    table: PrintedTable, checks: tuple[Checked, ...]
) -> tuple[Checked, ...]:
    """Make a question of a p value whose counts are contradicted themselves.

    That no test gives the printed p excludes it only as far as its counts stand.
    """
    doubted = {
        name
        for check in checks
        if check.finding is not None and check.rule != P_RULE
        for clash in check.finding.clashes
        for name in clash
    }
    result = []
    for check in checks:
        finding = check.finding
        if check.rule == P_RULE and finding is not None and finding.clashes:
            counts = [n for n in finding.clashes[0] if table.by_id[n].statistic == "n"]
            if doubted.intersection(counts):
                finding = replace(
                    finding,
                    certainty="model_based",
                    clashes=(),
                    message=f"{finding.message} {IN_QUESTION}",
                )
        result.append(replace(check, finding=finding))
    return tuple(result)


def audit(
    published: Iterable[PublishedValue],
    study: Study | None = None,
    claims: Iterable[Claim] = (),
) -> tuple[Finding, ...]:
    """Return the findings, headline first, then tables, then rounding; exact ones before questions.

    Parameters
    ----------
    published, study, claims
        As for `check_all`.
    """
    printed = tuple(published)
    return findings(check_all(printed, study, claims), printed)


def findings(
    checks: Iterable[Checked], published: Iterable[PublishedValue] = ()
) -> tuple[Finding, ...]:
    """Return the findings among the outcomes of checks, each once, in the order of `audit`.

    Parameters
    ----------
    checks
        As `check_all` gives them.
    published
        The printed numbers: findings that say the same of the same quantities, printed in several
        places, are then joined.

    Notes
    -----
    That no counts are possible is left out where the rows that the other findings exclude are
    the reason, or where another finding is about no other cells: it would say the same again.
    """
    outcomes, printed = tuple(checks), tuple(published)
    by_id = {row.id: row for row in printed}
    told = dict.fromkeys(check.finding for check in outcomes if check.finding is not None)
    solving = [finding for finding in told if finding.rule == SOLVING_RULE]
    if solving:
        others = [check for check in outcomes if check.rule != SOLVING_RULE]
        removed = set(smallest_removal(others, printed))
        cells = [
            _cells(clash, by_id)
            for finding in told
            if finding.rule != SOLVING_RULE
            for clash in finding.clashes
        ]
        for finding in solving:
            if all(
                removed.intersection(clash)
                or any(known and known <= _cells(clash, by_id) for known in cells)
                for clash in finding.clashes
            ):
                del told[finding]
    found = _joined(told, {row.id: row.key for row in printed})
    places = {row.id: place for place, row in enumerate(printed)}

    def rank(finding: Finding) -> tuple[int, int, int]:
        known = [name for name in finding.rows if name in by_id]
        about = [name for name in known if by_id[name].item not in SIZE_ITEMS] or known
        severity = _SEVERITIES.index(finding.severity)
        certainty = _CERTAINTIES.index(finding.certainty)
        return severity, certainty, min((places[name] for name in about), default=0)

    return tuple(sorted(found, key=rank))


def _cells(clash: Iterable[str], by_id: Mapping[str, PublishedValue]) -> frozenset[str]:
    """Name the cells of a contradiction, a count and its percent as one; sizes are left out."""
    rows = [by_id[name] for name in clash if name in by_id]
    return frozenset(row.estimate_id for row in rows if row.item not in SIZE_ITEMS)


def _joined(found: Iterable[Finding], keys: Mapping[str, tuple[str, ...]]) -> tuple[Finding, ...]:
    """Join findings of one rule with one message about the same quantities."""
    groups: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for place, finding in enumerate(found):
        about = frozenset(keys[name] for name in finding.rows if name in keys)
        said = (finding.rule, finding.certainty, finding.message, about)
        groups[said if about else (place,)].append(finding)
    return tuple(
        replace(
            group[0],
            ids=tuple(dict.fromkeys(name for each in group for name in each.ids)),
            clashes=tuple(dict.fromkeys(clash for each in group for clash in each.clashes)),
            severity=min((each.severity for each in group), key=_SEVERITIES.index),
        )
        for group in groups.values()
    )


def contradictions(
    published: Iterable[PublishedValue],
    study: Study | None = None,
    claims: Iterable[Claim] = (),
) -> dict[str, str]:
    """Return the printed numbers that cannot hold beside the others, each with its evidence.

    They are the fewest rows whose removal leaves the rest possible, as `contradicted` finds them.
    Claims are optional, yet words that name a test make some findings exact: a study's own table of
    claims belongs to it wherever its verdicts are given.

    Parameters
    ----------
    published, study, claims
        As for `check_all`.

    Returns
    -------
    mapping of id to `rule: message` of the exact finding that excludes it
    """
    printed = tuple(published)
    return contradicted(check_all(printed, study, claims), printed)
