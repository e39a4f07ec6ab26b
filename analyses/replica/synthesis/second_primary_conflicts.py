"""Printed rows of `mlc_second_primary` that cannot hold together, and which of them give way.

The patients are made to meet every other row. The sets are smallest: each argument says why fewer
rows would not do; where two sets are equally small, the one that leaves counts standing is taken.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conflict:
    """Printed rows that give way to others, by id, and the argument."""

    give_way: tuple[str, ...]
    why: str


def _p(stage: str, *rows: str) -> tuple[str, ...]:
    return tuple(f"table1.{row}.{stage}.p" for row in rows)


CONFLICTS = (
    Conflict(
        ("abstract.patients.treated.before.n", "results.patients.treated.before.n"),
        "685 and 2,157 are 2,842, not the 2,844 printed; 687, in Table 1, adds up.",
    ),
    Conflict(
        (
            *_p("before", "female", "cancer_type.lung", "cancer_type.melanoma"),
            *_p("before", "cancer_type.kidney", "prior_surgery"),
            *_p("after", "female", "autoimmune_disease", "organ_transplant", "cancer_type.kidney"),
        ),
        "neither Pearson's, nor Yates', nor Fisher's test of the printed counts gives these p "
        "values; counts and percentages agree with each other.",
    ),
    Conflict(
        ("table1.prior_chemotherapy.control.before.percent",),
        "1,785 of 2,157 are 82.8%; one of the two gives way.",
    ),
    Conflict(
        ("table1.prior_chemotherapy.treated.before.n",),
        "two of 687 treated patients leave at matching, so of 687 with chemotherapy at least 685 "
        "would be left, not 684. With 686 before it, which are the 100% printed, all else holds.",
    ),
    Conflict(
        (
            "table1.prior_radiotherapy.treated.before.n",
            "table1.prior_radiotherapy.treated.before.percent",
            "table1.prior_radiotherapy.before.p",
            "table1.prior_radiotherapy.after.p",
        ),
        "no whole number of 687 is 33.7% (231 are 33.6, 232 are 33.8). Two treated patients leave "
        "at matching: with 207 after it there are 207 to 209 before, of which no test against 580 "
        "of 2,157 gives p = .13; and none of 207 against 215 gives .67. Keeping the 231 instead "
        "loses five rows: this percentage, both p values, and the 207 with their percentage.",
    ),
    Conflict(
        ("table1.prior_surgery.control.after.percent", "table1.prior_surgery.after.p"),
        "no whole number of 685 is 5.6% (38 are 5.5, 39 are 5.7), and 41 against 31 of 685 gives "
        "p = .23 or .28. With 41 controls instead of 31 two rows would be lost as well.",
    ),
    Conflict(
        ("figure1.second_primary.all.count_total",),
        "39 of the 1,370 matched patients are the 2.8% printed; 39 of 685 are 5.7%.",
    ),
    Conflict(
        (
            "figure1.second_primary.control.n",
            "figure1.second_primary.control.percent",
            "discussion.second_primary.control.percent",
        ),
        "23 are no 3.6% of 685 (25 are). 29 fit the total of 39 and its 2.8%, the 4.2%, the risk "
        "difference of -0.028 and the interval of the hazard ratio; with 23 or 25 at least as many "
        "rows are lost.",
    ),
    Conflict(
        ("abstract.follow_up.treated.q1", "results.follow_up.treated.q1"),
        "a lower quartile of 60 months above a median of 20.2. If the median gave way instead, "
        "more than three quarters of the treated would be followed for 60 months. If as many of "
        "them as of the controls were free of events, at least 3 would then be at risk for 4 "
        "controls at each of the 39 second primaries (all within 60 months), and with 10 of 39 "
        "among the treated the hazard ratio would be at most (10/29) / (3/4) = 0.46, not 0.49.",
    ),
    Conflict(
        ("figure2.time_to_event.treated.q1", "figure2.time_to_event.control.q1"),
        "who dies or has another cancer within six months is not eligible: all times to an event "
        "are at least 6 months, and so are their lower quartiles; 4 and 5 are printed.",
    ),
    Conflict(
        ("discussion.treatment.second_primary_or_death.hr",),
        "abstract and results print 0.74, with an interval of which 0.74 is the centre.",
    ),
)


def given_up() -> dict[str, str]:
    """Return the printed rows that the patients are not made to meet, each with the reason."""
    return {name: conflict.why for conflict in CONFLICTS for name in conflict.give_way}
