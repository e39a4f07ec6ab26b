"""Impossible times, events, covariates and settings: each ends in an error that helps."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from bad_input import Case, changed, refused, with_cell, with_column

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.competing import cause_specific_cox, cumulative_incidence, fine_gray, gray_test
from replica.concordance import concordance
from replica.cox import cox, fit_cox
from replica.errors import (
    DataError,
    EstimationError,
    MatchingError,
    ParameterError,
    ProtocolError,
)
from replica.firth import cox_firth, fit_cox_firth
from replica.gray import gray
from replica.landmark import landmark
from replica.log_rank import log_rank, log_rank_test
from replica.log_rank_trend import log_rank_trend, log_rank_trend_test
from replica.proportional_hazards import proportional_hazards_test
from replica.protocol import ModelPlan, SubgroupPlan
from replica.restricted_mean import compare_restricted_means, restricted_mean_difference
from replica.selection import subgroup_effects, univariable_to_multivariable
from replica.subdistribution import fit_fine_gray
from replica.survival import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    product_limit,
    restricted_mean,
    survival_at,
)

TIME = np.array([2.0, 5.0, 5.0, 7.0, 8.0, 11.0, 12.0, 12.0])
EVENT = np.array([1, 1, 0, 1, 1, 0, 1, 0])
CAUSE = np.array([1, 2, 0, 1, 2, 0, 1, 0])
GROUP = np.array(["a", "b", "a", "b", "a", "b", "b", "a"])
X = np.array([[0.0], [1.0], [0.0], [1.0], [1.0], [0.0], [0.0], [1.0]])
START = TIME - 2
ARMS = ["arm"]


def fit(**change):
    """Fit a Cox model to the eight patients, but for what is changed."""
    given = {"matrix": X, "duration": TIME, "event": EVENT, "names": ["x"], "ties": "efron"}
    return fit_cox(**(given | change))


def curve():
    """Return the curve of the eight patients, which ends at 12 months with survivors."""
    return product_limit(TIME, EVENT)


def two_columns(second, **change):
    """Fit the covariate with another one."""
    return fit(matrix=np.column_stack([X[:, 0], second]), names=["x", "z"], **change)


def nobody(cohort):
    """Return the cohort without patients."""
    return cohort.where(np.zeros(len(cohort), dtype=bool))


def treated_only(cohort):
    """Return the cohort without controls."""
    return cohort.within("treated")


def caused(cohort):
    """Return the cohort with a column of two causes, which agree with the event."""
    return with_column(cohort, "cause", cohort.patients["os_event"] * (1 + np.arange(60) % 2))


CASES = [
    # times
    Case(
        "infinite time",
        lambda _: product_limit(changed(TIME, 3, np.inf), EVENT),
        DataError,
        "first: inf in row 3",
        "Correct or exclude those patients",
    ),
    Case(
        "missing time",
        lambda _: log_rank(changed(TIME, 1, np.nan), EVENT, GROUP),
        DataError,
        "first: nan in row 1",
        "Correct or exclude",
    ),
    Case(
        "negative time",
        lambda _: fit(duration=changed(TIME, 0, -1)),
        DataError,
        "first: -1.0 in row 0",
        "allowed: finite numbers from 0",
    ),
    Case(
        "text among times",
        lambda _: product_limit(changed(TIME, 2, "5 months"), EVENT),
        DataError,
        "in row 2",
        "Correct or exclude",
    ),
    Case(
        "blank text as a time",
        lambda _: product_limit(changed(TIME, 2, "  "), EVENT),
        DataError,
        "not numbers",
        "Correct or exclude",
    ),
    Case(
        "dates as times",
        lambda _: product_limit(np.full(8, np.datetime64("2020-01-01")), EVENT),
        DataError,
        "found dates",
        "Turn dates into durations",
    ),
    Case(
        "one date among times",
        lambda _: fit(duration=changed(TIME, 0, date(2020, 1, 1))),
        DataError,
        "datetime.date(2020, 1, 1)",
        "Turn dates into durations",
    ),
    Case(
        "time differences as times",
        lambda _: product_limit(pd.to_timedelta(TIME, unit="D"), EVENT),
        DataError,
        "found time differences",
        "Turn dates into durations",
    ),
    Case(
        "times of two columns",
        lambda _: product_limit(TIME.reshape(4, 2), EVENT),
        DataError,
        "found 2 dimensions",
        "Pass one column",
    ),
    Case(
        "more times than events",
        lambda _: log_rank(TIME, EVENT[:-1], GROUP),
        DataError,
        "found 8 and 7",
        "each patient needs both",
    ),
    Case(
        "empty arrays",
        lambda _: product_limit([], []),
        DataError,
        "found no patient",
        "Check the filter",
    ),
    Case(
        "empty cohort",
        lambda c: kaplan_meier(nobody(c), "os"),
        DataError,
        "found no patient",
        "Check the filter",
    ),
    Case(
        "time too large for its square",
        lambda _: proportional_hazards_test(
            np.arange(8.0)[:, None] % 3,
            changed(TIME, 6, 1e300),
            EVENT,
            names=["x"],
            transform="identity",
        ),
        DataError,
        "1e+300",
        "Take another unit",
    ),
    # events and causes
    Case(
        "event code 2",
        lambda _: product_limit(TIME, EVENT + 1),
        DataError,
        "first: 2.0 in row 0",
        "Recode the column",
    ),
    Case(
        "missing event",
        lambda _: fit(event=changed(EVENT, 4, np.nan)),
        DataError,
        "first: nan in row 4",
        "Recode the column",
    ),
    Case(
        "event in words",
        lambda _: fit(event=changed(EVENT, 4, "dead")),
        DataError,
        "in row 4",
        "allowed: 0 censored, 1 event",
    ),
    Case(
        "nobody has the event (Cox)",
        lambda _: fit(event=0 * EVENT),
        EstimationError,
        "no event among 8 patients",
        "at least 1 is needed",
    ),
    Case(
        "nobody has the event (log-rank)",
        lambda _: log_rank(TIME, 0 * EVENT, GROUP),
        EstimationError,
        "found no event",
        "Report the numbers at risk",
    ),
    Case(
        "nobody has an event (incidence)",
        lambda _: aalen_johansen(TIME, 0 * CAUSE),
        DataError,
        "found no event",
        "name the causes",
    ),
    Case(
        "negative cause",
        lambda _: aalen_johansen(TIME, -CAUSE),
        DataError,
        "first: -1.0 in row 0",
        "Recode the column",
    ),
    Case(
        "cause that is a code for missing",
        lambda _: gray(TIME, changed(CAUSE, 0, 1e12), GROUP),
        DataError,
        "first: 1000000000000.0",
        "Recode the column",
    ),
    Case(
        "cause of interest that nobody had",
        lambda _: fit_fine_gray(X, TIME, CAUSE, names=["x"], of=3),
        ParameterError,
        "found 3",
        "allowed: '1', '2'",
    ),
    Case(
        "event without a cause",
        lambda c: cumulative_incidence(with_column(c, "cause", 0), "os", cause="cause"),
        DataError,
        "with the event of 'os' and cause 0",
        "Complete the causes",
    ),
    Case(
        "no column of causes",
        lambda c: gray_test(c, "os", cause="csae"),
        ParameterError,
        "found 'csae'",
        "allowed: 'patient_id'",
    ),
    Case(
        "half a cause",
        lambda _: aalen_johansen(TIME, CAUSE / 2),
        DataError,
        "first: 0.5 in row 0",
        "Recode the column",
    ),
    # groups and strata
    Case(
        "one group",
        lambda _: log_rank(TIME, EVENT, ["a"] * 8),
        EstimationError,
        "found the group ('a',)",
        "at least 2 are needed",
    ),
    Case(
        "missing group in a list",
        lambda _: log_rank(TIME, EVENT, ["a", np.nan, *["a", "b"] * 3]),
        DataError,
        "1 of them missing",
        "Exclude those without",
    ),
    Case(
        "missing stratum",
        lambda _: fit(strata=changed(GROUP, 5, None)),
        DataError,
        "1 of them missing",
        "Exclude those without",
    ),
    Case(
        "missing cluster",
        lambda _: fit(cluster=changed(GROUP, 5, None)),
        DataError,
        "1 of them missing",
        "Exclude those without",
    ),
    Case(
        "labels of two columns",
        lambda _: log_rank(TIME, EVENT, GROUP.reshape(4, 2)),
        DataError,
        "found 2 dimensions",
        "one label for each of 8 patients",
    ),
    Case(
        "one cluster",
        lambda _: fit(cluster=["c"] * 8),
        EstimationError,
        "found 1 cluster",
        "at least 2",
    ),
    Case(
        "every stratum with one patient",
        lambda _: log_rank(TIME, EVENT, GROUP, strata=range(8)),
        EstimationError,
        "at no event were the groups at risk together",
        "Merge strata",
    ),
    Case(
        "every stratum of a Cox model with one patient",
        lambda _: fit(strata=range(8)),
        EstimationError,
        "does not vary among those at risk",
        "Leave it out",
    ),
    Case(
        "everybody dies at one time",
        lambda _: log_rank([3] * 8, [1] * 8, GROUP),
        EstimationError,
        "at no event were the groups at risk together",
        "Merge strata",
    ),
    Case(
        "all events at one time (proportional hazards)",
        lambda _: proportional_hazards_test(
            np.arange(8.0)[:, None] ** 2,
            [5, 5, 5, 9, 9, 9, 9, 9],
            [1, 1, 1, 0, 0, 0, 0, 0],
            names=["x"],
        ),
        EstimationError,
        "the events lie at too few times",
        "Test fewer covariates",
    ),
    Case(
        "groups in strata of their own",
        lambda _: gray(TIME, CAUSE, GROUP, strata=GROUP),
        EstimationError,
        "of the groups a, b",
        "Leave it out, or merge it",
    ),
    Case(
        "trend over a group that is not in the order",
        lambda _: log_rank_trend(TIME, EVENT, GROUP, ["a", "c"]),
        DataError,
        "4 of them not in the order (a, c)",
        "every patient needs one of these",
    ),
    Case(
        "trend over a group named twice",
        lambda _: log_rank_trend(TIME, EVENT, GROUP, ["a", "b", "a"]),
        ParameterError,
        "2 different groups in an order of 3",
        "each group needs one place",
    ),
    Case(
        "infinite score of a trend",
        lambda _: log_rank_trend(TIME, EVENT, GROUP, ["a", "b"], scores=[0, np.inf]),
        ParameterError,
        "[0.0, inf]",
        "Leave them out",
    ),
    Case(
        "score of a trend in words",
        lambda c: log_rank_trend_test(c, "os", "stage", scores=["i", "ii", "iii"]),
        ParameterError,
        "found 'i' in row 0",
        "Convert or exclude",
    ),
    # the cohort's columns
    Case(
        "unknown covariate",
        lambda c: kaplan_meier(c, "os", by="smokin"),
        ProtocolError,
        "found 'smokin'",
        "Did you mean 'smoking'?",
    ),
    Case(
        "unknown outcome",
        lambda c: kaplan_meier(c, "pfs"),
        ProtocolError,
        "found 'pfs'",
        "allowed: 'os'",
    ),
    Case(
        "unknown column of clusters",
        lambda c: cox(c, "os", ARMS, ties="efron", cluster="arms"),
        ParameterError,
        "found 'arms'",
        "Did you mean 'arm'?",
    ),
    Case(
        "column of the outcome that is not there",
        lambda c: kaplan_meier(
            type(c)(c.study, c.patients.drop(columns="os_months"), "supplied"), "os"
        ),
        ParameterError,
        "found 'os_months'",
        "allowed: 'patient_id'",
    ),
    Case(
        "column of the arms that is not there",
        lambda c: log_rank_test(type(c)(c.study, c.patients.drop(columns="arm"), "supplied"), "os"),
        ParameterError,
        "found 'arm'",
        "allowed: 'patient_id'",
    ),
    Case(
        "text in place of a list of covariates",
        lambda c: cox(c, "os", "arm", ties="efron"),
        ParameterError,
        "found 'arm'",
        "Write ['arm']",
    ),
    Case(
        "covariate named twice",
        lambda c: cox_firth(c, "os", ["sex", "sex"]),
        ParameterError,
        "['sex', 'sex']",
        "each only once",
    ),
    Case(
        "level with a blank behind it",
        lambda c: cox(with_cell(c, "sex", "male "), "os", ["sex"], ties="efron"),
        DataError,
        "found 'male '",
        "Did you mean 'male'?",
    ),
    Case(
        "level in another spelling",
        lambda c: subgroup_effects(
            with_cell(c, "sex", "Male"), SubgroupPlan("os", ("sex",), "t"), ties="efron"
        ),
        DataError,
        "found 'Male'",
        "Did you mean 'male'?",
    ),
    Case(
        "missing group of a curve",
        lambda c: kaplan_meier(with_cell(c, "sex", None), "os", by="sex"),
        DataError,
        "1 patients in none of the groups",
        "Restrict the cohort",
    ),
    Case(
        "arm in another spelling",
        lambda c: with_cell(c, "arm", "Treated").treated,
        DataError,
        "found 'Treated'",
        "Did you mean 'treated'?",
    ),
    Case(
        "unknown arm",
        lambda c: c.within("placebo"),
        ParameterError,
        "found 'placebo'",
        "allowed: 'treated', 'control'",
    ),
    Case(
        "mask of another length",
        lambda c: c.where(np.ones(3, dtype=bool)),
        ParameterError,
        "found 3 marks for 60 patients",
        "Compute them from this cohort",
    ),
    Case(
        "mask of words",
        lambda c: c.where(c.patients["arm"]),
        ParameterError,
        "other than true or false",
        "Compare the column first",
    ),
    Case(
        "nobody has the covariate known",
        lambda c: cox(with_column(c, "sex", None), "os", ["sex"], ties="efron"),
        EstimationError,
        "no patient with all of sex known",
        "leave out the column",
    ),
    Case(
        "one patient twice with late entry",
        lambda c: cox(
            with_column(with_column(c, "entry", 0.0), "patient_id", "T001"),
            "os",
            ["sex"],
            ties="efron",
            start="entry",
        ),
        DataError,
        "before the same patient's last one ends",
        "Correct the dates",
    ),
    # covariates of a model
    Case(
        "constant covariate",
        lambda _: fit(matrix=np.ones((8, 1))),
        EstimationError,
        "x has the same value (1) for all 8 patients",
        "Leave it out",
    ),
    Case(
        "collinear covariates",
        lambda _: two_columns(3 * X[:, 0] - 1),
        EstimationError,
        "z is a linear combination",
        "Leave it out",
    ),
    Case(
        "perfectly separated",
        lambda _: fit(matrix=EVENT[:, None]),
        EstimationError,
        "the coefficient of x diverges",
        "Firth's penalty",
    ),
    Case(
        "quasi-separated",
        lambda _: fit_cox(
            [[0], [1], [0], [1], [0], [0]], [1, 1, 2, 9, 9, 9], [1, 0, 1, 0, 1, 0], names=["x"]
        ),
        EstimationError,
        "the coefficient of x diverges",
        "Firth's penalty",
    ),
    Case(
        "missing covariate",
        lambda _: fit(matrix=changed(X, (2, 0), np.nan)),
        DataError,
        "x: found missing or infinite values",
        "exclude those patients",
    ),
    Case(
        "infinite covariate",
        lambda _: fit_cox_firth(changed(X, (2, 0), np.inf), TIME, EVENT, names=["x"]),
        DataError,
        "x: found missing or infinite values",
        "exclude those patients",
    ),
    Case(
        "covariate in words",
        lambda _: fit(matrix=changed(X, (2, 0), "yes")),
        DataError,
        "found 'yes' in row 2",
        "Convert or exclude",
    ),
    Case(
        "covariate too large for its square",
        lambda _: fit(matrix=changed(X, (2, 0), 1e200)),
        DataError,
        "1e+200",
        "Take another unit",
    ),
    Case(
        "one patient",
        lambda _: fit_cox([[1.0]], [3], [1], names=["x"]),
        EstimationError,
        "the same value (1) for all 1 patients",
        "at least 2 groups",
    ),
    Case(
        "two patients",
        lambda _: fit_cox([[0.0], [1.0]], [3, 4], [1, 1], names=["x"]),
        EstimationError,
        "the coefficient of x diverges",
        "Firth's penalty",
    ),
    Case(
        "names for other columns",
        lambda _: fit(names=["x", "z"]),
        DataError,
        "found the shape (8, 1)",
        "needed: 8 patients by 2",
    ),
    Case(
        "unknown ties",
        lambda _: fit(ties="effron"),
        ParameterError,
        "found 'effron'",
        "Did you mean 'efron'?",
    ),
    Case(
        "exact ties with weights",
        lambda _: fit(ties="exact", weights=np.ones(8)),
        ParameterError,
        "found 'exact' with weights",
        "choose 'efron'",
    ),
    Case(
        "too many ties for the exact likelihood",
        lambda _: fit_cox(
            np.arange(1200.0)[:, None] % 7,
            np.arange(1200) // 600,
            np.ones(1200),
            names=["x"],
            ties="exact",
        ),
        EstimationError,
        "up to 600 events at one time",
        "Choose Efron's ties",
    ),
    # weights and intervals
    Case(
        "negative weight",
        lambda _: fit(weights=changed(np.ones(8), 3, -1)),
        DataError,
        "first -1",
        "Exclude patients of weight 0",
    ),
    Case(
        "weight 0",
        lambda _: fit(weights=changed(np.ones(8), 3, 0)),
        DataError,
        "first 0",
        "Exclude patients of weight 0",
    ),
    Case(
        "missing weight",
        lambda _: fit(weights=changed(np.ones(8), 3, np.nan)),
        DataError,
        "first nan",
        "Exclude patients of weight 0",
    ),
    Case(
        "weights that are all 0",
        lambda _: fit(weights=np.zeros(8)),
        DataError,
        "with 8 others",
        "finite numbers above 0",
    ),
    Case(
        "weight of a concordance beyond all numbers",
        lambda _: concordance(TIME, EVENT, X[:, 0], weights=np.full(8, 1e200)),
        DataError,
        "1e+200",
        "Exclude patients",
    ),
    Case(
        "start after stop",
        lambda _: fit(start=changed(START, 1, 6)),
        DataError,
        "from 6.0 to 5.0 in row 1",
        "correct or exclude those rows",
    ),
    Case(
        "interval of no length",
        lambda _: fit(start=changed(START, 1, 5)),
        DataError,
        "from 5.0 to 5.0 in row 1",
        "correct or exclude those rows",
    ),
    Case(
        "missing start",
        lambda _: fit(start=changed(START, 1, np.nan)),
        DataError,
        "from nan to 5.0 in row 1",
        "correct or exclude those rows",
    ),
    Case(
        "start in words",
        lambda _: fit(start=changed(START, 1, "entry")),
        DataError,
        "found 'entry' in row 1",
        "Convert or exclude",
    ),
    Case(
        "overlapping intervals of one patient",
        lambda _: fit(start=START, patient=[1, 2, 3, 4, 5, 6, 7, 7]),
        DataError,
        "(10, 12] and (10, 12] in row 7",
        "Correct the dates",
    ),
    Case(
        "intervals with a robust error and nobody's name",
        lambda _: fit(start=START, robust=True),
        ParameterError,
        "without `cluster`",
        "pass the patient of each row",
    ),
    Case(
        "patients named without intervals",
        lambda _: fit(patient=range(8)),
        ParameterError,
        "without `start`",
        "pass the start of each interval",
    ),
    # reading curves
    Case(
        "negative time of a curve",
        lambda _: survival_at(curve(), -1),
        ParameterError,
        "found -1",
        "in the unit of the curve",
    ),
    Case(
        "missing time of a curve",
        lambda _: numbers_at_risk(curve(), [1, np.nan]),
        ParameterError,
        "found nan",
        "a number from 0 is needed",
    ),
    Case(
        "time of a curve in words",
        lambda _: survival_at(curve(), "6 months"),
        ParameterError,
        "found '6 months'",
        "Pass it without its unit",
    ),
    Case(
        "curve of two groups",
        lambda c: survival_at(kaplan_meier(c, "os"), 6),
        ParameterError,
        "found 2 groups",
        "give the rows of one group",
    ),
    Case(
        "frame that is no curve",
        lambda c: median_survival(c.patients, interval="log"),
        ParameterError,
        "found no column 'time'",
        "give the frame",
    ),
    Case(
        "incidence of an unknown cause",
        lambda _: incidence_at(aalen_johansen(TIME, CAUSE), 5, cause=4),
        ParameterError,
        "found 4",
        "allowed: '1', '2'",
    ),
    Case(
        "restriction beyond follow-up",
        lambda _: restricted_mean(curve(), 13),
        ParameterError,
        "found 13",
        "Take an earlier tau",
    ),
    Case(
        "restriction that is infinite",
        lambda _: restricted_mean(product_limit([1, 2], [1, 1]), np.inf),
        ParameterError,
        "found inf",
        "Take an earlier tau",
    ),
    Case(
        "restriction before any event",
        lambda _: restricted_mean_difference(curve(), curve(), 1),
        EstimationError,
        "no spread in either group up to 1",
        "Take a later tau",
    ),
    Case(
        "restricted means of one arm",
        lambda c: compare_restricted_means(treated_only(c), "os", 5),
        ParameterError,
        "found 1 groups",
        "Restrict the cohort",
    ),
    Case(
        "log-rank test of one arm",
        lambda c: log_rank_test(treated_only(c), "os"),
        EstimationError,
        "('treated',)",
        "at least 2 are needed",
    ),
    Case(
        "level 0",
        lambda _: product_limit(TIME, EVENT, level=0),
        ParameterError,
        "found 0",
        "such as 0.95",
    ),
    Case("level 1", lambda _: fit().summary(level=1), ParameterError, "found 1", "such as 0.95"),
    Case(
        "level 95",
        lambda _: product_limit(TIME, EVENT, level=95),
        ParameterError,
        "found 95",
        "Did you mean 0.95?",
    ),
    Case(
        "level in words",
        lambda _: fit_cox_firth(X, TIME, EVENT, names=["x"], level="95%"),
        ParameterError,
        "found '95%'",
        "Pass it without its unit",
    ),
    Case(
        "unknown interval",
        lambda _: product_limit(TIME, EVENT, interval="loglog"),
        ParameterError,
        "found 'loglog'",
        "Did you mean 'log-log'?",
    ),
    Case(
        "SPSS interval of another level",
        lambda _: median_survival(curve(), interval="spss", level=0.9),
        ParameterError,
        "found 0.9",
        "Choose 'plain'",
    ),
    # analyses of a cohort
    Case(
        "landmark after the last time",
        lambda c: landmark(c, "os", 1000),
        EstimationError,
        "after 1000 months",
        "Choose an earlier landmark",
    ),
    Case(
        "landmark at 0",
        lambda c: landmark(c, "os", 0),
        ParameterError,
        "found 0",
        "a number above 0 is needed",
    ),
    Case(
        "landmark that is missing",
        lambda c: landmark(c, "os", np.nan),
        ParameterError,
        "found nan",
        "a number above 0 is needed",
    ),
    Case(
        "entry threshold above 1",
        lambda c: univariable_to_multivariable(c, c.study.models[0], ties="efron", entry_p=5),
        ParameterError,
        "found 5",
        "such as 0.05",
    ),
    Case(
        "screen of an empty arm",
        lambda c: univariable_to_multivariable(
            c.within("control"), ModelPlan("os", "treated", ("sex",), 0.1, "table2"), ties="efron"
        ),
        DataError,
        "no patient in the treated arm",
        "check `arm`",
    ),
    Case(
        "competing risks of a missing covariate",
        lambda c: fine_gray(with_column(caused(c), "sex", None), "os", ["sex"], cause="cause"),
        EstimationError,
        "no patient with all of sex known",
        "leave out the column",
    ),
    Case(
        "cause-specific model of a cause that nobody had",
        lambda c: cause_specific_cox(caused(c), "os", ["sex"], cause="cause", of=9, ties="efron"),
        ParameterError,
        "found 9",
        "allowed: '1', '2'",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_bad_input_ends_in_an_error_that_helps(case, toy_cohort):
    """The error is of our own type, shows what was found and says what to do."""
    refused(case, toy_cohort)


def test_many_kinds_of_bad_input_are_tried():
    """No kind stands in the table twice."""
    kinds = {case.kind for case in CASES}
    assert len(kinds) == len(CASES)
    assert len(kinds) >= 100


def test_a_median_that_is_not_reached_is_none():
    """Not a number, and not the last time either."""
    found = median_survival(product_limit([1, 2, 3], [1, 0, 0]), interval="log")
    assert (found.median, found.ci_low, found.ci_high) == (None, 1.0, None)


def test_survival_past_the_last_time_is_not_stated():
    """With survivors left the curve is unknown there; once nobody is left it is 0."""
    assert np.isnan(survival_at(curve(), 12.01).survival)
    assert survival_at(product_limit([1, 2], [1, 1]), 50).survival == 0.0


def test_incidence_past_the_last_time_is_not_stated():
    """With somebody left without an event it is unknown there."""
    found = incidence_at(aalen_johansen(TIME, CAUSE), 12.01)
    assert np.isnan([found.incidence, found.std_error, found.ci_low, found.ci_high]).all()


def test_a_subgroup_without_events_says_why_it_has_no_estimate(toy_cohort):
    """Numbers are missing, the reason is not."""
    calm = with_column(toy_cohort, "os_event", 0)
    found = subgroup_effects(calm, SubgroupPlan("os", ("sex",), "figure2"), ties="efron")
    assert found["hazard_ratio"].isna().all()
    assert found["reason"].str.contains("no event").all()


def test_an_inestimable_screen_says_why(toy_cohort):
    """A covariate that does not vary is listed with its reason and does not enter."""
    flat = with_column(toy_cohort, "sex", "male")
    found = univariable_to_multivariable(
        flat, ModelPlan("os", "treated", ("sex", "smoking"), 1.0, "table2"), ties="efron"
    )
    row = found.univariable.set_index("covariate").loc["sex"]
    assert np.isnan(row["hazard_ratio"])
    assert "same value" in row["reason"]
    assert "sex" not in found.entered


def test_a_time_of_zero_is_allowed():
    """As in R: somebody may die on the first day."""
    found = product_limit([0, 0, 5], [1, 0, 1])
    assert found["survival"].tolist() == [2 / 3, 0.0]


def test_text_that_is_a_number_counts_as_one():
    """Times read as text, with a blank around them, are the same times."""
    text = [f" {time:g} " for time in TIME]
    pd.testing.assert_frame_equal(product_limit(text, EVENT), product_limit(TIME, EVENT))


def test_a_refused_pair_of_labels_is_not_taken_for_text():
    """A missing label in a list of texts is missing, never a group called 'nan'."""
    with pytest.raises(DataError, match="1 of them missing"):
        log_rank(TIME, EVENT, [*GROUP[:7].tolist(), float("nan")])


def test_errors_are_of_one_family():
    """Whoever catches ReplicaError, or ValueError, catches every refusal."""
    for error in (DataError, EstimationError, MatchingError, ParameterError, ProtocolError):
        assert issubclass(error, ValueError)


def test_the_patient_is_the_cluster_of_a_robust_error():
    """Naming the patients of intervals is enough; another cluster may be named beside them."""
    stop = np.array([1.0, 2, 5, 7, 3, 8, 11, 12, 12])
    start = np.array([0.0, 1, 2, 0, 0, 3, 0, 0, 0])
    event = [0, 0, 1, 1, 0, 1, 0, 1, 0]
    who = [1, 1, 1, 2, 3, 3, 4, 5, 6]
    matrix = np.array([[0], [1], [1], [0], [0], [1], [0], [0], [1]])
    rows = (matrix, stop, event)
    by_patient = fit_cox(*rows, names=["x"], start=start, patient=who, robust=True)
    by_cluster = fit_cox(*rows, names=["x"], start=start, cluster=who)
    assert by_patient.robust_se == pytest.approx(by_cluster.robust_se, rel=1e-15)
    assert by_patient.clusters == 6
    plain = fit_cox(*rows, names=["x"], start=start, patient=who)
    assert plain.robust_se is None


def test_a_stratum_without_events_changes_nothing():
    """Gray's test takes it for nothing, as `cuminc` does."""
    plain = gray(TIME, CAUSE, GROUP)
    more = gray([*TIME, 3, 4], [*CAUSE, 0, 0], [*GROUP, "a", "b"], strata=[*("s" * 8), *("t" * 2)])
    assert (more.statistic, more.score) == (plain.statistic, plain.score)
