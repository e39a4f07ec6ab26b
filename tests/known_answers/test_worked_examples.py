"""The boxes "By hand" of the pages on methods: the package gives what each of them says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.agreement import compare, round_half_up
from replica.balance import smd
from replica.case_control import match_case_control
from replica.cohort import Cohort
from replica.concordance import concordance
from replica.contingency import fisher, odds_ratio, pearson, yates
from replica.cox import fit_cox
from replica.distribution import ecdf_distances
from replica.errors import EstimationError
from replica.firth import fit_cox_firth
from replica.gray import gray
from replica.greedy import nearest_neighbour
from replica.interaction import interaction_tests
from replica.landmark import landmark
from replica.log_rank import log_rank
from replica.log_rank_trend import log_rank_trend
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional
from replica.matching import caliper_width
from replica.matching_plan import CaseControlPlan
from replica.optimal import optimal_pairs
from replica.overlap import common_support, preference_score
from replica.pairing import pair_units
from replica.paths import repository
from replica.proportional_hazards import proportional_hazards_test
from replica.protocol import SubgroupPlan
from replica.published import parse_printed
from replica.restricted_mean import restricted_mean_difference
from replica.selection import univariable_to_multivariable
from replica.subdistribution import fit_fine_gray
from replica.survival import kaplan_meier, median_survival, product_limit, survival_at
from replica.two_samples import mann_whitney, student_t, welch_t
from replica.weights import balancing_weights, effective_sample_size

TIME, EVENT, IN_A = [1, 1, 6, 6, 8, 9], [1, 0, 1, 1, 0, 1], [1, 1, 1, 0, 0, 0]
SCORE, ARM, KEY = [0.2, 0.5, 0.3, 0.0], [True, True, False, False], ["a", "b", "u", "v"]
THREE, SECOND = ([1, 2, 3], [1, 1, 1]), [[0], [1], [0]]
BOX = re.compile(
    r"^:::\{admonition\} By hand: (.+?)\n:class: by-hand\n\n(.+?)\n:::$", re.MULTILINE | re.DOTALL
)

Worked = Callable[[Cohort], list[str]]
"""What the package gives, as it is written in the box, from the toy cohort where one is needed."""


def pages() -> str:
    """Return the sources of the two pages on methods."""
    folder = repository() / "book"
    notebook = json.loads((folder / "methods.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    return "\n\n".join([*cells, (folder / "estimators.md").read_text(encoding="utf-8")])


def boxes() -> dict[str, str]:
    """Return the text of each box by its title."""
    found = BOX.findall(pages())
    assert len(found) == len(dict(found))
    return dict(found)


def ratio(x: list[list[int]], time: list[int], event: list[int], **how: object) -> str:
    """Fit a Cox model of one covariate and write its hazard ratio."""
    fit = fit_cox(x, time, event, names=["x"], **how)
    return f"{np.exp(fit.coef[0]):.2f}"


def in_groups(groups: list[int]) -> list[list[int]]:
    """Make a column of a group's members."""
    return [[group] for group in groups]


def propensity(_: Cohort) -> list[str]:
    """Shares 3/4 and 1/4, log odds ratio and intercept."""
    fit = fit_logistic(in_groups([1] * 4 + [0] * 4), np.array([1, 1, 1, 0, 1, 0, 0, 0]) == 1)
    score = fit.probability(np.array([[1.0], [0.0]]))
    written = [str(Fraction(value).limit_denominator(100)) for value in score]
    return [*written, f"{fit.coef[1]:.3f}", f"{fit.coef[0]:.3f}"]


def matching(_: Cohort) -> list[str]:
    """Total distances by order."""
    orders = [nearest_neighbour(SCORE, ARM, KEY, order=o) for o in ("smallest", "largest")]
    return [f"together {found.distance.sum():.1f}" for found in orders]


def calipers(_: Cohort) -> list[str]:
    """Distance in logits, and the width under two scales of scores with this spread."""
    scores = np.array([0.5 - 0.15, 0.5, 0.5 + 0.15])
    treated = np.array([True, False, True])
    logit = np.log(scores / (1 - scores))
    width = [
        caliper_width(scores, logit, treated, 0.1, s) for s in ("probability", "sd_probability")
    ]
    return [f"allows {width[0]:g}", f"{width[1]:g}", f"{np.log(0.52 / 0.48):.3f}"]


def balance(_: Cohort) -> list[str]:
    """Differences of a measure and of a share."""
    return [f"{smd([1, 2, 3], [2, 4, 6]):.3f}", f"{smd([1, 1, 1, 0], [1, 0, 0, 0]):.3f}"]


def curve(_: Cohort) -> list[str]:
    """Survival, its error and two intervals."""
    plain, log_log = (
        survival_at(product_limit(TIME, EVENT, interval=kind), 7) for kind in ("plain", "log-log")
    )
    first = survival_at(product_limit(TIME, EVENT), 1).survival
    error = product_limit(TIME, EVENT).set_index("time")["std_error"][6]
    assert plain.ci_low == 0
    return [
        f"{first:.3f}",
        f"{plain.survival:.3f}",
        f"{error:.3f}",
        f"to {plain.ci_high:.3f}",
        f"{log_log.ci_low:.3f} to {log_log.ci_high:.3f}",
    ]


def median(_: Cohort) -> list[str]:
    """SPSS's and R's median of four deaths, and SPSS's interval."""
    four = product_limit([1, 2, 3, 4], [1] * 4)
    spss, r = (median_survival(four, interval=kind) for kind in ("spss", "log"))
    return [
        f"SPSS reports {spss.median:g}",
        f"{r.median:g}",
        f"standard error is $0.25/0.25 = {spss.std_error:g}$",
        f"{spss.ci_low:.2f} to {spss.ci_high:.2f}",
    ]


def follow_up(_: Cohort) -> list[str]:
    """Reverse median."""
    found = median_survival(product_limit(TIME, [1 - e for e in EVENT]), interval="log")
    return [f"is {found.median:g} months"]


def ranks(_: Cohort) -> list[str]:
    """Log-rank test."""
    found = log_rank(TIME, EVENT, IN_A)
    assert (found.observed[1], found.expected[1]) == (2, pytest.approx(1, rel=1e-12))
    return [f"= {found.statistic:g}$", f"p = {found.p:.3f}"]


def ties(_: Cohort) -> list[str]:
    """Two rules for ties."""
    how = ("breslow", "efron")
    return [ratio(in_groups(IN_A), TIME, EVENT, ties=rule) for rule in how]


def errors(_: Cohort) -> list[str]:
    """Model-based and clustered errors of three patients."""
    fit = fit_cox(SECOND, *THREE, names=["x"])
    paired = fit_cox(SECOND, *THREE, names=["x"], cluster=["p", "p", "q"])
    low, high = np.exp(fit.coef[0] + np.array([-1.959963984540054, 1.959963984540054]) * fit.se[0])
    return [
        f"{np.exp(fit.coef[0]):.2f}",
        f"{1 / fit.covariance[0, 0]:.3f}",
        f"{fit.se[0]:.3f}",
        f"{low:.2f} to {high:.1f}",
        f"{paired.robust_se[0]:.3f}",
    ]


def entry(toy: Cohort) -> list[str]:
    """A covariate whose p value is the threshold stays out, and enters just above it."""
    plan = toy.study.models[0]
    screen = univariable_to_multivariable(toy, plan, ties="breslow", entry_p=1).univariable
    row = screen.sort_values("entry_p").iloc[0]
    at, above = (
        univariable_to_multivariable(toy, plan, ties="breslow", entry_p=p).entered
        for p in (row["entry_p"], np.nextafter(row["entry_p"], 1))
    )
    assert row["covariate"] not in at
    return ["the second is not *below* it"] if row["covariate"] in above else []


def subgroup(_: Cohort) -> list[str]:
    """No estimate."""
    part = [0, 1, 3, 4]
    x, time, event = ([of[i] for i in part] for of in (in_groups(IN_A), TIME, EVENT))
    with pytest.raises(EstimationError):
        ratio(x, time, event)
    return ["there is no estimate"]


def tables(_: Cohort) -> list[str]:
    """Three tests of one table."""
    table = [[3, 1], [1, 3]]
    found = [pearson(table), yates(table), fisher(table)]
    told = [f"p = {found[0].p:.3f}", f"p = {found[1].p:.3f}", f"34/70 = {found[2].p:.3f}"]
    return [*told, f"= {found[0].statistic:g}$", f"= {found[1].statistic:g}$"]


def verdicts(_: Cohort) -> list[str]:
    """Verdicts on one printed percentage."""
    printed = parse_printed("48.2")
    shares = [Fraction(7800, 162), Fraction(7900, 162)]
    assert [compare(share, printed) for share in shares] == ["rounding", "different"]
    assert "*rounding*" in boxes()["printed against reproduced"]
    return [
        *(round_half_up(s, 1) for s in shares),
        "*different*",
        round_half_up(Fraction(25, 4), 1),
    ]


def replacement(_: Cohort) -> list[str]:
    """Weights of the controls with one and with two controls each."""
    one, two = (pair_units(SCORE, ARM, KEY, ratio=k, replace=True) for k in (1, 2))
    assert sorted(np.array(KEY)[two.control]) == ["u", "u", "v", "v"]
    return [f"$1 + 1 = {np.sum(np.array(KEY)[one.control] == 'u')}$"]


def draws(_: Cohort) -> list[str]:
    """Two of three controls are drawn, equally often within four standard errors."""
    rng = np.random.default_rng(1)
    score, arm, key = [0.5, 0.49, 0.52, 0.6], [True, False, False, False], list("tuvw")
    drawn = [
        pair_units(score, arm, key, caliper=0.05, draw="random", rng=rng).control[0]
        for _ in range(400)
    ]
    counts = np.bincount(drawn, minlength=4)
    assert counts[3] == 0
    assert abs(counts[1] - 200) < 4 * np.sqrt(400 / 4)
    return ["probability 1/2 each"]


def support(_: Cohort) -> list[str]:
    """Who is discarded."""
    score, arm = np.array([0.2, 0.5, 0.9, 0.1, 0.4, 0.6]), np.array([True] * 3 + [False] * 3)
    out = score[~common_support(score, arm, "both")]
    assert out.tolist() == [0.9, 0.1]
    return [f"the treated patient with {out[0]:g} is discarded", f"the control with {out[1]:g} is"]


def optimum(_: Cohort) -> list[str]:
    """Total distance of the optimal pairs, and of those in turn."""
    both = [nearest_neighbour(SCORE, ARM, KEY, order="data"), optimal_pairs(SCORE, ARM, KEY)]
    return [f"{found.distance.sum():.1f}" for found in both]


def case_control(toy: Cohort) -> list[str]:
    """Distances of two controls, of whom the nearer is taken."""
    rows = [("a", "treated", 60, 2010), ("u", "control", 62, 2010), ("v", "control", 60, 2013)]
    patients = pd.DataFrame(rows, columns=["patient_id", "arm", "age", "year"])
    patients["start"] = pd.to_datetime([f"{year}-06-01" for year in patients.pop("year")])
    patients = patients.assign(sex="male", smoking="no", stage="i")
    few, plan = (
        Cohort(toy.study, patients, "supplied"),
        CaseControlPlan(within=(("age", 5), ("start", 5)), ratio=2),
    )
    pairs = match_case_control(few, plan).pairs
    assert pairs["control"].tolist() == ["u", "v"]
    return [f"= {distance:.1f}$" for distance in pairs["distance"]]


def weights(_: Cohort) -> list[str]:
    """Weights for four estimands."""
    score = [1 / 4, 1 / 2, 1 / 5, 3 / 4]

    def written(**how: object) -> str:
        found = [Fraction(w).limit_denominator(99) for w in balancing_weights(score, ARM, **how)]
        return "${}, {}$ and ${}, {}$".format(*found)

    half = balancing_weights(score, ARM, stabilised=True)
    assert half == pytest.approx(balancing_weights(score, ARM) / 2, rel=1e-12)
    told = [written(), written(estimand="att"), written(estimand="ato")]
    return [*told, f"= {effective_sample_size([4, 2]):g}$"]


def distributions(_: Cohort) -> list[str]:
    """Distances of distributions, and a preference score."""
    found = ecdf_distances([1, 2, 3], [2, 4, 6])
    score = pd.Series([0.4, 0.2, 0.2, 0.2, 0.2])
    preference = preference_score(score, [True, False, False, False, False])["preference_score"][0]
    return [f"{found.maximum:.3f}", f"mean {found.mean:.3f}", f"F = {preference:.3f}$"]


def late(_: Cohort) -> list[str]:
    """With and without late entry."""
    x, time, event = in_groups([0, 1, 0, 0]), [1, 3, 4, 3], [1, 1, 1, 0]
    return [ratio(x, time, event, start=[0, 0, 1, 2]), ratio(x, time, event)]


def exact_ties(_: Cohort) -> list[str]:
    """Three rules for two tied deaths."""
    x, time, event = in_groups([1, 1, 0, 0, 0]), [1] * 5, [1, 0, 1, 0, 0]
    return [ratio(x, time, event, ties=rule) for rule in ("exact", "efron", "breslow")]


def firth(_: Cohort) -> list[str]:
    """A maximum where the plain likelihood has none."""
    return [f"{np.exp(fit_cox_firth([[1.0], [0.0]], [1, 2], [1, 1], names=['x']).coef[0]):.2f}"]


def hazards(_: Cohort) -> list[str]:
    """Test of proportional hazards of three patients."""
    found = proportional_hazards_test(
        np.array(SECOND, dtype=float),
        *THREE,
        names=["x"],
        transform="identity",
        ties="efron",
    ).iloc[0]
    return [f"= {found['statistic']:.3f}$", f"p = {found['p']:.3f}"]


def agreement_of_risk(_: Cohort) -> list[str]:
    """Concordance of the six patients."""
    return [f"{concordance(TIME, EVENT, IN_A).concordance:.3f}"]


def interaction(toy: Cohort) -> list[str]:
    """Wald and likelihood-ratio test of sixteen patients."""
    deaths = {("control", "male"): 1, ("treated", "male"): 3, ("control", "female"): 3}
    rows = [
        (arm, sex, int(i < deaths.get((arm, sex), 1)))
        for arm in ("control", "treated")
        for sex in ("male", "female")
        for i in range(4)
    ]
    patients = pd.DataFrame(rows, columns=["arm", "sex", "os_event"]).assign(os_months=1.0)
    patients = patients.assign(patient_id=[f"P{i:02d}" for i in range(16)], smoking="no", stage="i")
    cohort = Cohort(toy.study, patients, "supplied")
    found = interaction_tests(cohort, SubgroupPlan("os", ("sex",), "figure2"), ties="breslow").iloc[
        0
    ]
    told = [f"{found[f'{test}_statistic']:.2f}$" for test in ("wald", "lr")]
    return [*told, f"p = {found['lr_p']:.3f}"]


def incidence(_: Cohort) -> list[str]:
    """Incidence with two standard errors, and one minus Kaplan-Meier."""
    four = ([1, 2, 3, 4], [2, 0, 1, 0])
    found = [incidence_at(aalen_johansen(*four, variance=v), 3) for v in ("aalen", "greenwood")]
    censored = survival_at(product_limit(four[0], [0, 0, 1, 0]), 3).survival
    assert 1 - censored == pytest.approx(1 / 2, rel=1e-12)
    return [f"{found[0].incidence:g}$", *(f"{each.std_error:.3f}" for each in found), "get $1/2$"]


def grays(_: Cohort) -> list[str]:
    """Score and statistic of Gray's test."""
    found = gray([1, 2, 4, 3, 4], [1, 2, 0, 1, 0], ["a", "a", "a", "b", "b"])
    return [f"{found.score[0]:.1f}$", f"= {found.statistic:.3f}$"]


def subdistribution(_: Cohort) -> list[str]:
    """Ratios of the subdistribution and of the cause."""
    x, time, kind = in_groups([1, 1, 0, 0, 1]), [1, 2, 3, 4, 5], [2, 1, 0, 1, 0]
    fit = fit_fine_gray(np.array(x, dtype=float), time, kind, names=["x"])
    return [f"{np.exp(fit.coef[0]):.2f}", ratio(x, time, [0, 1, 0, 1, 0])]


def means(_: Cohort) -> list[str]:
    """Difference of restricted means."""
    found = restricted_mean_difference(
        product_limit(TIME, EVENT), product_limit([1, 2, 3, 4], [1] * 4), 4
    )
    return [f"{found.difference:.2f} month", f"{found.std_error:.3f}", f"p = {found.p:.3f}"]


def after(toy: Cohort) -> list[str]:
    """Times from the landmark, and survival at the fourth month of them."""
    patients = pd.DataFrame({"os_months": TIME, "os_event": EVENT, "stage": "i", "smoking": "no"})
    patients = patients.assign(patient_id=list("abcdef"), sex="male")
    patients["arm"] = ["treated"] * 3 + ["control"] * 3
    left = landmark(Cohort(toy.study, patients, "supplied"), "os", 2)
    months = left.patients["os_months"].astype(int).tolist()
    assert survival_at(kaplan_meier(left, "os", by=None), 4).survival == 1 / 2
    return ["{}, {}, {} and {} months".format(*months), "half of them"]


def trend(_: Cohort) -> list[str]:
    """Three patients, from the highest group down."""
    found = log_rank_trend([1, 2, 3], [1, 1, 1], ["c", "b", "a"], ["a", "b", "c"])
    return [f"{found.statistic:.2f}$"]


def odds(_: Cohort) -> list[str]:
    """Odds ratio of a table and of pairs."""
    found = odds_ratio(3, 1, 1, 3)
    case, x = [1, 0] * 6, in_groups([1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0])
    paired = fit_conditional(
        np.array(x, dtype=float), case, np.repeat(np.arange(6), 2), names=["x"]
    )
    assert np.exp(paired.coef[0]) == pytest.approx(3, rel=1e-12)
    return [f"= {found.estimate:g}$", f"{found.ci_low:.2f} to {found.ci_high:.0f}", "is $3/1$"]


def samples(_: Cohort) -> list[str]:
    """Rank test and both t tests."""
    values, other = ([1, 3, 3], [2, 3, 5]), ([1, 2, 3], [4, 6, 8])
    normal, exact = mann_whitney(*values), mann_whitney(*values, exact=True)
    student, welch = student_t(*other), welch_t(*other)
    return [
        f"U = {normal.u:g}$",
        f"z = {normal.z:.3f}$",
        f"p = {normal.p:.3f}",
        f"p = {exact.p:.1f}",
        f"= {student.t:.2f}$",
        f"{student.df:g} degrees",
        f"= {welch.df:.2f}$",
    ]


WORKED: Mapping[str, Worked] = {
    "propensity score": propensity,
    "matching": matching,
    "calipers": calipers,
    "balance": balance,
    "Kaplan-Meier curves": curve,
    "medians": median,
    "follow-up": follow_up,
    "log-rank test": ranks,
    "Cox models": ties,
    "standard errors": errors,
    "from univariable to multivariable": entry,
    "subgroups": subgroup,
    "counts": tables,
    "printed against reproduced": verdicts,
    "with replacement": replacement,
    "random draws": draws,
    "common support": support,
    "optimal pairs": optimum,
    "case-control matching": case_control,
    "weights": weights,
    "distributions and preference": distributions,
    "late entry": late,
    "exact ties": exact_ties,
    "Firth's penalised likelihood": firth,
    "proportional hazards": hazards,
    "concordance": agreement_of_risk,
    "interaction": interaction,
    "cumulative incidence": incidence,
    "Gray's test": grays,
    "Fine and Gray": subdistribution,
    "restricted means": means,
    "landmark": after,
    "trend": trend,
    "odds ratios": odds,
    "two samples": samples,
}


@pytest.mark.parametrize("title", WORKED)
def test_the_package_gives_what_the_box_says(title, toy_cohort):
    """Each number of the example, computed by the package, stands in it."""
    told = WORKED[title](toy_cohort)
    assert told
    missing = [words for words in told if words not in boxes()[title]]
    assert missing == []


def test_every_box_is_computed():
    """No example is written that nothing holds to the package."""
    assert set(boxes()) == set(WORKED)


def test_every_estimator_has_an_example():
    """Each section with a formula, and each estimator set in bold, is followed by its box."""
    sections = re.split(r"^## ", pages(), flags=re.MULTILINE)[1:]
    bare = [s.split("\n")[0] for s in sections if "$$" in s and ":class: by-hand" not in s]
    assert bare == []
    bold = re.findall(r"^(?:In a )?\*\*(.+?)\.?\*\*", pages(), flags=re.MULTILINE)
    assert len(bold) >= 18
    titles = " ".join(WORKED).casefold()
    assert [
        name for name in bold if name.casefold() not in titles and not name.startswith("Late")
    ] == []
