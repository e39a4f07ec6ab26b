"""Which combinations of covariates the printed univariable and multivariable models ask for.

Two models of the same patients say how their covariates go together. The interval of a coefficient
is wider in the joint model by the covariate's correlation with the others, and the coefficient
itself differs by what the others do to those who have it. Both depend, to a good approximation,
on one distribution only: that of the combinations of covariates among patients at risk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from replica.synthesis.targets import SurvivalTarget, Targets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z = 1.959963984540054
ROUNDS = 200
"""Rounds of fitting the shares in turn."""

_STATISTICS = ("hr", "ci_low", "ci_high")
_SHARE_UNIT = 0.02
_SHIFT_UNIT = 0.02
_ERROR_UNIT = 0.02
_PLAIN = 0.05


@dataclass(frozen=True)
class JointPatterns:
    """Wanted numbers of patients of one arm with each combination of covariates.

    `patterns` has shape (2^k, k), 0/1 in the order of `covariates`; `counts` shape (2^k,).
    """

    arm: str
    covariates: tuple[str, ...]
    patterns: Ints
    counts: Ints


@dataclass(frozen=True)
class _Printed:
    """Coefficients and standard errors of one outcome, univariable and joint, shape (k,) each.

    NaN where nothing is printed; of the joint coefficients none may be missing.
    """

    single: Floats
    single_error: Floats
    joint: Floats
    joint_error: Floats


def joint_patterns(targets: Targets) -> tuple[JointPatterns, ...]:
    """Find, for each arm with printed joint models, the combinations that these ask for.

    One risk set stands for all: its univariable scores and informations and its joint information
    are as printed, as far as they can be, and otherwise it is as even as possible. Those who have
    the event are drawn from it in proportion to their joint hazard. They are taken for the arm,
    most of whom have it: their shares are those printed before matching.

    Notes
    -----
    Lagakos, Biometrics 1988;44:156-160, on what an omitted covariate does to a coefficient.
    """
    found = []
    joint = {t.spec for t in targets.survival if t.spec.kind == "joint" and not t.spec.subgroup}
    arms = sorted({(spec.arm, spec.covariates) for spec in joint if spec.stage == "before"})
    for arm, covariates in arms:
        models = [
            printed
            for outcome in targets.study.outcomes
            if (printed := _printed(targets, outcome.key, arm, covariates)) is not None
        ]
        if models:
            total = targets.count("patients", "", arm, "before")
            shares = np.array(
                [
                    targets.count(key, targets.study.covariate(key).contrast, arm, "before") / total
                    for key in covariates
                ]
            )
            patterns = np.array(list(product((0, 1), repeat=len(covariates))), dtype=np.int64)
            share = _solve(patterns.astype(np.float64), shares, models)
            counts = _whole(_raked(share, patterns, shares), total)
            found.append(JointPatterns(arm, covariates, patterns, counts))
    return tuple(found)


def _printed(
    targets: Targets, outcome: str, arm: str, covariates: tuple[str, ...]
) -> _Printed | None:
    rows: dict[tuple[str, str, str], SurvivalTarget] = {}
    for target in targets.survival:
        spec = target.spec
        if (spec.outcome, spec.arm, spec.subgroup, spec.stage) == (outcome, arm, "", "before"):
            rows.setdefault((spec.kind, target.covariate, target.statistic), target)
    columns = []
    for kind in ("comparison", "joint"):
        logs = [
            [_log_middle(rows.get((kind, key, statistic))) for statistic in _STATISTICS]
            for key in covariates
        ]
        ratio, low, high = np.array(logs).T
        columns += [np.where(np.isnan(low + high), ratio, (low + high) / 2), (high - low) / (2 * Z)]
    return None if np.isnan(columns[1]).all() or np.isnan(columns[2]).any() else _Printed(*columns)


def _log_middle(target: SurvivalTarget | None) -> float:
    return math.nan if target is None else math.log((target.low + target.high) / 2)


def _solve(patterns: Floats, shares: Floats, models: list[_Printed]) -> Floats:
    def residuals(parameters: Floats) -> Floats:
        weight = parameters[: len(patterns)]
        share = _softmax(weight)
        out = [_PLAIN * weight]
        for model, log_events in zip(models, parameters[len(patterns) :], strict=True):
            with_event = _tilted(share, patterns @ model.joint)
            out.append((with_event @ patterns - shares) / _SHARE_UNIT)
            out += _distances(patterns, share, model, math.exp(log_events))
        return np.concatenate(out)

    events = [_events(model, shares) for model in models]
    signs = 1 - 2 * patterns
    # From every pair of covariates more, and less, often together than by chance.
    starts = [
        side * signs[:, first] * signs[:, second]
        for first, second in combinations(range(patterns.shape[1]), 2)
        for side in (1.0, -1.0)
    ]
    solutions = [
        least_squares(residuals, np.concatenate([start, events]), max_nfev=300) for start in starts
    ]
    best = min(solutions, key=lambda solution: float(solution.cost))
    share = _softmax(best.x[: len(patterns)])
    return np.asarray(np.mean([_tilted(share, patterns @ m.joint) for m in models], axis=0))


def _tilted(share: Floats, log_hazard: Floats) -> Floats:
    """Distribution among those who have the event next."""
    raised = share * np.exp(log_hazard)
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def _softmax(weight: Floats) -> Floats:
    raised = np.exp(weight - weight.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def _events(model: _Printed, shares: Floats) -> float:
    """Logarithm of the events that the univariable intervals imply, roughly."""
    return float(np.log(np.nanmedian(1 / (model.single_error**2 * shares * (1 - shares)))))


def _distances(patterns: Floats, share: Floats, model: _Printed, events: float) -> list[Floats]:
    """How far the models in this risk set are from the printed ones, in units."""
    joint = _tilted(share, patterns @ model.joint)
    mean = joint @ patterns
    centred = patterns - mean
    information = events * (centred.T @ (centred * joint[:, None]))
    covariance = np.linalg.pinv(information)
    single = share[:, None] * np.exp(patterns * np.nan_to_num(model.single))
    single = single / single.sum(axis=0)
    alone = (single * patterns).sum(axis=0)
    variance = alone * (1 - alone)
    shift = np.where(np.isnan(model.single), 0.0, mean - alone)
    return [
        shift / variance / _SHIFT_UNIT,
        np.nan_to_num(0.5 * np.log(np.diag(covariance)) - np.log(model.joint_error)) / _ERROR_UNIT,
        np.nan_to_num(-0.5 * np.log(events * variance) - np.log(model.single_error)) / _ERROR_UNIT,
    ]


def _raked(share: Floats, patterns: Ints, shares: Floats) -> Floats:
    """Give a distribution the printed shares, keeping its odds ratios (Deming and Stephan 1940)."""
    raked = share.copy()
    for _ in range(ROUNDS):
        for k, wanted in enumerate(shares):
            having = patterns[:, k] == 1
            raked[having] *= wanted / raked[having].sum()
            raked[~having] *= (1 - wanted) / raked[~having].sum()
    return raked


def _whole(share: Floats, total: int) -> Ints:
    """Round shares to numbers of patients that add up, by the largest remainders."""
    exact = share * total
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts
