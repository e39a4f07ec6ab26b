"""R's survival package is the referee of curves, medians, log-rank tests and Cox models."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.cox import fit_cox
from replica.survival import (
    log_rank,
    median_survival,
    numbers_at_risk,
    product_limit,
    restricted_mean,
    survival_at,
)

DATA = Path(__file__).parent / "data"
ANSWERS = pd.read_csv(DATA / "survival_known_answers.csv", dtype={"detail": str})
INTERVALS = ("plain", "log", "log-log")
THERNEAU = pd.DataFrame(
    {"time": [9, 1, 1, 6, 6, 8], "status": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]}
)


def answers(data: str, quantity: str) -> dict[str, float]:
    """Return the known answers of one quantity by their detail; there must be some."""
    rows = ANSWERS[(ANSWERS["data"] == data) & (ANSWERS["quantity"] == quantity)]
    assert len(rows) > 0, (data, quantity)
    return dict(zip(rows["detail"].fillna(""), rows["value"], strict=True))


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    """Lung cancer survival, with death as 1."""
    frame = pd.read_csv(DATA / "lung.csv")
    return frame.assign(status=frame["status"] - 1)


@pytest.fixture(scope="module")
def veteran() -> pd.DataFrame:
    """Veterans' lung cancer trial, with its cell types as indicators against squamous."""
    frame = pd.read_csv(DATA / "veteran.csv")
    for cell in ("smallcell", "adeno", "large"):
        frame[f"celltype{cell}"] = (frame["celltype"] == cell).astype(float)
    return frame


def _fit(frame, names, **options):
    frame = frame.dropna(subset=names)
    return fit_cox(frame[names], frame["time"], frame["status"], names=names, **options)


def _check(fit, data, label, *, robust=False):
    coef, se = answers(data, f"{label}_coef"), answers(data, f"{label}_se")
    assert set(coef) == set(fit.names)
    errors = fit.robust_se if robust else fit.se
    for name, found, error in zip(fit.names, fit.coef, errors, strict=True):
        assert found == pytest.approx(coef[name], rel=1e-8)
        assert error == pytest.approx(se[name], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(answers(data, f"{label}_loglik")[""], rel=1e-11)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_on_lung_returns_what_coxph_returns(lung, ties):
    """Coefficients, standard errors and log likelihood of three covariates, both kinds of ties."""
    _check(_fit(lung, ["age", "sex", "ph.ecog"], ties=ties), "lung", f"cox_{ties}")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_on_veteran_returns_what_coxph_returns(veteran, ties):
    """Eight covariates, one of them with a coefficient near zero."""
    names = list(answers("veteran", f"cox_{ties}_coef"))
    _check(_fit(veteran, names, ties=ties), "veteran", f"cox_{ties}")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_on_therneau_returns_what_coxph_returns(ties):
    """The six complete subjects of Therneau's first test data set, tied throughout."""
    _check(_fit(THERNEAU, ["x"], ties=ties), "therneau1", f"cox_{ties}")


def test_breslow_on_therneau_returns_the_answer_derived_by_hand():
    """The Breslow estimate solves a quadratic: log((3 + sqrt(33)) / 2)."""
    fit = _fit(THERNEAU, ["x"], ties="breslow")
    assert fit.coef[0] == pytest.approx(math.log((3 + math.sqrt(33)) / 2), rel=1e-12)


def test_robust_error_returns_the_sandwich_of_coxph(lung):
    """R: coxph(Surv(time, status) ~ age + sex, lung, robust = TRUE); both errors at once."""
    fit = _fit(lung, ["age", "sex"], robust=True)
    _check(fit, "lung", "cox_efron_robust", robust=True)
    assert fit.clusters is None
    assert fit.log_likelihood_null == pytest.approx(-749.909801390, rel=1e-11)


def test_clustered_error_returns_the_sandwich_of_coxph(lung):
    """R: coxph(Surv(time, status) ~ age + sex, lung, cluster = inst), with its naive errors."""
    known = lung.dropna(subset=["inst"])
    fit = _fit(known, ["age", "sex"], cluster=known["inst"])
    _check(fit, "lung", "cox_efron_cluster_inst", robust=True)
    assert fit.clusters == 18
    np.testing.assert_allclose(fit.se, [0.00923266443657, 0.16767859120165], rtol=1e-10)


def test_stratified_model_returns_what_coxph_returns(lung):
    """R: coxph(Surv(time, status) ~ age + ph.ecog + strata(sex), lung)."""
    known = lung.dropna(subset=["ph.ecog"])
    _check(_fit(known, ["age", "ph.ecog"], strata=known["sex"]), "lung", "cox_efron_strata_sex")


def test_clusters_within_strata_and_breslow_ties_return_what_coxph_returns(lung):
    """R: coxph(Surv(time, status) ~ age + strata(sex), lung, cluster = inst, ties = "breslow")."""
    known = lung.dropna(subset=["inst"])
    options = {"strata": known["sex"], "cluster": known["inst"], "ties": "breslow"}
    fit = _fit(known, ["age"], **options)
    assert fit.coef[0] == pytest.approx(0.0161741078037, rel=1e-10)
    assert fit.robust_se[0] == pytest.approx(0.00699209087013, rel=1e-10)


@pytest.mark.parametrize(
    ("ties", "se"),
    [
        ("efron", [0.0107758806122, 0.1733468282184]),
        ("breslow", [0.0107556427801, 0.1730708786232]),
    ],
)
def test_weighted_model_returns_what_coxph_returns(lung, ties, se):
    """R: coxph(Surv(time, status) ~ age + sex, lung, weights = 1 + age %% 3, robust = TRUE)."""
    fit = _fit(lung, ["age", "sex"], weights=1 + lung["age"] % 3, ties=ties)
    np.testing.assert_allclose(fit.robust_se, se, rtol=1e-10)
    if ties == "efron":
        np.testing.assert_allclose(fit.coef, [0.0105766219684, -0.4560160912419], rtol=1e-10)
        assert fit.log_likelihood == pytest.approx(-1785.89721647, rel=1e-11)


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("sex", [1, 2])
def test_medians_and_their_intervals_return_what_survfit_returns(lung, sex, interval):
    """Medians are exact times, so they and both ends are equal, not close."""
    part = lung[lung["sex"] == sex]
    found = median_survival(product_limit(part["time"], part["status"]), interval=interval)
    key = f"sex{sex}"
    assert found.median == answers("lung", f"km_median_{interval}")[key]
    assert found.ci_low == answers("lung", f"km_median_lower_{interval}")[key]
    assert found.ci_high == answers("lung", f"km_median_upper_{interval}")[key]
    assert found.method == interval


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("sex", [1, 2])
def test_survival_at_times_returns_what_survfit_returns(lung, sex, interval):
    """Survival and both ends at 180 and 365 days."""
    part = lung[lung["sex"] == sex]
    curve = product_limit(part["time"], part["status"], interval=interval)
    for time in (180, 365):
        found, key = survival_at(curve, time), f"L$sex={sex}@{time}"
        expected = answers("lung", f"km_surv_{interval}")[key]
        assert found.survival == pytest.approx(expected, rel=1e-11)
        expected = answers("lung", f"km_lower_{interval}")[key]
        assert found.ci_low == pytest.approx(expected, rel=1e-11)
        expected = answers("lung", f"km_upper_{interval}")[key]
        assert found.ci_high == pytest.approx(expected, rel=1e-11)


def test_numbers_at_risk_return_what_survfit_returns(lung):
    """Every time that the answers hold, for both sexes."""
    for detail, expected in answers("lung", "at_risk").items():
        sex, time = detail.removeprefix("L$sex=").split("@")
        part = lung[lung["sex"] == int(sex)]
        curve = product_limit(part["time"], part["status"])
        assert numbers_at_risk(curve, [float(time)])["at_risk"].tolist() == [expected]
        assert survival_at(curve, float(time)).at_risk == expected


@pytest.mark.parametrize("sex", [1, 2])
def test_restricted_mean_returns_what_survfit_returns(lung, sex):
    """Mean survival within 365 days, and its standard error."""
    part = lung[lung["sex"] == sex]
    mean, se = restricted_mean(product_limit(part["time"], part["status"]), 365)
    assert mean == pytest.approx(answers("lung", "rmst365")[f"L$sex={sex}"], rel=1e-11)
    assert se == pytest.approx(answers("lung", "rmst365_se")[f"L$sex={sex}"], rel=1e-11)


def test_log_rank_of_two_groups_returns_what_survdiff_returns(lung):
    """Chi-square on one degree of freedom."""
    found = log_rank(lung["time"], lung["status"], lung["sex"])
    assert found.statistic == pytest.approx(answers("lung", "logrank_chisq")["sex"], rel=1e-11)
    assert (found.df, found.groups) == (1, (1, 2))


def test_log_rank_of_four_groups_returns_what_survdiff_returns(veteran):
    """Chi-square on three degrees of freedom."""
    found = log_rank(veteran["time"], veteran["status"], veteran["celltype"])
    expected = answers("veteran", "logrank_chisq")["celltype"]
    assert found.statistic == pytest.approx(expected, rel=1e-11)
    assert found.df == 3


def test_stratified_log_rank_returns_what_survdiff_returns(veteran):
    """R: survdiff(Surv(time, status) ~ trt + strata(prior), veteran)."""
    found = log_rank(veteran["time"], veteran["status"], veteran["trt"], strata=veteran["prior"])
    expected = answers("veteran", "logrank_strata_prior_chisq")["trt"]
    assert found.statistic == pytest.approx(expected, rel=1e-11)


def test_log_rank_with_a_nearly_empty_group_returns_what_survdiff_returns(lung):
    """R: survdiff(Surv(time, status) ~ ph.ecog + strata(sex), lung): one group has one patient."""
    known = lung.dropna(subset=["ph.ecog"])
    found = log_rank(known["time"], known["status"], known["ph.ecog"], strata=known["sex"])
    assert found.statistic == pytest.approx(21.5962383705, rel=1e-11)
    assert found.observed == (37.0, 82.0, 44.0, 1.0)
    assert found.expected[3] == pytest.approx(0.2272779, abs=5e-8)


def test_reverse_kaplan_meier_median_returns_what_survfit_returns(lung):
    """R: survfit(Surv(time, 1 - status) ~ 1, lung)."""
    found = median_survival(product_limit(lung["time"], 1 - lung["status"]), interval="log")
    assert found.median == answers("lung", "reverse_km_median")[""]


def test_a_planted_hazard_ratio_is_recovered():
    """20,000 exponential survival times, censored at random: within 3.5 standard errors."""
    rng = np.random.default_rng(20240229)
    x = rng.integers(0, 2, 20_000).astype(float)
    age = rng.normal(60, 10, 20_000)
    planted = np.array([math.log(0.7), 0.02])
    death = rng.exponential(1 / (0.05 * np.exp(planted[0] * x + planted[1] * (age - 60))))
    censoring = rng.exponential(1 / 0.03, 20_000)
    columns = np.column_stack([x, age])
    observed = np.minimum(death, censoring)
    fit = fit_cox(columns, observed, death <= censoring, names=["x", "age"], robust=True)
    assert (np.abs(fit.coef - planted) < 3.5 * fit.se).all()
    np.testing.assert_allclose(fit.robust_se, fit.se, rtol=0.03)
