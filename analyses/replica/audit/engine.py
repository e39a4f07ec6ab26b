"""Hold the printed numbers of a paper against each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from replica.audit.claims import Claim
from replica.audit.finding import Checked, Finding
from replica.audit.removal import confirmations, contradicted
from replica.audit.rule import Rule
from replica.audit.rules import all_rules
from replica.audit.table import PrintedTable
from replica.protocol import Study
from replica.published import PublishedValue

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
    return tuple(
        checked
        if checked.finding is None
        else replace(checked, finding=replace(checked.finding, study=key))
        for checked in outcomes
    )


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
    return findings(check_all(published, study, claims))


def findings(checks: Iterable[Checked]) -> tuple[Finding, ...]:
    """Return the findings among the outcomes of checks, each once, in the order of `audit`."""
    found = dict.fromkeys(check.finding for check in checks if check.finding is not None)

    def rank(finding: Finding) -> tuple[int, int]:
        return _SEVERITIES.index(finding.severity), _CERTAINTIES.index(finding.certainty)

    return tuple(sorted(found, key=rank))


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
    checks = check_all(published, study, claims)
    return contradicted(findings(checks), confirmations(checks))
