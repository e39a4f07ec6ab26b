"""The fits behind survival targets, as arrays that the estimators' kernels evaluate.

The kernels are those of `replica.survival` and `replica.cox`; nothing is estimated here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.cohort import Cohort, design
from replica.convention import Convention
from replica.errors import SynthesisError
from replica.partial_likelihood import CONVERGED, maximise
from replica.survival import greenwood, log_rank_counts, risk_table, spss_median
from replica.synthesis.targets import Spec, Targets

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CURVE, COMPARISON, JOINT, FOLLOW_UP = 0, 1, 2, 3
_KINDS = {"curve": CURVE, "comparison": COMPARISON, "joint": JOINT, "follow_up": FOLLOW_UP}
_STATISTICS = ("hr", "ci_low", "ci_high", "wald_p")
_P_VALUES = ("wald_p", "log_rank_p")
_CURVE_STATISTICS = ("median", "ci_low", "ci_high")

BY_ARM = 4.0
"""Weight of a row that compares the arms: there are few, and they are what a study is about."""

Z = 1.959963984540054
"""Normal quantile of a two-sided 95% interval."""


class System(NamedTuple):
    """Fits and target rows as arrays, in the form that kernels take.

    Fits (s): `kind`, `outcome`, `weight` (of the fit's rows in the search), `member` (s, n),
    `signature` (s, n; how a patient enters the fit, -1 if not at all), `columns` (s, k;
    regressors, -1 padded), `times` (s, t; of rates).
    Rows (r), sorted by fit: `first` (s + 1; where a fit's rows start), `slot` (which of a fit's
    values), `low`, `high`, `unit`, `echo` (a p value beside a printed ratio of the same fit).
    """

    kind: Ints
    outcome: Ints
    weight: Floats
    member: Bools
    signature: Ints
    columns: Ints
    times: Floats
    first: Ints
    slot: Ints
    low: Floats
    high: Floats
    unit: Floats
    echo: Bools
    matrix: Floats
    efron: bool


@dataclass(frozen=True)
class Compiled:
    """A system with the ids of its rows, in its own order, and which fits compare arms only.

    `by_arm` marks the fits that no covariate enters: exchanging times within an arm and matching
    status leaves them as they are.
    """

    system: System
    ids: tuple[str, ...]
    by_arm: Bools


def compile_fits(
    targets: Targets, cohort: Cohort, matched: Bools, convention: Convention
) -> Compiled:
    """Compile survival targets for one cohort, whose covariates and pairs are fixed by now.

    Parameters
    ----------
    targets
        Compiled published rows.
    cohort
        Patients with arm and covariates.
    matched
        Whether each patient belongs to a pair, in row order.
    convention
        Its Cox ties and median interval; only SPSS's interval of a median is searched for.
    """
    if convention.median_interval != "spss":
        raise SynthesisError(
            f"found median interval {convention.median_interval!r}; the search knows 'spss'."
        )
    study = targets.study
    keys = ("arm", *(covariate.key for covariate in study.covariates))
    coded = design(cohort, keys)
    columns_of = {key: [j for j, c in enumerate(coded.covariates) if c == key] for key in keys}
    outcomes = [outcome.key for outcome in study.outcomes]
    specs = list(dict.fromkeys(target.spec for target in targets.survival))
    rows = sorted(targets.survival, key=lambda target: specs.index(target.spec))
    regressors = [[j for key in spec.covariates for j in columns_of[key]] for spec in specs]
    times = [
        sorted({t.time for t in rows if t.spec == spec and t.statistic == "rate"}) for spec in specs
    ]
    member = np.array([_members(spec, cohort, matched) for spec in specs])
    first = np.searchsorted([specs.index(row.spec) for row in rows], np.arange(len(specs) + 1))
    slots = []
    for row in rows:
        s = specs.index(row.spec)
        if row.statistic == "rate":
            slots.append(3 + times[s].index(row.time))
        elif row.spec.kind in {"curve", "follow_up"}:
            slots.append(_CURVE_STATISTICS.index(row.statistic))
        elif row.statistic == "log_rank_p":
            slots.append(4 * len(regressors[s]))
        else:
            within = row.spec.covariates.index(row.covariate) if row.covariate in keys else 0
            slots.append(4 * within + _STATISTICS.index(row.statistic))
    by_arm = np.array([not s.subgroup and set(s.covariates) <= {"arm"} for s in specs])
    with_ratio = {row.spec for row in rows if row.statistic == "hr"}
    system = System(
        np.array([_KINDS[spec.kind] for spec in specs]),
        np.array([outcomes.index(spec.outcome) for spec in specs]),
        np.where(by_arm, BY_ARM, 1.0),
        member,
        _signatures(member, coded.matrix, regressors),
        _padded(regressors, -1).astype(np.int64),
        _padded(times, np.nan),
        first.astype(np.int64),
        np.array(slots, dtype=np.int64),
        np.array([row.low for row in rows]),
        np.array([row.high for row in rows]),
        np.array([row.unit for row in rows]),
        np.array([row.statistic in _P_VALUES and row.spec in with_ratio for row in rows]),
        np.ascontiguousarray(coded.matrix),
        convention.ties == "efron",
    )
    return Compiled(system, tuple(row.id for row in rows), by_arm)


def _members(spec: Spec, cohort: Cohort, matched: Bools) -> Bools:
    member = matched.copy() if spec.stage == "after" else np.ones(len(cohort), dtype=np.bool_)
    if spec.arm != "all":
        member &= np.asarray(cohort.patients["arm"] == spec.arm)
    if spec.subgroup:
        covariate, _, level = spec.subgroup.partition("=")
        member &= np.asarray(cohort.patients[covariate] == level)
    return member


def _signatures(member: Bools, matrix: Floats, regressors: list[list[int]]) -> Ints:
    signature = np.full(member.shape, -1, dtype=np.int64)
    for s, columns in enumerate(regressors):
        _, code = np.unique(matrix[:, columns], axis=0, return_inverse=True)
        signature[s] = np.where(member[s], code.reshape(-1), -1)
    return signature


def _padded(lists: Sequence[Sequence[float]], fill: float) -> Floats:
    width = max(1, *(len(values) for values in lists))
    out = np.full((len(lists), width), fill, dtype=np.float64)
    for row, values in zip(out, lists, strict=True):
        row[: len(values)] = values
    return out


@njit(cache=True)
def width(system: System) -> int:
    """How many values the widest fit has."""
    return int(max(3 + system.times.shape[1], 4 * system.columns.shape[1] + 1))


@njit(cache=True)
def evaluate(
    system: System, s: int, duration: Floats, event: Bools, order: Ints, out: Floats
) -> None:
    """Write the values of fit `s` into `out`; NaN where not estimable.

    `duration` and `event` are those of the fit's outcome and `order` sorts them ascending.
    """
    out[:] = np.nan
    n = 0
    for i in order:
        n += system.member[s, i]
    time = np.empty(n)
    flag = np.empty(n, dtype=np.int64)
    rows = np.empty(n, dtype=np.int64)
    m = 0
    for i in order:
        if system.member[s, i]:
            time[m] = duration[i]
            flag[m] = event[i]
            rows[m] = i
            m += 1
    if system.kind[s] == FOLLOW_UP:
        out[0] = _curve(time, 1 - flag, system.times[s], out)
    elif system.kind[s] == CURVE:
        _curve(time, flag, system.times[s], out)
    else:
        _cox(system, s, time, flag, rows, out)


@njit(cache=True)
def _curve(time: Floats, flag: Ints, rate_times: Floats, out: Floats) -> float:
    at, at_risk, events, _ = risk_table(time, flag)
    survival, std_error = greenwood(at_risk, events)
    median, se = spss_median(at, survival, std_error)
    out[0] = median
    out[1] = median - Z * se
    out[2] = median + Z * se
    for k in range(rate_times.size):
        # Beyond the last time, with survivors left, the rate is not estimable.
        known = at.size > 0 and (rate_times[k] <= at[-1] or survival[-1] == 0.0)
        if known and not math.isnan(rate_times[k]):
            row = np.searchsorted(at, rate_times[k], side="right") - 1
            out[3 + k] = 1.0 if row < 0 else survival[row]
    return median


@njit(cache=True)
def _cox(system: System, s: int, time: Floats, flag: Ints, rows: Ints, out: Floats) -> None:
    n = time.size
    k = 0
    while k < system.columns.shape[1] and system.columns[s, k] >= 0:
        k += 1
    X = np.empty((n, k))
    backward = np.empty(n)
    backward_flag = np.empty(n, dtype=np.int64)
    group = np.empty(n, dtype=np.int64)
    for i in range(n):
        for j in range(k):
            X[n - 1 - i, j] = system.matrix[rows[i], system.columns[s, j]]
        group[i] = int(system.matrix[rows[i], system.columns[s, 0]])
        backward[n - 1 - i] = time[i]
        backward_flag[n - 1 - i] = flag[i]
    weight = np.ones(n)
    stratum = np.zeros(n, dtype=np.int64)
    beta, covariance, _, _, _, status, _ = maximise(
        X, backward, backward_flag, weight, stratum, system.efron
    )
    if status != CONVERGED:
        return
    for j in range(k):
        se = math.sqrt(covariance[j, j])
        out[4 * j] = math.exp(beta[j])
        out[4 * j + 1] = math.exp(beta[j] - Z * se)
        out[4 * j + 2] = math.exp(beta[j] + Z * se)
        out[4 * j + 3] = math.erfc(abs(beta[j] / se) / math.sqrt(2.0))
    if system.kind[s] == COMPARISON:
        observed, expected, variance = log_rank_counts(time, flag, group, 2)
        statistic = (observed[0] - expected[0]) ** 2 / variance[0, 0]
        out[4 * k] = math.erfc(math.sqrt(statistic / 2.0))
