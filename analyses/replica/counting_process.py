"""The Cox partial likelihood of intervals of follow-up (start, stop], as Numba kernels.

A row is at risk at the events after its start and up to its stop: late entry, and covariates that
change between the rows of one patient. Rows are sorted by stratum and, within it, by *descending*
stop; `by_start` lists the same rows by stratum and *descending* start. Running sums grow by the
rows that stop later and shrink by those that start later; each carries its rounding error along,
so that what is taken out leaves no trace.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from replica.risk_sets import Floats, Integers


@njit(cache=True, error_model="numpy")
def _add(sums: Floats, errors: Floats, k: int, value: float) -> None:
    """Add to one sum and keep what rounding loses (Knuth's two-sum)."""
    total = sums[k] + value
    part = total - sums[k]
    errors[k] += (sums[k] - (total - part)) + (value - part)
    sums[k] = total


@njit(cache=True, error_model="numpy")
def _add_row(sums: Floats, errors: Floats, x: Floats, risk: float) -> None:
    """Add risk, then per covariate risk x and its products with itself and those before it."""
    _add(sums, errors, 0, risk)
    k = 1
    for a in range(x.size):
        first = risk * x[a]
        _add(sums, errors, k, first)
        k += 1
        for b in range(a + 1):
            _add(sums, errors, k, first * x[b])
            k += 1


@njit(cache=True, error_model="numpy")
def interval_likelihood(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    X: Floats,
    start: Floats,
    stop: Floats,
    event: Integers,
    weight: Floats,
    stratum: Integers,
    by_start: Integers,
    beta: Floats,
    efron: bool,
    of_time: Floats,
) -> tuple[float, Floats, Floats]:
    """Log partial likelihood of intervals, with its derivatives; also those by time.

    Parameters
    ----------
    X, start, stop, event, weight, stratum, by_start
        Rows as in the module's description; weights are positive.
    beta
        Shape (p,).
    efron
        Efron's handling of tied events, else Breslow's.
    of_time
        Shape (n,), a function g of the stop time; empty for none.

    Returns
    -------
    tuple
        Log likelihood; scores, shape (2, p): plain and summed with g; information, shape
        (3, p, p): plain, summed with g and with g squared.
    """
    n, p = X.shape
    size = 1 + p * (p + 3) // 2
    log_likelihood = 0.0
    scores = np.zeros((2, p))
    information = np.zeros((3, p, p))
    risk = np.empty(n)
    sums = np.zeros(size)
    errors = np.zeros(size)
    here = np.zeros(size)
    dead = np.zeros(size)
    dead_errors = np.zeros(size)
    mean = np.zeros(p)
    score = np.zeros(p)
    block = np.zeros((p, p))
    at_risk = 0
    gone = 0
    first = 0
    while first < n:
        if first == 0 or stratum[first] != stratum[first - 1]:
            sums[:] = 0.0
            errors[:] = 0.0
            at_risk = 0
            gone = first
        deaths = 0
        death_weight = 0.0
        dead[:] = 0.0
        dead_errors[:] = 0.0
        score[:] = 0.0
        block[:, :] = 0.0
        end = first
        while end < n and stratum[end] == stratum[first] and stop[end] == stop[first]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk[end] = weight[end] * np.exp(eta)
            at_risk += 1
            _add_row(sums, errors, X[end], risk[end])
            if event[end] != 0:
                deaths += 1
                death_weight += weight[end]
                log_likelihood += weight[end] * eta
                for a in range(p):
                    score[a] += weight[end] * X[end, a]
                _add_row(dead, dead_errors, X[end], risk[end])
            end += 1
        if deaths > 0:
            while gone < end and start[by_start[gone]] >= stop[first]:
                out = by_start[gone]
                _add_row(sums, errors, X[out], -risk[out])
                at_risk -= 1
                gone += 1
            for k in range(size):
                here[k] = sums[k] + errors[k]
            steps = deaths if efron else 1
            share = death_weight / steps
            for step in range(steps):
                left = step / steps
                total = here[0] - left * dead[0]
                log_likelihood -= share * np.log(total)
                k = 1
                for a in range(p):
                    mean[a] = (here[k] - left * dead[k]) / total
                    score[a] -= share * mean[a]
                    k += 1
                    for b in range(a + 1):
                        second = (here[k] - left * dead[k]) / total
                        block[a, b] += share * (second - mean[a] * mean[b])
                        k += 1
            g = of_time[first] if of_time.size > 0 else 0.0
            for a in range(p):
                scores[0, a] += score[a]
                scores[1, a] += g * score[a]
                for b in range(a + 1):
                    information[0, a, b] += block[a, b]
                    information[1, a, b] += g * block[a, b]
                    information[2, a, b] += g * g * block[a, b]
        first = end
    for power in range(3):
        for a in range(p):
            for b in range(a):
                information[power, b, a] = information[power, a, b]
    return log_likelihood, scores, information


@njit(cache=True, error_model="numpy")
def _first_at_or_below(times: Floats, low: int, high: int, time: float) -> int:
    """Find the first of the descending times from `low` to `high` that is not above `time`."""
    while low < high:
        middle = (low + high) // 2
        if times[middle] > time:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def interval_residuals(  # noqa: C901, PLR0912, PLR0915 - two loops, positional for Numba
    X: Floats,
    start: Floats,
    stop: Floats,
    event: Integers,
    weight: Floats,
    stratum: Integers,
    by_start: Integers,
    beta: Floats,
    efron: bool,
) -> Floats:
    """Each row's contribution to the score, shape (n, p); arguments as `interval_likelihood`.

    R: `residuals(coxph(Surv(start, stop, event) ~ ...), "score")`.
    """
    n, p = X.shape
    size = 1 + p * (p + 3) // 2
    risk = np.empty(n)
    # per event time: hazard and hazard x mean, as those who survive it and those who die see it,
    # and what came before in the stratum, from its latest event time down
    times = np.empty(n)
    owner = np.empty(n, dtype=np.int64)
    hazard = np.zeros((n, 2))
    moment = np.zeros((n, 2, p))
    centre = np.zeros((n, p))
    before = np.zeros(n)
    moved = np.zeros((n, p))
    sums = np.zeros(size)
    errors = np.zeros(size)
    dead = np.zeros(size)
    dead_errors = np.zeros(size)
    gone = 0
    blocks = 0
    first = 0
    while first < n:
        if first == 0 or stratum[first] != stratum[first - 1]:
            sums[:] = 0.0
            errors[:] = 0.0
            gone = first
        deaths = 0
        death_weight = 0.0
        dead[:] = 0.0
        dead_errors[:] = 0.0
        end = first
        while end < n and stratum[end] == stratum[first] and stop[end] == stop[first]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk[end] = np.exp(eta)
            _add_row(sums, errors, X[end], weight[end] * risk[end])
            if event[end] != 0:
                deaths += 1
                death_weight += weight[end]
                _add_row(dead, dead_errors, X[end], weight[end] * risk[end])
            end += 1
        if deaths > 0:
            while gone < end and start[by_start[gone]] >= stop[first]:
                out = by_start[gone]
                _add_row(sums, errors, X[out], -weight[out] * risk[out])
                gone += 1
            times[blocks] = stop[first]
            owner[blocks] = stratum[first]
            steps = deaths if efron else 1
            for step in range(steps):
                left = step / steps
                total = sums[0] + errors[0] - left * dead[0]
                rate = death_weight / steps / total
                hazard[blocks, 0] += rate
                hazard[blocks, 1] += (1.0 - left) * rate
                k = 1
                for a in range(p):
                    mean = (sums[k] + errors[k] - left * dead[k]) / total
                    centre[blocks, a] += mean / steps
                    moment[blocks, 0, a] += rate * mean
                    moment[blocks, 1, a] += (1.0 - left) * rate * mean
                    k += a + 2
            if blocks > 0 and owner[blocks] == owner[blocks - 1]:
                before[blocks] = before[blocks - 1] + hazard[blocks - 1, 0]
                for a in range(p):
                    moved[blocks, a] = moved[blocks - 1, a] + moment[blocks - 1, 0, a]
            blocks += 1
        first = end
    residuals = np.zeros((n, p))
    low = 0
    high = 0
    for i in range(n):
        if i == 0 or stratum[i] != stratum[i - 1]:
            low = high
            while low < blocks and owner[low] < stratum[i]:
                low += 1
            high = low
            while high < blocks and owner[high] == stratum[i]:
                high += 1
        latest = _first_at_or_below(times, low, high, stop[i])
        after = _first_at_or_below(times, latest, high, start[i])
        if after == latest:
            continue
        died = 1 if event[i] != 0 else 0
        own = hazard[latest, died] - hazard[latest, 0]
        lived = own + before[after - 1] + hazard[after - 1, 0] - before[latest]
        for a in range(p):
            drift = moved[after - 1, a] + moment[after - 1, 0, a] - moved[latest, a]
            drift += moment[latest, died, a] - moment[latest, 0, a]
            residuals[i, a] = died * (X[i, a] - centre[latest, a])
            residuals[i, a] -= risk[i] * (X[i, a] * lived - drift)
    return residuals
