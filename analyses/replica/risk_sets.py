"""Checked times and counts over them: the ground that curves, log-rank tests and Cox models share.

Rules that hold throughout: patients censored at a time are still at risk for the events of that
time; times are tied only when they are exactly equal; a duration of zero is allowed (as in R's
`survival`); the kernels take arrays sorted by time and count in integers, so the order of the rows
of a file cannot change a result.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from replica.arrays import labels as coded_labels
from replica.arrays import plain_numbers
from replica.cohort import Cohort
from replica.errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# A survival probability is a product of fractions: 1/2 reached exactly may be off by a few ulp.
# R's survfit compares with the same tolerance.
TOLERANCE = 1.4901161193847656e-08


def check_times(duration: ArrayLike, event: ArrayLike) -> tuple[Floats, Integers]:
    """Return durations and events as arrays, or refuse them.

    Parameters
    ----------
    duration
        Shape (n,); finite and at least 0 (zero is allowed, as in R's `survival`).
    event
        Shape (n,); 0 for censored, 1 for the event.

    Raises
    ------
    DataError
        If there is nobody, the lengths differ, a duration is missing, infinite or negative, or an
        event is not 0 or 1.
    """
    times = _numbers(duration, "durations")
    events = _numbers(event, "events")
    if times.size == 0:
        raise DataError("durations: found no patient; at least 1 is needed. Check the filter used.")
    if times.size != events.size:
        raise DataError(
            f"durations and events: found {times.size} and {events.size}; each patient needs both."
        )
    bad = ~np.isfinite(times) | (times < 0)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"durations: found {int(bad.sum())} that are missing, not numbers, infinite or "
            f"negative (first: {times[first]} in row {first}); allowed: finite numbers from 0. "
            "Correct or exclude those patients."
        )
    bad = ~np.isin(events, (0.0, 1.0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"events: found {int(bad.sum())} other than 0 or 1 (first: {events[first]} in row "
            f"{first}); allowed: 0 censored, 1 event. Recode the column."
        )
    return times, events.astype(np.int64)


def cohort_times(cohort: Cohort, outcome_key: str) -> tuple[Floats, Integers]:
    """Return the checked durations and events of one outcome, in row order."""
    outcome = cohort.study.outcome(outcome_key)
    return check_times(cohort.column(outcome.duration), cohort.column(outcome.event))


def _numbers(values: ArrayLike, what: str) -> Floats:
    found = plain_numbers(values, what)
    if found.ndim != 1:
        raise DataError(
            f"{what}: found {found.ndim} dimensions; needed: one number per patient. Pass one "
            "column."
        )
    return found


def group_labels(cohort: Cohort, by: str | None) -> tuple[NDArray[np.object_], tuple[str, ...]]:
    """Return each patient's group and the groups in the study's order of levels.

    Parameters
    ----------
    by
        `arm`, a covariate or a characteristic; None pools everybody as the group `all`.

    Raises
    ------
    ParameterError
        If there is no such column.
    DataError
        If a patient belongs to none of the groups.
    """
    if by is None:
        return np.full(len(cohort), "all", dtype=object), ("all",)
    if by == "arm":
        keys: tuple[str, ...] = ("treated", "control")
    elif by in [c.key for c in cohort.study.characteristics]:
        keys = cohort.study.characteristic(by).level_keys
    else:
        keys = cohort.study.covariate(by).level_keys
    column = cohort.column(by)
    labels = column.to_numpy(dtype=object)
    outside = ~column.isin(keys).to_numpy()
    if outside.any():
        raise DataError(
            f"{by}: found {int(outside.sum())} patients in none of the groups; allowed: "
            f"{', '.join(keys)}. Restrict the cohort to patients with a known level first."
        )
    return labels, keys


def label_codes(labels: ArrayLike, n: int, what: str) -> tuple[Integers, tuple[object, ...]]:
    """Return labels as codes, and the sorted labels; refuse a missing one."""
    return coded_labels(labels, n, what)


@njit(cache=True)
def risk_table(duration: Floats, event: Integers) -> tuple[Floats, Integers, Integers, Integers]:
    """Count who is at risk, has the event and is censored at each distinct time.

    Parameters
    ----------
    duration, event
        Shape (n,), sorted by `duration` ascending; `event` is nonzero for an event. The order
        within one time does not matter.

    Returns
    -------
    tuple
        Distinct times, at risk (just before the time), events and censored, each of shape (m,).
    """
    n = duration.size
    m = 0
    for i in range(n):
        if i == 0 or duration[i] != duration[i - 1]:
            m += 1
    time = np.empty(m, dtype=np.float64)
    at_risk = np.zeros(m, dtype=np.int64)
    events = np.zeros(m, dtype=np.int64)
    censored = np.zeros(m, dtype=np.int64)
    row = -1
    for i in range(n):
        if row < 0 or duration[i] != time[row]:
            row += 1
            time[row] = duration[i]
            at_risk[row] = n - i
        if event[i] != 0:
            events[row] += 1
        else:
            censored[row] += 1
    return time, at_risk, events, censored


@njit(cache=True)
def greenwood(at_risk: Integers, events: Integers) -> tuple[Floats, Floats]:
    """Product-limit survival and Greenwood's standard error, one value per row of a risk table.

    The standard error is NaN from the time survival reaches zero, as in R's `survfit`.
    """
    m = at_risk.size
    survival = np.empty(m, dtype=np.float64)
    std_error = np.empty(m, dtype=np.float64)
    product = 1.0
    hazard_variance = 0.0
    for row in range(m):
        left = at_risk[row] - events[row]
        if left == 0:
            product = 0.0
            hazard_variance = np.nan
        elif events[row] > 0:
            product *= left / at_risk[row]
            hazard_variance += events[row] / (at_risk[row] * left)
        survival[row] = product
        std_error[row] = product * np.sqrt(hazard_variance)
    return survival, std_error


@njit(cache=True)
def spss_median(time: Floats, survival: Floats, std_error: Floats) -> tuple[float, float]:
    """Median survival and its standard error by SPSS's documented formula.

    The median is the smallest time with S <= 0.5; SE = se(S) / f with Greenwood's se(S) at the
    median and f = (S(u) - S(l)) / (l - u), where u is the largest event time with S(u) >= 0.55
    and l the smallest with S(l) <= 0.45.

    Parameters
    ----------
    time, survival, std_error
        A curve's rows in order of time, shape (m,); a row is an event time when survival drops.

    Returns
    -------
    tuple
        Median and standard error; NaN for what is not estimable (median not reached, survival
        zero at the median, or no event time on one of the two sides).

    Notes
    -----
    Collett, Modelling Survival Data in Medical Research, section 2.4. It is the documented
    formula; no SPSS output was at hand to confirm it.
    """
    median = np.nan
    at_median = np.nan
    upper = -1
    lower = -1
    before = 1.0
    for row in range(time.size):
        if survival[row] < before:
            if survival[row] >= 0.55 - TOLERANCE:
                upper = row
            if np.isnan(median) and survival[row] <= 0.5 + TOLERANCE:
                median = time[row]
                at_median = std_error[row]
            if lower < 0 and survival[row] <= 0.45 + TOLERANCE:
                lower = row
        before = survival[row]
    if np.isnan(median) or upper < 0 or lower < 0:
        return median, np.nan
    density = (survival[upper] - survival[lower]) / (time[lower] - time[upper])
    return median, at_median / density
