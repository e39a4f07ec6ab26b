"""What the audit says of the three papers, each headline finding recomputed by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from math import comb

import pytest

from replica.audit import check_all, confirmations, findings, read_claims, smallest_removal
from replica.paths import repository
from replica.published import load_published
from replica.studies import load_study, study_keys

KEYS = ("mlc_second_primary", "myeloma_second_primary", "sclc_second_line")


@cache
def audited(key):
    """Audit one paper with its claims and, where there is one, its protocol."""
    published = load_published(key)
    claims = read_claims(repository() / "data" / "claims" / f"{key}.csv", published)
    study = load_study(key) if key in study_keys() else None
    checks = check_all(published, study, claims)
    return checks, findings(checks, published)


def found(key, rule, *ids):
    """Return the findings of a rule whose rows include these."""
    return [f for f in audited(key)[1] if f.rule == rule and set(ids) <= set(f.ids)]


def rounded(value, digits):
    """Round an exact value half up."""
    scaled = Fraction(value) * 10**digits + Fraction(1, 2)
    return float(Fraction(scaled.numerator // scaled.denominator, 10**digits))


def removed(key):
    """Return the numbers and claims whose removal leaves the rest possible."""
    return smallest_removal(audited(key)[0], load_published(key))


BETA2 = "table2.beta2_mg.myeloma_first_vs_control"
IMID = "table2.treatment_imid.myeloma_first_vs_control"


def test_an_interval_without_its_odds_ratio():
    """0.34 is not within 0.09-0.24; 5/6 against 47/19 give 0.34 (0.09-1.24), p 0.10."""
    (finding,) = found("myeloma_second_primary", "estimate_in_interval", f"{BETA2}.ci_high")
    assert (finding.certainty, finding.severity) == ("exact", "headline")
    assert finding.clashes == ((f"{BETA2}.or", f"{BETA2}.ci_high"),)
    ratio = (5 * 19) / (47 * 6)
    error = math.sqrt(1 / 5 + 1 / 6 + 1 / 47 + 1 / 19)
    ends = [math.exp(math.log(ratio) + sign * 1.959964 * error) for sign in (-1, 1)]
    assert [round(x, 2) for x in (ratio, *ends)] == [0.34, 0.09, 1.24]
    assert round(math.erfc(abs(math.log(ratio)) / error / math.sqrt(2)), 2) == 0.10
    (follows,) = found("myeloma_second_primary", "odds_ratio_from_counts", f"{BETA2}.ci_high")
    assert "give 0.34 (0.09 to 1.24), p 0.10" in follows.message
    assert f"{BETA2}.ci_high" in removed("myeloma_second_primary")
    assert f"{BETA2}.or" not in removed("myeloma_second_primary")


def test_a_headline_ratio_that_follows_as_the_inverse():
    """6.97 (1.51-32.19) is 61/5 over 7/4: treatment in those without over those with."""
    (finding,) = found("myeloma_second_primary", "odds_ratio_from_counts", f"{IMID}.or")
    assert (finding.certainty, finding.severity) == ("exact", "headline")
    ratio = (61 * 4) / (5 * 7)
    error = math.sqrt(1 / 61 + 1 / 5 + 1 / 7 + 1 / 4)
    ends = [math.exp(math.log(ratio) + sign * 1.959964 * error) for sign in (-1, 1)]
    assert [round(x, 2) for x in (ratio, *ends)] == [6.97, 1.51, 32.19]
    assert round((7 * 5) / (4 * 61), 2) == 0.14
    assert "the odds of Immunomodulator: Yes in MM over MPMST after MM" in finding.message
    assert "gives 0.14" in finding.message
    assert "results_risk.treatment_imid.myeloma_first_vs_control.or" in finding.ids
    assert "claim:discussion.conclusion_imid" in finding.ids
    # The words give way; no number is contradicted by them.
    assert not [name for name in removed("myeloma_second_primary") if name.startswith(IMID)]


def test_a_significant_hazard_whose_interval_holds_1():
    """The words call stage III significant; its interval is 0.81 to 20.65."""
    name = "figure3.exposure.iss_stage_iii.second_cancer_vs_control"
    (finding,) = found("myeloma_second_primary", "words_against_significance", f"{name}.ci_low")
    assert (finding.certainty, finding.severity) == ("exact", "headline")
    ends = (f"{name}.ci_low", f"{name}.ci_high")
    assert ("claim:results_survival.iss", *ends) in finding.clashes
    assert all(clash[0] == "claim:results_survival.iss" for clash in finding.clashes)


def test_no_difference_in_words_beside_p_of_4_in_100():
    """The conclusion says no significant differences; two of its p values are 0.04."""
    items = {
        f.ids[0]
        for f in found("myeloma_second_primary", "words_against_significance")
        if "claim:discussion.conclusion_order" in f.ids
    }
    assert items == {
        "table1.age_years.myeloma_first_vs_solid_cancer_first.p",
        "table1.tf2t_months.myeloma_first_vs_solid_cancer_first.p",
    }


def test_treatments_said_not_to_differ():
    """24 of 34 against 61 of 66 differ by every usual test; Fisher's p is 0.0066."""
    ways = {k: comb(34, k) * comb(66, 85 - k) for k in range(19, 35)}
    fisher = Fraction(sum(w for w in ways.values() if w <= ways[24]), comb(100, 85))
    assert rounded(fisher, 4) == 0.0066
    named = "table1.treatment_imid.yes.second_cancer.n"
    (finding,) = found("myeloma_second_primary", "words_from_counts", named)
    assert sum(name.startswith("claim:") for name in finding.ids) == 2
    assert finding.certainty == "model_based"
    assert "Fisher's exact test 0.0066" in finding.message


def test_a_gender_p_that_its_counts_do_not_give():
    """20/14 against 34/32 gives 0.49, not 0.33; against 32/34 it would be 0.33."""

    def pearson(a, b, c, d):
        n = a + b + c + d
        square = n * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
        return math.erfc(math.sqrt(square / 2))

    assert round(pearson(20, 14, 34, 32), 2) == 0.49
    assert round(pearson(20, 14, 32, 34), 2) == 0.33
    name = "table1.gender.second_cancer_vs_control.p"
    (finding,) = found("myeloma_second_primary", "p_from_counts", name)
    assert finding.certainty == "exact"
    assert name in removed("myeloma_second_primary")


def test_one_percent_a_unit_away():
    """78 of 162 is 48.148%, printed 48.2; it is the only finding on that table."""
    assert rounded(Fraction(7800, 162), 1) == 48.1
    name = "table2.best_response.pd.control.after.percent"
    (finding,) = found("sclc_second_line", "percent_of_count", name)
    assert (finding.certainty, finding.severity) == ("exact", "rounding")
    assert name in removed("sclc_second_line")


@pytest.mark.parametrize(
    ("figure", "time", "rates", "pooled", "mixed"),
    [
        ("figure3c", "6", ("54.6", "27.2"), "34.1", 44.3),
        ("figure3d", "12", ("60.0", "30.5"), "37.8", 48.9),
    ],
)
def test_rates_of_subgroups_that_do_not_mix(figure, time, rates, pooled, mixed):
    """125 and 75 patients at these rates give another rate for the 200 than the one printed."""
    value = (Fraction(rates[0]) * 125 + Fraction(rates[1]) * 75) / 200
    assert rounded(value, 1) == mixed
    name = f"{figure}.survival.first_line_pfs_6_or_over.rate_{time}_months"
    (finding,) = found("sclc_second_line", "subgroups_mix", name)
    assert finding.certainty == "model_based"
    assert f"= {mixed}; printed {pooled}" in finding.message


@pytest.mark.parametrize(
    ("figure", "time", "rate", "median"),
    [("figure3c", "6", "54.6", "4.46"), ("figure3d", "12", "60.0", "10.43")],
)
def test_rates_above_one_half_after_the_median(figure, time, rate, median):
    """A curve whose median lies before a time is at most one half then."""
    assert float(median) < float(time)
    assert float(rate) > 50
    name = f"{figure}.survival.first_line_pfs_6_or_over.rate_{time}_months"
    (finding,) = found("sclc_second_line", "median_against_rates", name)
    assert (finding.certainty, finding.severity) == ("exact", "headline")
    assert name in removed("sclc_second_line")


def test_the_first_study_has_no_other_exact_finding():
    """Everything else that the protocol relates agrees, in nearly every printed number."""
    checks, every = audited("sclc_second_line")
    assert len([f for f in every if f.certainty == "exact"]) == 3
    confirmed = confirmations(checks)
    published = load_published("sclc_second_line")
    assert sum(confirmed[row.id] > 0 for row in published) >= 600


def test_sizes_of_the_treated_before_matching():
    """685 in the abstract and the results, 687 in Table 1; only 687 + 2157 is 2844."""
    assert (687 + 2157, 685 + 2157) == (2844, 2842)
    names = ("abstract.patients.treated.before.n", "results.patients.treated.before.n")
    (finding,) = found("mlc_second_primary", "repeated_number", *names)
    assert (finding.certainty, finding.severity) == ("exact", "headline")
    assert set(names) <= set(removed("mlc_second_primary"))
    assert "table1.patients.treated.before.n" not in removed("mlc_second_primary")
    (added,) = found("mlc_second_primary", "arms_add_up", *names)
    assert "685 + 2157 = 2842; printed 2844" in added.message


def test_a_hazard_ratio_printed_twice():
    """0.74 in the abstract and Figure 2, 0.78 in the discussion."""
    name = "discussion.treatment.second_primary_or_death.hr"
    (finding,) = found("mlc_second_primary", "repeated_number", name)
    assert "0.74 (Abstract, Figure 2); 0.78 (Text: Discussion)" in finding.message
    assert name in removed("mlc_second_primary")


def test_a_share_of_one_cohort_that_is_of_both():
    """39 of 685 is 5.7%; 2.8% is 39 of the 1370 of both cohorts."""
    assert rounded(Fraction(3900, 685), 1) == 5.7
    assert rounded(Fraction(3900, 1370), 1) == 2.8
    name = "figure1.second_primary.all.percent"
    (finding,) = found("mlc_second_primary", "percent_of_count", name)
    assert finding.certainty == "exact"
    assert "1370 = 685 + 685" in finding.message


def test_events_of_the_arms_and_of_all():
    """10 and 23 are 33, not 39; the interval needs at least 26 beside 10; 29 would give 4.2%."""
    low, high = Fraction("0.235"), Fraction("1.015")
    most = (math.log(high / low) / (2 * 1.959964)) ** 2
    assert 1 / 10 + 1 / 23 > most > 1 / 10 + 1 / 26
    (events,) = found(
        "mlc_second_primary", "events_behind_interval", "figure1.second_primary.control.n"
    )
    assert events.certainty == "model_based"
    assert "at least 26 events beside 10" in events.message
    (finding,) = found("mlc_second_primary", "arms_add_up", "figure1.second_primary.all.n")
    assert "10 + 23 = 33; printed 39" in finding.message
    assert rounded(Fraction(2900, 685), 1) == 4.2


def test_a_risk_difference_of_other_risks():
    """1.5 - 3.6 is -2.1 points; -2.8 is 1.5 - 4.2 as far as rounding goes."""
    (finding,) = found(
        "mlc_second_primary",
        "risk_difference_from_risks",
        "discussion.second_primary.control.percent",
    )
    assert finding.certainty == "exact"
    assert "1.5 - 3.6 is -0.021; printed -0.028" in finding.message
    assert "1.5 - 4.2 (Abstract, -0.0280 to -0.0260 before rounding)" in finding.message


def test_a_count_beside_a_percent_of_fewer_patients():
    """31 of 685 is 4.5%; 5.6%, rounded or cut off, would need a denominator of 544 to 558."""
    assert rounded(Fraction(3100, 685), 1) == 4.5
    assert [n for n in range(31, 686) if rounded(Fraction(3100, n), 1) == 5.6] == list(
        range(549, 559)
    )
    assert [n for n in range(31, 686) if 31000 // n == 56] == list(range(544, 554))
    name = "table1.prior_surgery.control.after.percent"
    (finding,) = found("mlc_second_primary", "percent_of_count", name)
    assert finding.certainty == "model_based"
    assert "544 to 558" in finding.message


def test_more_patients_left_out_by_matching_than_there_were():
    """Two of 687 treated were not matched; yet 24 with radiotherapy and 3 with chemotherapy."""
    assert 687 - 685 < 687 - 684 < 231 - 207
    for item in ("prior_radiotherapy", "prior_chemotherapy"):
        (finding,) = found(
            "mlc_second_primary", "matched_within_all", f"table1.{item}.treated.after.n"
        )
        assert finding.certainty == "exact"


def test_a_p_value_on_the_other_side_of_5_in_100():
    """231 of 687 against 580 of 2157: chi-square is 11.4, p below 0.001, printed .13."""
    a, b, c, d = 231, 456, 580, 1577
    square = 2844 * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
    assert math.erfc(math.sqrt(square / 2)) < 0.001
    (finding,) = found("mlc_second_primary", "p_from_counts", "table1.prior_radiotherapy.before.p")
    assert "printed .13" in finding.message


def test_a_median_below_its_first_quartile():
    """20.2 months lie below the first quartile of 60."""
    (finding,) = found("mlc_second_primary", "quartiles_in_order")
    places = {f"{place}.follow_up.treated" for place in ("abstract", "results")}
    assert {f"{place}.{name}" for place in places for name in ("median", "q1")} == set(finding.ids)


def test_words_of_the_discussion_against_numbers():
    """Significant beside 0.24-1.01, higher beside 9.6 and 11.2; balanced beside p < .001 asks."""
    headline = {
        name
        for f in audited("mlc_second_primary")[1]
        if f.severity == "headline" and f.certainty == "exact"
        for name in f.ids
        if name.startswith("claim:")
    }
    assert headline == {
        "claim:discussion.median_time_higher",
        "claim:discussion.significant_impact_incidence",
        "claim:methods.no_event_before_6_months",
    }
    (asked,) = found(
        "mlc_second_primary", "words_against_significance", "table1.prior_chemotherapy.after.p"
    )
    assert asked.certainty == "model_based"
    assert "claim:discussion.balanced_after_matching" in asked.ids


def test_follow_up_longer_than_survival():
    """Follow-up to death or the last visit, 19.7 months, beside a median survival of 7.90."""
    (finding,) = found("sclc_second_line", "follow_up_until_event")
    assert finding.certainty == "model_based"
    assert "median follow-up 19.7 months; median of OS 7.90 months" in finding.message


def test_one_finding_for_one_set_of_cells():
    """What 687, 684 and 99.9 say of chemotherapy, or 39, 10 and 23 of events, is said once."""
    for name in ("table1.prior_chemotherapy.treated.after.n", "figure1.second_primary.all.n"):
        exact = [
            finding
            for finding in audited("mlc_second_primary")[1]
            if finding.certainty == "exact" and name in finding.ids
        ]
        assert "counts_possible" not in {finding.rule for finding in exact}
        assert len({finding.message for finding in exact}) == len(exact) > 0


@pytest.mark.parametrize("key", KEYS)
def test_findings_are_neutral_and_show_their_arithmetic(key):
    """Messages hold numbers and no judgement, and every id is printed or claimed."""
    published = {row.id for row in load_published(key)}
    for finding in audited(key)[1]:
        assert any(letter.isdigit() for letter in finding.message)
        words = finding.message.casefold().split()
        assert not {"wrong", "errors", "mistake", "false", "fraud", "misleading"} & set(words)
        assert set(finding.rows) <= published
        assert len(finding.message) < 900
