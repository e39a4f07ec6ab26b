"""Every headline finding of the three papers, recomputed by hand from the numbers printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import comb
from statistics import NormalDist

import pytest

from replica.audit import check_all, findings
from replica.audit.paper import study_paper

KEYS = ("mlc_second_primary", "myeloma_second_primary", "sclc_second_line")
Z = NormalDist().inv_cdf(0.975)
Values = Callable[[str], float]


def woolf(a, b, c, d):
    """Return (a d) / (b c) with Woolf's interval and Wald's p, all to two decimals."""
    log, error = math.log(a * d / (b * c)), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    ends = [math.exp(log + sign * Z * error) for sign in (-1, 1)]
    p = math.erfc(abs(log) / error / math.sqrt(2))
    return [round(value, 2) for value in (math.exp(log), *ends, p)]


def pearson(a, b, c, d):
    """Return the p value of Pearson's chi-square of a 2 x 2 table."""
    n = a + b + c + d
    square = n * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
    return math.erfc(math.sqrt(square / 2))


def fisher(a, b, c, d):
    """Add up the tables with the same margins that are no more probable."""
    ways = {
        k: comb(a + b, k) * comb(c + d, a + c - k)
        for k in range(max(0, a - d), min(a + b, a + c) + 1)
    }
    return Fraction(sum(w for w in ways.values() if w <= ways[a]), comb(a + b + c + d, a + c))


def squared_error(low, high):
    """Return the largest squared standard error of an interval printed to two decimals."""
    return (math.log((high + 0.005) / (low - 0.005)) / (2 * Z)) ** 2


@dataclass(frozen=True)
class Headline:
    """A finding, by its rule and one of its ids, and the arithmetic on the printed values."""

    study: str
    rule: str
    name: str
    certainty: str
    shown: Callable[[Values], bool]
    says: str


MLC, SCLC, MYELOMA = "mlc_second_primary", "sclc_second_line", "myeloma_second_primary"
BETA2 = "table2.beta2_mg.myeloma_first_vs_control"
IMID = "table2.treatment_imid.myeloma_first_vs_control"
ISS = "figure3.exposure.iss_stage_iii.second_cancer_vs_control"
ORDER = "myeloma_first_vs_solid_cancer_first.p"
FIGURE3 = "survival.first_line_pfs_6_or_over"

HEADLINES = (
    # 685 treated and 2157 controls are not 2844 patients; 687 and 2157 are.
    Headline(
        MLC,
        "repeated_number",
        "abstract.patients.treated.before.n",
        "exact",
        lambda v: v("abstract.patients.treated.before.n") != v("table1.patients.treated.before.n"),
        "685 (Abstract, Text: Results); 687 (Table 1)",
    ),
    Headline(
        MLC,
        "arms_add_up",
        "abstract.patients.treated.before.n",
        "exact",
        lambda v: (
            v("abstract.patients.treated.before.n") + v("abstract.patients.control.before.n")
            == 2842
            != v("abstract.patients.all.before.n")
            == v("table1.patients.treated.before.n") + 2157
        ),
        "685 + 2157 = 2842; printed 2844",
    ),
    # No number is printed both as 0.74 and as 0.78.
    Headline(
        MLC,
        "repeated_number",
        "discussion.treatment.second_primary_or_death.hr",
        "exact",
        lambda v: (
            v("abstract.treatment.second_primary_or_death.hr") + 0.005
            < v("discussion.treatment.second_primary_or_death.hr") - 0.005
        ),
        "0.74 (Abstract, Figure 2); 0.78 (Text: Discussion)",
    ),
    # 1.5 less 3.6 percent are at most 2.2 points apart; 2.75 are needed. 1.5 less 4.2 are 2.7.
    Headline(
        MLC,
        "risk_difference_from_risks",
        "discussion.risk_difference.risk_difference",
        "exact",
        lambda v: (
            v("discussion.second_primary.control.percent") + 0.05 - 1.45
            < -100 * v("discussion.risk_difference.risk_difference") - 0.05
            < v("abstract.incidence.control.rate_60_months") + 0.05 - 1.45
        ),
        "1.5 - 3.6 is -0.021; printed -0.028",
    ),
    # Only 684 of 685 are 99.9 percent; 687 before and 684 after leave 3 to go, but only 2 went.
    # 39 in all less 10 are 29 controls; only 25 of 685 are 3.6 percent.
    # A median is no smaller than the first quartile.
    Headline(
        MLC,
        "quartiles_in_order",
        "abstract.follow_up.treated.median",
        "exact",
        lambda v: (
            v("abstract.follow_up.treated.median") + 0.05 < v("abstract.follow_up.treated.q1") - 0.5
        ),
        "first quartile 60, median 20.2",
    ),
    # 10 and 23 events are 33, and 29 with 10 would be the 39 printed.
    Headline(
        MLC,
        "arms_add_up",
        "figure1.second_primary.all.n",
        "exact",
        lambda v: (
            v("figure1.second_primary.treated.n") + v("figure1.second_primary.control.n")
            == 33
            != v("figure1.second_primary.all.n")
            == 10 + 29
        ),
        "10 + 23 = 33; printed 39",
    ),
    # The interval from 0.24 to 1.01 holds 1.
    Headline(
        MLC,
        "words_against_significance",
        "figure1.treatment.ci_high",
        "exact",
        lambda v: v("figure1.treatment.ci_low") < 1 < v("figure1.treatment.ci_high") - 0.005,
        "the interval 0.24 to 1.01, which holds 1",
    ),
    # A difference with p below 0.001 is called balanced.
    Headline(
        MLC,
        "words_against_significance",
        "table1.prior_chemotherapy.after.p",
        "model_based",
        lambda v: v("table1.prior_chemotherapy.after.p") < 0.05,
        "the words say balanced",
    ),
    # 9.6 months are called higher than 11.2.
    Headline(
        MLC,
        "words_against_direction",
        "figure2.time_to_event.treated.median",
        "exact",
        lambda v: (
            v("figure2.time_to_event.treated.median") + 0.05
            < v("figure2.time_to_event.control.median") - 0.05
        ),
        "9.6 (ICI, after matching) and 11.2 (non-ICI, after matching)",
    ),
    # Nobody with an event in the first 6 months is left; a quarter had it by 4, or by 5.
    Headline(
        MLC,
        "words_against_bounds",
        "figure2.time_to_event.treated.q1",
        "exact",
        lambda v: (
            v("figure2.time_to_event.treated.q1") + 0.5
            < v("figure2.time_to_event.control.q1") + 0.5
            < v("methods.exclusion.early_event.setting")
        ),
        "no time below 6 months",
    ),
    # 1/10 + 1/23 is more than the interval's squared standard error; 1/10 + 1/26 is less.
    Headline(
        MLC,
        "events_behind_interval",
        "figure1.second_primary.control.n",
        "model_based",
        lambda v: (
            1 / v("figure1.second_primary.treated.n") + 1 / 26
            < squared_error(v("figure1.treatment.ci_low"), v("figure1.treatment.ci_high"))
            < 1 / 10 + 1 / 25
            < 1 / 10 + 1 / v("figure1.second_primary.control.n")
        ),
        "at least 26 events beside 10",
    ),
    # Hazards below 1, with an interval below 1, beside the earlier median.
    Headline(
        MLC,
        "ratio_against_medians",
        "figure2.time_to_event.treated.median",
        "model_based",
        lambda v: (
            v("figure2.time_to_event.treated.median") < v("figure2.time_to_event.control.median")
            and v("figure2.treatment.ci_high") < 1
        ),
        "a ratio below 1 goes with the longer median",
    ),
    # After its median, survival is at most one half.
    Headline(
        SCLC,
        "median_against_rates",
        f"figure3c.{FIGURE3}.rate_6_months",
        "exact",
        lambda v: (
            v(f"figure3c.{FIGURE3}.median") + 0.005 < 6
            and v(f"figure3c.{FIGURE3}.rate_6_months") - 0.05 > 50
        ),
        "median 4.46 months, 54.6% at 6 months",
    ),
    Headline(
        SCLC,
        "median_against_rates",
        f"figure3d.{FIGURE3}.rate_12_months",
        "exact",
        lambda v: (
            v(f"figure3d.{FIGURE3}.median") + 0.005 < 12
            and v(f"figure3d.{FIGURE3}.rate_12_months") - 0.05 > 50
        ),
        "median 10.43 months, 60.0% at 12 months",
    ),
    # An interval that ends at 0.245 at most does not hold 0.335; the counts give 0.09 to 1.24.
    Headline(
        MYELOMA,
        "estimate_in_interval",
        f"{BETA2}.ci_high",
        "exact",
        lambda v: v(f"{BETA2}.ci_high") + 0.005 < v(f"{BETA2}.or") - 0.005,
        "odds ratio 0.34, interval 0.09-0.24",
    ),
    Headline(
        MYELOMA,
        "odds_ratio_from_counts",
        f"{BETA2}.ci_high",
        "model_based",
        lambda v: (
            woolf(5, 47, 6, 19)
            == [v(f"{BETA2}.or"), v(f"{BETA2}.ci_low"), 1 + v(f"{BETA2}.ci_high"), v(f"{BETA2}.p")]
        ),
        "0.34 (0.09 to 1.24), p 0.10",
    ),
    # The interval as printed would go with a p value far below 0.10.
    # 61 of 66 without, 7 of 11 with a second cancer: the odds of those without over those with.
    Headline(
        MYELOMA,
        "odds_ratio_from_counts",
        f"{IMID}.or",
        "exact",
        lambda v: (
            woolf(61, 7, 66 - 61, 11 - 7)
            == [v(f"{IMID}.or"), v(f"{IMID}.ci_low"), v(f"{IMID}.ci_high"), v(f"{IMID}.p")]
            and woolf(7, 61, 11 - 7, 66 - 61)[0] == 0.14
        ),
        "gives 0.14",
    ),
    # The interval from 0.81 to 20.65 holds 1.
    Headline(
        MYELOMA,
        "words_against_significance",
        f"{ISS}.ci_low",
        "exact",
        lambda v: v(f"{ISS}.ci_low") + 0.005 < 1 < v(f"{ISS}.ci_high"),
        "the interval 0.81 to 20.65, which holds 1",
    ),
    # Two p values of 0.04 are among those called not significant.
    Headline(
        MYELOMA,
        "words_against_significance",
        f"table1.age_years.{ORDER}",
        "exact",
        lambda v: v(f"table1.age_years.{ORDER}") + 0.005 < 0.05,
        "p 0.04, below 0.05",
    ),
    Headline(
        MYELOMA,
        "words_against_significance",
        f"table1.tf2t_months.{ORDER}",
        "exact",
        lambda v: v(f"table1.tf2t_months.{ORDER}") + 0.005 < 0.05,
        "p 0.04, below 0.05",
    ),
    # 24 of 34 against 61 of 66, and 27 of 34 against 64 of 66, differ by both tests named.
    Headline(
        MYELOMA,
        "words_from_counts",
        "table1.treatment_imid.yes.second_cancer.n",
        "model_based",
        lambda v: (
            v("table1.treatment_imid.yes.second_cancer.n") == 24
            and round(pearson(24, 34 - 24, 61, 66 - 61), 4) == 0.0038
            and round(float(fisher(24, 10, 61, 5)), 4) == 0.0066
        ),
        "Pearson chi-square 0.0038",
    ),
    Headline(
        MYELOMA,
        "words_from_counts",
        "table1.treatment_pi.yes.second_cancer.n",
        "model_based",
        lambda v: (
            v("table1.treatment_pi.yes.second_cancer.n") == 27
            and round(pearson(27, 34 - 27, 64, 66 - 64), 4) == 0.0037
            and round(float(fisher(27, 7, 64, 2)), 4) == 0.0067
        ),
        "Pearson chi-square 0.0037",
    ),
)


@cache
def headlines(key):
    """Return the headline findings of one paper."""
    paper = study_paper(key)
    checks = check_all(paper.published, paper.study, paper.claims)
    return [f for f in findings(checks, paper.published) if f.severity == "headline"]


@pytest.mark.parametrize("expected", HEADLINES, ids=lambda each: f"{each.rule}-{each.name}")
def test_a_headline_follows_by_hand(expected):
    """The arithmetic holds, and the audit says the same of the same numbers."""
    printed = {row.id: row for row in study_paper(expected.study).published}
    assert expected.shown(lambda name: float(printed[name].value.value))
    (finding,) = [
        f for f in headlines(expected.study) if f.rule == expected.rule and expected.name in f.ids
    ]
    assert finding.certainty == expected.certainty
    assert expected.says in finding.message


def test_no_headline_is_without_its_arithmetic():
    """Every headline finding of the three papers stands above, each once."""
    found = {
        (key, f.rule, expected.name)
        for key in KEYS
        for f in headlines(key)
        for expected in HEADLINES
        if (expected.study, expected.rule) == (key, f.rule) and expected.name in f.ids
    }
    assert len(found) == len(HEADLINES) == sum(len(headlines(key)) for key in KEYS)
