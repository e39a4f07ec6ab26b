"""Every number of a results section equals one computed by other means from the same patients."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times
from scipy import stats

from replica.analysis import Choices, reproduce
from replica.convention import SPSS, convention
from replica.estimate import Quantity
from replica.matching import match
from replica.protocol import Characteristic, CurvePlan, Endpoint, Level
from replica.published import QUANTITY
from replica.supplied import parse_cohort

YES_NO = (Level("yes", "Yes"), Level("no", "No"))
# lifelines' medians have the log-log interval only
LOG_LOG = replace(SPSS, median_interval="log-log", survival_interval="log-log")
ARMS = ("all", "treated", "control")


@pytest.fixture(scope="module")
def study(toy_study):
    """Describe the toy study with every kind of thing that a study may report."""
    return replace(
        toy_study,
        characteristics=(
            *toy_study.characteristics,
            Characteristic("rash", "Rash", YES_NO),
            Characteristic(
                "response", "Response", tuple(Level(key, key) for key in ("cr", "pr", "sd", "pd"))
            ),
        ),
        endpoints=(Endpoint("objective_response", "ORR", "response", ("cr", "pr")),),
        curves=(
            CurvePlan("figure1", "os", "before"),
            CurvePlan("figure1", "os", "after"),
            CurvePlan("figure1", "os", "before", by="smoking", within="treated"),
            CurvePlan("figure1", "os", "after", by="sex"),
        ),
        models=tuple(replace(plan, entry_p=0.5) for plan in toy_study.models),
    )


@pytest.fixture
def table(toy_table):
    """Lay out the toy patients with a toxicity and a response."""
    number = np.arange(len(toy_table))
    toy_table["rash"] = np.where(number % 7 < 2, "yes", "no")
    toy_table["response"] = np.array(["cr", "pr", "sd", "pd"])[number * 5 % 11 % 4]
    return toy_table


@pytest.fixture
def matched(study, table):
    """Match the toy patients."""
    return match(parse_cohort(study, table, "supplied", name="toy"))


def key(item, statistic, **cells):
    """Name a quantity as estimates do."""
    named = {**vars(Quantity(item, **cells)), "statistic": statistic}
    return tuple(named[name] for name in QUANTITY)


def groups(patients):
    """Split patients into all, treated and control."""
    yield "all", patients
    for arm in ARMS[1:]:
        yield arm, patients[patients["arm"] == arm]


def independence(table):
    """Test a table of counts as SPSS would: Fisher's exact test for small expected counts."""
    table = table.loc[:, table.sum() > 0]
    chi = stats.chi2_contingency(table, correction=False)
    if chi.expected_freq.min() >= 5:
        return float(chi.pvalue)
    return freeman_halton(table.to_numpy())


def freeman_halton(counts):
    """Sum the probabilities of all two-row tables that are no more probable than the one seen."""
    columns, first = counts.sum(axis=0), counts.sum(axis=1)[0]
    hypergeometric = stats.multivariate_hypergeom(columns, first)
    seen = hypergeometric.pmf(counts[0])
    rows = [row for row in product(*(range(n + 1) for n in columns)) if sum(row) == first]
    chances = hypergeometric.pmf(np.array(rows))
    return float(chances[chances <= seen * (1 + 1e-9)].sum())


def described(study, patients, stage):
    """Yield sizes, counts, shares, medians and tests with pandas and SciPy."""
    for arm, group in groups(patients):
        yield key("patients", "n", arm=arm, stage=stage), len(group)
        yield key("age", "median", arm=arm, stage=stage), group["age"].median()
        yield key("age", "min", arm=arm, stage=stage), group["age"].min()
        yield key("age", "max", arm=arm, stage=stage), group["age"].max()
        yield from share("objective_response", group["response"].isin(["cr", "pr"]), arm, stage)
        yield from share("rash", group["rash"] == "yes", arm, stage)
        for column in ("sex", "smoking", "stage", "response"):
            for level in levels(study, column):
                yield from share(column, group[column] == level, arm, stage, level)
        if arm == "treated":
            for level in ("alone", "combined"):
                yield from share("regimen", group["regimen"] == level, arm, stage, level)
    tested = patients.assign(objective_response=patients["response"].isin(["cr", "pr"]))
    for column in ("sex", "smoking", "stage", "rash", "response", "objective_response"):
        p = independence(pd.crosstab(tested["arm"], tested[column]))
        yield key(column, "p", arm="treated", comparator="control", stage=stage), p


def share(item, having, arm, stage, level=""):
    """Yield the count and the percentage of those who have something."""
    yield key(item, "n", level=level, arm=arm, stage=stage), int(having.sum())
    yield key(item, "percent", level=level, arm=arm, stage=stage), 100 * having.mean()


def levels(study, column):
    """List the levels of a covariate or characteristic."""
    found = {c.key: c.level_keys for c in (*study.covariates, *study.characteristics)}
    return found[column]


def curve(patients, **cells):
    """Yield the median with its interval, from lifelines."""
    fitter = KaplanMeierFitter().fit(patients["os_months"], patients["os_event"])
    # Where survival is 0 there is no interval, as in R; lifelines lets it end at 0 there
    known = fitter.confidence_interval_[fitter.survival_function_["KM_estimate"] > 0]
    low, high = median_survival_times(known).to_numpy()[0]
    found = {"median": fitter.median_survival_time_, "ci_low": low, "ci_high": high}
    for statistic, value in found.items():
        yield key("survival", statistic, outcome="os", **cells), value


def rates(patients, **cells):
    """Yield survival at 6 and 12 months in percent, from lifelines."""
    fitter = KaplanMeierFitter().fit(patients["os_months"], patients["os_event"])
    for months in (6, 12):
        rate = 100 * float(fitter.predict(months))
        yield key("survival", "rate", outcome="os", time=f"{months} months", **cells), rate


def log_rank(patients, by):
    """Test the curves of groups for equality, from lifelines."""
    test = multivariate_logrank_test(patients["os_months"], patients[by], patients["os_event"])
    return test.p_value


def hazards(patients, ties, **columns):
    """Fit a Cox model with statsmodels."""
    matrix = np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])
    model = sm.PHReg(
        patients["os_months"].to_numpy(), matrix, status=patients["os_event"].to_numpy(), ties=ties
    )
    return model.fit(tol=1e-14)


def ratio(fit, column=0):
    """Name hazard ratio, interval and p value of one column of a fit."""
    low, high = np.exp(fit.conf_int()[column])
    values = (np.exp(fit.params[column]), low, high, fit.pvalues[column])
    return dict(zip(("hr", "ci_low", "ci_high", "p"), values, strict=True))


def survival(patients, stage, ties):
    """Yield what is read off the curves by arm, pooled, and the follow-up."""
    fitter = KaplanMeierFitter().fit(patients["os_months"], 1 - patients["os_event"])
    yield key("follow_up", "median", arm="all", stage=stage), fitter.median_survival_time_
    medians = {}
    for arm, group in groups(patients):
        found = dict(curve(group, arm=arm, stage=stage))
        medians[arm] = next(iter(found.values()))
        yield from found.items()
        if arm != "all":
            yield from rates(group, arm=arm, stage=stage)
    compared = {"outcome": "os", "arm": "treated", "comparator": "control", "stage": stage}
    fit = ratio(hazards(patients, ties, arm=patients["arm"] == "treated"))
    fit["p"] = log_rank(patients, "arm")
    for statistic, value in fit.items():
        yield key("treatment", statistic, model="crude", **compared), value
    difference = medians["treated"] - medians["control"]
    yield key("survival_difference", "median", **compared), difference


def by_covariate(patients, covariate, arm, stage):
    """Yield what is read off the curves by a covariate."""
    for level, group in patients.groupby(covariate):
        cells = {"arm": arm, "subgroup": f"{covariate}={level}", "stage": stage}
        yield from curve(group, **cells)
        yield from rates(group, **cells)
    p = log_rank(patients, covariate)
    yield key(covariate, "p", outcome="os", arm=arm, stage=stage, model="crude"), p


def models(treated, ties, entry_p):
    """Yield the screen and the joint model of the treated arm."""
    columns = {
        ("sex", ""): treated["sex"] == "male",
        ("smoking", ""): treated["smoking"] == "yes",
        ("stage", "i"): treated["stage"] == "i",
        ("stage", "ii"): treated["stage"] == "ii",
    }
    cells = {"outcome": "os", "arm": "treated", "stage": "before"}
    entered = {}
    for covariate in ("sex", "smoking", "stage"):
        own = {name: column for name, column in columns.items() if name[0] == covariate}
        fit = hazards(treated, ties, **{f"{a}{b}": column for (a, b), column in own.items()})
        for i, (_, level) in enumerate(own):
            for statistic, value in ratio(fit, i).items():
                at = key(covariate, statistic, level=level, model="univariable", **cells)
                yield at, value
                yield key(covariate, statistic, level=level, model="multivariable", **cells), None
        wald = fit.params @ np.linalg.solve(fit.cov_params(), fit.params)
        if stats.chi2.sf(wald, len(own)) < entry_p:
            entered |= own
    if entered:
        fit = hazards(treated, ties, **{f"{a}{b}": column for (a, b), column in entered.items()})
        for i, (covariate, level) in enumerate(entered):
            for statistic, value in ratio(fit, i).items():
                yield key(covariate, statistic, level=level, model="multivariable", **cells), value


def subgroups(study, patients, ties):
    """Yield the treatment effect within each level of each covariate."""
    for covariate in ("sex", "smoking", "stage"):
        for level in levels(study, covariate):
            part = patients[patients[covariate] == level]
            fit = ratio(hazards(part, ties, arm=part["arm"] == "treated"))
            for statistic, value in fit.items():
                at = key(
                    *("treatment", statistic),
                    outcome="os",
                    arm="treated",
                    comparator="control",
                    subgroup=f"{covariate}={level}",
                    stage="before",
                    model="crude",
                )
                yield at, value


@pytest.mark.parametrize(("ties", "entry_p"), [("efron", 0.5), ("breslow", 0.9), ("efron", 1e-6)])
def test_every_estimate_equals_one_computed_otherwise(study, matched, ties, entry_p):
    """No quantity is missing, none is extra, and each agrees with its referee."""
    before = matched.before.patients
    kept = {*matched.pairs["treated"], *matched.pairs["control"]}
    after = before[before["patient_id"].isin(kept)]
    treated = before[before["arm"] == "treated"]
    expected = dict(
        (
            *described(study, before, "before"),
            *described(study, after, "after"),
            *survival(before, "before", ties),
            *survival(after, "after", ties),
            *by_covariate(treated, "smoking", "treated", "before"),
            *by_covariate(after, "sex", "all", "after"),
            *models(treated, ties, entry_p),
            *subgroups(study, before, ties),
        )
    )
    computed = reproduce(matched, Choices(ties, entry_p, LOG_LOG))
    values = {row.key: row.value for row in computed}
    assert len(values) == len(computed)
    assert values.keys() == expected.keys()
    wrong = {n: (values[n], v) for n, v in expected.items() if not same(values[n], v)}
    assert wrong == {}


def same(value, expected):
    """Whether two values agree, or neither can be estimated."""
    if expected is None or not math.isfinite(expected):
        return value is None
    return value is not None and float(value) == pytest.approx(float(expected), rel=2e-6)


def test_shares_are_exact_fractions(matched):
    """Counts and percentages stay fractions, so that halves can be told."""
    computed = reproduce(matched, Choices("efron", 0.5, SPSS))
    shares = [row for row in computed if row.statistic in ("n", "percent")]
    assert shares
    assert all(isinstance(row.value, Fraction) for row in shares)


def found(computed, item, statistic, **cells):
    """Return the estimate of a quantity."""
    (one,) = [row for row in computed if row.key == key(item, statistic, **cells)]
    return one


def test_an_estimate_names_its_method(matched):
    """Test, ties and interval stand beside the number."""
    computed = reproduce(matched, Choices("breslow", 0.5, SPSS))
    pair = {"arm": "treated", "comparator": "control", "stage": "before"}
    assert found(computed, "sex", "p", **pair).method == "Pearson chi-square"
    assert found(computed, "stage", "p", **pair).method == "Fisher's exact test"
    effect = found(computed, "treatment", "hr", outcome="os", model="crude", **pair)
    assert effect.method == "Cox model, breslow ties, model-based interval"
    median = found(computed, "survival", "median", outcome="os", arm="all", stage="after")
    assert median.method == "Kaplan-Meier median, spss"


def test_the_convention_chooses_the_test(matched):
    """R's profile corrects a 2 x 2 table for continuity; SPSS's does not."""
    corrected = reproduce(matched, Choices("efron", 0.5, convention("r_matchit_survival")))
    pair = {"arm": "treated", "comparator": "control", "stage": "before"}
    test = found(corrected, "sex", "p", **pair)
    table = pd.crosstab(matched.before.patients["arm"], matched.before.patients["sex"])
    assert test.value == pytest.approx(stats.chi2_contingency(table, correction=True).pvalue)


def test_a_covariate_that_does_not_enter_says_so(matched):
    """Its multivariable ratio is not estimable, with the threshold as the reason."""
    computed = reproduce(matched, Choices("efron", 1e-6, SPSS))
    cells = {"outcome": "os", "arm": "treated", "stage": "before", "model": "multivariable"}
    left_out = found(computed, "sex", "hr", **cells)
    assert left_out.value is None
    assert left_out.method == "did not enter: its univariable p is not below 1e-06"


def test_what_follow_up_does_not_reach_is_not_estimable(study, table):
    """Medians, rates and log-rank tests without events are None with a reason, never a number."""
    table["os_event"] = "0"
    table["os_months"] = "5"
    quiet = replace(study, models=(), subgroups=())
    cohort = match(parse_cohort(quiet, table, "supplied", name="toy"))
    computed = reproduce(cohort, Choices("efron", 0.5, SPSS))
    arm = {"outcome": "os", "arm": "treated", "stage": "before"}
    median = found(computed, "survival", "median", **arm)
    assert (median.value, median.method) == (None, "not reached")
    rate = found(computed, "survival", "rate", time="6 months", **arm)
    assert (rate.value, rate.method) == (None, "follow-up ends before 6 months")
    for statistic in ("hr", "ci_low", "ci_high", "p"):
        compared = {**arm, "comparator": "control", "model": "crude"}
        effect = found(computed, "treatment", statistic, **compared)
        assert effect.value is None
        assert "event" in effect.method
    difference = found(computed, "survival_difference", "median", **arm, comparator="control")
    assert difference.value is None


def test_the_order_of_the_file_makes_no_difference(study, table):
    """Shuffled rows give bitwise the same estimates."""
    choices = Choices("efron", 0.5, SPSS)
    shuffled = table.sample(frac=1, random_state=np.random.default_rng(7))
    results = [
        reproduce(match(parse_cohort(study, rows, "supplied", name="toy")), choices)
        for rows in (table, shuffled.reset_index(drop=True))
    ]
    assert results[0] == results[1]
