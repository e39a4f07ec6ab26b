"""Odds ratios by logistic regression: of independent patients, or within matched sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from replica.arrays import check_level, plain_numbers
from replica.cohort import Cohort, check_names, design
from replica.errors import DataError, EstimationError, ParameterError, one_of
from replica.exact_ties import exact_likelihood, most_tied
from replica.logistic import fit_logistic
from replica.model_matrix import check_matrix, refuse_failed
from replica.newton import newton
from replica.partial_likelihood import CONVERGED
from replica.risk_sets import Floats, Integers, label_codes

_CONDITIONAL = "conditional logistic regression"
_UNCONDITIONAL = "logistic regression"


@dataclass(frozen=True)
class OddsRatioFit:
    """A fitted logistic regression: coefficients are log odds ratios, without the intercept.

    `profile_ci` holds the two ends of each coefficient's profile likelihood interval at
    `profile_level`, shape (p, 2), if asked for. `sets` and `uninformative_sets` count matched sets
    (None for independent patients), the latter those without a case or without a control, which
    say nothing. `n`, `n_events` count the patients used, `n_missing` those left out because a
    value was missing.
    """

    names: tuple[str, ...]
    coef: Floats
    se: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_events: int
    intercept: float | None = None
    profile_ci: Floats | None = None
    profile_level: float | None = None
    sets: int | None = None
    uninformative_sets: int | None = None
    n_missing: int = 0

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Odds ratios with Wald intervals and p values, one row per coefficient.

        Returns
        -------
        DataFrame
            `covariate`, `odds_ratio`, `ci_low`, `ci_high`, `p`, `se` (of the log odds ratio) and,
            with profile intervals, `profile_ci_low`, `profile_ci_high`.

        Raises
        ------
        ParameterError
            If the level is not between 0 and 1, or not that of the profile intervals.
        """
        reach = ndtri((1 + check_level(level)) / 2) * self.se
        columns: dict[str, object] = {
            "covariate": list(self.names),
            "odds_ratio": np.exp(self.coef),
            "ci_low": np.exp(self.coef - reach),
            "ci_high": np.exp(self.coef + reach),
            "p": 2 * ndtr(-np.abs(self.coef / self.se)),
            "se": self.se,
        }
        if self.profile_ci is not None:
            if level != self.profile_level:
                raise ParameterError(
                    f"level: found {level}; the profile intervals of this fit are at "
                    f"{self.profile_level}. Fit again with that level."
                )
            columns["profile_ci_low"], columns["profile_ci_high"] = np.exp(self.profile_ci).T
        return pd.DataFrame(columns)

    def likelihood_ratio_p(self) -> float:
        """P value of the likelihood ratio test that every odds ratio is 1."""
        gain = 2 * (self.log_likelihood - self.log_likelihood_null)
        return float(chi2.sf(gain, len(self.names)))


def fit_unconditional(
    matrix: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    profile: bool = True,
    level: float = 0.95,
) -> OddsRatioFit:
    """Fit a logistic regression of an event on covariates, patients being independent.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers; `names` names its columns. An intercept is added.
    event
        Shape (n,), 0 or 1.
    profile, level
        Also compute profile likelihood intervals of this coverage.

    Raises
    ------
    DataError
        If a value is missing or impossible.
    EstimationError
        If there is one outcome only, a covariate does not vary, covariates are collinear or
        separate the outcomes.

    Notes
    -----
    R: `glm(family = binomial)`; profile intervals as its `confint`, but as exact roots where that
    interpolates (agreement to about four digits). Venzon and Moolgavkar (1988).
    """
    events = _events(event)
    X = check_matrix(matrix, events.size, names, _UNCONDITIONAL)
    order = np.lexsort((*X.T, events))
    X, events = np.ascontiguousarray(X[order]), events[order]
    if events.all() or not events.any():
        raise EstimationError(
            f"{_UNCONDITIONAL}: found {int(events.sum())} events among {events.size} patients; "
            "both patients with and without the event are needed."
        )
    try:
        fit = fit_logistic(X, events, names=names)
    except EstimationError as error:
        raise EstimationError(
            f"{_UNCONDITIONAL}: {error} (Arms are here patients with and without the event.)"
        ) from error
    share = events.mean()
    null = events.size * (share * np.log(share) + (1 - share) * np.log(1 - share))
    found = OddsRatioFit(
        names=tuple(names),
        coef=fit.coef[1:],
        se=fit.se[1:],
        log_likelihood=fit.log_likelihood,
        log_likelihood_null=float(null),
        n=int(events.size),
        n_events=int(events.sum()),
        intercept=float(fit.coef[0]),
    )
    if not profile:
        return found
    ends = [_profile(X, events, found, j, check_level(level)) for j in range(len(names))]
    return replace(found, profile_ci=np.array(ends), profile_level=level)


def _profile(
    X: Floats, events: NDArray[np.bool_], fit: OddsRatioFit, column: int, level: float
) -> tuple[float, float]:
    """Where twice the fall of the likelihood, all else maximised, reaches chi-square's quantile."""
    others = np.delete(X, column, axis=1)
    Z = np.column_stack([np.ones(len(X)), (others - others.mean(axis=0)) / others.std(axis=0)])
    x = X[:, column] - X[:, column].mean()
    allowed = float(chi2.ppf(level, 1))

    def fall(coef: float) -> float:
        likelihood = partial(_logistic_likelihood, Z, events, coef * x)
        best = newton(likelihood, Z.shape[1], float(events.sum()))
        if best.status != CONVERGED:
            raise EstimationError(
                f"{_UNCONDITIONAL}: the profile likelihood of {fit.names[column]} was not found at "
                f"{coef:.3g}. Rescale the covariates, or fit with profile=False."
            )
        return 2 * (fit.log_likelihood - best.value) - allowed

    centre, se = float(fit.coef[column]), float(fit.se[column])
    ends = []
    for side in (-1.0, 1.0):
        reach = np.sqrt(allowed) * se
        while fall(centre + side * reach) <= 0:
            reach *= 1.5
        ends.append(float(brentq(fall, centre, centre + side * reach, xtol=1e-12 * reach)))
    return ends[0], ends[1]


def _logistic_likelihood(
    Z: Floats, events: NDArray[np.bool_], offset: Floats, beta: Floats
) -> tuple[float, Floats, Floats]:
    logit = Z @ beta + offset
    fitted = np.exp(-np.logaddexp(0.0, -logit))
    value = -float(np.logaddexp(0.0, np.where(events, -logit, logit)).sum())
    return value, Z.T @ (events - fitted), (Z * (fitted * (1 - fitted))[:, None]).T @ Z


def fit_conditional(
    matrix: ArrayLike, event: ArrayLike, sets: ArrayLike, *, names: Sequence[str]
) -> OddsRatioFit:
    """Fit a conditional logistic regression within matched sets by the exact likelihood.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers; `names` names its columns.
    event
        Shape (n,), 0 or 1 (the case).
    sets
        Shape (n,), labels; a set holds any number of cases and controls (1:1, 1:k, m:k).

    Raises
    ------
    DataError
        If a value or label is missing or impossible.
    EstimationError
        If no set has both a case and a control, a covariate varies within no set, covariates are
        collinear, the likelihood has no maximum or Newton's method does not converge.

    Notes
    -----
    Breslow and Day (1980), chapter 7; Gail, Lubin and Rubinstein (1981). R: `survival::clogit`
    with `method = "exact"`, the stratified Cox model with exact ties and one time for all.
    """
    events = _events(event)
    X = check_matrix(matrix, events.size, names, _CONDITIONAL)
    codes, labels = label_codes(sets, events.size, "sets")
    sizes = np.bincount(codes)
    cases_of = np.bincount(codes, weights=events)
    informative = (cases_of > 0) & (cases_of < sizes)
    if not informative.any():
        raise EstimationError(
            f"{_CONDITIONAL}: found {len(labels)} sets, none with both a case and a control; at "
            "least 1 is needed. Check the column that names the sets."
        )
    used = informative[codes]
    X, events, codes = X[used], events[used], codes[used]
    order = np.lexsort((*X.T, events, codes))
    X, cases, codes = X[order], events[order].astype(np.int64), codes[order]
    Z, scale = _within_sets(X, codes)
    time = np.zeros(cases.size)
    most = most_tied(time, cases, codes)
    likelihood = partial(exact_likelihood, Z, time, cases, codes, most)
    found = newton(likelihood, len(names), float(events.sum()))
    refuse_failed(found, names, scale, _CONDITIONAL)
    return OddsRatioFit(
        names=tuple(names),
        coef=found.beta / scale,
        se=np.sqrt(np.diag(found.covariance)) / scale,
        log_likelihood=found.value,
        log_likelihood_null=found.null,
        n=int(events.size),
        n_events=int(events.sum()),
        sets=int(informative.sum()),
        uninformative_sets=int((~informative).sum()),
    )


def _within_sets(X: Floats, codes: Integers) -> tuple[Floats, Floats]:
    """Centre columns within sets, which changes no likelihood, and divide by their spread."""
    _, place, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    means = np.column_stack([np.bincount(place, weights=x) / sizes for x in X.T])
    centred = X - means[place]
    scale = centred.std(axis=0)
    # where nothing varies, exactly nothing is left: the fit then refuses the covariate by name
    flat = scale <= 1e-12 * np.abs(X).max(axis=0)
    centred[:, flat], scale[flat] = 0.0, 1.0
    return np.ascontiguousarray(centred / scale), scale


def logistic_regression(
    cohort: Cohort,
    event: str,
    covariates: Sequence[str],
    *,
    sets: str | None = None,
    profile: bool = True,
    level: float = 0.95,
) -> OddsRatioFit:
    """Fit odds ratios of an endpoint to a cohort, conditional on matched sets if these are named.

    Parameters
    ----------
    cohort
        Validated patients; those with a missing event, covariate or set are left out and counted.
    event
        Key of an endpoint of the study, or a column of 0 and 1.
    covariates
        As in `replica.cohort.design`: covariates, measures or `arm` (1 for treated).
    sets
        Column of matched sets, such as `pair`.
    profile, level
        See `fit_unconditional`; a conditional fit has no profile intervals.

    Raises
    ------
    ParameterError
        If a column is unknown.
    DataError, EstimationError
        As `fit_unconditional` and `fit_conditional`.
    """
    if not isinstance(event, str):
        raise ParameterError(f"event: found {event!r}; name one endpoint or column as text.")
    endpoints = {endpoint.key: endpoint for endpoint in cohort.study.endpoints}
    column = endpoints[event].of if event in endpoints else event
    check_names(covariates)
    needed = [column, *covariates, *([] if sets is None else [sets])]
    for name in needed:
        if not isinstance(name, str) or name not in cohort.patients.columns:
            allowed = [*endpoints, *cohort.patients.columns]
            raise ParameterError(f"unknown endpoint or column, {one_of(name, allowed)}")
    known = cohort.patients[needed].notna().all(axis=1).to_numpy(dtype=np.bool_)
    if not known.any():
        raise EstimationError(
            f"{_UNCONDITIONAL}: found no patient with all of {', '.join(needed)} known; leave out "
            "the column that is empty."
        )
    used = cohort.where(known)
    happened = used.patients[column]
    if event in endpoints:
        happened = happened.isin(endpoints[event].levels).astype(np.int64)
    coded = design(used, covariates)
    if sets is None:
        fit = fit_unconditional(
            coded.matrix, happened, names=coded.names, profile=profile, level=level
        )
    else:
        fit = fit_conditional(coded.matrix, happened, used.patients[sets], names=coded.names)
    return replace(fit, n_missing=int(np.count_nonzero(~known)))


def _events(event: ArrayLike) -> NDArray[np.bool_]:
    values = plain_numbers(event, "events").ravel()
    bad = ~np.isin(values, (0.0, 1.0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"events: found {int(bad.sum())} other than 0 or 1 (first: {values[first]} in row "
            f"{first}); allowed: 0 without, 1 with the event. Recode the column."
        )
    return np.asarray(values == 1.0, dtype=np.bool_)
