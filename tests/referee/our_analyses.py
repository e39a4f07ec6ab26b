"""The package's answers to what R is asked, under the same names and in R's order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from r_session import CoxModel
from tally import STEP, Near

from replica.aalen_johansen import aalen_johansen, incidence_at
from replica.concordance import concordance
from replica.contingency import fisher, pearson, yates
from replica.cox import fit_cox
from replica.gray import gray
from replica.log_rank import log_rank
from replica.log_rank_trend import log_rank_trend
from replica.logistic import fit_logistic
from replica.logistic_models import fit_conditional
from replica.product_limit import product_limit
from replica.proportional_hazards import proportional_hazards_test
from replica.subdistribution import fit_fine_gray
from replica.survival import median_survival, restricted_mean
from replica.two_samples import mann_whitney, student_t, welch_t

Numbers = dict[str, object]

MODELS = (
    CoxModel("cox_efron", zph=True),
    CoxModel("cox_breslow", ties="breslow"),
    CoxModel("cox_exact", ties="exact"),
    CoxModel("cox_strata", strata=True, zph=True),
    CoxModel("cox_cluster", cluster=True),
    CoxModel("cox_weights", weights=True),
    CoxModel("cox_all", ties="breslow", strata=True, cluster=True, weights=True),
    CoxModel("cox_truncated", truncated=True, zph=True),
    CoxModel(
        "cox_truncated_all",
        ties="breslow",
        strata=True,
        cluster=True,
        weights=True,
        truncated=True,
    ),
)
INTERVALS = ("plain", "log", "log-log")


def matrix(frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Return the covariates that the models of a data set have, and their names."""
    names = [f"x{i + 1}" for i in range(frame["used"].iloc[0])]
    return frame[names].to_numpy(dtype=float), names


def coefficients(found: np.ndarray, X: np.ndarray) -> Near:
    """Allow coefficients what the end of Newton's method leaves open."""
    return Near(found, STEP / X.std(axis=0))


def options(frame: pd.DataFrame, model: CoxModel) -> dict[str, pd.Series]:
    """Return the columns of a data set that a model takes beside its covariates."""
    columns = {"strata": "stratum", "weights": "weight"}
    chosen = {key: frame[name] for key, name in columns.items() if getattr(model, key)}
    return chosen | ({"start": frame["start"]} if model.truncated else {})


def clusters(frame: pd.DataFrame, model: CoxModel) -> dict[str, object]:
    """Return the clusters of a robust error: every row is one where the model names none."""
    return {"cluster": frame["cluster"] if model.cluster else np.arange(len(frame))}


def cox(model: CoxModel, frame: pd.DataFrame) -> Numbers | None:
    """Fit one of the models."""
    if model.truncated and (frame["time"] <= frame["start"]).any():
        return None
    X, names = matrix(frame)
    chosen, exact = options(frame, model), model.ties == "exact"
    robust = {} if exact else clusters(frame, model)
    fit = fit_cox(
        X, frame["time"], frame["event"], names=names, ties=model.ties, **robust, **chosen
    )
    found: Numbers = {
        "coef": coefficients(fit.coef, X),
        "se": fit.se,
        "loglik": [fit.log_likelihood_null, fit.log_likelihood],
        "score": fit.score_statistic,
    }
    if not exact:
        found["robust_se"] = fit.robust_se
    if model.zph and not model.truncated:
        risk = fit.log_hazard(X)
        index = concordance(frame["time"], frame["event"], risk, strata=chosen.get("strata"))
        found["concordance"] = [index.concordance, index.se]
    return found


def proportionality(model: CoxModel, frame: pd.DataFrame) -> Numbers | None:
    """Test each covariate's proportionality and all of them together, on three scales of time."""
    if model.truncated and (frame["time"] <= frame["start"]).any():
        return None
    X, names = matrix(frame)
    tests = pd.concat(
        proportional_hazards_test(
            X,
            frame["time"],
            frame["event"],
            names=names,
            transform=transform,
            **options(frame, model),
        )
        for transform in ("km", "rank")
    )
    # what the end of Newton's method leaves open in z, the root of the statistic
    z, statistic = 10 * STEP, tests["statistic"].to_numpy()
    return {
        "statistic": Near(statistic, 2 * z * np.sqrt(statistic)),
        "p": Near(tests["p"].to_numpy(), np.full(statistic.size, z)),
    }


def by_group(frame: pd.DataFrame, interval: str = "plain") -> list[pd.DataFrame]:
    """Estimate the curve of each group, at the times that somebody in it has."""
    return [
        product_limit(rows["time"], rows["event"], interval=interval)
        for _, rows in frame.groupby("group")
    ]


def observed(curves: list[pd.DataFrame]) -> pd.DataFrame:
    """Join curves, without the time 0 that R leaves out where nobody's follow-up ends there."""
    joined = pd.concat(curves)
    return joined[(joined["events"] > 0) | (joined["censored"] > 0)]


def curves(interval: str, frame: pd.DataFrame) -> Numbers:
    """Pointwise intervals at every time, and medians with theirs; once, all else about curves."""
    fitted = by_group(frame, interval)
    ends = observed(fitted)
    if interval == "log-log":
        # R leaves it empty before the first event; here it is 1 to 1, as R's other two are
        certain = ends["survival"] == 1
        assert (ends.loc[certain, ["ci_low", "ci_high"]] == 1).all(axis=None)
        ends.loc[certain, ["ci_low", "ci_high"]] = np.nan
    medians = [median_survival(curve, interval=interval) for curve in fitted]
    found: Numbers = {
        "lower": ends["ci_low"].to_numpy(),
        "upper": ends["ci_high"].to_numpy(),
        "median": np.array([(m.median, m.ci_low, m.ci_high) for m in medians], float).ravel(),
    }
    if interval == "plain":
        means = [restricted_mean(curve, frame["tau"].iloc[0]) for curve in fitted]
        found |= {name: ends[name].to_numpy() for name in ("survival", "std_error", "at_risk")}
        found |= {"mean": [m for m, _ in means], "mean_error": [error for _, error in means]}
    return found


def log_rank_tests(frame: pd.DataFrame, *, stratified: bool) -> Numbers:
    """Chi-square, expected events and the chi-square of a trend over two to four groups."""
    strata = frame["stratum"] if stratified else None
    given = (frame["time"], frame["event"], frame["group"])
    found = log_rank(*given, strata=strata)
    trend = log_rank_trend(*given, sorted(frame["group"].unique()), strata=strata)
    return {
        "statistic": found.statistic,
        "expected": found.expected,
        "trend": trend.statistic,
    }


def logistic(frame: pd.DataFrame) -> Numbers:
    """Fit the arm by logistic regression."""
    X, names = matrix(frame)
    fit = fit_logistic(X, frame["arm"].to_numpy() == 1, names=names)
    wide = np.column_stack([0.5 - (np.arange(len(X)) % 2), X])
    return {
        "coef": coefficients(fit.coef, wide),
        "se": fit.se,
        "loglik": fit.log_likelihood,
    }


def conditional(frame: pd.DataFrame) -> Numbers:
    """Fit the event within matched sets by conditional logistic regression."""
    X, names = matrix(frame)
    fit = fit_conditional(X, frame["event"], frame["cluster"], names=names)
    return {
        "coef": coefficients(fit.coef, X),
        "se": fit.se,
        "loglik": [fit.log_likelihood_null, fit.log_likelihood],
    }


def two_samples(frame: pd.DataFrame) -> Numbers:
    """Student's, Welch's and Mann and Whitney's tests between the arms."""
    first, second = (frame[frame["arm"] == arm] for arm in (1, 0))
    means = [test(first["x3"], second["x3"]) for test in (student_t, welch_t)]
    ranks = [mann_whitney(first["x2"], second["x2"], continuity=c) for c in (True, False)]
    return {
        "t": [value for test in means for value in (test.t, test.df, test.p)],
        "wilcoxon": [value for test in ranks for value in (test.u, test.p)],
    }


def incidence(frame: pd.DataFrame) -> Numbers | None:
    """Cumulative incidence of both causes in every group at two times, with its variance."""
    if frame["data"].iloc[0] % 3:
        return None
    curves = [
        aalen_johansen(rows["time"], rows["cause"], causes=(1, 2))
        for _, rows in frame.groupby("group")
    ]
    found = [
        incidence_at(curve, frame["tau"].iloc[0] * share, cause=cause)
        for cause in (1, 2)
        for curve in curves
        for share in (0.5, 1)
    ]
    return {
        "incidence": [f.incidence for f in found],
        "variance": [f.std_error**2 for f in found],
    }


def gray_tests(frame: pd.DataFrame) -> Numbers | None:
    """Gray's test of both causes."""
    if frame["data"].iloc[0] % 3:
        return None
    tests = [gray(frame["time"], frame["cause"], frame["group"], of=cause) for cause in (1, 2)]
    return {"statistic": [test.statistic for test in tests]}


def fine_gray(frame: pd.DataFrame) -> Numbers | None:
    """Regression of the first cause's subdistribution hazard."""
    if (frame["time"] == 0).any():
        return None
    X, names = matrix(frame)
    fit = fit_fine_gray(X, frame["time"], frame["cause"], names=names)
    return {
        "coef": coefficients(fit.coef, X),
        "se": fit.se,
        "loglik": [fit.log_likelihood_null, fit.log_likelihood],
    }


def counts_tested(counts: np.ndarray) -> Numbers:
    """P values of tests of independence; Yates' correction exists for 2 x 2 tables only."""
    tests = {"pearson": pearson, "fisher": fisher}
    if counts.shape == (2, 2):
        tests["yates"] = yates
    return {name: test(counts).p for name, test in tests.items()}


ANALYSES: dict[str, Callable[[pd.DataFrame], Numbers | None]] = {
    **{model.name: partial(cox, model) for model in MODELS},
    **{f"{model.name}_zph": partial(proportionality, model) for model in MODELS if model.zph},
    **{f"km_{interval}": partial(curves, interval) for interval in INTERVALS},
    "log_rank": partial(log_rank_tests, stratified=False),
    "log_rank_strata": partial(log_rank_tests, stratified=True),
    "logistic": logistic,
    "conditional": conditional,
    "two_samples": two_samples,
    "incidence": incidence,
    "gray": gray_tests,
    "fine_gray": fine_gray,
}
