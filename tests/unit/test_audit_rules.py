"""Every rule of the audit has a tiny table that fits and one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audit_cases import CASES, HUNDRED, RESPONSE, odds, p_of
from audit_rows import claim, counts

from replica.audit import all_rules, check_all

RULES = {rule.name: rule for rule in all_rules()}


def outcomes(name, rows, case):
    """Apply one rule to a tiny table."""
    return check_all(rows, case.study, case.claims, rules=[RULES[name]])


def test_every_rule_has_a_case():
    """No rule is without a table that fits and one that does not, and no case without a rule."""
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rules_say_what_they_are(name):
    """Title, needs and how to read are sentences of their own."""
    rule = RULES[name]
    assert len({rule.title, rule.needs, rule.how_to_read}) == 3
    assert rule.how_to_read.endswith(".")
    assert type(rule).__doc__


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_table_that_fits_is_confirmed(name):
    """Numbers that follow from each other are confirmed and give no finding."""
    checks = outcomes(name, CASES[name].fits, CASES[name])
    assert checks
    assert [check.note for check in checks if not check.fits] == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_table_that_does_not_fit_is_found(name):
    """The finding has the arithmetic, the certainty and the severity that it should."""
    case = CASES[name]
    found = [c.finding for c in outcomes(name, case.finds, case) if c.finding is not None]
    assert len(found) == 1
    assert case.says in found[0].message
    assert found[0].certainty == case.certainty
    assert found[0].severity == case.severity
    assert found[0].rule == name
    known = {row.id for row in case.finds} | {each.key for each in case.claims}
    assert set(found[0].ids) <= known


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_order_of_rows_does_not_matter_to_findings(name):
    """A table read backwards gives the same number of findings."""
    case = CASES[name]
    backwards = [c for c in outcomes(name, case.finds[::-1], case) if not c.fits]
    assert len(backwards) == 1


def test_the_other_rules_leave_the_fitting_tables_alone():
    """A table made to fit one rule gives no finding of another above rounding."""
    for name, case in CASES.items():
        found = [c.finding for c in check_all(case.fits, case.study, case.claims) if c.finding]
        assert [f.message for f in found if f.severity != "rounding"] == [], name


def test_a_percent_of_fewer_patients_is_a_question():
    """Where patients without data could explain a percent, the finding is model-based."""
    cells = {f"l{k}": (f"{k}0 ({k}0.0)", "5 (5.0)") for k in range(1, 5)}
    rows = [*HUNDRED, *counts("item", cells), *counts("odd", {"yes": ("30 (40.0)", "5 (5.0)")})]
    found = [f for f in outcomes("percent_of_count", rows, CASES["percent_of_count"]) if f.finding]
    (finding,) = (check.finding for check in found)
    assert finding.certainty == "model_based"
    assert "would need a denominator of 75" in finding.message
    assert finding.clashes == ()


def test_missing_levels_borne_out_by_percents_are_no_finding():
    """Levels that leave patients out are fine if every percent is of those with a level."""
    cells = {"male": ("45 (50.0)", "60 (60.0)"), "female": ("45 (50.0)", "40 (40.0)")}
    rows = [*HUNDRED, *counts("sex", cells)]
    assert all(c.fits for c in outcomes("levels_add_up", rows, CASES["levels_add_up"]))
    assert all(c.fits for c in outcomes("percent_of_count", rows, CASES["percent_of_count"]))


def test_a_stated_test_makes_a_p_value_exact():
    """If the methods name the test and nobody can be missing, a p value off it is excluded."""
    rows = [*HUNDRED, *RESPONSE, *p_of("response", "0.240")]
    case = CASES["p_from_counts"]
    named = claim(["response.p"], "method", words="Compared by Fisher's exact test")
    (check,) = outcomes("p_from_counts", rows, replace(case, claims=[named]))
    assert check.finding.certainty == "exact"
    assert "response.p.p" in check.finding.clashes[0]


def test_an_inverse_ratio_clashes_with_words_of_the_other_direction():
    """A ratio that follows as the inverse excludes the words, not the counts alone."""
    rows = [*HUNDRED, *RESPONSE, *odds("0.50", "0.27", "0.91")]
    case = replace(CASES["odds_ratio_from_counts"], claims=[claim(["or"], "lower")])
    (check,) = outcomes("odds_ratio_from_counts", rows, case)
    assert check.finding.severity == "headline"
    assert check.finding.clashes[0][0] == "claim:about.lower.descriptive"
