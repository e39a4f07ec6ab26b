"""What statsmodels finds in the public data sets on which programs are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.discrete.discrete_model import Logit
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.weightstats import ttest_ind

from replica.referee_samples import (
    COUNTS,
    HEART,
    INCIDENCE_TIMES,
    INFERT,
    LALONDE,
    LUNG,
    Estimates,
    Floats,
    Samples,
)

_TIGHT = {"method": "newton", "tol": 1e-14, "maxiter": 100, "disp": 0}


def statsmodels_estimates(samples: Samples) -> Estimates:
    """Estimate what statsmodels has an estimator for, of what `replica_estimates` estimates.

    Returns
    -------
    dict
        Numbers by the key of an estimate, each in the order of `replica_estimates`.

    Notes
    -----
    Seabold and Perktold, Proceedings of the 9th Python in Science Conference 2010;92-96.
    """
    return {
        **_cox(samples),
        **_curves(samples),
        **_competing(samples.mgus2),
        **_logistic(samples),
        **_tests(samples),
    }


def _fit(key: str, model: Any) -> Estimates:  # noqa: ANN401 - statsmodels has no types
    fit = model.fit(**_TIGHT)
    return {
        f"{key}.coef": np.asarray(fit.params),
        f"{key}.se": np.asarray(fit.bse),
        f"{key}.loglik": np.array([model.loglike(0 * fit.params), model.loglike(fit.params)]),
    }


def _cox(samples: Samples) -> Estimates:
    lung, heart = samples.lung, samples.heart
    time, event = lung["time"].to_numpy(), lung["d"].to_numpy()
    X = lung[list(LUNG)].to_numpy(dtype=np.float64)
    rest = X[:, [0, 2]]
    late = heart[list(HEART)].to_numpy(dtype=np.float64)
    entry = PHReg(
        heart["stop"].to_numpy(),
        late,
        status=heart["event"].to_numpy(),
        entry=heart["start"].to_numpy(),
        ties="efron",
    )
    strata = PHReg(time, rest, status=event, strata=lung["sex"].to_numpy(), ties="efron")
    return {
        **_fit("efron", PHReg(time, X, status=event, ties="efron")),
        **_fit("breslow", PHReg(time, X, status=event, ties="breslow")),
        **_fit("strata", strata),
        **_fit("entry", entry),
    }


def _curves(samples: Samples) -> Estimates:
    lung, veteran = samples.all_lung, samples.veteran
    survival, errors = [], []
    medians: dict[str, list[float]] = {"plain": [], "log": [], "log-log": []}
    methods = {"plain": "linear", "log": "log", "log-log": "cloglog"}
    for _, rows in lung.groupby("sex"):
        curve = SurvfuncRight(rows["time"].to_numpy(), rows["d"].to_numpy())
        # it has the times of events only; ours are all times, as R's
        seen = np.searchsorted(curve.surv_times, np.unique(rows["time"]), side="right")
        survival.append(np.concatenate(([1.0], curve.surv_prob))[seen])
        errors.append(np.concatenate(([0.0], curve.surv_prob_se))[seen])
        for name, method in methods.items():
            medians[name] += [curve.quantile(0.5), *curve.quantile_ci(0.5, method=method)]
    follow_up = SurvfuncRight(lung["time"].to_numpy(), 1 - lung["d"].to_numpy())
    return {
        "km.survival": np.concatenate(survival),
        "km.std_error": np.concatenate(errors),
        **{f"km.median.{name}": np.array(found) for name, found in medians.items()},
        "follow_up": np.array([follow_up.quantile(0.5)]),
        "log_rank": _log_rank(lung["time"], lung["d"], lung["sex"]),
        "log_rank.groups": _log_rank(veteran["time"], veteran["status"], veteran["celltype"]),
        "log_rank.strata": _log_rank(
            veteran["time"], veteran["status"], veteran["trt"], strata=veteran["prior"]
        ),
    }


def _log_rank(
    time: pd.Series[float],
    event: pd.Series[int],
    group: pd.Series[Any],
    *,
    strata: pd.Series[Any] | None = None,
) -> Floats:
    arrays = (time.to_numpy(), event.to_numpy(), group.to_numpy())
    within = None if strata is None else strata.to_numpy()
    return np.array([survdiff(*arrays, strata=within)[0]])


def _competing(mgus2: pd.DataFrame) -> Estimates:
    found: tuple[list[float], list[float]] = ([], [])
    for cause in (0, 1):
        for _, rows in mgus2.groupby("sex"):
            curve = CumIncidenceRight(rows["etime"].to_numpy(), rows["event"].to_numpy())
            at = np.searchsorted(curve.times, INCIDENCE_TIMES, side="right") - 1
            for values, steps in zip(found, (curve.cinc, curve.cinc_se), strict=True):
                values.extend(steps[cause][at])
    # its errors are the multinomial ones
    return {"incidence": np.array(found[0]), "incidence.greenwood": np.array(found[1])}


def _logistic(samples: Samples) -> Estimates:
    lalonde, infert = samples.lalonde, samples.infert
    X = lalonde[list(LALONDE)].to_numpy(dtype=np.float64)
    model = Logit(lalonde["treat"].to_numpy(), np.column_stack([np.ones(len(X)), X]))
    fit = model.fit(**_TIGHT)
    sets = ConditionalLogit(
        infert["case"].to_numpy(),
        infert[list(INFERT)].to_numpy(dtype=np.float64),
        groups=infert["stratum"].to_numpy(),
    )
    return {
        "logistic.coef": np.asarray(fit.params),
        "logistic.se": np.asarray(fit.bse),
        "logistic.loglik": np.array([fit.llf]),
        **_fit("conditional", sets),
    }


def _tests(samples: Samples) -> Estimates:
    first, second = (rows["age"].to_numpy() for _, rows in samples.veteran.groupby("trt"))
    table = Table2x2(np.array(COUNTS), shift_zeros=False)
    return {
        "pearson": np.array([table.test_nominal_association().pvalue]),
        "student": np.array([ttest_ind(first, second, usevar="pooled")[1]]),
        "welch": np.array([ttest_ind(first, second, usevar="unequal")[1]]),
    }
