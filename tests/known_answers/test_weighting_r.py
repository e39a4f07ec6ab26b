"""R's coxph with weights and robust errors is the referee of weighted Cox models.

On the lalonde data with times made from the row number i and the propensity score ps:

    i <- seq_len(614); p <- mean(d$treat); e <- d$ps; t <- d$treat
    time <- round(365 * (0.2 + ((i * 37) %% 101) / 25 + 2 * e)); ev <- as.integer((i * 7) %% 10 < 6)
    w <- t/e + (1-t)/(1-e)                                  # ate; stabilised: p*t/e + ...
    w <- t + (1-t)*e/(1-e)                                  # att; stabilised: ... * (1-p)/p
    w <- t*(1-e) + (1-t)*e                                  # ato
    q <- quantile(w, c(.01, .99)); w <- pmin(pmax(w, q[1]), q[2])   # ate, truncated
    coxph(Surv(time, ev) ~ treat, data = d, weights = w, robust = TRUE, ties = "efron",
          control = coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-16))

R 4.2.2, survival 3.5-3: coefficient, sqrt(var), sqrt(naive.var).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.cox import fit_cox
from replica.weights import balancing_weights, effective_sample_size, truncate_weights

LALONDE = pd.read_csv(Path(__file__).parent / "data" / "lalonde.csv")
TREATED = LALONDE["treat"].to_numpy() == 1
SCORE = LALONDE["ps"].to_numpy()
NUMBER = np.arange(1, len(LALONDE) + 1)
TIME = np.round(365 * (0.2 + (NUMBER * 37 % 101) / 25 + 2 * SCORE))
EVENT = NUMBER * 7 % 10 < 6

FITS = {
    ("ate", "efron"): (-0.0717271350944427, 0.148152679607351, 0.0758234078451667),
    ("ate", "breslow"): (-0.071339031971231, 0.147844880083662, 0.07581387075087),
    ("ate stabilised", "efron"): (-0.0714314973476808, 0.149366303406973, 0.117879709342872),
    ("ate stabilised", "breslow"): (-0.070409415960153, 0.149068403642732, 0.117861407674662),
    ("att", "efron"): (-0.189983820483842, 0.164882479332018, 0.135834868554336),
    ("att", "breslow"): (-0.188293493420946, 0.164625125556368, 0.135810269963583),
    ("att stabilised", "efron"): (-0.185970401123328, 0.16759915622389, 0.115308951834615),
    ("att stabilised", "breslow"): (-0.183511896951945, 0.167080560853997, 0.115281969543414),
    ("ato", "efron"): (-0.0997326259285486, 0.143952950013382, 0.204289557100313),
    ("ato", "breslow"): (-0.0983957727441491, 0.143811892346454, 0.204260227569762),
    ("ate truncated", "efron"): (-0.0751762427999615, 0.145551683765065, 0.0767973545428087),
    ("ate truncated", "breslow"): (-0.0746996331826562, 0.145278186654819, 0.0767868866138072),
}
# Sums of weights and effective sample sizes, treated then control
SIZES = {
    "ate": (553.634287559564, 615.998866872805, 58.3266607397467, 329.007759063265),
    "ate stabilised": (166.81163387381, 430.396602424159, 58.3266607397467, 329.007759063265),
    "att": (185, 186.998866872805, 185, 99.8153859157942),
    "att stabilised": (185, 433.635210207748, 185, 99.8153859157942),
    "ato": (78.1744238724915, 78.1744238724913, 145.635948366562, 166.101429797098),
    "ate truncated": (500.09859431305, 616.007143014872, 86.0138293190866, 329.011826555818),
}


def weights_of(name: str) -> np.ndarray:
    """Weights by the name used here."""
    estimand, _, how = name.partition(" ")
    weights = balancing_weights(SCORE, TREATED, estimand=estimand, stabilised=how == "stabilised")
    return truncate_weights(weights, 1, 99)[0] if how == "truncated" else weights


@pytest.mark.parametrize(("name", "ties"), FITS)
def test_weighted_cox_is_that_of_r(name: str, ties: str) -> None:
    """Coefficient, robust and model-based error agree to 1e-8."""
    fit = fit_cox(
        TREATED[:, None].astype(float),
        TIME,
        EVENT,
        names=["treat"],
        ties=ties,
        weights=weights_of(name),
        robust=True,
    )
    found = (fit.coef[0], fit.robust_se[0], fit.se[0])
    np.testing.assert_allclose(found, FITS[name, ties], rtol=1e-8)


@pytest.mark.parametrize("name", SIZES)
def test_sums_and_effective_sizes_are_those_of_r(name: str) -> None:
    """Sums of weights and Kish's sizes of both arms agree with R's arithmetic."""
    weights = weights_of(name)
    arms = weights[TREATED], weights[~TREATED]
    found = [*(w.sum() for w in arms), *(effective_sample_size(w) for w in arms)]
    np.testing.assert_allclose(found, SIZES[name], rtol=1e-13)


def test_truncation_is_that_of_r() -> None:
    """R's quantiles of type 7 cut at 1.0117 and 12.631, seven patients at each end."""
    weights = weights_of("ate")
    cut, low, high = truncate_weights(weights, 1, 99)
    assert (low, high) == pytest.approx((1.01169528371724, 12.6309073253896), rel=1e-13)
    assert ((weights < low).sum(), (weights > high).sum()) == (7, 7)
    assert cut.min() == low
    assert cut.max() == high
