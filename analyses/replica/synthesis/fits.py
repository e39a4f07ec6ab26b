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

from replica.cohort import Cohort
from replica.convention import Convention
from replica.errors import SynthesisError
from replica.partial_likelihood import invert, partial_likelihood
from replica.protocol import Study
from replica.survival import greenwood, risk_table, spss_median
from replica.synthesis.covariates import contrasts
from replica.synthesis.targets import Spec, SurvivalTarget, Targets
from replica.synthesis.two_groups import FARTHEST, SETTLED, STEPS, compare

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

COLLINEAR = 1e-10
"""Share of a covariate's information that may be explained by the others."""

Z = 1.959963984540054
"""Normal quantile of a two-sided 95% interval."""


class System(NamedTuple):
    """Fits and target rows as arrays, in the form that kernels take.

    A patient is a pattern of bits: one for each covariate of the study (set for its contrast), then
    one for the treated arm and one for those who are matched.

    Fits (s): `kind`, `outcome`, `weight` (of the fit's rows in the search), `mask` and `value` (a
    patient enters if the masked bits have this value), `columns` (s, k; the bits that are its
    regressors, -1 padded), `times` (s, t; of rates).
    Rows (r), sorted by fit: `first` (s + 1; where a fit's rows start), `slot` (which of a fit's
    values), `low`, `high`, `unit`, `echo` (a p value beside a printed ratio of the same fit).
    """

    kind: Ints
    outcome: Ints
    weight: Floats
    mask: Ints
    value: Ints
    columns: Ints
    times: Floats
    first: Ints
    slot: Ints
    low: Floats
    high: Floats
    unit: Floats
    echo: Bools
    efron: bool


@dataclass(frozen=True)
class Compiled:
    """A system with the fits and the ids of rows behind it, in its own order.

    `by_arm` marks the fits that no covariate enters: exchanging times within an arm and matching
    status leaves them as they are.
    """

    system: System
    specs: tuple[Spec, ...]
    ids: tuple[str, ...]
    by_arm: Bools


def compile_fits(targets: Targets, convention: Convention) -> Compiled:
    """Compile survival targets; which patients a fit concerns follows from their patterns.

    Parameters
    ----------
    targets
        Compiled published rows.
    convention
        Its Cox ties and median interval; only SPSS's interval of a median is searched for.

    Raises
    ------
    SynthesisError
        If the convention's interval of a median is not known to the search.
    """
    if convention.median_interval != "spss":
        raise SynthesisError(
            f"found median interval {convention.median_interval!r}; the search knows 'spss'."
        )
    study = targets.study
    keys = [covariate.key for covariate in study.covariates]
    outcomes = [outcome.key for outcome in study.outcomes]
    specs = list(dict.fromkeys(target.spec for target in targets.survival))
    rows = sorted(targets.survival, key=lambda target: specs.index(target.spec))
    bits = {key: bit for bit, key in enumerate([*keys, "arm"])}
    regressors = [[bits[key] for key in spec.covariates] for spec in specs]
    times = [
        sorted({t.time for t in rows if t.spec == spec and t.statistic == "rate"}) for spec in specs
    ]
    entering = [_entering(spec, study) for spec in specs]
    first = np.searchsorted([specs.index(row.spec) for row in rows], np.arange(len(specs) + 1))
    by_arm = np.array([not s.subgroup and set(s.covariates) <= {"arm"} for s in specs])
    with_ratio = {row.spec for row in rows if row.statistic == "hr"}
    system = System(
        np.array([_KINDS[spec.kind] for spec in specs]),
        np.array([outcomes.index(spec.outcome) for spec in specs]),
        np.where(by_arm, BY_ARM, 1.0),
        np.array([mask for mask, _ in entering], dtype=np.int64),
        np.array([value for _, value in entering], dtype=np.int64),
        _padded(regressors, -1).astype(np.int64),
        _padded(times, np.nan),
        first.astype(np.int64),
        np.array([_slot(row, times[specs.index(row.spec)]) for row in rows], dtype=np.int64),
        np.array([row.low for row in rows]),
        np.array([row.high for row in rows]),
        np.array([row.unit for row in rows]),
        np.array([row.statistic in _P_VALUES and row.spec in with_ratio for row in rows]),
        convention.ties == "efron",
    )
    return Compiled(system, tuple(specs), tuple(row.id for row in rows), by_arm)


def _slot(row: SurvivalTarget, times: list[float]) -> int:
    """Which of its fit's values a row is."""
    if row.statistic == "rate":
        return 3 + times.index(row.time)
    if row.spec.kind in {"curve", "follow_up"}:
        return _CURVE_STATISTICS.index(row.statistic)
    if row.statistic == "log_rank_p":
        return 4 * len(row.spec.covariates)
    within = row.spec.covariates
    at = within.index(row.covariate) if row.covariate in within else 0
    return 4 * at + _STATISTICS.index(row.statistic)


def _entering(spec: Spec, study: Study) -> tuple[int, int]:
    """Mask and value of the bits that decide who enters a fit."""
    treated = len(study.covariates)
    mask = value = 0
    if spec.arm != "all":
        mask |= 1 << treated
        value |= (spec.arm == "treated") << treated
    if spec.stage == "after":
        mask |= 1 << treated + 1
        value |= 1 << treated + 1
    if spec.subgroup:
        key, _, level = spec.subgroup.partition("=")
        (bit,) = (k for k, covariate in enumerate(study.covariates) if covariate.key == key)
        mask |= 1 << bit
        value |= (level == study.covariate(key).contrast) << bit
    return mask, value


def patterns(cohort: Cohort, matched: Bools) -> Ints:
    """Each patient as bits: covariates with their contrast, treated, matched."""
    study = cohort.study
    X = contrasts(cohort, tuple(covariate.key for covariate in study.covariates))
    bits = np.column_stack([X, cohort.treated, matched]).astype(np.int64)
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])), dtype=np.int64)


def _padded(lists: Sequence[Sequence[float]], fill: float) -> Floats:
    width = max(1, *(len(values) for values in lists))
    out = np.full((len(lists), width), fill, dtype=np.float64)
    for row, values in zip(out, lists, strict=True):
        row[: len(values)] = values
    return out


@njit(cache=True)
def signature(system: System, s: int, pattern: int) -> int:
    """How a patient enters a fit: the regressors as bits, or -1 if not at all."""
    if pattern & system.mask[s] != system.value[s]:
        return -1
    code = 0
    for j in range(system.columns.shape[1]):
        if system.columns[s, j] >= 0:
            code |= (pattern >> system.columns[s, j] & 1) << j
    return code


@njit(cache=True)
def width(system: System) -> int:
    """How many values the widest fit has."""
    return int(max(3 + system.times.shape[1], 4 * system.columns.shape[1] + 1))


@njit(cache=True)
def evaluate(
    system: System,
    s: int,
    codes: Ints,
    duration: Floats,
    event: Bools,
    order: Ints,
    start: Floats,
    sets: Ints,
    out: Floats,
) -> None:
    """Write the values of fit `s` into `out`; NaN where not estimable.

    `codes` are everybody's signatures in the fit; `duration` and `event` are those of its outcome
    and `order` sorts them ascending. `start` holds the fit's last log hazard ratios, from which
    Newton's method sets out, and is renewed. `sets` is room to work in, shape (4, at least n).
    """
    out[:] = np.nan
    time = np.empty(order.size)
    flag = np.empty(order.size, dtype=np.int64)
    code = np.empty(order.size, dtype=np.int64)
    n = 0
    for i in order:
        if codes[i] >= 0:
            time[n] = duration[i]
            flag[n] = event[i]
            code[n] = codes[i]
            n += 1
    time, flag, code = time[:n], flag[:n], code[:n]
    kind = system.kind[s]
    if kind == FOLLOW_UP:
        out[0] = _curve(time, 1 - flag, system.times[s], out)
    elif kind == CURVE:
        _curve(time, flag, system.times[s], out)
    elif kind == COMPARISON:
        log_ratio, std_error, chi_square = compare(time, flag, code, system.efron, start[0], sets)
        start[0] = 0.0 if math.isnan(log_ratio) else log_ratio
        _ratio(log_ratio, std_error, 0, out)
        out[4] = math.erfc(math.sqrt(chi_square / 2.0))
    else:
        _joint(system, s, time, flag, code, start, out)


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
def _ratio(log_ratio: float, std_error: float, at: int, out: Floats) -> None:
    """Write hazard ratio, both ends and p of one coefficient."""
    out[at] = math.exp(log_ratio)
    out[at + 1] = math.exp(log_ratio - Z * std_error)
    out[at + 2] = math.exp(log_ratio + Z * std_error)
    out[at + 3] = math.erfc(abs(log_ratio / std_error) / math.sqrt(2.0))


@njit(cache=True)
def _joint(
    system: System, s: int, time: Floats, flag: Ints, code: Ints, start: Floats, out: Floats
) -> None:
    """Fit several covariates together, from the coefficients of the last fit."""
    n, k = time.size, 0
    while k < system.columns.shape[1] and system.columns[s, k] >= 0:
        k += 1
    X = np.empty((n, k))
    for i in range(n):
        for j in range(k):
            X[n - 1 - i, j] = code[i] >> j & 1
    weight = np.ones(n)
    stratum = np.zeros(n, dtype=np.int64)
    beta = start[:k].copy()
    for _ in range(STEPS):
        _, score, information = partial_likelihood(
            X, time[::-1], flag[::-1], weight, stratum, beta, system.efron
        )
        bad, covariance = invert(information, COLLINEAR)
        if bad >= 0:
            break
        step = covariance @ score
        if np.abs(step).max() <= SETTLED:
            beta += step
            start[:k] = beta
            for j in range(k):
                _ratio(beta[j], math.sqrt(covariance[j, j]), 4 * j, out)
            return
        beta += np.minimum(1.0, np.maximum(-1.0, step))
        if np.abs(beta).max() > FARTHEST:
            break
    start[:k] = 0.0
