"""R is the referee of odds ratios, the test for trend, restricted means and two-sample tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.log_rank_trend import log_rank_trend
from replica.logistic_models import fit_conditional, fit_unconditional
from replica.product_limit import product_limit
from replica.restricted_mean import restricted_mean_difference
from replica.two_samples import mann_whitney, student_t, welch_t

DATA = Path(__file__).parent / "data"
ANSWERS = pd.read_csv(DATA / "survival_known_answers.csv", dtype={"detail": str})
COVARIATES = ["age", "parity", "spontaneous", "induced"]
CELLS = ["squamous", "large", "smallcell", "adeno"]


def answers(data: str, quantity: str) -> dict[str, float]:
    """Return the known answers of one quantity by their detail; there must be some."""
    rows = ANSWERS[(ANSWERS["data"] == data) & (ANSWERS["quantity"] == quantity)]
    assert len(rows) > 0, (data, quantity)
    return dict(zip(rows["detail"], rows["value"], strict=True))


@pytest.fixture(scope="module")
def infert() -> pd.DataFrame:
    """Infertility after abortions: 83 sets of a case and one or two controls."""
    return pd.read_csv(DATA / "infert.csv")


@pytest.fixture(scope="module")
def veteran() -> pd.DataFrame:
    """Veterans' lung cancer trial."""
    return pd.read_csv(DATA / "veteran.csv")


def test_conditional_regression_returns_what_clogit_returns(infert):
    """Sets of one case and one or two controls."""
    names = list(answers("infert", "clogit_coef"))
    fit = fit_conditional(infert[names], infert["case"], infert["stratum"], names=names)
    coef, se = answers("infert", "clogit_coef"), answers("infert", "clogit_se")
    np.testing.assert_allclose(fit.coef, [coef[name] for name in names], rtol=1e-10)
    np.testing.assert_allclose(fit.se, [se[name] for name in names], rtol=1e-10)
    assert fit.log_likelihood == pytest.approx(-64.2022369244310, rel=1e-12)
    assert fit.log_likelihood_null == pytest.approx(-90.7793548513448, rel=1e-12)
    assert (fit.sets, fit.uninformative_sets) == (83, 0)


def test_conditional_regression_of_sets_with_several_cases_returns_what_clogit_returns(infert):
    """R: clogit(case ~ spontaneous + induced + strata(pooled.stratum), method = "exact")."""
    names = ["spontaneous", "induced"]
    fit = fit_conditional(infert[names], infert["case"], infert["pooled.stratum"], names=names)
    np.testing.assert_allclose(fit.coef, [2.02788520031997, 1.42651031948905], rtol=1e-12)
    np.testing.assert_allclose(fit.se, [0.346010007664526, 0.350275081751723], rtol=1e-12)
    assert fit.log_likelihood == pytest.approx(-74.1554940032539, rel=1e-12)
    assert fit.sets == 63


def test_unconditional_regression_returns_what_glm_returns(infert):
    """R: glm(case ~ age + parity + spontaneous + induced, binomial)."""
    fit = fit_unconditional(infert[COVARIATES], infert["case"], names=COVARIATES)
    coef = [0.0531809874821271, -0.7088300628698748, 1.9253382377823529, 1.1896562106896647]
    se = [0.0301415025465046, 0.1809139321180166, 0.2986307023528941, 0.2898752483249667]
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-10)
    np.testing.assert_allclose(fit.se, se, rtol=2e-9)
    assert fit.intercept == pytest.approx(-2.8523903676542668, rel=1e-11)
    assert fit.log_likelihood == pytest.approx(-130.471683743559, rel=1e-12)


def test_profile_intervals_return_the_roots_found_in_r(infert):
    """R: uniroot of twice the fall of glm's likelihood with offset, less 3.84; confint is near."""
    fit = fit_unconditional(infert[COVARIATES], infert["case"], names=COVARIATES)
    roots = [
        [-0.00542260771516686, 0.113250898854882],
        [-1.08148690168348, -0.369211936906573],
        [1.36636487264462, 2.54123869621073],
        [0.636119742500984, 1.777383367864],
    ]
    np.testing.assert_allclose(fit.profile_ci, roots, rtol=1e-10)
    confint = [
        [-0.00542269041224542, 0.113253033844457],
        [-1.08148998451104195, -0.369216245028211],
        [1.36636747742006293, 2.541246628426831],
        [0.63613263222232397, 1.777403168192827],
    ]
    np.testing.assert_allclose(fit.profile_ci, confint, rtol=3e-5)


def test_trend_over_cell_types_returns_the_exact_score_test_of_coxph(veteran):
    """R: coxph(Surv(time, status) ~ score, ties = "exact")$score; plain, stratified, own scores."""
    columns = (veteran["time"], veteran["status"], veteran["celltype"], CELLS)
    plain = log_rank_trend(*columns)
    assert plain.statistic == pytest.approx(22.8021395733624, rel=1e-12)
    assert plain.z > 0
    stratified = log_rank_trend(*columns, strata=veteran["prior"])
    assert stratified.statistic == pytest.approx(20.8199659172579, rel=1e-12)
    scored = log_rank_trend(*columns, scores=[0, 1, 2, 10])
    assert scored.statistic == pytest.approx(13.8113834802332, rel=1e-12)


def test_trend_over_performance_status_returns_the_exact_score_test_of_coxph():
    """Lung cancer, four levels of ph.ecog."""
    lung = pd.read_csv(DATA / "lung.csv").dropna(subset=["ph.ecog"])
    found = log_rank_trend(lung["time"], lung["status"] - 1, lung["ph.ecog"], [0, 1, 2, 3])
    assert found.statistic == pytest.approx(17.8751207625279, rel=1e-12)


def test_restricted_mean_difference_returns_the_two_means_of_survfit():
    """Women less men up to a year; the errors of independent groups add in squares."""
    lung = pd.read_csv(DATA / "lung.csv")
    curves = {
        sex: product_limit(rows["time"], rows["status"] - 1) for sex, rows in lung.groupby("sex")
    }
    found = restricted_mean_difference(curves[2], curves[1], 365)
    mean, se = answers("lung", "rmst365"), answers("lung", "rmst365_se")
    assert found.means == pytest.approx((mean["L$sex=2"], mean["L$sex=1"]), rel=1e-10)
    assert found.difference == pytest.approx(297.465409532 - 241.495085192, rel=1e-10)
    error = np.hypot(se["L$sex=1"], se["L$sex=2"])
    assert found.std_error == pytest.approx(error, rel=1e-10)
    assert found.ci_low == pytest.approx(found.difference - 1.959963984540054 * error, rel=1e-10)


@pytest.mark.parametrize(
    ("continuity", "p"), [(False, 0.749037938166551), (True, 0.750688287166699)]
)
def test_mann_whitney_returns_what_wilcox_test_returns(veteran, continuity, p):
    """R: wilcox.test(karno by treatment, exact = FALSE, correct = ...), tied throughout."""
    one, two = (veteran.loc[veteran["trt"] == arm, "karno"] for arm in (1, 2))
    found = mann_whitney(one, two, continuity=continuity)
    assert found.u == 2419.5
    assert found.p == pytest.approx(p, rel=1e-12)
    assert "continuity" in found.name or not continuity


def test_exact_mann_whitney_returns_what_wilcox_test_returns():
    """R: wilcox.test(x, y, exact = TRUE), without ties."""
    found = mann_whitney([1.1, 2.3, 3.7, 0.4, 9.2], [2.2, 5.5, 7.1, 8.8, 10.4, 12], exact=True)
    assert (found.u, found.z) == (6, None)
    assert found.p == pytest.approx(0.125541125541126, rel=1e-13)


def test_t_tests_return_what_t_test_returns(veteran):
    """R: t.test(age by treatment), with equal variances and without."""
    one, two = (veteran.loc[veteran["trt"] == arm, "age"] for arm in (1, 2))
    student, welch = student_t(one, two), welch_t(one, two)
    assert (student.t, student.df, student.p, student.ci_low, student.ci_high) == pytest.approx(
        (-0.893351456097922, 135, 0.373258762129146, -5.175489170239255, 1.954687806215385),
        rel=1e-12,
    )
    assert (welch.t, welch.df, welch.p, welch.ci_low, welch.ci_high) == pytest.approx(
        (
            -0.893683473546956,
            134.826783444777959,
            0.373083724804064,
            -5.174206089883442,
            1.953404725859571,
        ),
        rel=1e-12,
    )
