"""Every rule of the audit has a tiny table that fits and one that does not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from audit_cases import (
    CASES,
    FIVE_YEARS,
    HUNDRED,
    PAIR,
    RESPONSE,
    TREATED,
    incidence,
    odds,
    p_of,
    risk_ratio,
)
from audit_rows import claim, counts, estimate, sizes

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


def test_a_risk_ratio_is_read_in_both_directions_and_with_either_reference():
    """40 and 25 of 100: 1.60, its inverse 0.63 (0.625), without it 0.80, its inverse 1.25."""
    case = CASES["risk_ratio_from_counts"]
    for printed, says in (
        ("0.63", "the risk of response: yes in control over treated"),
        ("0.80", "the risk of being without response: yes in treated over control"),
        ("1.25", "the risk of being without response: yes in control over treated"),
    ):
        rows = [*HUNDRED, *RESPONSE, *estimate("rr", {"rr": printed}, item="response", **PAIR)]
        (check,) = outcomes("risk_ratio_from_counts", rows, case)
        assert says in check.finding.message
        assert "it would be 1.60" in check.finding.message
        assert check.finding.certainty == "model_based"


def test_a_risk_ratios_interval_is_katzs():
    """se2 = 1/40 - 1/100 + 1/25 - 1/100 = 0.045, so that 1.60 reaches from 1.06 to 2.42."""
    low, high = (math.exp(math.log(1.6) + sign * 1.959964 * math.sqrt(0.045)) for sign in (-1, 1))
    assert (round(low, 2), round(high, 2)) == (1.06, 2.42)
    case = CASES["risk_ratio_from_counts"]
    rows = [*HUNDRED, *RESPONSE, *risk_ratio("1.60", "1.06", "2.24", model="crude")]
    (finding,) = [c.finding for c in outcomes("risk_ratio_from_counts", rows, case) if c.finding]
    assert "upper end of the interval 2.24 (Katz's: 2.42)" in finding.message
    assert finding.certainty == "model_based"


def test_a_risk_difference_may_be_the_other_way_round():
    """0.42 - 0.15 is printed for 0.15 - 0.42: the direction is not stated."""
    case = CASES["risk_difference_from_counts"]
    rows = [
        *HUNDRED,
        *counts("death", {"": (15, 42)}, outcome="os"),
        *estimate("rd", {"risk_difference": "0.270"}, outcome="os", **PAIR),
    ]
    (check,) = outcomes("risk_difference_from_counts", rows, case)
    assert check.fits


def test_an_incidence_without_events_is_nought():
    """No event among 100 patients, yet 1.2 percent at five years."""
    case = CASES["incidence_holds_events"]
    none = estimate("e", {"n": "0"}, item="second", **{**FIVE_YEARS, "time": ""})
    (check,) = outcomes("incidence_holds_events", [*HUNDRED, *none, *incidence("1.2")], case)
    assert check.finding.certainty == "exact"
    assert "without an event the incidence is 0" in check.finding.message


def test_events_of_all_follow_up_are_held_by_the_incidence_at_its_end_only():
    """5 of 100 by the end: 2.5 percent at 60 months is odd if nobody is followed for longer."""
    case = CASES["incidence_holds_events"]
    events = estimate("e", {"n": "5"}, item="second", **{**FIVE_YEARS, "time": ""})
    rows = [*HUNDRED, *events, *incidence("2.5")]
    assert outcomes("incidence_holds_events", rows, case) == ()
    for window, found in (("5", 1), ("10", 0)):
        setting = estimate("w", {"setting": window}, item="follow_up_window", unit="years")
        checks = outcomes("incidence_holds_events", [*rows, *setting], case)
        assert [c.finding.certainty for c in checks] == ["model_based"] * found


def test_a_percent_is_read_like_that_of_the_other_group_beside_it():
    """23 (3.6%) beside 10 of 685 (1.5%): of 685 it is 3.4 percent, a question."""
    rows = [
        *sizes(685, 685),
        *estimate("t", {"n": "10", "count_total": "685", "percent": "1.5"}, item="d", **TREATED),
        *estimate("c", {"n": "23", "percent": "3.6"}, item="d", **TREATED | {"arm": "control"}),
    ]
    found = [c.finding for c in outcomes("percent_of_count", rows, CASES["percent_of_count"])]
    (finding,) = [each for each in found if each is not None]
    assert finding.certainty == "model_based"
    assert "622 to 647, while that of treated is of all 685" in finding.message


def test_a_ratio_far_from_its_counts_is_asked_about():
    """Of ratios that do not follow, one more than two standard errors away is no rounding."""
    rows = [*HUNDRED, *RESPONSE]
    for printed, severity in (("2.40", "rounding"), ("7.40", "table")):
        odd = estimate("or", {"or": printed}, item="response", **PAIR)
        (check,) = outcomes("odds_ratio_from_counts", rows + odd, CASES["odds_ratio_from_counts"])
        assert (check.finding.certainty, check.finding.severity) == ("model_based", severity)


def test_balanced_in_words_is_a_question():
    """Which covariates the word covers is a matter of reading."""
    case = replace(CASES["words_against_significance"], claims=[claim(["x.p"], "balanced")])
    (check,) = outcomes("words_against_significance", p_of("x", "0.001"), case)
    assert check.finding.certainty == "model_based"
    assert "the words say balanced" in check.finding.message
    assert "p 0.001, below 0.05" in check.finding.message


def test_a_ratio_may_be_that_of_another_group():
    """0.75 is not (40/60) over (25/75), but (20/80) over it."""
    arms = ("treated", "control", "other")
    rows = [
        *counts("site", {"a": (40, 25, 20), "b": (60, 75, 80)}, arms=arms),
        *estimate("or", {"or": "0.75"}, item="site", **PAIR),
    ]
    (check,) = outcomes("odds_ratio_from_counts", rows, CASES["odds_ratio_from_counts"])
    assert "give the odds of a in treated over control 2.00" in check.finding.message
    assert "It would follow as the odds of a in other over control." in check.finding.message
