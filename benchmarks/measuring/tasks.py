"""What is measured in Python: each task prepares untimed and returns the call that is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import numpy.typing as npt

from measuring.arrays import COVARIATES, Arrays, Floats
from replica.cox import fit_cox, maximum
from replica.cox_rows import LARGE, cox_rows
from replica.cox_rows import _order_of_many as order_of_many
from replica.greedy import Pairs, nearest_neighbour
from replica.large_samples import large_likelihood
from replica.log_rank import log_rank
from replica.logistic import fit_logistic
from replica.newton import newton
from replica.product_limit import product_limit
from replica.protocol import Order
from replica.risk_sets import check_times

Answers = dict[str, Sequence[float]]
Call = Callable[[], Answers]

NAMES = tuple(f"x{j}" for j in range(1, COVARIATES + 1))
# enough rows that the kernels of large samples are loaded too
_ALL_KERNELS = LARGE + 10_000
_FEW = 1_000


@dataclass(frozen=True)
class Task:
    """A thing to measure; `inputs` names the arrays that its memory is compared with."""

    prepare: Callable[[Arrays], Call]
    inputs: Callable[[Arrays], tuple[npt.NDArray[np.generic], ...]] = lambda _: ()
    warm_up: int = _FEW


def survival_inputs(a: Arrays) -> tuple[npt.NDArray[np.generic], ...]:
    """List the input of a Cox model."""
    return a.X, a.time, a.event


def cox_replica(a: Arrays) -> Call:
    """Whole fit from unsorted rows: checks, sorting, standardising, Newton's method."""

    def call() -> Answers:
        fit = fit_cox(a.X, a.time, a.event, names=NAMES, ties="efron")
        return {"coef": fit.coef.tolist(), "se": fit.se.tolist()}

    return call


def cox_sorting(a: Arrays) -> Call:
    """Bring the rows of a large sample in order: find the order, then copy the rows."""
    times, events = check_times(a.time, a.event)
    ones, zeros = np.ones(a.n), np.zeros(a.n, dtype=np.int64)

    def call() -> Answers:
        order = order_of_many(a.X, times, events, ones, zeros, zeros)
        _held = a.X.take(order, axis=0), times[order], events[order], ones[order]
        return {}

    return call


def cox_preparation(a: Arrays) -> Call:
    """Checks, sorting and standardising, as the fit does them."""

    def call() -> Answers:
        cox_rows(a.X, a.time, a.event, names=NAMES)
        return {}

    return call


def cox_likelihood(a: Arrays) -> Call:
    """Newton's method alone, on rows prepared beforehand."""
    rows = cox_rows(a.X, a.time, a.event, names=NAMES)
    at = (rows.Z, rows.time, rows.event, rows.weight, rows.stratum)
    evaluations = 0

    def counted(beta: Floats) -> tuple[float, Floats, Floats]:
        nonlocal evaluations
        evaluations += 1
        value, score, information = large_likelihood(*at, beta, True)  # Efron
        return float(value), score, information

    newton(counted, COVARIATES, float(rows.event.sum()))

    def call() -> Answers:
        maximum(rows, "efron")
        return {"evaluations": [evaluations]}

    return call


def gram(a: Arrays) -> Call:
    """One weighted Gram matrix, X'(wX)."""
    w = np.random.default_rng(0).random(a.n)

    def call() -> Answers:
        return {"trace": [float(np.trace(a.X.T @ (a.X * w[:, None])))]}

    return call


def gram_of_roots(a: Arrays) -> Call:
    """One weighted Gram matrix as Y'Y with Y = sqrt(w) X, where NumPy needs half the products."""
    w = np.random.default_rng(0).random(a.n)

    def call() -> Answers:
        Y = a.X * np.sqrt(w)[:, None]
        return {"trace": [float(np.trace(Y.T @ Y))]}

    return call


def cox_lifelines(a: Arrays) -> Call:
    """`CoxPHFitter` of lifelines, on a data frame made beforehand."""
    import pandas as pd  # noqa: PLC0415 - a peer is loaded in its own process only
    from lifelines import CoxPHFitter  # noqa: PLC0415

    frame = pd.DataFrame(a.X, columns=list(NAMES)).assign(time=a.time, event=a.event)

    def call() -> Answers:
        fit = CoxPHFitter().fit(frame, "time", "event")
        return {"coef": fit.params_.tolist(), "se": fit.standard_errors_.tolist()}

    return call


def cox_statsmodels(a: Arrays) -> Call:
    """`PHReg` of statsmodels."""
    from statsmodels.duration.hazard_regression import PHReg  # noqa: PLC0415 - as above

    def call() -> Answers:
        fit = PHReg(a.time, a.X, status=a.event, ties="efron").fit(disp=0)
        return {"coef": fit.params.tolist(), "se": fit.bse.tolist()}

    return call


def cox_sksurv(a: Arrays) -> Call:
    """`CoxPHSurvivalAnalysis` of scikit-survival, on its array of outcomes made beforehand."""
    # by name: this package is there only where the benchmarks are installed
    model = import_module("sksurv.linear_model").CoxPHSurvivalAnalysis
    outcome = import_module("sksurv.util").Surv.from_arrays(a.event == 1.0, a.time)

    def call() -> Answers:
        fit = model(ties="efron").fit(a.X, outcome)
        return {"coef": fit.coef_.tolist()}

    return call


def argsort(a: Arrays) -> Call:
    """NumPy's stable sort of the scores."""

    def call() -> Answers:
        return {"first": [float(np.argsort(a.score, kind="stable")[0])]}

    return call


def match_in(order: Order) -> Callable[[Arrays], Call]:
    """Match 1:1 on the score within the caliper, the treated in the order named."""

    def prepare(a: Arrays) -> Call:
        treated, key = a.treated == 1.0, np.arange(a.n)

        def call() -> Answers:
            pairs = nearest_neighbour(a.score, treated, key, caliper=a.width, order=order)
            return _quality(pairs)

        return call

    return prepare


def _quality(pairs: Pairs) -> Answers:
    gap = pairs.distance
    return {"pairs": [len(pairs)], "mean_distance": [gap.mean()], "largest_distance": [gap.max()]}


def logistic(a: Arrays) -> Call:
    """Fit the propensity model."""
    treated = a.treated == 1.0

    def call() -> Answers:
        fit = fit_logistic(a.X, treated)
        return {"coef": fit.coef.tolist()}

    return call


def fit_and_match(a: Arrays) -> Call:
    """Fit the propensity model, score everybody and match, largest score first."""
    treated, key = a.treated == 1.0, np.arange(a.n)

    def call() -> Answers:
        score = fit_logistic(a.X, treated).linear_predictor(a.X)
        width = float(0.2 * score.std())
        pairs = nearest_neighbour(score, treated, key, caliper=width, order="largest")
        return {"pairs": [len(pairs)]}

    return call


def kaplan_meier_and_log_rank(a: Arrays) -> Call:
    """Curves of both arms with Greenwood's errors and intervals, and the log-rank test."""

    def call() -> Answers:
        rows = [a.treated == arm for arm in (0.0, 1.0)]
        curves = [product_limit(a.time[arm], a.event[arm]) for arm in rows]
        test = log_rank(a.time, a.event, a.treated)
        last = [float(curve["survival"].iloc[-1]) for curve in curves]
        error = [float(curve["std_error"].iloc[-1]) for curve in curves]
        return {"chisq": [test.statistic], "survival": last, "std_error": error}

    return call


def _matching_inputs(a: Arrays) -> tuple[npt.NDArray[np.generic], ...]:
    return a.score, a.treated == 1.0, np.arange(a.n)


def _propensity_inputs(a: Arrays) -> tuple[npt.NDArray[np.generic], ...]:
    return a.X, a.treated == 1.0, np.arange(a.n)


def _curve_inputs(a: Arrays) -> tuple[npt.NDArray[np.generic], ...]:
    return a.time, a.event, a.treated


TASKS = {
    "cox_replica": Task(cox_replica, survival_inputs, _ALL_KERNELS),
    "cox_sorting": Task(cox_sorting, warm_up=_ALL_KERNELS),
    "cox_preparation": Task(cox_preparation, warm_up=_ALL_KERNELS),
    "cox_likelihood": Task(cox_likelihood, warm_up=_ALL_KERNELS),
    "gram": Task(gram),
    "gram_of_roots": Task(gram_of_roots),
    "cox_lifelines": Task(cox_lifelines),
    "cox_statsmodels": Task(cox_statsmodels),
    "cox_sksurv": Task(cox_sksurv),
    "argsort": Task(argsort),
    "match_largest": Task(match_in("largest"), _matching_inputs),
    "match_data": Task(match_in("data"), _matching_inputs),
    "match_closest": Task(match_in("closest"), _matching_inputs),
    "logistic": Task(logistic, _propensity_inputs),
    "fit_and_match": Task(fit_and_match, _propensity_inputs),
    "kaplan_meier": Task(kaplan_meier_and_log_rank, _curve_inputs),
}
