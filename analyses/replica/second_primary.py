"""All numbers of a study of second primary cancers under a treatment that begins after time zero.

It has two outcomes of the same duration, the second primary and the second primary or death, and
a measure of the days from time zero to the first dose.
"""

from __future__ import annotations

from replica.analysis import Choices, reproduce
from replica.cohort import Cohort
from replica.descriptives import Stage
from replica.estimate import Estimate
from replica.event_summaries import (
    event_shares,
    exact_tests,
    exposure_times,
    follow_up_quartiles,
    incidence_estimates,
    level_tests,
    matched_size,
    measure_quartiles,
    shares,
    times_to_event,
)
from replica.matching import Matched
from replica.protocol import Study

EVENT, EITHER, WAIT = "second_primary", "second_primary_or_death", "days_to_ici"


def is_second_primary(study: Study) -> bool:
    """Whether a study has what this module needs: both outcomes of one duration, and the wait."""
    durations = [outcome.duration for outcome in study.outcomes if outcome.key in {EVENT, EITHER}]
    waits = {measure.key for measure in study.measures}
    return len(durations) == 2 and len(set(durations)) == 1 and WAIT in waits


def second_primary_estimates(
    matched: Matched, choices: Choices, *, window: float
) -> tuple[Estimate, ...]:
    """Compute every number that the study prints: `reproduce`, and what its outcomes add.

    Parameters
    ----------
    matched
        The cohort with its pairs.
    choices
        Cox ties and convention profile.
    window
        Longest follow-up, in the outcomes' unit.

    Notes
    -----
    The 5-year incidence is the crude share, which is what the printed one is. Covariates of two
    levels are compared by Fisher's exact test, as the methods say; single levels of the others by
    the convention's test, which returns what is printed of them (see the page).
    """
    rows: list[Estimate] = []
    stages: tuple[tuple[Stage, Cohort], ...] = (
        ("before", matched.before),
        ("after", matched.after),
    )
    for stage, cohort in stages:
        # before `reproduce`, whose test of the same counts is the convention's: the first counts
        rows += exact_tests(cohort, stage)
    rows += reproduce(matched, choices)
    for stage, cohort in stages:
        rows += measure_quartiles(cohort, stage)
        rows += level_tests(cohort, stage, choices.convention)
        rows += shares(cohort, stage)
    after = matched.after
    rows += matched_size(after)
    rows += event_shares(after, EVENT, "after")
    rows += times_to_event(after, EVENT, "after")
    rows += times_to_event(after, EITHER, "after")
    rows += incidence_estimates(after, EVENT, EITHER, "after", "crude")
    rows += follow_up_quartiles(after, EITHER, "after", window=window)
    rows += exposure_times(after, WAIT, EVENT, "after")
    return tuple(rows)
