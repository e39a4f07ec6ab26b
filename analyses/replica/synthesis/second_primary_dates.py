"""Dates of metastasis of the synthetic patients of `mlc_second_primary`, with room to be followed.

Follow-up that ends without an event ends either with the extraction of the data or before it, when
a patient is lost.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from replica.events.facts import Rules
from replica.synthesis.second_primary_times import BEYOND, PAST

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

FIRST_INHIBITOR = date(2011, 4, 1)
"""The first checkpoint inhibitor was approved in the United States in March 2011."""

# Free choices: of those free of events, the share whose last contact is shortly before the
# extraction, and the days within which it is.
SEEN_LAST, RECENT = 0.6, 120


def dates_of(
    rng: np.random.Generator, rules: Rules, days: Integers, event: Integers, is_treated: Bools
) -> list[str]:
    """Dates of metastasis that leave room for the follow-up before the extraction.

    A date is even over what is possible, but for those who are still seen at the end, whose date
    follows from the length of their follow-up.
    """
    needed = np.where(days == BEYOND, math.ceil(rules.window_days) + PAST, days)
    seen = (event == 0) & (days != BEYOND) & (rng.random(len(days)) < SEEN_LAST)
    found = []
    for follow_up, treated, to_the_end in zip(
        needed.tolist(), is_treated.tolist(), seen.tolist(), strict=True
    ):
        start = FIRST_INHIBITOR if treated else rules.enrolment_start
        latest = rules.extraction - timedelta(days=follow_up + 1)
        end = min(rules.enrolment_end, latest)
        first = max(start, latest - timedelta(days=RECENT)) if to_the_end else start
        room = max(0, (end - min(first, end)).days)
        found.append((end - timedelta(days=int(rng.integers(0, room + 1)))).isoformat())
    return found
