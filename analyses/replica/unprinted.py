"""Quantities that a reader would ask for and the paper does not print, of the matched patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from replica.cohort import Cohort
from replica.competing import fine_gray
from replica.errors import EstimationError, ParameterError
from replica.event_summaries import CAUSE, first_events
from replica.matching import Matched
from replica.proportional_hazards import proportional_hazards
from replica.protocol import Outcome, Study, Ties
from replica.restricted_mean import compare_restricted_means
from replica.second_primary import EITHER, EVENT, is_second_primary


@dataclass(frozen=True)
class Unprinted:
    """A quantity of an outcome: what it is called, its number, or nan where there is none."""

    outcome: str
    quantity: str
    value: float


def unprinted(matched: Matched, ties: Ties) -> tuple[Unprinted, ...]:
    """Compute what papers on two arms leave out most often, for each outcome drawn as a curve.

    Of each outcome: the p value of the test of proportional hazards (Grambsch and Therneau 1994),
    and the difference of the restricted means (treated less control) at the last time at which a
    rate is reported. Where death competes with the event, the subdistribution hazard ratio of Fine
    and Gray (1999) as well.

    Parameters
    ----------
    matched
        The cohort with its pairs.
    ties
        How the Cox models treat tied events.
    """
    study, after = matched.after.study, matched.after
    drawn = dict.fromkeys(plan.outcome for plan in study.curves)
    rows = []
    for outcome in (one for one in study.outcomes if one.key in drawn):
        rows.append(_hazards(after, outcome, ties))
        if outcome.rate_times:
            rows.append(_restricted(after, outcome))
    if is_second_primary(study):
        rows.append(Unprinted(EVENT, "Subdistribution hazard ratio", _number(lambda: _gray(after))))
    return tuple(rows)


def spread(found: Mapping[int, tuple[Unprinted, ...]], study: Study) -> pd.DataFrame:
    """Lay out quantities of several cohorts: one row each, with the least and the greatest.

    Parameters
    ----------
    found
        By seed, as `unprinted` returns them.

    Returns
    -------
    DataFrame
        `outcome` (its short label), `quantity`, `least`, `greatest`, and a column by seed.
    """
    first = next(iter(found.values()))
    labels = {outcome.key: outcome.short for outcome in study.outcomes}
    rows = []
    for place, one in enumerate(first):
        values = {seed: quantities[place].value for seed, quantities in found.items()}
        ends = {"least": min(values.values()), "greatest": max(values.values())}
        rows.append(
            {"outcome": labels[one.outcome], "quantity": one.quantity, **ends}
            | {f"seed {seed}": value for seed, value in values.items()}
        )
    return pd.DataFrame(rows)


def _number(made: Callable[[], float]) -> float:
    """Return a number, or nan where these patients have none."""
    try:
        return made()
    except (EstimationError, ParameterError):
        return float("nan")


def _hazards(cohort: Cohort, outcome: Outcome, ties: Ties) -> Unprinted:
    def p() -> float:
        return float(proportional_hazards(cohort, outcome.key, ["arm"], ties=ties)["p"].iloc[-1])

    return Unprinted(outcome.key, "Proportional hazards, p", _number(p))


def _restricted(cohort: Cohort, outcome: Outcome) -> Unprinted:
    time = outcome.rate_times[-1]
    name = f"Restricted mean to {time} {outcome.unit}, difference"
    return Unprinted(
        outcome.key,
        name,
        _number(lambda: compare_restricted_means(cohort, outcome.key, float(time)).difference),
    )


def _gray(cohort: Cohort) -> float:
    fit = fine_gray(first_events(cohort, EVENT, EITHER), EITHER, ["arm"], cause=CAUSE)
    return float(fit.summary()["subdistribution_hazard_ratio"].iloc[0])
