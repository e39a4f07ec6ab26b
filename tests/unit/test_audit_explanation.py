"""The search for the single slip that would make clashing numbers agree."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from audit_cases import CASES, HUNDRED, RESPONSE, odds, p_of
from audit_rows import counts, estimate, sizes

from replica.audit import all_rules, audit, explained, read_claims
from replica.audit.edit import COSTS
from replica.audit.edits import edits
from replica.audit.explanation import search
from replica.audit.table import PrintedTable
from replica.paths import repository
from replica.published import load_published
from replica.studies import load_study


def best(rows, rule, study=None, name=""):
    """Explain the one finding of a rule, or the one of a rule about a number."""
    (finding,) = [f for f in audit(rows, study) if f.rule == rule and (not name or name in f.ids)]
    (told,) = explained([finding], rows, study)
    return told.explanation


SWAPPED = [
    *sizes(66, 34),
    *counts("sex", {"male": ("34 (51.5)", "20 (58.8)"), "female": ("32 (48.5)", "14 (41.2)")}),
    *p_of("sex", "0.33"),
    *estimate(
        "or",
        {"or": "0.66", "ci_low": "0.29", "ci_high": "1.52"},
        item="sex",
        arm="control",
        comparator="treated",
        stage="before",
    ),
]


@pytest.mark.parametrize(
    ("rule", "rows", "kind", "would_be"),
    [
        (
            "percent_of_count",
            HUNDRED + counts("r", {"yes": ("40 (40.0)", "25 (52.0)"), "no": (60, 75)}),
            "digits swapped",
            "25.0",
        ),
        (
            "estimate_in_interval",
            [*HUNDRED, *RESPONSE, *odds("2.00", "1.09", "1.66")],
            "digit changed",
            "3.66",
        ),
        (
            "levels_add_up",
            [*HUNDRED, *RESPONSE, *counts("sex", {"male": (60, 55), "female": (46, 45)})],
            "digit changed",
            "40",
        ),
        (
            "levels_add_up",
            [*HUNDRED, *RESPONSE, *counts("sex", {"male": (60, 55), "female": (440, 45)})],
            "digit doubled",
            "40",
        ),
        (
            "repeated_number",
            CASES["repeated_number"].finds
            + estimate("c", {"hr": "0.74"}, item="t", where="Figure 1"),
            "number printed elsewhere",
            "0.74",
        ),
        (
            "percent_of_count",
            sizes(11, 23)
            + counts("r", {"yes": ("5 (45.4)", "10 (43.5)"), "no": ("6 (54.5)", "13 (56.5)")}),
            "truncated",
            "45.5",
        ),
        (
            "p_from_counts",
            [*HUNDRED, *RESPONSE, *p_of("response", "0.012")],
            "one-sided p",
            "0.024",
        ),
        (
            "odds_ratio_from_counts",
            [*HUNDRED, *RESPONSE, *odds("0.50", "0.27", "0.91")],
            "inverse ratio",
            "2.00 (1.09 to 3.66)",
        ),
    ],
)
def test_a_slip_of_each_kind_is_undone(rule, rows, kind, would_be):
    """The best explanation is of the kind that was planted, with the value before it."""
    explanation = best(rows, rule)
    assert explanation is not None
    assert explanation.would_be == would_be
    assert explanation.kind == kind


def test_swapped_levels_explain_a_p_value_and_a_ratio_together():
    """Male and female of one arm exchanged reconcile both rows; which arm stays open."""
    explanation = best(SWAPPED, "p_from_counts")
    assert explanation.kind == "levels swapped"
    assert explanation.would_be == (
        "sex: male, treated, before matching: 32 (48.5%); "
        "sex: female, treated, before matching: 34 (51.5%)"
    )
    assert "agrees with 6 rows" in explanation.text
    assert "Next: sex, control: male and female" in explanation.text


def test_an_explanation_says_how_many_edits_do_as_well():
    """Of the edits tried the share that resolve as much is the chance of a lucky fit."""
    rows = CASES["quartiles_in_order"].finds
    (finding,) = audit(rows)
    table = PrintedTable(rows)
    outcome = search(table, finding, all_rules())
    explanation = outcome.explanation()
    assert explanation.tried == len(edits(table, finding)) == outcome.tried
    as_good = [c for c in outcome.candidates if c.score == outcome.candidates[0].score]
    assert len(as_good) > 1
    assert explanation.chance == len(as_good) / outcome.tried


def test_what_no_single_slip_resolves_stays_unexplained():
    """A finding about words, or one that takes two slips, keeps no explanation."""
    case = CASES["words_against_direction"]
    found = audit(case.finds, None, case.claims)
    told = explained(found, case.finds, None, case.claims)
    words = [f for f in told if f.rule == "words_against_direction"]
    assert [f.explanation for f in words] == [None]


def test_edits_change_something_and_carry_a_known_kind():
    """Every edit differs from what is printed, stands once and has a cost."""
    case = CASES["percent_of_count"]
    table = PrintedTable(case.finds)
    (finding,) = audit(case.finds)
    tried = edits(table, finding)
    assert len({edit.changes for edit in tried}) == len(tried)
    for edit in tried:
        assert edit.cost == COSTS[edit.kind]
        assert edit.apply(table.rows) != table.rows


def test_a_swap_must_put_both_numbers_right():
    """Exchanging two p values is no explanation of one where the other stays unexplained."""
    rows = [
        *HUNDRED,
        *RESPONSE,
        *counts("rash", {"yes": (30, 20)}),
        *p_of("response", "0.500"),
        *p_of("rash", "0.024"),
    ]
    explanation = best([*rows, *p_of("sex", "0.700")], "p_from_counts", name="response.p.p")
    assert explanation is None or explanation.kind != "cells swapped"
    right = [*rows[:-2], *p_of("response", "0.102"), *p_of("rash", "0.024")]
    explanation = best(right, "p_from_counts", name="response.p.p")
    assert explanation.kind == "cells swapped"
    assert explanation.would_be == (
        "response, treated against control, before matching: 0.024; "
        "rash, treated against control, before matching: 0.102"
    )


def test_a_size_printed_elsewhere_is_no_slip_here():
    """A group's size that another place prints alike is left as it is."""
    rows = [
        *HUNDRED,
        *estimate("text", {"n": "100"}, item="patients", arm="treated", level="each_arm"),
        *counts("response", {"yes": ("40 (40.0)", "52 (25.0)")}),
    ]
    rows = [replace(row, stage="before") for row in rows]
    (finding,) = [f for f in audit(rows) if f.rule == "percent_of_count"]
    changed = {name for edit in edits(PrintedTable(rows), finding) for name, _ in edit.changes}
    assert changed
    assert not [name for name in changed if name.startswith(("size.", "text"))]


def test_count_and_percent_are_one_slip_only_if_one_made_the_other():
    """52 (25.0%) is not one slip; 25 (25.0%) is, and so is a percent printed elsewhere."""
    one = [*HUNDRED, *counts("response", {"yes": ("40 (40.0)", "25 (25.0)"), "no": (60, 70)})]
    other = [*HUNDRED, *counts("response", {"yes": ("40 (40.0)", "52 (26.0)"), "no": (60, 75)})]
    known = [*other, *share_of_all("42.0")]
    for rows, told in ((one, True), (other, False), (known, True)):
        found = [f for f in audit(rows) if "Table 1.response.yes.control.before.n" in f.ids]
        kinds = {
            (edit.kind, edit.would_be)
            for finding in found
            for edit in edits(PrintedTable(rows), finding)
        }
        pairs = {would_be for kind, would_be in kinds if kind == "count and percent"}
        mine = {each for each in pairs if each.endswith(("(42.0%)", "(35.0%)"))}
        assert bool(mine) == told


def share_of_all(printed):
    """Make the percent of all patients with a response."""
    return estimate(
        "all", {"percent": printed}, item="response", level="yes", arm="all", stage="after"
    )


@cache
def paper(key):
    """Read one paper's numbers, claims and findings."""
    published = load_published(key)
    claims = read_claims(repository() / "data" / "claims" / f"{key}.csv", published)
    study = load_study(key) if key == "sclc_second_line" else None
    return published, study, claims, audit(published, study, claims)


@pytest.mark.parametrize(
    ("key", "rule", "name", "kind", "would_be"),
    [
        (
            "myeloma_second_primary",
            "estimate_in_interval",
            "table2.beta2_mg.myeloma_first_vs_control.ci_high",
            "digit changed",
            "1.24",
        ),
        (
            "mlc_second_primary",
            "arms_add_up",
            "figure1.second_primary.control.n",
            "count and percent",
            "29 (4.2%)",
        ),
        (
            "mlc_second_primary",
            "risk_difference_from_risks",
            "discussion.second_primary.control.percent",
            "count and percent",
            "29 (4.2%)",
        ),
        (
            "mlc_second_primary",
            "arms_add_up",
            "abstract.patients.treated.before.n",
            "number printed elsewhere",
            "687",
        ),
        (
            "myeloma_second_primary",
            "p_from_counts",
            "table1.gender.second_cancer_vs_control.p",
            "levels swapped",
            "gender: male, control: 32 (48.5%); gender: female, control: 34 (51.5%)",
        ),
        (
            "sclc_second_line",
            "percent_of_count",
            "table2.best_response.pd.control.after.percent",
            "digit changed",
            "48.1",
        ),
    ],
)
def test_slips_of_the_papers(key, rule, name, kind, would_be):
    """One digit; 29 for 23 of the events; 687 for 685; male and female exchanged; 48.1."""
    published, study, claims, findings = paper(key)
    (finding,) = [f for f in findings if f.rule == rule and name in f.ids]
    (told,) = explained([finding], published, study, claims)
    assert told.explanation.kind == kind
    assert told.explanation.would_be == would_be
    assert told.explanation.tried > 100
    assert told.explanation.chance < 0.02
