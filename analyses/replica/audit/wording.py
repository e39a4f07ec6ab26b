"""Findings and printed numbers in words, the same on pages, in reports and on the screen."""

from __future__ import annotations

from functools import cache

from replica.audit.finding import CLAIM_PREFIX, Finding
from replica.audit.marks import Mark
from replica.audit.naming import STATISTIC_WORDS, plain
from replica.audit.paper import Paper, PaperAudit
from replica.audit.rule import Rule
from replica.audit.rules import all_rules
from replica.audit.table import SIZE_ITEMS
from replica.published import PublishedValue

__all__ = [
    "LUCK",
    "MARK_WORDS",
    "NAMED",
    "STATISTIC_WORDS",
    "WHAT_IT_IS",
    "arm_words",
    "claims_of",
    "grade",
    "how_to_read",
    "item_words",
    "message",
    "outcome_words",
    "places",
    "plain",
    "printed_rows",
    "row_words",
    "slip",
    "subgroup_words",
    "summary",
    "title",
]

WHAT_IT_IS = (
    "An audit holds the numbers that a paper prints against each other; no patient's data are "
    "needed. An exact finding is arithmetic: beyond rounding nothing is assumed, and the numbers "
    "it names cannot all be right as printed. Which of them is off, the printed paper alone seldom "
    "tells. A question rests on an assumption that it names, and excludes nothing. A finding is "
    "about printed numbers only: it says nothing about how they came about, nor whether a "
    "conclusion holds. Numbers that agree are possible together, not thereby right."
)

MARK_WORDS: dict[Mark, str] = {
    "confirmed": "confirmed by arithmetic",
    "unchecked": "not checkable",
    "rounding": "rounding",
    "questioned": "questioned",
    "involved": "involved in a contradiction",
    "contradicted": "contradicted",
}
"""How each mark is called, the best first."""

LUCK = 0.05
"""Share of the edits tried that do equally well, above which none is offered as an explanation."""

NAMED = 3
"""Items or places of a finding that its heading names at most."""


def item_words(paper: Paper, item: str, level: str = "") -> str:
    """Name an item and a level of it as the protocol labels them, else by their keys."""
    return paper.names.item(item, level)


def arm_words(paper: Paper, arm: str) -> str:
    """Name a group as the protocol labels it, else by its key."""
    return paper.names.arm(arm)


def outcome_words(paper: Paper, outcome: str) -> str:
    """Name an outcome as the protocol labels it, else by its key."""
    for known in paper.study.outcomes if paper.study is not None else ():
        if known.key == outcome:
            return known.label
    return plain(outcome)


def subgroup_words(paper: Paper, subgroup: str) -> str:
    """Name a subgroup `covariate=level` in words."""
    return paper.names.subgroup(subgroup)


def row_words(paper: Paper, row: PublishedValue) -> str:
    """Say in words which quantity a printed number is, without its place and its value."""
    return paper.names.subject(row, statistic=True)


def printed_rows(paper: Paper, finding: Finding) -> tuple[tuple[str, str, str], ...]:
    """Return the printed rows of a finding: place, quantity in words, what is printed there."""
    by_id = {row.id: row for row in paper.published}
    return tuple(
        (row.where, row_words(paper, row), row.printed)
        for name in finding.rows
        if (row := by_id[name])
    )


def claims_of(paper: Paper, finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return the claims in words that a finding names: place, and the claim in our wording."""
    by_key = {claim.key: claim for claim in paper.claims}
    return tuple(
        (by_key[name].where, by_key[name].claim)
        for name in finding.ids
        if name.startswith(CLAIM_PREFIX)
    )


@cache
def _rules() -> dict[str, Rule]:
    return {rule.name: rule for rule in all_rules()}


def title(finding: Finding, paper: Paper) -> str:
    """Return the relation that the numbers do not meet, said to be not met, and what it is of."""
    relation = f"Not met: {_rules()[finding.rule].title}"
    by_id = {row.id: row for row in paper.published}
    rows = [by_id[name] for name in finding.rows]
    items: dict[str, set[str]] = {}
    for row in [row for row in rows if row.item not in SIZE_ITEMS] or rows:
        items.setdefault(row.item, set()).add(row.level)
    subjects = [
        item_words(paper, item, *(levels if len(levels) == 1 else ()))
        for item, levels in items.items()
    ]
    outcomes = {row.outcome for row in rows if row.outcome and row.outcome not in items}
    subjects += [paper.names.outcome(outcome) for outcome in outcomes if len(outcomes) == 1]
    return f"{relation}: {', '.join(subjects)}" if len(subjects) <= NAMED else relation


def how_to_read(audit: PaperAudit, finding: Finding) -> str:
    """Return what a question means and what could answer it, once for all of one rule."""
    first = next(each for each in audit.questions if each.rule == finding.rule)
    if first is finding:
        return _rules()[finding.rule].how_to_read
    return f"as under {audit.number(first)}."


def message(finding: Finding) -> str:
    """Return a finding's arithmetic as a sentence, keys written as words."""
    text = plain(finding.message)
    # a capital beta reads as a B
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def grade(finding: Finding) -> str:
    """Return a finding's severity in a word; a question about little is a minor one."""
    minor = (finding.certainty, finding.severity) == ("model_based", "rounding")
    return "minor" if minor else finding.severity


def places(paper: Paper, finding: Finding) -> str:
    """Name where the numbers and words of a finding stand, the first few of many."""
    found = [where for where, _, _ in printed_rows(paper, finding)]
    found += [where for where, _ in claims_of(paper, finding)]
    named = list(dict.fromkeys(found))
    more = len(named) - NAMED
    return "; ".join(named[:NAMED]) + (f"; and {more} more" if more > 0 else "")


def slip(audit: PaperAudit, finding: Finding) -> tuple[tuple[str, str], ...]:
    """Say which single slip would make the numbers agree, as pairs of a heading and a text.

    How many edits were tried and how many do as well stands beside it. Where more than
    the share `LUCK` of them do, none is called an explanation. Empty where no slip was searched.
    """
    if not audit.searched or finding.severity == "rounding" or finding.rule.startswith("words_"):
        return ()
    found = finding.explanation
    if found is None:
        return (("Possible slip", "no edit searched, nor two at once, makes these numbers agree."),)
    as_good = max(1, round(found.chance * found.tried))
    searched = f"{found.tried:,} small edits were tried; "
    if found.chance > LUCK:
        text = f"{searched}{as_good} of them do equally well, so that no single slip stands out."
        return (("Possible slip", text),)
    well = f"{as_good} of them {'does' if as_good == 1 else 'do'} this well, a chance of "
    well += f"{found.chance:.1%} for one drawn at random"
    well += "." if as_good == 1 else "; the one shown is the smallest slip."
    first, _, runner_up = found.text.partition(". Next: ")
    slipped, _, agrees = first.rstrip(".").rpartition("; agrees with ")
    told = f"{found.kind}: {plain(slipped)}."
    if runner_up:
        told += f" The next best: {plain(runner_up)}"
    change = f"{plain(found.would_be)} instead: {agrees} that clash now would agree."
    return (
        ("Possible slip", told),
        ("What would change", change),
        ("Searched", f"{searched}{well}"),
    )


def summary(audit: PaperAudit) -> tuple[tuple[str, str], ...]:
    """Count what was held against each other and what was found, as pairs of name and number."""
    fitting = sum(check.fits for check in audit.checks)
    counted = [
        ("Printed numbers", len(audit.paper.published)),
        ("Claims in words", len(audit.paper.claims)),
        ("Checks made", len(audit.checks)),
        ("Checks that fit", fitting),
        ("Exact findings, headline", len(audit.exact("headline"))),
        ("Exact findings, tables", len(audit.exact("table"))),
        ("Exact findings, rounding", len(audit.exact("rounding"))),
        ("Questions that rest on an assumption", len(audit.questions)),
    ]
    counted += [(f"Numbers {words}", _count(audit, mark)) for mark, words in MARK_WORDS.items()]
    return tuple((name, f"{number:,}") for name, number in counted)


def _count(audit: PaperAudit, mark: Mark) -> int:
    return sum(found == mark for found in audit.marks.values())
