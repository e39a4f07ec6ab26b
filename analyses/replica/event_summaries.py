"""What a cohort followed for events reports beyond its curves: quartiles, shares, incidences.

Everything is laid out as estimates by the words of the published table; the incidence says which
estimator gave it, for the crude share, Kaplan-Meier and Aalen-Johansen differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.aalen_johansen import incidence_at
from replica.cohort import Cohort
from replica.competing import cumulative_incidence
from replica.contingency import choose_test, fisher, pearson, yates
from replica.convention import Convention
from replica.descriptives import Stage
from replica.errors import ParameterError, one_of
from replica.estimate import Estimate, Quantity, Value, estimates
from replica.product_limit import product_limit
from replica.protocol import ARM_KEYS
from replica.risk_sets import cohort_times
from replica.survival import kaplan_meier, survival_at
from replica.two_samples import student_t

Incidence = Literal["crude", "kaplan_meier", "aalen_johansen"]
Floats = NDArray[np.float64]

METHODS: dict[Incidence, str] = {
    "crude": "crude share: patients with the event by then, of all",
    "kaplan_meier": "1 - Kaplan-Meier, death censored",
    "aalen_johansen": "Aalen-Johansen, death competing",
}
CAUSE = "first_event"
QUARTILES = (25, 50, 75)


def _groups(cohort: Cohort) -> Iterator[tuple[str, Cohort]]:
    yield "all", cohort
    for arm in ARM_KEYS:
        yield arm, cohort.within(arm)


def quartiles(values: Floats) -> dict[str, Value]:
    """Median, quartiles, mean and standard deviation (n - 1) of a sample.

    Quartiles interpolate linearly between the order statistics (R: `quantile`, type 7; NumPy's
    default).
    """
    q1, median, q3 = (float(value) for value in np.percentile(values, QUARTILES))
    spread = float(values.std(ddof=1)) if values.size > 1 else float("nan")
    return {"median": median, "q1": q1, "q3": q3, "mean": float(values.mean()), "sd": spread}


def measure_quartiles(cohort: Cohort, stage: Stage) -> list[Estimate]:
    """Quartiles, mean and SD of each measure by arm, with Student's t test between the arms."""
    rows: list[Estimate] = []
    for measure in cohort.study.measures:
        samples: list[Floats] = []
        for arm in measure.arms:
            values = cohort.within(arm).column(measure.key).to_numpy(dtype=np.float64)
            samples.append(values)
            found = quartiles(values)
            quantity = Quantity(measure.key, arm=arm, stage=stage)
            rows += estimates(quantity, found, "sample quartiles, mean and SD")
        if len(samples) == 2:
            test = student_t(*samples)
            quantity = Quantity(measure.key, "", "", "treated", "control", "", stage)
            rows.append(Estimate(quantity, "p", test.p, test.name))
    return rows


def level_tests(cohort: Cohort, stage: Stage, convention: Convention) -> list[Estimate]:
    """Test between the arms of each level against all others, for covariates of several levels."""
    treated = cohort.treated
    rows: list[Estimate] = []
    for covariate in cohort.study.covariates:
        if len(covariate.levels) == 2:
            continue
        for level in covariate.level_keys:
            at = (cohort.column(covariate.key) == level).to_numpy()
            table = [[int((at & arm).sum()), int((~at & arm).sum())] for arm in (treated, ~treated)]
            if any(sum(column) == 0 for column in zip(*table, strict=True)):
                continue
            result = choose_test(table, convention=convention)
            quantity = Quantity(covariate.key, level, "", "treated", "control", "", stage)
            rows.append(Estimate(quantity, "p", result.p, result.name))
    return rows


def exact_tests(cohort: Cohort, stage: Stage) -> list[Estimate]:
    """Fisher's exact test between the arms of each covariate of two levels."""
    treated = cohort.treated
    rows: list[Estimate] = []
    for covariate in cohort.study.covariates:
        if len(covariate.levels) != 2:
            continue
        at = (cohort.column(covariate.key) == covariate.level_keys[0]).to_numpy()
        table = [[int((at & arm).sum()), int((~at & arm).sum())] for arm in (treated, ~treated)]
        if all(sum(column) for column in zip(*table, strict=True)):
            result = fisher(table)
            quantity = Quantity(covariate.key, "", "", "treated", "control", "", stage)
            rows.append(Estimate(quantity, "p", result.p, result.name))
    return rows


def shares(cohort: Cohort, stage: Stage) -> list[Estimate]:
    """Count `yes` of each yes/no characteristic by arm, with the number of patients counted."""
    rows: list[Estimate] = []
    for characteristic in cohort.study.characteristics:
        for arm, group in _groups(cohort):
            if characteristic.level_keys == ("yes", "no") and len(group):
                n = int((group.column(characteristic.key) == "yes").sum())
                quantity = Quantity(characteristic.key, "yes", arm=arm, stage=stage)
                rows += _share(n, len(group), quantity)
    return rows


def _share(n: int, total: int, quantity: Quantity) -> list[Estimate]:
    values: dict[str, Value] = {
        "n": Fraction(n),
        "count_total": Fraction(total),
        "percent": Fraction(100 * n, total),
    }
    return estimates(quantity, values, f"{n} of {total}")


def matched_size(cohort: Cohort) -> list[Estimate]:
    """Size of each arm, if both have the same: one number that papers print for both."""
    sizes = {len(cohort.within(arm)) for arm in ARM_KEYS}
    value = Fraction(sizes.pop()) if len(sizes) == 1 else None
    method = "count of rows" if value is not None else "the arms differ in size"
    return [
        Estimate(Quantity("patients", "each_arm", arm="all", stage="after"), "n", value, method)
    ]


def event_shares(cohort: Cohort, outcome: str, stage: Stage) -> list[Estimate]:
    """Count the patients with an event of an outcome by arm and in both, of all."""
    rows: list[Estimate] = []
    for arm, group in _groups(cohort):
        _, event = cohort_times(group, outcome)
        quantity = Quantity(outcome, "", outcome, arm, stage=stage)
        rows += _share(int(event.sum()), len(group), quantity)
    return rows


def times_to_event(cohort: Cohort, outcome: str, stage: Stage) -> list[Estimate]:
    """Quartiles of the time to an event among those who had it, by arm.

    Unlike Kaplan-Meier quantiles these leave out everybody without the event: they describe events
    and cannot be read as a survival time.
    """
    rows: list[Estimate] = []
    for arm in ARM_KEYS:
        duration, event = cohort_times(cohort.within(arm), outcome)
        times = duration[event == 1]
        if times.size:
            found = {name: quartiles(times)[name] for name in ("median", "q1", "q3")}
            quantity = Quantity("time_to_event", "", outcome, arm, stage=stage)
            rows += estimates(quantity, found, "sample quartiles among those with the event")
    return rows


def first_events(cohort: Cohort, event: str, either: str) -> Cohort:
    """Add the column `first_event`: 0 none, 1 the event of one outcome, 2 the other of `either`.

    `either` is the outcome whose event is that one or death, with the same duration.
    """
    _, one = cohort_times(cohort, event)
    _, any_event = cohort_times(cohort, either)
    cause = np.where(one == 1, 1, np.where(any_event == 1, 2, 0))
    return replace(cohort, patients=cohort.patients.assign(**{CAUSE: cause}))


def incidences(
    cohort: Cohort, event: str, either: str, time: float, method: Incidence
) -> dict[str, Fraction | float]:
    """Share of each arm with an event by a time, as a proportion, by one of three estimators.

    Parameters
    ----------
    event, either
        Outcome of the event, and the outcome of that event or death.
    time
        In the outcome's unit.
    method
        `crude` counts those with the event by then, as if everybody had been followed so long;
        `kaplan_meier` censors the dead, and so says what would happen if nobody died;
        `aalen_johansen` lets death compete.

    Raises
    ------
    ParameterError
        If the method is unknown.
    """
    if method not in get_args(Incidence):
        raise ParameterError(f"incidence: {one_of(method, get_args(Incidence))}")
    found: dict[str, Fraction | float] = {}
    for arm in ARM_KEYS:
        group = cohort.within(arm)
        if method == "crude":
            duration, had = cohort_times(group, event)
            found[arm] = Fraction(int(((had == 1) & (duration <= time)).sum()), len(group))
        elif method == "kaplan_meier":
            found[arm] = 1 - survival_at(kaplan_meier(group, event, by=None), time).survival
        else:
            curves = cumulative_incidence(
                first_events(group, event, either), either, cause=CAUSE, by=None
            )
            curve = curves[curves["cause"] == 1].drop(columns="group")
            found[arm] = incidence_at(curve, time).incidence
    return found


def incidence_estimates(
    cohort: Cohort, event: str, either: str, stage: Stage, method: Incidence
) -> list[Estimate]:
    """Incidence of an event by each arm at the times of its outcome, and their difference."""
    outcome = cohort.study.outcome(event)
    rows: list[Estimate] = []
    for time in outcome.rate_times:
        found = incidences(cohort, event, either, float(time), method)
        for arm, value in found.items():
            quantity = Quantity(
                "incidence", "", event, arm, stage=stage, time=f"{time} {outcome.unit}"
            )
            rows += estimates(quantity, {"rate": 100 * value}, METHODS[method])
        difference = found["treated"] - found["control"]
        quantity = Quantity("risk_difference", "", event, "treated", "control", "", stage)
        rows += estimates(quantity, {"risk_difference": difference}, METHODS[method])
    return rows


def follow_up_quartiles(
    cohort: Cohort, outcome: str, stage: Stage, *, window: float
) -> list[Estimate]:
    """Quartiles of follow-up by arm by the reverse Kaplan-Meier method, within a window.

    Follow-up that lasts to the end of the window has not ended: only what ends before it counts as
    the event, so that a quantile beyond the window is not reached.

    Notes
    -----
    Schemper and Smith, Controlled Clinical Trials 1996;17:343-346.
    """
    rows: list[Estimate] = []
    for arm in ARM_KEYS:
        duration, event = cohort_times(cohort.within(arm), outcome)
        curve = product_limit(duration, (event == 0) & (duration < window))
        for name, share in (("q1", 0.75), ("median", 0.5), ("q3", 0.25)):
            below = curve.loc[curve["survival"] <= share + 1e-9, "time"]
            value = float(below.iloc[0]) if len(below) else None
            method = "reverse Kaplan-Meier" if value is not None else "not reached"
            quantity = Quantity("follow_up", arm=arm, stage=stage)
            rows.append(Estimate(quantity, name, value, method))
    return rows


def exposure_times(cohort: Cohort, wait: str, outcome: str, stage: Stage) -> list[Estimate]:
    """Quartiles of the wait for treatment, and of the time from treatment to an event.

    `wait` is a measure of the treated in days; the time to the event is in the outcome's unit,
    months of 30.4375 days.
    """
    treated = cohort.within("treated")
    waited = treated.column(wait).to_numpy(dtype=np.float64)
    duration, event = cohort_times(treated, outcome)
    since = (duration - waited / 30.4375)[event == 1]
    kept = ("median", "q1", "q3")
    rows = estimates(
        Quantity("time_to_ici", arm="treated", stage=stage),
        {name: quartiles(waited)[name] for name in kept},
        "sample quartiles",
    )
    if since.size:
        quantity = Quantity("time_ici_to_second_primary", "", outcome, "treated", stage=stage)
        found = {name: quartiles(since)[name] for name in kept}
        rows += estimates(quantity, found, "sample quartiles among those with the event")
    return rows


def count_tests(cohort: Cohort) -> pd.DataFrame:
    """P value of every count by each test a paper may have used, one row per column and level.

    Columns: `item`, `level`, `pearson`, `yates`, `fisher`.
    """
    treated = cohort.treated
    rows = []
    for covariate in cohort.study.covariates:
        levels = covariate.level_keys
        for level in levels[:1] if len(levels) == 2 else levels:
            at = (cohort.column(covariate.key) == level).to_numpy()
            table = [[int((at & arm).sum()), int((~at & arm).sum())] for arm in (treated, ~treated)]
            if all(sum(column) for column in zip(*table, strict=True)):
                tests = {"pearson": pearson, "yates": yates, "fisher": fisher}
                found = {name: test(table).p for name, test in tests.items()}
                rows.append({"item": covariate.key, "level": level, **found})
    return pd.DataFrame(rows)
