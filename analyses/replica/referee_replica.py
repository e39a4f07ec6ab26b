"""What this package finds in the public data sets on which programs are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from replica.aalen_johansen import (
    IncidenceAt,
    IncidenceVariance,
    aalen_johansen,
    incidence_at,
)
from replica.concordance import concordance
from replica.contingency import fisher, pearson, yates
from replica.convention import SurvivalInterval
from replica.cox import fit_cox
from replica.cox_fit import CoxFit
from replica.gray import gray
from replica.log_rank import log_rank
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional
from replica.product_limit import product_limit
from replica.proportional_hazards import TimeTransform, proportional_hazards_test
from replica.referee_samples import (
    COUNTS,
    HEART,
    HORIZON,
    INCIDENCE_TIMES,
    INFERT,
    LALONDE,
    LARGER_COUNTS,
    LUNG,
    MGUS2,
    Estimates,
    Floats,
    Samples,
)
from replica.subdistribution import fit_fine_gray
from replica.survival import median_survival, restricted_mean
from replica.two_samples import mann_whitney, student_t, welch_t

INTERVALS: tuple[SurvivalInterval, ...] = ("plain", "log", "log-log")
TRANSFORMS: tuple[TimeTransform, ...] = ("km", "identity", "rank")


def replica_estimates(samples: Samples) -> Estimates:
    """Estimate everything that the page of referees compares.

    Returns
    -------
    dict
        Numbers by the key of an estimate; the keys and their order are those of
        `replica.referee_samples.r_estimates`.
    """
    return {
        **_cox(samples),
        **_curves(samples),
        **_competing(samples),
        **_logistic(samples),
        **_tests(samples),
    }


def _numbers(*values: float | None) -> Floats:
    return np.array(values, dtype=np.float64)


def _fit(key: str, fit: CoxFit) -> Estimates:
    return {
        f"{key}.coef": fit.coef,
        f"{key}.se": fit.se,
        f"{key}.loglik": _numbers(fit.log_likelihood_null, fit.log_likelihood),
    }


def _robust(fit: CoxFit) -> Floats:
    return _numbers() if fit.robust_se is None else fit.robust_se


def _cox(samples: Samples) -> Estimates:
    lung, heart = samples.lung, samples.heart
    names = list(LUNG)
    X, time, event = lung[names], lung["time"], lung["d"]
    efron = fit_cox(X, time, event, names=names, robust=True)
    index = concordance(time, event, efron.log_hazard(X))
    weighted = fit_cox(X, time, event, names=names, weights=lung["w"])
    strata_names = ["age", "ph.ecog"]
    found = {
        **_fit("efron", efron),
        **_fit("breslow", fit_cox(X, time, event, names=names, ties="breslow")),
        **_fit("exact", fit_cox(X, time, event, names=names, ties="exact")),
        **_fit(
            "strata",
            fit_cox(lung[strata_names], time, event, names=strata_names, strata=lung["sex"]),
        ),
        "robust": _robust(efron),
        "cluster": _robust(fit_cox(X, time, event, names=names, cluster=lung["inst"])),
        "weights.coef": weighted.coef,
        "weights.se": _robust(weighted),
        **_fit(
            "entry",
            fit_cox(
                heart[list(HEART)],
                heart["stop"],
                heart["event"],
                names=HEART,
                start=heart["start"],
            ),
        ),
    }
    untied = samples.untied_lung
    tests = [
        proportional_hazards_test(X, time, event, names=names, transform=transform)["p"].to_numpy()
        for transform in TRANSFORMS
    ]
    return found | {
        "robust.untied": _robust(fit_cox(X, untied["time"], event, names=names, robust=True)),
        "zph": np.concatenate([p[:-1] for p in tests]),
        "zph.global": _numbers(*(p[-1] for p in tests)),
        "concordance": _numbers(index.concordance),
        "concordance.se": _numbers(index.se),
    }


def _curves(samples: Samples) -> Estimates:
    lung, veteran = samples.all_lung, samples.veteran
    found: Estimates = {}
    for interval in INTERVALS:
        curves = [
            product_limit(rows["time"], rows["d"], interval=interval)
            for _, rows in lung.groupby("sex")
        ]
        joined = pd.concat([curve[curve["time"] > 0] for curve in curves])
        inner = joined[(joined["survival"] > 0) & (joined["survival"] < 1)]
        medians = [median_survival(curve, interval=interval) for curve in curves]
        found[f"km.interval.{interval}"] = inner[["ci_low", "ci_high"]].to_numpy().ravel()
        found[f"km.median.{interval}"] = _numbers(
            *(value for m in medians for value in (m.median, m.ci_low, m.ci_high))
        )
    means = [restricted_mean(curve, HORIZON) for curve in curves]
    follow_up = median_survival(product_limit(lung["time"], 1 - lung["d"]), interval="log")
    groups = log_rank(veteran["time"], veteran["status"], veteran["celltype"])
    strata = log_rank(veteran["time"], veteran["status"], veteran["trt"], strata=veteran["prior"])
    return found | {
        "km.survival": joined["survival"].to_numpy(),
        "km.std_error": joined["std_error"].to_numpy(),
        "km.mean": _numbers(*(mean for mean, _ in means)),
        "km.mean_error": _numbers(*(error for _, error in means)),
        "follow_up": _numbers(follow_up.median),
        "log_rank": _numbers(log_rank(lung["time"], lung["d"], lung["sex"]).statistic),
        "log_rank.groups": _numbers(groups.statistic),
        "log_rank.strata": _numbers(strata.statistic),
    }


def _competing(samples: Samples) -> Estimates:
    mgus2 = samples.mgus2
    read, other = _incidence(mgus2, "aalen"), _incidence(mgus2, "greenwood")
    tests = [gray(mgus2["etime"], mgus2["event"], mgus2["sex"], of=cause) for cause in (1, 2)]
    fit = fit_fine_gray(mgus2[list(MGUS2)], mgus2["etime"], mgus2["event"], names=MGUS2)
    return {
        "incidence": _numbers(*(r.incidence for r in read)),
        "incidence.untied": _numbers(
            *(r.incidence for r in _incidence(samples.untied_mgus2, "aalen"))
        ),
        "incidence.std_error": _numbers(*(r.std_error for r in read)),
        "incidence.greenwood": _numbers(*(r.std_error for r in other)),
        "gray": _numbers(*(test.statistic for test in tests)),
        "fine_gray.coef": fit.coef,
        "fine_gray.se": fit.se,
    }


def _incidence(mgus2: pd.DataFrame, variance: IncidenceVariance) -> list[IncidenceAt]:
    curves = [
        aalen_johansen(rows["etime"], rows["event"], variance=variance)
        for _, rows in mgus2.groupby("sex")
    ]
    return [
        incidence_at(curve, time, cause=cause)
        for cause in (1, 2)
        for curve in curves
        for time in INCIDENCE_TIMES
    ]


def _logistic(samples: Samples) -> Estimates:
    lalonde, infert = samples.lalonde, samples.infert
    X = lalonde[list(LALONDE)].to_numpy(dtype=np.float64)
    fit = fit_logistic(X, lalonde["treat"].to_numpy() == 1, names=LALONDE)
    within = fit_conditional(infert[list(INFERT)], infert["case"], infert["stratum"], names=INFERT)
    return {
        "logistic.coef": fit.coef,
        "logistic.se": fit.se,
        "logistic.loglik": _numbers(fit.log_likelihood),
        "conditional.coef": within.coef,
        "conditional.se": within.se,
        "conditional.loglik": _numbers(within.log_likelihood_null, within.log_likelihood),
    }


def _tests(samples: Samples) -> Estimates:
    first, second = (rows["age"] for _, rows in samples.veteran.groupby("trt"))
    return {
        "pearson": _numbers(pearson(COUNTS).p),
        "yates": _numbers(yates(COUNTS).p),
        "fisher": _numbers(fisher(COUNTS).p),
        "fisher.larger": _numbers(fisher(LARGER_COUNTS).p),
        "student": _numbers(student_t(first, second).p),
        "welch": _numbers(welch_t(first, second).p),
        "mann_whitney": _numbers(mann_whitney(first, second).p),
    }
