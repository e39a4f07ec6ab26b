"""Answers derived on paper in README.md of this folder, as exact expressions.

Nothing here comes from another program: each number is a fraction, a root or the value of a named
function at one, and must be met to twelve digits. One thing is looser: `replica.partial_likelihood`
ends with a step of less than 1e-9, which is not taken, so its estimates are held to 5e-9, and that
the expression is the maximiser is tested on the score, to twelve digits again.
"""

from __future__ import annotations

from math import acos, cos, erfc, exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import chi2

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.balance import smd
from replica.concordance import concordance
from replica.contingency import fisher, odds_ratio, pearson, yates
from replica.cox import fit_cox, partial_likelihood
from replica.errors import EstimationError
from replica.firth import fit_cox_firth
from replica.gray import gray
from replica.greedy import nearest_neighbour
from replica.log_rank import log_rank
from replica.log_rank_trend import log_rank_trend
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional, fit_unconditional
from replica.optimal import optimal_pairs
from replica.proportional_hazards import proportional_hazards_test
from replica.restricted_mean import restricted_mean_difference
from replica.subdistribution import fit_fine_gray
from replica.survival import median_survival, product_limit, restricted_mean, survival_at
from replica.two_samples import mann_whitney, student_t, welch_t
from replica.weights import balancing_weights, effective_sample_size, truncate_weights

Z = 1.959963984540054  # the 97.5% point of the normal distribution

# Section 1: six patients with a tie of two events, and one of an event with a censoring.
TIME = [1.0, 1.0, 6.0, 6.0, 8.0, 9.0]
EVENT = [1, 0, 1, 1, 0, 1]
GROUP = [1, 1, 1, 0, 0, 0]
# Section 4: five patients of whom two die, all at one time.
FIVE = {"duration": [1.0] * 5, "event": [1, 0, 1, 0, 0]}
FIVE_X = [1, 1, 0, 0, 0]
# Section 5: three patients, who all die.
THREE = {"duration": [1.0, 2.0, 3.0], "event": [1, 1, 1]}
THREE_X = [0, 1, 0]


def near(value):
    """Twelve digits."""
    return pytest.approx(value, rel=1e-12, abs=1e-13)


def fitted(value):
    """As near as the last step of Newton's method."""
    return pytest.approx(value, rel=1e-8, abs=5e-9)


def derivatives(beta, x, duration, event, *, ties="efron", weights=None, strata=None):
    """Return value, score and information of the likelihood of one covariate at a coefficient."""
    block = np.zeros(len(x), dtype=np.int64) if strata is None else np.array(strata)
    order = np.lexsort((-np.array(duration, dtype=float), block))
    value, score, information = partial_likelihood(
        np.array(x, dtype=float)[order, None],
        np.array(duration, dtype=float)[order],
        np.array(event)[order],
        np.ones(len(x)) if weights is None else np.array(weights, dtype=float)[order],
        block[order],
        np.array([beta]),
        ties == "efron",
    )
    return value, score[0], information[0, 0]


def cox(x, duration, event, **options):
    """Fit a Cox model of one covariate."""
    matrix = np.array(x, dtype=float)[:, None]
    return fit_cox(matrix, duration, event, names=["x"], **options)


# 1. Kaplan-Meier


def test_survival_and_greenwood():
    """1, 5/6, 5/12, 0 with variances 0, 5/216 and 85/1728."""
    curve = product_limit(TIME, EVENT)
    assert curve["time"].tolist() == [0, 1, 6, 8, 9]
    assert curve["at_risk"].tolist() == [6, 6, 4, 2, 1]
    assert curve["survival"].to_numpy() == near([1, 5 / 6, 5 / 12, 5 / 12, 0])
    variance = curve["std_error"].to_numpy()[:4] ** 2
    assert variance == near([0, 5 / 216, 85 / 1728, 85 / 1728])
    assert np.isnan(curve["std_error"].iloc[4])


def test_intervals_of_survival():
    """Each interval is a function of S = 5/12 and of the sum 17/60 of Greenwood's terms."""
    s, w = 5 / 12, sqrt(17 / 60)
    ends = {
        "plain": (max(0.0, s * (1 - Z * w)), s * (1 + Z * w)),
        "log": (s * exp(-Z * w), min(1.0, s * exp(Z * w))),
        "log-log": (s ** exp(-Z * w / log(s)), s ** exp(Z * w / log(s))),
    }
    for interval, (low, high) in ends.items():
        found = survival_at(product_limit(TIME, EVENT, interval=interval), 7)
        assert (found.ci_low, found.ci_high) == (near(low), near(high))


def test_median_on_a_plateau():
    """Four deaths: survival is 1/2 from 2 to 3; R's median is the middle, SPSS's the beginning.

    SPSS's standard error is (1/4) / (1/4) = 1.
    """
    curve = product_limit([1, 2, 3, 4], [1] * 4)
    assert median_survival(curve, interval="log").median == near(5 / 2)
    found = median_survival(curve, interval="spss")
    assert (found.median, found.std_error) == (2, near(1))
    assert (found.ci_low, found.ci_high) == (near(2 - Z), near(2 + Z))


def test_median_follow_up():
    """Reversed, the curve falls to 5/6 at 1 and to 5/12 at 8."""
    reversed_ = product_limit(TIME, [1 - e for e in EVENT])
    assert reversed_["survival"].to_numpy() == near([1, 5 / 6, 5 / 6, 5 / 12, 5 / 12])
    assert median_survival(reversed_, interval="log").median == 8


def test_restricted_means():
    """Six patients: 6 up to 8, variance 145/144; less four deaths up to 4: 1, variance 25/48."""
    six, four = product_limit(TIME, EVENT), product_limit([1, 2, 3, 4], [1] * 4)
    assert restricted_mean(six, 8) == (near(6), near(sqrt(145) / 12))
    assert restricted_mean(six, 4) == (near(7 / 2), near(sqrt(5 / 24)))
    assert restricted_mean(four, 4) == (near(5 / 2), near(sqrt(5 / 16)))
    found = restricted_mean_difference(six, four, 4)
    assert (found.difference, found.std_error) == (near(1), near(5 / (4 * sqrt(3))))
    assert found.p == near(erfc(4 * sqrt(3) / 5 / sqrt(2)))


# 2. Log-rank


def test_log_rank():
    """2 observed against 1 expected, variance 1/2: chi-square 2, p = erfc(1)."""
    found = log_rank(TIME, EVENT, GROUP)
    assert found.groups == (0, 1)
    assert (found.observed, found.expected) == ((2, 2), (near(3), near(1)))
    assert (found.statistic, found.p) == (near(2), near(erfc(1)))


def test_stratified_log_rank():
    """A second stratum adds -1/2 to the difference and 1/4 to the variance: (1/2)^2 / (3/4)."""
    found = log_rank([*TIME, 1, 2], [*EVENT, 1, 1], [*GROUP, 0, 1], strata=[*("s" * 6), *("t" * 2)])
    assert found.statistic == near(1 / 3)


def test_trend():
    """One patient per group, who die from the highest group down: (3/2)^2 / (11/12) = 27/11."""
    found = log_rank_trend([1, 2, 3], [1, 1, 1], ["c", "b", "a"], ["a", "b", "c"])
    assert (found.statistic, found.z) == (near(27 / 11), near(3 * sqrt(3 / 11)))


def test_trend_of_one_table():
    """Two patients per group, 0, 1 and 2 of whom die at once: 2^2 / (6/5) = 10/3 (Mantel)."""
    found = log_rank_trend([1] * 6, [0, 0, 0, 1, 1, 1], list("aabbcc"), ["a", "b", "c"])
    assert found.statistic == near(10 / 3)


# 3. Cox: ties


def test_breslow():
    """Hazard ratio r with r^2 - 3r - 6 = 0."""
    fit = cox(GROUP, TIME, EVENT, ties="breslow")
    r = (3 + sqrt(33)) / 2
    assert fit.coef[0] == fitted(log(r))
    assert 1 / fit.covariance[0, 0] == fitted(r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2)
    assert fit.log_likelihood_null == near(-log(6) - 2 * log(4))
    assert fit.log_likelihood == near(2 * log(r) - log(3 * r + 3) - 2 * log(r + 3))
    assert fit.score_statistic == near(8 / 5)


def test_efron():
    """Hazard ratio r with r^3 - 23r - 30 = 0, by the cosine of a third of an angle."""
    fit = cox(GROUP, TIME, EVENT, ties="efron")
    r = 2 * sqrt(23 / 3) * cos(acos(45 / 23 * sqrt(3 / 23)) / 3)
    assert r**3 - 23 * r == near(30)
    assert fit.coef[0] == fitted(log(r))
    information = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    assert 1 / fit.covariance[0, 0] == fitted(information)
    assert fit.log_likelihood_null == near(-log(6) - log(4) - log(3))
    value = 2 * log(r) - log(3 * r + 3) - log(r + 3) - log((r + 5) / 2)
    assert fit.log_likelihood == near(value)
    assert fit.score_statistic == near(169 / 83)


def test_exact_ties_without_a_maximum():
    """The score 2 / (r + 1) is above 0 for every r: there is no estimate, and none is given."""
    with pytest.raises(EstimationError, match="diverges"):
        cox(GROUP, TIME, EVENT, ties="exact")


@pytest.mark.parametrize("beta", [-1.3, 0.0, 0.7, 2.0])
@pytest.mark.parametrize("efron", [True, False])
def test_likelihood_as_a_function_of_beta(beta, efron):
    """Value, score and information away from the maximum as well."""
    ties = "efron" if efron else "breslow"
    value, score, information = derivatives(beta, GROUP, TIME, EVENT, ties=ties)
    r = exp(beta)
    second = r + 5 if efron else r + 3
    halved = 2 if efron else 1
    share = r / second
    assert value == near(2 * beta - log(3 * r + 3) - log(r + 3) - log(second / halved))
    assert score == near(2 - r / (r + 1) - r / (r + 3) - share)
    terms = [r / (r + 1), r / (r + 3), share]
    assert information == near(sum(m * (1 - m) for m in terms))


# 4. Cox: five patients, three rules for ties


def test_five_patients_breslow():
    """Hazard ratio 3/2, information 1/2."""
    fit = cox(FIVE_X, **FIVE, ties="breslow")
    assert (fit.coef[0], fit.covariance[0, 0]) == (fitted(log(3 / 2)), fitted(2))


def test_five_patients_efron():
    """Squared hazard ratio 5/2."""
    fit = cox(FIVE_X, **FIVE, ties="efron")
    r = sqrt(5 / 2)
    assert fit.coef[0] == fitted(log(5 / 2) / 2)
    assert 1 / fit.covariance[0, 0] == fitted(6 * r / (2 * r + 3) ** 2 + 15 * r / (3 * r + 5) ** 2)


def test_five_patients_exact():
    """Squared hazard ratio 3, variance 1 + root 3; the score test is the log-rank test, 1/9."""
    fit = cox(FIVE_X, **FIVE, ties="exact")
    assert fit.coef[0] == near(log(3) / 2)
    assert fit.covariance[0, 0] == near(1 + sqrt(3))
    assert (fit.log_likelihood_null, fit.log_likelihood) == (
        near(-log(10)),
        near(-log(6 + 2 * sqrt(3))),
    )
    assert fit.score_statistic == near(1 / 9)
    assert log_rank(FIVE["duration"], FIVE["event"], FIVE_X).statistic == near(1 / 9)


def test_one_matched_set_is_the_exact_likelihood():
    """Conditional logistic regression of two cases and three controls: the same numbers."""
    matrix = np.array(FIVE_X, dtype=float)[:, None]
    fit = fit_conditional(matrix, FIVE["event"], ["s"] * 5, names=["x"])
    assert (fit.coef[0], fit.se[0] ** 2) == (near(log(3) / 2), near(1 + sqrt(3)))
    assert fit.log_likelihood == near(-log(6 + 2 * sqrt(3)))


# 5. Cox: three patients


def test_three_patients():
    """Hazard ratio root 2, information 6 root 2 - 8, Efron and Breslow alike."""
    for ties in ("efron", "breslow", "exact"):
        fit = cox(THREE_X, **THREE, ties=ties)
        assert fit.coef[0] == fitted(log(2) / 2)
        assert fit.covariance[0, 0] == fitted((4 + 3 * sqrt(2)) / 4)


def test_robust_variance():
    """(9 - root 2) / 8; with the first two patients as one cluster 9/8."""
    fit = cox(THREE_X, **THREE, robust=True)
    assert fit.robust_se[0] ** 2 == fitted((9 - sqrt(2)) / 8)
    fit = cox(THREE_X, **THREE, cluster=["a", "a", "b"])
    assert fit.robust_se[0] == fitted(3 / sqrt(8))
    assert fit.clusters == 2


def test_left_truncation():
    """Late entry turns four patients into the likelihood of the three; without it r is root 6."""
    start, stop, event, x = [0, 0, 1, 2], [1, 3, 4, 3], [1, 1, 1, 0], [0, 1, 0, 0]
    late = cox(x, stop, event, start=start)
    assert (late.coef[0], late.covariance[0, 0]) == (near(log(2) / 2), near(1 + 3 * sqrt(2) / 4))
    assert cox(x, stop, event).coef[0] == fitted(log(6) / 2)


def test_stratified():
    """A second stratum makes the hazard ratio the golden ratio's inverse."""
    fit = cox(
        [*THREE_X, 0, 1],
        [1, 2, 3, 1, 2],
        [1] * 5,
        strata=["s", "s", "s", "t", "t"],
    )
    assert fit.coef[0] == fitted(log((sqrt(5) - 1) / 2))
    assert fit.covariance[0, 0] == fitted((15 + 7 * sqrt(5)) / 20)


def test_weighted():
    """Weights 1, 2, 1: 2r^2 - r - 2 = 0; as if the second patient were two (Breslow)."""
    fit = cox(THREE_X, **THREE, weights=[1, 2, 1], ties="breslow")
    r = (1 + sqrt(17)) / 4
    assert fit.coef[0] == fitted(log(r))
    assert 1 / fit.covariance[0, 0] == fitted(r / (r + 1) ** 2 + 4 * r / (2 * r + 1) ** 2)
    twice = cox([0, 1, 1, 0], [1, 2, 2, 3], [1] * 4, ties="breslow")
    assert twice.coef[0] == fitted(log(r))


def test_weighted_efron():
    """Tied deaths of weights 1 and 3 count with their mean weight: 6r^2 + 5r - 3 = 0."""
    fit = cox([1, 0, 1], [1, 1, 1], [1, 1, 0], weights=[1, 3, 1], ties="efron")
    assert fit.coef[0] == fitted(log((sqrt(97) - 5) / 12))


R33, R17, R97 = (3 + sqrt(33)) / 2, (1 + sqrt(17)) / 4, (sqrt(97) - 5) / 12
CUBIC = 2 * sqrt(23 / 3) * cos(acos(45 / 23 * sqrt(3 / 23)) / 3)
SIX = {"x": GROUP, "duration": TIME, "event": EVENT}
MAXIMISERS = {
    "six patients, Breslow": ({**SIX, "ties": "breslow"}, R33),
    "six patients, Efron": (SIX, CUBIC),
    "five patients, Breslow": ({"x": FIVE_X, **FIVE, "ties": "breslow"}, 3 / 2),
    "five patients, Efron": ({"x": FIVE_X, **FIVE}, sqrt(5 / 2)),
    "three patients": ({"x": THREE_X, **THREE}, sqrt(2)),
    "weighted": ({"x": THREE_X, **THREE, "weights": [1, 2, 1], "ties": "breslow"}, R17),
    "weighted, Efron": (
        {"x": [1, 0, 1], "duration": [1] * 3, "event": [1, 1, 0], "weights": [1, 3, 1]},
        R97,
    ),
    "stratified": (
        {
            "x": [*THREE_X, 0, 1],
            "duration": [1, 2, 3, 1, 2],
            "event": [1] * 5,
            "strata": [0, 0, 0, 1, 1],
        },
        (sqrt(5) - 1) / 2,
    ),
}


@pytest.mark.parametrize("which", MAXIMISERS)
def test_the_score_is_zero_at_each_maximiser(which):
    """To rounding, though a fit may end a little beside it."""
    data, r = MAXIMISERS[which]
    _, score, information = derivatives(log(r), **data)
    assert abs(score) < 1e-13
    assert information > 0.1


def test_information_at_the_maximisers():
    """The closed forms of sections 3 to 5, to twelve digits."""

    def at(which):
        data, r = MAXIMISERS[which]
        return derivatives(log(r), **data)[2]

    assert at("five patients, Breslow") == near(1 / 2)
    assert at("three patients") == near(6 * sqrt(2) - 8)
    assert at("stratified") == near(7 * sqrt(5) - 15)
    r = CUBIC
    assert at("six patients, Efron") == near(
        r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    )


def test_proportional_hazards():
    """The score test is root 2 by time, and by any other function of it."""
    matrix = np.array(THREE_X, dtype=float)[:, None]
    for transform in ("identity", "km", "rank", "log"):
        found = proportional_hazards_test(
            matrix, **THREE, names=["x"], transform=transform, ties="efron"
        )
        assert found["statistic"].tolist() == [near(sqrt(2)), near(sqrt(2))]


def test_concordance():
    """Five pairs in order, none out of order, four of equal risk: 7/9."""
    found = concordance(TIME, EVENT, GROUP)
    assert (found.concordant, found.discordant, found.tied_risk) == (5, 0, 4)
    assert found.concordance == near(7 / 9)


# 6. Firth


def test_firth_of_two_patients():
    """Hazard ratio 3 where the likelihood has no maximum; the test is log(27/16)."""
    fit = fit_cox_firth([[1.0], [0.0]], [1, 2], [1, 1], names=["x"])
    assert fit.coef[0] == pytest.approx(log(3), rel=1e-9)
    assert fit.se[0] == pytest.approx(4 / sqrt(3), rel=1e-9)
    top = 1.5 * log(3) - 2 * log(4)
    assert (fit.log_likelihood_null, fit.log_likelihood) == (near(-2 * log(2)), near(top))
    assert fit.p[0] == near(chi2.sf(log(27 / 16), 1))
    for end in (fit.ci_low[0], fit.ci_high[0]):
        fallen = 1.5 * end - 2 * np.logaddexp(0, end)
        assert top - fallen == pytest.approx(chi2.ppf(0.95, 1) / 2, rel=1e-9)


def test_firth_at_one_time_adds_one_half():
    """0 of 5 against 3 of 6 deaths: (0 + 1/2) / (3 + 1/2) x 6/5, information 21/64."""
    x, event = [1.0] * 5 + [0.0] * 6, [0] * 5 + [1] * 3 + [0] * 3
    fit = fit_cox_firth(np.array(x)[:, None], [1] * 11, event, names=["x"], ties="breslow")
    assert fit.coef[0] == pytest.approx(log(6 / 35), rel=1e-9)
    assert fit.se[0] == pytest.approx(8 / sqrt(21), rel=1e-9)


# 7. Competing risks


def test_incidence_of_three_patients():
    """1/3 each; multinomial variance 2/27, Aalen's 1/9 and 5/36."""
    three = ([1, 2, 3], [1, 2, 0])
    for variance, first, second in (("greenwood", 2 / 27, 2 / 27), ("aalen", 1 / 9, 5 / 36)):
        curve = aalen_johansen(*three, variance=variance)
        for cause, expected in ((1, first), (2, second)):
            found = incidence_at(curve, 2, cause=cause)
            assert (found.incidence, found.std_error**2) == (near(1 / 3), near(expected))


def test_incidence_with_censoring():
    """3/8, with variance 21/256 (multinomial) or 5/32 (Aalen), and its log-log interval."""
    four = ([1, 2, 3, 4], [2, 0, 1, 0])
    for variance, expected in (("greenwood", 21 / 256), ("aalen", 5 / 32)):
        found = incidence_at(aalen_johansen(*four, variance=variance), 3)
        assert (found.incidence, found.std_error**2) == (near(3 / 8), near(expected))
        reach = Z * sqrt(expected) / (3 / 8 * log(3 / 8))
        ends = (near((3 / 8) ** exp(-reach)), near((3 / 8) ** exp(reach)))
        assert (found.ci_low, found.ci_high) == ends


def test_gray():
    """Score -1/10 with variance 543/1000: statistic 10/543."""
    found = gray([1, 2, 4, 3, 4], [1, 2, 0, 1, 0], ["a", "a", "a", "b", "b"])
    assert found.score == (near(-1 / 10), near(1 / 10))
    assert found.statistic == near(10 / 543)


def test_fine_gray_weights():
    """A competing event stays with weight 2/3 after a censoring: squared hazard ratio 2/5."""
    x = np.array([1, 1, 0, 0, 1], dtype=float)[:, None]
    fit = fit_fine_gray(x, [1, 2, 3, 4, 5], [2, 1, 0, 1, 0], names=["x"])
    r = sqrt(2 / 5)
    assert fit.coef[0] == near(log(2 / 5) / 2)
    assert fit.log_likelihood_null == near(-log(40 / 3))
    assert fit.log_likelihood == near(log(r) - log(3 * r + 2) - log(1 + 5 * r / 3))


# 8. Tables and two samples


def test_two_by_two():
    """3 and 1 against 1 and 3: Fisher 34/70, Pearson 2, Yates 1/2, odds ratio 9."""
    table = [[3, 1], [1, 3]]
    assert fisher(table).p == near(17 / 35)
    assert (pearson(table).statistic, pearson(table).p) == (near(2), near(erfc(1)))
    assert (yates(table).statistic, yates(table).p) == (near(1 / 2), near(erfc(1 / 2)))
    ratio = odds_ratio(3, 1, 1, 3)
    assert (ratio.estimate, ratio.ci_high) == (9, near(9 * exp(Z * sqrt(8 / 3))))
    assert ratio.inverse().estimate == near(1 / 9)


def test_fisher_two_by_three():
    """Six draws, of which the one seen and its mirror image are the least probable: 1/3."""
    assert fisher([[2, 0, 0], [0, 1, 1]]).p == near(1 / 3)


def test_mann_whitney():
    """U = 3, z^2 = 15/31; 14 of the 20 draws are as far out."""
    found = mann_whitney([1, 3, 3], [2, 3, 5])
    assert (found.u, found.z) == (3, near(-sqrt(15 / 31)))
    assert found.p == near(erfc(sqrt(15 / 62)))
    assert mann_whitney([1, 3, 3], [2, 3, 5], exact=True).p == near(7 / 10)


def test_t_tests():
    """A t of -4 root(3/5) with 4 degrees of freedom, or 50/17 of Welch's."""
    first, second = [1, 2, 3], [4, 6, 8]
    found = student_t(first, second)
    assert (found.t, found.df) == (near(-4 * sqrt(3 / 5)), 4)
    assert found.p == near(1 - 39 / 34 * sqrt(12 / 17))
    found = welch_t(first, second)
    assert (found.t, found.df) == (near(-4 * sqrt(3 / 5)), near(50 / 17))


def test_t_test_of_two_degrees_of_freedom_is_elementary():
    """Two against two patients with spread 1: p = 1 - t / root(t^2 + 2)."""
    found = student_t([0, 2], [3, 5])
    t = 3 / sqrt(2)
    assert (abs(found.t), found.p) == (near(t), near(1 - t / sqrt(t * t + 2)))


# 9. Logistic regression


def test_logistic_regression_of_a_table():
    """Log odds ratio log 9 with variance 8/3; fitted shares 3/4 and 1/4."""
    x = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=float)[:, None]
    event = [1, 1, 1, 0, 1, 0, 0, 0]
    fit = fit_unconditional(x, event, names=["x"], profile=False)
    assert (fit.coef[0], fit.se[0] ** 2) == (near(log(9)), near(8 / 3))
    assert fit.intercept == near(-log(3))
    assert fit.log_likelihood == near(6 * log(3 / 4) + 2 * log(1 / 4))
    assert fit.log_likelihood_null == near(-8 * log(2))
    score = fit_logistic(x, np.array(event) == 1).probability(x)
    assert score == near(np.where(x[:, 0] == 1, 3 / 4, 1 / 4))


def test_conditional_logistic_regression_of_pairs():
    """Three pairs speak for the covariate, one against, two say nothing: log 3, variance 4/3."""
    case = [1, 0] * 6
    x = [1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0]
    sets = np.repeat(np.arange(6), 2)
    fit = fit_conditional(np.array(x, dtype=float)[:, None], case, sets, names=["x"])
    assert (fit.coef[0], fit.se[0] ** 2) == (near(log(3)), near(4 / 3))


# 10. Matching and weights


def test_greedy_and_optimal_pairs():
    """In turn, a takes u and leaves v to b: 8/16 in all; together 6/16."""
    score = np.array([4, 7, 5, 0]) / 16
    treated, key = [True, True, False, False], np.array(["a", "b", "u", "v"])

    def made(found):
        named = zip(key[found.treated].tolist(), key[found.control].tolist(), strict=True)
        return set(named), float(found.distance.sum())

    unlike, alike = ({("a", "u"), ("b", "v")}, 8 / 16), ({("a", "v"), ("b", "u")}, 6 / 16)
    for order, expected in (
        ("data", unlike),
        ("smallest", unlike),
        ("closest", unlike),
        ("largest", alike),
    ):
        assert made(nearest_neighbour(score, treated, key, order=order)) == expected
    assert made(optimal_pairs(score, treated, key)) == alike
    within = nearest_neighbour(score, treated, key, caliper=4 / 16)
    assert made(within) == ({("a", "u")}, 1 / 16)
    assert made(optimal_pairs(score, treated, key, caliper=4 / 16)) == alike


def test_weights_from_a_known_score():
    """1/e and 1/(1-e), odds, or the other arm's probability."""
    score, treated = [1 / 4, 1 / 2, 1 / 5, 3 / 4], [True, True, False, False]
    assert balancing_weights(score, treated) == near([4, 2, 5 / 4, 4])
    stabilised = balancing_weights(score, treated, stabilised=True)
    assert stabilised == near([2, 1, 5 / 8, 2])
    assert balancing_weights(score, treated, estimand="att") == near([1, 1, 1 / 4, 3])
    assert balancing_weights(score, treated, estimand="ato") == near([3 / 4, 1 / 2, 1 / 5, 3 / 4])
    assert effective_sample_size([4, 2]) == near(9 / 5)
    cut, low, high = truncate_weights([1, 2, 3, 4, 9], 25, 75)
    assert (cut.tolist(), low, high) == ([2, 2, 3, 4, 4], 2, 4)


def test_standardized_mean_difference():
    """-2 over the root of (1 + 4) / 2."""
    assert smd([1, 2, 3], [2, 4, 6]) == near(-2 / sqrt(5 / 2))
    assert smd([1, 1, 1, 0], [1, 0, 0, 0]) == near(2 / sqrt(3))


def test_the_normal_quantile_used_above():
    """The interval of a normal number: erfc(Z / root 2) is 1/20."""
    assert erfc(Z / sqrt(2)) == near(1 / 20)
