"""Impossible patients, scores, weights and tables: each ends in an error that helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bad_input import Case, changed, refused, with_cell, with_column

from replica.balance import balance, smd
from replica.case_control import CaseControlPlan, match_case_control
from replica.contingency import choose_test, fisher, odds_ratio, pearson, yates
from replica.convention import convention
from replica.errors import DataError, EstimationError, MatchingError, ParameterError, ProtocolError
from replica.greedy import nearest_neighbour
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional, fit_unconditional, logistic_regression
from replica.matching import caliper_width, match, pair_units
from replica.optimal import optimal_pairs
from replica.propensity import propensity_model
from replica.protocol import MatchingPlan
from replica.two_samples import mann_whitney, student_t, t_test_from_summary, welch_t
from replica.weighting import WeightingPlan, weight, weighted_cox
from replica.weights import balancing_weights, effective_sample_size, truncate_weights

SCORE = np.array([0.3, 0.6, 0.2, 0.4, 0.5, 0.7])
TREATED = np.array([True, True, False, False, False, False])
KEY = np.arange(6)
X = np.array([[0.0], [1.0], [0.0], [1.0], [1.0], [0.0], [1.0], [0.0]])
EVENT = np.array([1, 1, 0, 0, 1, 0, 1, 1])


def pairs(**change):
    """Pair the six units, but for what is changed."""
    given = {"distance": SCORE, "treated": TREATED, "key": KEY}
    return nearest_neighbour(**(given | change))


def plan(**change):
    """Return a plan for the toy cohort, but for what is changed."""
    given = {"covariates": ("sex", "age"), "caliper": None, "caliper_scale": "logit"}
    return MatchingPlan(**(given | change))


def odds(**change):
    """Fit a logistic regression to eight patients, but for what is changed."""
    return fit_unconditional(**({"matrix": X, "event": EVENT, "names": ["x"]} | change))


def cases(cohort, **change):
    """Match controls to the treated of a cohort by age."""
    return match_case_control(cohort, CaseControlPlan(**({"within": (("age", 5),)} | change)))


CASES = [
    # scores and units
    Case(
        "infinite score",
        lambda _: pairs(distance=changed(SCORE, 0, np.inf)),
        ParameterError,
        "found 1 missing or infinite scores",
        "every unit needs a finite one",
    ),
    Case(
        "missing score",
        lambda _: optimal_pairs(changed(SCORE, 0, np.nan), TREATED, KEY),
        ParameterError,
        "found 1 missing or infinite scores",
        "every unit needs a finite one",
    ),
    Case(
        "score in words",
        lambda _: pairs(distance=changed(SCORE, 0, "high")),
        ParameterError,
        "found 'high' in row 0",
        "Convert or exclude",
    ),
    Case(
        "arms in words",
        lambda _: pairs(treated=["treated", "control"] * 3),
        ParameterError,
        "first: 'treated' in row 0",
        "Compare the column first",
    ),
    Case(
        "missing arm",
        lambda _: pairs(treated=changed(TREATED, 1, np.nan)),
        ParameterError,
        "first: nan in row 1",
        "Compare the column first",
    ),
    Case(
        "arm of 2",
        lambda _: balancing_weights(SCORE, TREATED + 1),
        ParameterError,
        "first: 2 in row 0",
        "true (1) for treated",
    ),
    Case(
        "no control",
        lambda _: pairs(treated=np.ones(6, dtype=bool)),
        MatchingError,
        "6 treated and 0 control",
        "matching needs both",
    ),
    Case(
        "unit named twice",
        lambda _: pairs(key=[1, 1, 2, 3, 4, 5]),
        ParameterError,
        "found 1 more than once",
        "one key per unit",
    ),
    Case(
        "units named in several types",
        lambda _: pairs(key=np.array([1, "a", 2, 3, 4, 5], object)),
        ParameterError,
        "values of several types",
        "Turn the ids into text",
    ),
    Case(
        "missing key",
        lambda _: pairs(key=np.array(["a", None, "b", "c", "d", "e"], object)),
        ParameterError,
        "found 1 missing",
        "Give every patient an id",
    ),
    Case(
        "missing exact stratum",
        lambda _: pairs(exact=["s", None, "s", "t", "t", "s"]),
        ParameterError,
        "1 of them missing",
        "Exclude those without",
    ),
    Case(
        "fewer strata than units",
        lambda _: pairs(exact=["s"]),
        ParameterError,
        "1 labels for 6 units",
        "each needs one",
    ),
    Case(
        "caliper of 0",
        lambda _: pairs(caliper=0.0),
        ParameterError,
        "found 0.0",
        "or None for no limit",
    ),
    Case(
        "negative caliper",
        lambda _: plan(caliper=-0.2),
        ProtocolError,
        "found -0.2",
        "or None for no limit",
    ),
    Case(
        "caliper that is missing",
        lambda _: plan(caliper=float("nan")),
        ProtocolError,
        "found nan",
        "or None for no limit",
    ),
    Case(
        "caliper in words",
        lambda _: plan(caliper="0.2 SD"),
        ProtocolError,
        "found '0.2 SD'",
        "Pass it without its unit",
    ),
    Case(
        "unknown scale of a caliper",
        lambda _: plan(caliper_scale="sd_logits"),
        ProtocolError,
        "found 'sd_logits'",
        "Did you mean 'sd_logit'?",
    ),
    Case(
        "caliper of scores that do not vary",
        lambda _: caliper_width(np.full(6, 0.5), np.zeros(6), TREATED, 0.2, "sd_logit"),
        MatchingError,
        "1 different scores",
        "Use a caliper on the raw scale",
    ),
    Case(
        "caliper of a missing score",
        lambda _: caliper_width(SCORE, changed(SCORE, 2, np.nan), TREATED, 0.2, "sd_logit"),
        ParameterError,
        "found 1 missing or infinite",
        "Exclude those patients",
    ),
    Case(
        "ratio 0",
        lambda _: pairs(ratio=0),
        ParameterError,
        "found 0",
        "at least 1 control per treated unit",
    ),
    Case(
        "ratio of one and a half",
        lambda _: plan(ratio=1.5),
        ProtocolError,
        "found 1.5",
        "a whole number of at least 1 control",
    ),
    Case(
        "unknown order",
        lambda _: plan(order="bigest"),
        ProtocolError,
        "found 'bigest'",
        "Did you mean 'largest'?",
    ),
    Case(
        "random order without a generator",
        lambda c: match(c, plan(order="random")),
        ParameterError,
        "needs a numpy Generator",
        "pass rng=",
    ),
    Case(
        "random draw without a generator",
        lambda _: pair_units(SCORE, TREATED, KEY, draw="random"),
        ParameterError,
        "and no generator",
        "pass rng=",
    ),
    Case(
        "caliper on a covariate that is missing",
        lambda _: pair_units(
            SCORE, TREATED, KEY, covariates=np.full((6, 1), np.nan), covariate_calipers=[1.0]
        ),
        ParameterError,
        "found 6 missing or infinite",
        "must be known for every unit",
    ),
    Case(
        "negative caliper on a covariate",
        lambda _: plan(covariate_calipers=(("age", -1),)),
        ProtocolError,
        "found -1",
        "Name a covariate in `exact`",
    ),
    Case(
        "caliper on a covariate without a width",
        lambda _: plan(covariate_calipers=("age", 5)),
        ProtocolError,
        "found ('age', 5)",
        "Write (('age', 5),)",
    ),
    Case(
        "optimal matching with replacement",
        lambda _: plan(method="optimal", replace=True),
        ProtocolError,
        "replace True",
        "Choose these, or method 'nearest'",
    ),
    Case(
        "re-estimation without a discard",
        lambda _: plan(reestimate=True),
        ProtocolError,
        "found True with discard 'none'",
        "Choose whom to discard",
    ),
    Case(
        "no covariate to match on",
        lambda _: plan(covariates=()),
        ProtocolError,
        "found none",
        "Name the covariates to balance",
    ),
    Case(
        "text in place of covariates to match on",
        lambda _: plan(covariates="sex"),
        ProtocolError,
        "found 'sex'",
        "Write ('sex',)",
    ),
    # matching a cohort
    Case(
        "no pairs in the caliper",
        lambda c: match(c, plan(caliper=1e-12, covariates=("age",))),
        MatchingError,
        "the smallest distance between a treated and a control patient is",
        "Use a wider caliper",
    ),
    Case(
        "one arm empty",
        lambda c: match(c.within("treated"), plan()),
        EstimationError,
        "24 treated and 0 control",
        "needs both arms",
    ),
    Case(
        "empty cohort",
        lambda c: match(c.where(np.zeros(60, dtype=bool)), plan()),
        EstimationError,
        "0 treated and 0 control",
        "needs both arms",
    ),
    Case(
        "exact on an unknown column",
        lambda c: match(c, plan(exact=("sexe",))),
        ParameterError,
        "found 'sexe'",
        "Did you mean 'sex'?",
    ),
    Case(
        "exact on a missing value",
        lambda c: match(with_cell(c, "smoking", None), plan(exact=("smoking",))),
        DataError,
        "smoking is missing for 1 patients",
        "Complete or exclude them",
    ),
    Case(
        "exact strata of one arm each",
        lambda c: match(
            with_column(c, "smoking", np.where(c.treated, "yes", "no")), plan(exact=("smoking",))
        ),
        MatchingError,
        "no stratum of smoking holds both",
        "Match exactly on fewer",
    ),
    Case(
        "patient in two rows",
        lambda c: match(with_column(c, "patient_id", "T001"), plan()),
        ParameterError,
        "more than once",
        "one key per unit",
    ),
    Case(
        "patient without an id",
        lambda c: match(with_cell(c, "patient_id", None), plan()),
        DataError,
        "found 1 missing",
        "Complete the column",
    ),
    Case(
        "ids of several types",
        lambda c: match(with_cell(c, "patient_id", 7), plan()),
        DataError,
        "ids of several types",
        "Convert the column with astype(str)",
    ),
    Case(
        "level missing in the propensity model",
        lambda c: propensity_model(with_cell(c, "sex", None), ["sex"]),
        DataError,
        "found 1 missing values",
        "Recode the column, or exclude",
    ),
    Case(
        "level unknown to the propensity model",
        lambda c: propensity_model(with_cell(c, "sex", " male"), ["sex"]),
        DataError,
        "found ' male'",
        "Did you mean 'male'?",
    ),
    Case(
        "reference level that nobody has",
        lambda c: propensity_model(
            with_column(c, "stage", np.where(c.treated, "ii", "iii")), ["stage"]
        ),
        EstimationError,
        "stage",
        "Leave",
    ),
    Case(
        "measure missing in the propensity model",
        lambda c: propensity_model(with_cell(c, "age", None), ["age"]),
        ParameterError,
        "missing or infinite values in age",
        "Complete or exclude those patients",
    ),
    Case(
        "measure in words",
        lambda c: propensity_model(with_cell(c, "age", "61 years"), ["age"]),
        DataError,
        "found '61 years' in row 0",
        "Convert or exclude",
    ),
    Case(
        "constant covariate",
        lambda c: propensity_model(with_column(c, "sex", "male"), ["sex"]),
        EstimationError,
        "sex has the same value",
        "Leave it out",
    ),
    Case(
        "collinear covariates",
        lambda _: fit_logistic(np.column_stack([X[:, 0], 2 * X[:, 0] + 1]), EVENT == 1),
        EstimationError,
        "x2 is a combination of x1",
        "Leave one of them out",
    ),
    Case(
        "perfectly separated arms",
        lambda _: fit_logistic(EVENT[:, None], EVENT == 1),
        EstimationError,
        "x1 separates the arms",
        "Merge levels, or leave",
    ),
    Case(
        "quasi-separated arms",
        lambda _: fit_logistic([[0], [0], [0], [1], [1]], [0, 1, 0, 1, 1]),
        EstimationError,
        "x1 separates the arms",
        "Merge levels, or leave",
    ),
    Case(
        "mask of another length for the model",
        lambda c: propensity_model(c, ["sex"], fit_to=np.ones(5, dtype=bool)),
        ParameterError,
        "found 5 marks for 60 patients",
        "true or false for each",
    ),
    # case-control matching
    Case(
        "controls within no difference",
        lambda c: cases(c, within=(("age", 0),), exact=("sex", "smoking", "stage")),
        MatchingError,
        "no control has age within 0",
        "Use wider limits",
    ),
    Case(
        "limit in words",
        lambda _: CaseControlPlan(within=(("age", "5 years"),)),
        ProtocolError,
        "found '5 years'",
        "Pass it without its unit",
    ),
    Case(
        "limit below 0",
        lambda _: CaseControlPlan(within=(("age", -5),)),
        ProtocolError,
        "found -5",
        "a finite difference of 0 or more",
    ),
    Case(
        "unknown measure",
        lambda c: cases(c, within=(("agee", 5),)),
        ParameterError,
        "found 'agee'",
        "Did you mean 'age'?",
    ),
    Case(
        "measure missing for a case",
        lambda c: cases(with_cell(c, "age", None)),
        ParameterError,
        "age is missing for 1 patients",
        "Complete or exclude them",
    ),
    Case(
        "date that is none",
        lambda c: cases(with_cell(c, "start", "spring"), within=(("start", 1),)),
        DataError,
        "first: 'spring'",
        "year-month-day",
    ),
    # weights
    Case(
        "score of 1",
        lambda _: balancing_weights(changed(SCORE, 0, 1.0), TREATED),
        EstimationError,
        "found 1 propensity scores",
        "Leave out the covariate",
    ),
    Case(
        "score above 1",
        lambda _: balancing_weights(changed(SCORE, 0, 1.2), TREATED),
        EstimationError,
        "found 1 propensity scores",
        "Leave out the covariate",
    ),
    Case(
        "score whose inverse is no number",
        lambda _: balancing_weights(changed(SCORE, 0, 1e-310), TREATED),
        EstimationError,
        "from 1e-310 to 0.7",
        "Leave out the covariate",
    ),
    Case(
        "weights without treated",
        lambda _: balancing_weights(SCORE, 0 * KEY),
        EstimationError,
        "0 treated and 6 control",
        "both arms are needed",
    ),
    Case(
        "unknown estimand",
        lambda _: WeightingPlan(estimand="atc"),
        ParameterError,
        "found 'atc'",
        "Did you mean 'at",
    ),
    Case(
        "stabilised overlap weights",
        lambda _: WeightingPlan(estimand="ato", stabilised=True),
        ParameterError,
        "found True for overlap weights",
        "'ate' and 'att'",
    ),
    Case(
        "percentile above 100",
        lambda _: truncate_weights(SCORE, 1, 101),
        ParameterError,
        "1 and 101",
        "such as (1, 99)",
    ),
    Case(
        "percentiles as one number",
        lambda _: WeightingPlan(truncate=99),
        ParameterError,
        "found 99",
        "two percentiles such as (1, 99)",
    ),
    Case(
        "effective size of negative weights",
        lambda _: effective_sample_size(changed(SCORE, 0, -1)),
        ParameterError,
        "found 6 values",
        "none below 0",
    ),
    Case(
        "effective size of weights that are all 0",
        lambda _: effective_sample_size(0 * SCORE),
        ParameterError,
        "found 6 values",
        "not all 0",
    ),
    Case(
        "weighted patient in two rows",
        lambda c: weight(with_cell(c, "patient_id", "T002")),
        DataError,
        "found 1 rows whose id",
        "Keep one, or give each its own id",
    ),
    Case(
        "weighted model of a missing covariate",
        lambda c: weighted_cox(
            weight(with_cell(c, "age", None)), "os", ["arm", "age"], ties="efron"
        ),
        ParameterError,
        "age: found 1 missing",
        "Leave the covariate out",
    ),
    # balance
    Case(
        "difference without spread",
        lambda _: smd([1, 1], [0, 0]),
        EstimationError,
        "the means differ by 1",
        "Choose another denominator",
    ),
    Case(
        "infinite value of a difference",
        lambda _: smd([1, np.inf], [0, 1]),
        ParameterError,
        "1 missing or infinite",
        "none may be missing",
    ),
    Case(
        "balance of an unknown covariate",
        lambda c: balance(match(c, plan()), covariates=["weight"]),
        ProtocolError,
        "found 'weight'",
        "allowed: 'sex'",
    ),
    # logistic regression
    Case(
        "nobody has the event",
        lambda _: odds(event=0 * EVENT),
        EstimationError,
        "found 0 events among 8",
        "both patients with and without",
    ),
    Case(
        "everybody has the event",
        lambda _: odds(event=EVENT**0),
        EstimationError,
        "found 8 events among 8",
        "both patients with and without",
    ),
    Case(
        "event of 2",
        lambda _: odds(event=EVENT + 1),
        DataError,
        "first: 2.0 in row 0",
        "Recode the column",
    ),
    Case(
        "separated by a covariate",
        lambda _: odds(matrix=EVENT[:, None]),
        EstimationError,
        "x separates",
        "Merge levels",
    ),
    Case(
        "infinite covariate of a logistic regression",
        lambda _: odds(matrix=changed(X, (0, 0), np.inf)),
        DataError,
        "missing or infinite values of x",
        "exclude those patients",
    ),
    Case(
        "level of a profile interval",
        lambda _: odds(level=95),
        ParameterError,
        "found 95",
        "Did you mean 0.95?",
    ),
    Case(
        "sets without cases",
        lambda _: fit_conditional(X, EVENT, EVENT, names=["x"]),
        EstimationError,
        "found 2 sets, none with both",
        "Check the column",
    ),
    Case(
        "missing set",
        lambda _: fit_conditional(X, EVENT, [1, 1, 2, 2, 3, 3, 4, None], names=["x"]),
        DataError,
        "1 of them missing",
        "Exclude those without",
    ),
    Case(
        "covariate that varies in no set",
        lambda _: fit_conditional([[0], [0], [1], [1]], [0, 1, 0, 1], [1, 1, 2, 2], names=["x"]),
        EstimationError,
        "x is a linear combination",
        "Leave it out",
    ),
    Case(
        "unknown endpoint",
        lambda c: logistic_regression(c, "os_evnt", ["sex"]),
        ParameterError,
        "found 'os_evnt'",
        "Did you mean 'os_event'?",
    ),
    # tables of counts
    Case(
        "negative count",
        lambda _: pearson([[3, -1], [2, 5]]),
        EstimationError,
        "not a count (-1)",
        "Pass numbers of patients",
    ),
    Case(
        "count that is not whole",
        lambda _: fisher([[3, 1.5], [2, 5]]),
        EstimationError,
        "not a count (1.5)",
        "Pass numbers of patients",
    ),
    Case(
        "missing count",
        lambda _: yates([[3, np.nan], [2, 5]]),
        EstimationError,
        "not a count (nan)",
        "Pass numbers of patients",
    ),
    Case(
        "count beyond all patients",
        lambda _: pearson([[1e300, 1], [2, 5]]),
        EstimationError,
        "not a count (1e+300)",
        "Pass numbers of patients",
    ),
    Case(
        "count in words",
        lambda _: pearson([["3 (4%)", 1], [2, 5]]),
        EstimationError,
        "found '3 (4%)' in row 0",
        "Convert or exclude",
    ),
    Case(
        "margin of 0",
        lambda _: fisher([[3, 0], [2, 0]]),
        EstimationError,
        "column 2 holds no patient",
        "Leave out the level",
    ),
    Case(
        "table of one column",
        lambda _: pearson([[3], [2]]),
        EstimationError,
        "found 2 x 1",
        "at least 2 x 2",
    ),
    Case(
        "one row of counts",
        lambda _: pearson([3, 2]),
        EstimationError,
        "found 1 dimensions",
        "Pass a list of rows",
    ),
    Case(
        "rows of unequal length",
        lambda _: pearson([[3, 2], [1]]),
        EstimationError,
        "rows of unequal length",
        "one number each",
    ),
    Case(
        "correction of a larger table",
        lambda _: yates([[3, 2, 1], [1, 2, 3]]),
        EstimationError,
        "found 2 x 3",
        "Use `pearson`",
    ),
    Case(
        "only one level in use",
        lambda _: choose_test([[3, 0], [2, 0]], convention=convention("spss"), drop_empty=True),
        EstimationError,
        "found 2 x 1",
        "at least 2 x 2",
    ),
    Case(
        "odds ratio with an empty cell",
        lambda _: odds_ratio(0, 3, 2, 5),
        EstimationError,
        "(0, 3; 2, 5)",
        "Report the counts with Fisher's exact test",
    ),
    # two samples
    Case(
        "empty group",
        lambda _: mann_whitney([], [1, 2]),
        DataError,
        "first group: found the shape (0,)",
        "Exclude patients without a value",
    ),
    Case(
        "infinite value of a group",
        lambda _: welch_t([1, np.inf], [1, 2]),
        DataError,
        "with 1 missing or infinite",
        "Exclude patients without a value",
    ),
    Case(
        "value of a group in words",
        lambda _: mann_whitney([1, "two"], [1, 2]),
        DataError,
        "found 'two' in row 1",
        "Convert or exclude",
    ),
    Case(
        "all ranks tied",
        lambda _: mann_whitney([1, 1], [1, 1]),
        EstimationError,
        "found the same value (1) for all 4",
        "ranks that are all tied",
    ),
    Case(
        "one patient in a group",
        lambda _: student_t([1], [1, 2]),
        EstimationError,
        "found 1 patients in the first group",
        "at least 2 are needed",
    ),
    Case(
        "groups without spread but for rounding",
        lambda _: student_t([0.1] * 3, [0.3] * 3),
        EstimationError,
        "around means of 0.1 and 0.3",
        "Report the means",
    ),
    Case(
        "negative standard deviation",
        lambda _: t_test_from_summary((1, -1, 5), (1, 1, 5), equal_variances=True),
        DataError,
        "standard deviation -1",
        "from 0",
    ),
    Case(
        "half a patient",
        lambda _: t_test_from_summary((1, 1, 5.5), (1, 1, 5), equal_variances=True),
        DataError,
        "found 5.5 patients",
        "Take the number of patients",
    ),
    Case(
        "number of patients that is missing",
        lambda _: t_test_from_summary((1, 1, np.nan), (1, 1, 5), equal_variances=True),
        DataError,
        "found nan patients",
        "Take the number of patients",
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


def test_a_ratio_above_the_number_of_controls_takes_them_all():
    """Every control is given once, and the summary says how many are short."""
    found = pairs(ratio=100)
    assert sorted(found.control.tolist()) == [2, 3, 4, 5]


def test_fewer_controls_than_asked_are_reported(toy_cohort):
    """The summary counts what was asked for and what is missing."""
    matched = match(toy_cohort, plan(ratio=5))
    summary = matched.summary()
    assert (summary["asked"] == 5).all()
    assert summary["short"].sum() == 5 * 24 - 36


def test_a_caliper_of_infinity_is_none(toy_cohort):
    """No limit by another name: the same pairs."""
    one, two = (match(toy_cohort, plan(caliper=width)) for width in (None, np.inf))
    assert one.pairs.equals(two.pairs)


def test_no_spread_in_balance_is_missing_not_a_number(toy_cohort):
    """A covariate that nobody varies in has a difference of 0, one split by arm has none."""
    split = np.where(toy_cohort.treated, "yes", "no")
    study = replace(
        toy_cohort.study, matching=replace(toy_cohort.study.matching, covariates=("age",))
    )
    cohort = with_column(toy_cohort, "smoking", split)
    found = balance(match(replace(cohort, study=study)), covariates=["smoking"])
    rows = found[found["covariate"] == "smoking"]
    assert rows["smd"].isna().all()
