"""Tiny tables for the tests of the audit: for every rule one that fits and one that does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit_rows import claim, counts, estimate, sizes

from replica.studies import load_study

STUDY = load_study("sclc_second_line")
PAIR = {"arm": "treated", "comparator": "control", "stage": "before"}
MONTHS = {"unit": "months", "stage": "before"}


@dataclass(frozen=True)
class Case:
    """A table that fits and one that does not, and what the latter's finding says."""

    fits: list
    finds: list
    certainty: str
    says: str
    claims: list = field(default_factory=list)
    study: object = None
    severity: str = "table"


def survival(arm, median=None, rates=None, subgroup="", outcome="os"):
    """Make the printed curve of one group."""
    name = f"survival.{outcome}.{arm}.{subgroup}"
    group = {"item": "survival", "outcome": outcome, "arm": arm, "subgroup": subgroup}
    rows = estimate(name, {"median": median}, **group, **MONTHS) if median else []
    for time, rate in (rates or {}).items():
        rows += estimate(
            f"{name}.{time}", {"rate": rate}, **group, unit="percent", stage="before", time=time
        )
    return rows


def ratio(hr, low, high, p=None, **columns):
    """Make a hazard ratio with its interval."""
    printed = {"hr": hr, "ci_low": low, "ci_high": high} | ({"p": p} if p else {})
    return estimate("hr", printed, item="treatment", outcome="os", model="crude", **PAIR | columns)


def share(name, printed, **columns):
    """Make a percent without a count."""
    return estimate(name, {"percent": printed}, **{"arm": "treated", "stage": "before"} | columns)


def odds(value, low, high, **columns):
    """Make an odds ratio with its interval."""
    printed = {"or": value, "ci_low": low, "ci_high": high}
    return estimate("or", printed, item="response", **PAIR | columns)


def risk_ratio(value, low, high, **columns):
    """Make a risk ratio with its interval."""
    printed = {"rr": value, "ci_low": low, "ci_high": high}
    return estimate("rr", printed, item="response", **PAIR | columns)


def incidence(rate):
    """Make a cumulative incidence at five years."""
    return estimate("i", {"rate": rate}, item="incidence", **FIVE_YEARS)


def per_thousand(rate):
    """Make 12 events in 3,456 person-years with their rate."""
    group = {"item": "death", "outcome": "os", "arm": "treated"}
    rows = estimate("t", {"n": "12"}, **group)
    rows += estimate("t", {"count_total": "3,456"}, **group | {"unit": "person-years"})
    return rows + estimate("t", {"rate": rate}, **group | {"unit": "per 1000 person-years"})


def p_of(item, text, **columns):
    """Make the p value of a comparison of two arms."""
    return estimate(f"{item}.p", {"p": text}, item=item, **PAIR | columns)


def summary(printed, **columns):
    """Make a summary of age in the treated arm."""
    name = f"age.{columns.get('arm', 'treated')}"
    return estimate(name, printed, **{"item": "age", "arm": "treated", "stage": "before"} | columns)


HUNDRED = sizes(100, 100)
TREATED = {"arm": "treated", "unit": "months", "stage": "before"}
FIVE_YEARS = {"outcome": "second", "arm": "treated", "stage": "before", "time": "60 months"}
DIFFERENCE = estimate("rd", {"risk_difference": "-0.270"}, outcome="os", **PAIR)
BY_FIVE_YEARS = estimate("e", {"n": "5"}, item="second", **FIVE_YEARS)
RESPONSE = counts("response", {"yes": ("40 (40.0)", "25 (25.0)")})
MEANS = [
    *summary({"mean": "60.0", "sd": "10.0"}),
    *summary({"mean": "64.0", "sd": "10.0"}, arm="control"),
]
SPLIT = [
    *HUNDRED,
    *counts("liver_metastases", {"yes": (40, 30), "no": (60, 70)}),
    *survival("treated", "8.0", {"6 months": "54.0"}, subgroup="liver_metastases=yes"),
    *survival("treated", "12.0", {"6 months": "74.0"}, subgroup="liver_metastases=no"),
]
MATCHED = sizes(50, 50, stage="after")
BEFORE_AND_AFTER = [*sizes(60, 90), *MATCHED, *counts("sex", {"male": (30, 40)})]
EVENTS = [
    *estimate("e1", {"n": "10"}, item="death", outcome="os", arm="treated", stage="before"),
    *estimate("e0", {"n": "23"}, item="death", outcome="os", arm="control", stage="before"),
]


def three_groups(last):
    """Make counts of a group and of the two that it is made of, in six rows that add up."""
    arms = ("first", "second", "whole")
    cells = {f"l{k}": (10 + k, 20, 30 + k) for k in range(6)} | {"last": last}
    return counts("site", cells, arms=arms)


MATCHING = [*sizes(100, 150), *sizes(98, 98, stage="after")]
SEX_BEFORE = counts("sex", {"male": ("40 (40.0)", "60 (40.0)")})
SITES = [*HUNDRED, *counts("site", {"a": (40, 20), "b": (30, 30), "c": (30, 50)})]


def site_odds(a, b, c):
    """Make the crude odds ratios of three sites."""
    return [
        row
        for level, value in (("a", a), ("b", b), ("c", c))
        for row in estimate(
            f"or.{level}", {"or": value}, item="site", level=level, model="crude", **PAIR
        )
    ]


CASES = {
    "counts_possible": Case(
        MATCHING + SEX_BEFORE + counts("sex", {"male": ("39 (39.8)", "38 (38.8)")}, stage="after"),
        MATCHING + SEX_BEFORE + counts("sex", {"male": ("39 (30.6)", "38 (38.8)")}, stage="after"),
        "exact",
        "male, treated, before matching: 40; male, treated, after matching: 30.6% of 98, which is "
        "30; matching leaves out 100 - 98 = 2 in all",
    ),
    "one_reference": Case(
        SITES + site_odds("2.67", "1.00", "0.43"),
        SITES + site_odds("2.67", "1.00", "0.30"),
        "model_based",
        "0.30 follows from the counts against a; against the rest",
    ),
    "percent_of_count": Case(
        HUNDRED + counts("response", {"yes": ("78 (78.0)", "25 (25.0)")}),
        sizes(162, 162) + counts("r", {"yes": ("78 (48.2)", "1 (0.6)")}),
        "exact",
        "78 of 162 is 48.148%; printed 48.2",
        severity="rounding",
    ),
    "percent_of_arms": Case(
        [*HUNDRED, *RESPONSE, *share("all", "32.5", item="response", level="yes", arm="all")],
        [*HUNDRED, *RESPONSE, *share("all", "35.2", item="response", level="yes", arm="all")],
        "exact",
        "(40 + 25) of (100 + 100) is 32.500%; printed 35.2",
    ),
    "percent_reachable": Case(
        sizes(11, 23) + share("p", "36.4", item="site"),
        sizes(11, 23) + share("p", "34.6", item="site"),
        "model_based",
        "3 of 11 is 27.3%, 4 of 11 is 36.4%; printed 34.6",
    ),
    "levels_add_up": Case(
        HUNDRED + counts("sex", {"male": (60, 55), "female": (40, 45)}),
        HUNDRED + counts("sex", {"male": (60, 55), "female": (40, 54)}),
        "exact",
        "55 + 54 = 109; the group has 100, more than the group",
    ),
    "arms_add_up": Case(
        HUNDRED + estimate("all", {"n": "200"}, item="patients", arm="all", stage="before"),
        HUNDRED + estimate("all", {"n": "210"}, item="patients", arm="all", stage="before"),
        "exact",
        "100 + 100 = 200; printed 210 for all",
    ),
    "groups_add_up": Case(
        three_groups((7, 8, 15)),
        three_groups((7, 8, 16)),
        "model_based",
        "7 + 8 = 15; whole: 16",
    ),
    "percents_add_up": Case(
        estimate("y", {"percent": "32.4"}, item="x", level="yes", arm="treated")
        + estimate("n", {"percent": "67.6"}, item="x", level="no", arm="treated"),
        estimate("y", {"percent": "34.2"}, item="x", level="yes", arm="treated")
        + estimate("n", {"percent": "67.6"}, item="x", level="no", arm="treated"),
        "exact",
        "34.2 + 67.6 cannot be 100 under any rounding",
    ),
    "parts_in_words": Case(
        estimate("w", {"n": "30"}, item="site", arm="all")
        + counts("site", {"lung": (10,), "other": (20,)}, stage="", arms=("treated",)),
        estimate("w", {"n": "33"}, item="site", arm="all")
        + counts("site", {"lung": (10,), "other": (20,)}, stage="", arms=("treated",)),
        "exact",
        "10 + 20 = 30; the whole is printed as 33",
        claims=[claim(["w", "Table 1.site.lung.treated.", "Table 1.site.other.treated."], "all")],
    ),
    "repeated_number": Case(
        estimate("a", {"hr": "0.74"}, item="t", where="Abstract")
        + estimate("b", {"hr": "0.742"}, item="t"),
        estimate("a", {"hr": "0.74"}, item="t", where="Figure 2")
        + estimate("b", {"hr": "0.78"}, item="t"),
        "exact",
        "hazard ratio, t is printed as 0.74 (Figure 2); 0.78 (Table 1)",
    ),
    "matched_within_all": Case(
        BEFORE_AND_AFTER + counts("sex", {"male": (25, 24)}, stage="after"),
        BEFORE_AND_AFTER + counts("sex", {"male": (15, 24)}, stage="after"),
        "exact",
        "30 before and 15 after, so 15 left out; the group went from 60 to 50",
    ),
    "sizes_after_matching": Case(
        MATCHED,
        sizes(50, 49, stage="after"),
        "exact",
        "50 treated and 49 controls after 1:1 matching",
        study=STUDY,
    ),
    "p_from_counts": Case(
        [*HUNDRED, *RESPONSE, *p_of("response", "0.024")],
        [*HUNDRED, *RESPONSE, *p_of("response", "0.240")],
        "model_based",
        "Pearson chi-square 0.0235",
    ),
    "words_from_counts": Case(
        [*HUNDRED, *counts("response", {"yes": (40, 20)})],
        [*HUNDRED, *counts("response", {"yes": (40, 39)})],
        "model_based",
        "the words say significant",
        claims=[
            claim(
                ["Table 1.response.yes.treated.before", "Table 1.response.yes.control.before"],
                "higher",
                "significant",
            )
        ],
        severity="headline",
    ),
    "odds_ratio_from_counts": Case(
        [*HUNDRED, *RESPONSE, *odds("2.00", "1.09", "3.66")],
        [*HUNDRED, *RESPONSE, *odds("0.50", "0.27", "0.91")],
        "exact",
        "0.50 follows from the counts as the odds of response: yes in control over treated",
    ),
    "estimate_in_interval": Case(
        odds("0.34", "0.09", "1.24"),
        odds("0.34", "0.09", "0.24"),
        "exact",
        "odds ratio 0.34, interval 0.09-0.24; an interval contains its estimate",
    ),
    "interval_around_ratio": Case(
        ratio("2.109", "1.469", "3.027"),
        ratio("2.109", "1.649", "3.027"),
        "model_based",
        "2.109 squared is 4.4458 to 4.4500",
    ),
    "p_from_interval": Case(
        ratio("0.83", "0.69", "1.00", "0.055"),
        ratio("0.83", "0.69", "1.00", "0.550"),
        "model_based",
        "printed 0.550",
    ),
    "events_behind_interval": Case(
        EVENTS + ratio("0.49", "0.23", "1.03"),
        EVENTS + ratio("0.49", "0.24", "1.01"),
        "model_based",
        "at least 26 events beside 10 in treated",
        severity="headline",
    ),
    "quartiles_in_order": Case(
        summary({"q1": "58", "median": "66", "q3": "73"}),
        summary({"q1": "68", "median": "66", "q3": "73"}),
        "exact",
        "they are not in order",
    ),
    "spread_possible": Case(
        HUNDRED + summary({"min": "18", "mean": "62.0", "max": "87", "sd": "11.0"}),
        HUNDRED + summary({"min": "58", "mean": "62.0", "max": "67", "sd": "11.0"}),
        "exact",
        "cannot be of one sample",
    ),
    "p_from_means": Case(
        [*HUNDRED, *MEANS, *p_of("age", "0.005")],
        [*HUNDRED, *MEANS, *p_of("age", "0.500")],
        "model_based",
        "printed 0.500",
    ),
    "rates_fall": Case(
        survival("treated", rates={"6 months": "34.1", "12 months": "18.3"}),
        survival("treated", rates={"6 months": "34.1", "12 months": "38.3"}),
        "exact",
        "a curve of this kind cannot turn",
    ),
    "median_against_rates": Case(
        survival("treated", "4.46", {"6 months": "34.1"}),
        survival("treated", "4.46", {"6 months": "54.6"}),
        "exact",
        "after its median a curve is at most one half",
        severity="headline",
    ),
    "subgroups_mix": Case(
        SPLIT + survival("treated", rates={"6 months": "66.0"}),
        SPLIT + survival("treated", rates={"6 months": "56.0"}),
        "model_based",
        "(54.0 x 40 + 74.0 x 60) / 100 = 66.0; printed 56.0",
    ),
    "pooled_median_between": Case(
        SPLIT + survival("treated", "10.0"),
        SPLIT + survival("treated", "14.0"),
        "model_based",
        "median 14.0; of its parts 8.0, 12.0",
    ),
    "ratio_against_medians": Case(
        ratio("0.74", "0.62", "0.89") + survival("treated", "11.2") + survival("control", "9.6"),
        ratio("0.74", "0.62", "0.89") + survival("treated", "9.6") + survival("control", "11.2"),
        "model_based",
        "goes with the longer median",
        severity="headline",
    ),
    "ratio_against_rates": Case(
        ratio("0.62", "0.51", "0.75")
        + survival("treated", rates={"6 months": "34.1"})
        + survival("control", rates={"6 months": "19.1"}),
        ratio("0.62", "0.51", "0.75")
        + survival("treated", rates={"6 months": "19.1"})
        + survival("control", rates={"6 months": "44.1"}),
        "model_based",
        "standard errors away",
    ),
    "risk_difference_from_risks": Case(
        estimate("rd", {"risk_difference": "-0.027"}, outcome="os", **PAIR)
        + estimate("r1", {"percent": "1.5"}, item="d", outcome="os", arm="treated", stage="before")
        + estimate("r0", {"percent": "4.2"}, item="d", outcome="os", arm="control", stage="before"),
        estimate("rd", {"risk_difference": "-0.027"}, outcome="os", **PAIR)
        + estimate("r1", {"percent": "1.5"}, item="d", outcome="os", arm="treated", stage="before")
        + estimate("r0", {"percent": "3.6"}, item="d", outcome="os", arm="control", stage="before"),
        "exact",
        "1.5 - 3.6 is -0.021; printed -0.027",
        severity="headline",
    ),
    "difference_of_medians": Case(
        survival("treated", "4.14")
        + survival("control", "2.84")
        + estimate("d", {"median": "1.3"}, item="survival_difference", outcome="os", **PAIR),
        survival("treated", "4.14")
        + survival("control", "2.84")
        + estimate("d", {"median": "1.5"}, item="survival_difference", outcome="os", **PAIR),
        "exact",
        "4.14 - 2.84; printed 1.5",
    ),
    "whole_days": Case(
        survival("treated", "4.14") + survival("control", "2.83"),
        survival("treated", "4.123") + survival("control", "2.847"),
        "model_based",
        "no other divisor gives more",
        severity="rounding",
    ),
    "words_against_significance": Case(
        ratio("0.49", "0.24", "0.98"),
        ratio("0.49", "0.24", "1.03"),
        "exact",
        "the words say significant",
        claims=[claim(["hr"], "lower", "significant")],
        severity="headline",
    ),
    "words_against_direction": Case(
        survival("treated", "11.2") + survival("control", "9.6"),
        survival("treated", "9.6") + survival("control", "11.2"),
        "exact",
        "the words say higher; printed for survival: 9.6 (treated, before matching) and 11.2",
        claims=[claim(["survival.os.treated.", "survival.os.control."], "higher")],
        severity="headline",
    ),
    "words_against_bounds": Case(
        estimate("s", {"setting": "6"}, item="latency", unit="months")
        + summary({"q1": "7", "median": "9"}, unit="months"),
        estimate("s", {"setting": "6"}, item="latency", unit="months")
        + summary({"q1": "4", "median": "9"}, unit="months"),
        "exact",
        "the words allow no time below 6 months",
        claims=[claim(["s", "age.treated"], "at_least")],
        severity="headline",
    ),
    "words_against_multiples": Case(
        survival("treated", "5.0") + survival("control", "9.8"),
        survival("treated", "7.0") + survival("control", "9.8"),
        "model_based",
        "the words say half",
        claims=[claim(["survival.os.treated.", "survival.os.control."], "half")],
        severity="rounding",
    ),
    "risk_ratio_from_counts": Case(
        [*HUNDRED, *RESPONSE, *risk_ratio("1.60", "1.06", "2.42", model="crude")],
        [*HUNDRED, *RESPONSE, *risk_ratio("2.00", "1.09", "3.66", model="crude")],
        "exact",
        "printed 2.00. It follows as the odds ratio of these counts",
    ),
    "risk_difference_from_counts": Case(
        [*HUNDRED, *counts("death", {"": (15, 42)}, outcome="os"), *DIFFERENCE],
        [*HUNDRED, *counts("death", {"": (15, 24)}, outcome="os"), *DIFFERENCE],
        "model_based",
        "15/100 - 24/100 is -0.090; printed -0.270",
    ),
    "follow_up_long_enough": Case(
        estimate("f", {"median": "9.0", "max": "26.5"}, item="follow_up", **TREATED)
        + survival("treated", "11.2", {"24 months": "20.0"}),
        estimate("f", {"median": "9.0", "max": "16.5"}, item="follow_up", **TREATED)
        + survival("treated", "11.2", {"24 months": "20.0"}),
        "model_based",
        "24 months; the longest follow-up is 16.5 months",
    ),
    "follow_up_until_event": Case(
        estimate("f", {"median": "9.7"}, item="follow_up", **TREATED) + survival("treated", "9.8"),
        estimate("f", {"median": "19.7"}, item="follow_up", **TREATED) + survival("treated", "9.8"),
        "model_based",
        "median follow-up 19.7 months; median of os 9.8 months",
        claims=[claim(["f", "survival.os.treated."], "until_event")],
    ),
    "incidence_holds_events": Case(
        [*HUNDRED, *BY_FIVE_YEARS, *incidence("5.2")],
        [*HUNDRED, *BY_FIVE_YEARS, *incidence("2.5")],
        "exact",
        "5 of 100 patients have the event; printed 2.5 at 60 months",
        severity="headline",
    ),
    "rate_from_person_time": Case(
        per_thousand("3.5"),
        per_thousand("5.3"),
        "exact",
        "12 events in 3,456 person-years are 3.5 per 1000 person-years; printed 5.3",
    ),
    "nested_within": Case(
        counts("rash", {"": (17, 0)}) + counts("rash_g3", {"": (1, 0)}),
        counts("rash", {"": (17, 0)}) + counts("rash_g3", {"": (71, 0)}),
        "exact",
        "G3 rash 71, Rash 17",
        study=STUDY,
    ),
    "endpoint_from_levels": Case(
        counts("best_response", {"cr": (0, 0), "pr": (59, 30)})
        + counts("objective_response", {"": (59, 30)}),
        counts("best_response", {"cr": (0, 0), "pr": (59, 30)})
        + counts("objective_response", {"": (59, 33)}),
        "exact",
        "0 + 30 = 30; printed 33",
        study=STUDY,
    ),
    "entry_into_model": Case(
        [
            *estimate("u1", {"hr": "2.1", "p": "0.010"}, item="liver_metastases", outcome="pfs",
                      arm="treated", model="univariable"),
            *estimate("m1", {"hr": "1.8", "p": "0.040"}, item="liver_metastases", outcome="pfs",
                      arm="treated", model="multivariable"),
        ],
        [
            *estimate("u1", {"hr": "1.1", "p": "0.600"}, item="liver_metastases", outcome="pfs",
                      arm="treated", model="univariable"),
            *estimate("m1", {"hr": "1.8", "p": "0.040"}, item="liver_metastases", outcome="pfs",
                      arm="treated", model="multivariable"),
        ],
        "model_based",
        "in the joint model",
        study=STUDY,
    ),
}  # fmt: skip
