"""What lifelines finds in the public data sets on which programs are compared."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test, proportional_hazard_test
from lifelines.utils import median_survival_times, restricted_mean_survival_time

from replica.referee_samples import (
    HEART,
    HORIZON,
    INCIDENCE_TIMES,
    LUNG,
    Estimates,
    Floats,
    Samples,
)

# lifelines stops at six digits or so unless told to go on
_TO_THE_END = {"precision": 1e-20, "r_precision": 1e-16}


def lifelines_estimates(samples: Samples) -> Estimates:
    """Estimate what lifelines has an estimator for, of what `replica_estimates` estimates.

    Returns
    -------
    dict
        Numbers by the key of an estimate, each in the order of `replica_estimates`.

    Notes
    -----
    Davidson-Pilon, Journal of Open Source Software 2019;4:1317.
    """
    return {**_cox(samples), **_curves(samples.all_lung), **_other(samples)}


def _fitted(frame: pd.DataFrame, duration: str, event: str, **options: str | bool) -> Any:  # noqa: ANN401 - lifelines has no types
    # of all other columns, with Efron's ties (it has no others)
    return CoxPHFitter().fit(frame, duration, event, fit_options=_TO_THE_END, **options)


def _fit(key: str, fit: Any) -> Estimates:  # noqa: ANN401 - lifelines has no types
    full = float(fit.log_likelihood_)
    null = full - fit.log_likelihood_ratio_test().test_statistic / 2
    return {
        f"{key}.coef": fit.params_.to_numpy(),
        f"{key}.se": fit.standard_errors_.to_numpy(),
        f"{key}.loglik": np.array([null, full]),
    }


def _cox(samples: Samples) -> Estimates:
    lung = samples.lung[[*LUNG, "time", "d"]]
    inst, weight = samples.lung["inst"], samples.lung["w"]
    heart = samples.heart[[*HEART, "start", "stop", "event"]]
    efron = _fitted(lung, "time", "d")
    robust = _fitted(lung, "time", "d", robust=True)
    cluster = _fitted(lung.assign(inst=inst), "time", "d", cluster_col="inst")
    weights = _fitted(lung.assign(w=weight), "time", "d", weights_col="w", robust=True)
    found = {
        **_fit("efron", efron),
        **_fit("strata", _fitted(lung, "time", "d", strata="sex")),
        "robust": robust.standard_errors_.to_numpy(),
        "cluster": cluster.standard_errors_.to_numpy(),
        "weights.coef": weights.params_.to_numpy(),
        "weights.se": weights.standard_errors_.to_numpy(),
        **_fit("entry", _fitted(heart, "stop", "event", entry_col="start")),
        "concordance": np.array([efron.concordance_index_]),
    }
    tests = [
        proportional_hazard_test(efron, lung, time_transform=transform).summary["p"][list(LUNG)]
        for transform in ("km", "identity", "rank")
    ]
    untied = samples.untied_lung[lung.columns]
    return found | {
        "robust.untied": _fitted(untied, "time", "d", robust=True).standard_errors_.to_numpy(),
        "zph": np.concatenate(tests),
    }


def _curves(lung: pd.DataFrame) -> Estimates:
    curves = [KaplanMeierFitter().fit(rows["time"], rows["d"]) for _, rows in lung.groupby("sex")]
    survival, ends, medians, means = [], [], [], []
    for curve in curves:
        steps = curve.survival_function_.iloc[1:, 0].to_numpy()
        band = curve.confidence_interval_.iloc[1:].to_numpy()
        survival.append(steps)
        ends.append(band[(steps > 0) & (steps < 1)].ravel())
        interval = median_survival_times(curve.confidence_interval_).to_numpy().ravel()
        medians.append([curve.median_survival_time_, *interval])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the integral of a step function
            means.append(restricted_mean_survival_time(curve, t=HORIZON, return_variance=True))
    follow_up = KaplanMeierFitter().fit(lung["time"], 1 - lung["d"])
    return {
        "km.survival": np.concatenate(survival),
        "km.interval.log-log": np.concatenate(ends),
        "km.median.log-log": np.ravel(medians),
        "km.mean": np.array([mean for mean, _ in means]),
        "km.mean_error": np.sqrt([variance for _, variance in means]),
        "follow_up": np.array([follow_up.median_survival_time_]),
    }


def _other(samples: Samples) -> Estimates:
    lung, veteran = samples.all_lung, samples.veteran
    two = multivariate_logrank_test(lung["time"], lung["sex"], lung["d"])
    four = multivariate_logrank_test(veteran["time"], veteran["celltype"], veteran["status"])
    return {
        "log_rank": np.array([two.test_statistic]),
        "log_rank.groups": np.array([four.test_statistic]),
        "incidence": _incidence(samples.mgus2),
        "incidence.untied": _incidence(samples.untied_mgus2),
    }


def _incidence(mgus2: pd.DataFrame) -> Floats:
    # tied times are moved apart at random: the seed fixes how
    found = []
    for cause in (1, 2):
        for _, rows in mgus2.groupby("sex"):
            fit = AalenJohansenFitter(calculate_variance=False, seed=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that times are tied: the page says so
                fit.fit(rows["etime"], rows["event"], event_of_interest=cause)
            curve = fit.cumulative_density_.iloc[:, 0]
            found += [curve[curve.index <= time].iloc[-1] for time in INCIDENCE_TIMES]
    return np.array(found)
