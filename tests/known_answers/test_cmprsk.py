"""R's cmprsk and survival are the referees of competing risks, on monoclonal gammopathy (mgus2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.cox import fit_cox
from replica.gray import gray
from replica.subdistribution import fit_fine_gray

DATA = Path(__file__).parent / "data"
ANSWERS = pd.read_csv(DATA / "survival_known_answers.csv", dtype={"detail": str})
COVARIATES = ["age", "male"]


def answers(quantity: str) -> dict[str, float]:
    """Return the known answers of one quantity by their detail; there must be some."""
    rows = ANSWERS[(ANSWERS["data"] == "mgus2") & (ANSWERS["quantity"] == quantity)]
    assert len(rows) > 0, quantity
    return dict(zip(rows["detail"], rows["value"], strict=True))


@pytest.fixture(scope="module")
def mgus2() -> pd.DataFrame:
    """Time to progression (1) or death without it (2) of 1,384 patients, in tied months."""
    frame = pd.read_csv(DATA / "mgus2.csv")
    bands = pd.cut(frame["age"], [0, 60, 70, 80, 200], right=False, labels=False)
    return frame.assign(male=(frame["sex"] == "M").astype(float), band=bands)


def test_incidence_of_progression_returns_what_cuminc_returns(mgus2):
    """Everybody in one group, at 10 and 20 years."""
    curve = aalen_johansen(mgus2["etime"], mgus2["event"])
    for time, known in answers("cif_pcm").items():
        assert incidence_at(curve, float(time)).incidence == pytest.approx(known, rel=1e-10)


def test_incidence_by_sex_returns_what_cuminc_returns(mgus2):
    """Both causes in both sexes at 10 years."""
    for detail, known in answers("cif_by_sex_120").items():
        sex, cause = detail.split()
        rows = mgus2[mgus2["sex"] == sex]
        curve = aalen_johansen(rows["etime"], rows["event"])
        found = incidence_at(curve, 120, cause=int(cause)).incidence
        assert found == pytest.approx(known, rel=1e-10)


def test_standard_error_returns_the_variance_of_cuminc(mgus2):
    """R: sqrt(timepoints(cuminc(etime, event), c(120, 240))$var)."""
    curve = aalen_johansen(mgus2["etime"], mgus2["event"])
    found = [[incidence_at(curve, t, cause=c).std_error for t in (120, 240)] for c in (1, 2)]
    known = [
        [0.00679944884620315, 0.00980611465467977],
        [0.01406542068608537, 0.01564872607681250],
    ]
    np.testing.assert_allclose(found, known, rtol=1e-12)


def test_greenwood_error_and_interval_return_those_of_survfit(mgus2):
    """R: survfit(Surv(etime, factor(event)) ~ 1, conf.type = "log-log")."""
    curve = aalen_johansen(mgus2["etime"], mgus2["event"], variance="greenwood")
    read = [incidence_at(curve, t, cause=c) for c in (1, 2) for t in (120, 240)]
    errors = [0.00679684842396064, 0.00978484679338960, 0.0140596451620306, 0.0156063450677616]
    lows = [0.0512816760848976, 0.0816899507073978, 0.503860774822014, 0.692075590787579]
    highs = [0.0779330245959657, 0.1200191317174126, 0.558942898814836, 0.753274752562143]
    np.testing.assert_allclose([at.std_error for at in read], errors, rtol=1e-12)
    np.testing.assert_allclose([at.ci_low for at in read], lows, rtol=1e-12)
    np.testing.assert_allclose([at.ci_high for at in read], highs, rtol=1e-12)


def test_gray_by_sex_returns_what_cuminc_returns(mgus2):
    """Two groups, each cause."""
    for cause, known in answers("gray_stat").items():
        found = gray(mgus2["etime"], mgus2["event"], mgus2["sex"], of=int(cause))
        assert found.statistic == pytest.approx(known, rel=1e-10)
        assert found.df == 1
    assert found.p == pytest.approx(0.000641590976407924, rel=1e-10)


@pytest.mark.parametrize(
    ("stratified", "cause", "known"),
    [
        (False, 1, 9.41040069349205),
        (False, 2, 307.51559779970182),
        (True, 1, 9.41837038985951),
        (True, 2, 292.90831723917807),
    ],
)
def test_gray_of_four_groups_returns_what_cuminc_returns(mgus2, stratified, cause, known):
    """R: cuminc(etime, event, age band, strata = sex)$Tests."""
    strata = mgus2["sex"] if stratified else None
    found = gray(mgus2["etime"], mgus2["event"], mgus2["band"], of=cause, strata=strata)
    assert found.statistic == pytest.approx(known, rel=1e-12)
    assert found.df == 3


def test_fine_gray_returns_what_crr_returns(mgus2):
    """The stored answers are from crr's default, which stops 2e-8 short of the maximum."""
    fit = fit_fine_gray(mgus2[COVARIATES], mgus2["etime"], mgus2["event"], names=COVARIATES)
    for name, coef, se in zip(fit.names, fit.coef, fit.se, strict=True):
        assert coef == pytest.approx(answers("finegray_coef")[name], rel=3e-8)
        assert se == pytest.approx(answers("finegray_se")[name], rel=3e-9)


@pytest.mark.parametrize(
    ("of", "coef", "se", "likelihoods"),
    [
        (
            1,
            [-0.0173381532193798, -0.2600382378279563],
            [0.00573710324167716, 0.18568103479413048],
            (-790.121315169541, -793.774420402522),
        ),
        (
            2,
            [0.0585844004054582, 0.3707968459047023],
            [0.00367941920119089, 0.06678946378602087],
            (-5539.29685582422, -5702.89441278533),
        ),
    ],
)
def test_fine_gray_at_the_maximum_returns_what_crr_returns(mgus2, of, coef, se, likelihoods):
    """R: crr(etime, event, cbind(age, male), failcode, gtol = 1e-14), either cause."""
    fit = fit_fine_gray(mgus2[COVARIATES], mgus2["etime"], mgus2["event"], names=COVARIATES, of=of)
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-10)
    np.testing.assert_allclose(fit.se, se, rtol=1e-10)
    assert (fit.log_likelihood, fit.log_likelihood_null) == pytest.approx(likelihoods, rel=1e-13)


def test_cause_specific_cox_returns_what_coxph_returns(mgus2):
    """R: coxph(Surv(etime, event == 1) ~ age + male)."""
    fit = fit_cox(mgus2[COVARIATES], mgus2["etime"], mgus2["event"] == 1, names=COVARIATES)
    np.testing.assert_allclose(fit.coef, [0.0130385698249726, -0.0251377892942780], rtol=1e-9)
    np.testing.assert_allclose(fit.se, [0.00825868591171144, 0.18845584819278083], rtol=1e-9)
