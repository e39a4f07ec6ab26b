"""Days from metastasis to the first inhibitor of the synthetic patients of `mlc_second_primary`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replica.errors import SynthesisError
from replica.events.facts import DAYS_PER_MONTH
from replica.synthesis.second_primary_follow_up import FollowUp
from replica.synthesis.second_primary_margins import quartered, times_with
from replica.synthesis.second_primary_targets import PrintedStudy, Quartiles

Integers = NDArray[np.int64]

# Free choices: the shortest and the longest wait, and the days that follow-up outlasts it; in
# months, the shortest time from inhibitor to second primary, and the wait of who has it last.
SHORTEST, LONGEST, AFTER = 3.0, 500.0, 20
FIRST_SINCE, LAST_WAIT = 0.6, 5.0
# How waits thin out on a logarithmic scale, as `quartered` takes it.
POWERS = (1.6, 1.0, 1.4)


def waits_of(rng: np.random.Generator, printed: PrintedStudy, treated: FollowUp) -> Integers:
    """Waits of the matched treated, in days: printed quartiles, and time left to second primary.

    Who develops a second primary waits for as long as the two printed times ask for, from the
    metastasis and from the inhibitor, the shorter with the shorter. Among the others a long wait
    falls to somebody whose follow-up outlasts it: a patient lives to be treated.
    """
    n = len(treated.days)
    waits = np.zeros(n, dtype=np.int64)
    second = np.flatnonzero(treated.event == 1)
    second = second[np.argsort(treated.days[second], kind="stable")]
    longest = float(treated.months[second].max()) - LAST_WAIT
    since = times_with(len(second), printed.since, FIRST_SINCE, longest)
    waits[second] = treated.days[second] - np.rint(since * DAYS_PER_MONTH).astype(np.int64)
    if waits[second].min() < SHORTEST:
        raise SynthesisError(
            f"{printed.study.key}: found a wait of {waits[second].min()} days before a second "
            f"primary; patients wait for {SHORTEST:g} at least. Try another seed."
        )
    left = _spread(n, printed.wait)
    for wait in waits[second]:
        # each takes the place of the wait next to it
        left = np.delete(left, int(np.argmin(np.abs(left - wait))))
    others = rng.permutation(np.flatnonzero(treated.event != 1))
    for wait in left[::-1]:
        lived = np.flatnonzero(treated.days[others] >= wait + AFTER)
        waits[others[lived[0]]] = wait
        others = np.delete(others, lived[0])
    return waits


def _spread(n: int, quartiles: Quartiles) -> Integers:
    """Sorted waits in days, even on a logarithmic scale between the quartiles."""
    logs = Quartiles(*(float(np.log(value)) for value in quartiles.each))
    exact = np.exp(quartered(n, logs, float(np.log(SHORTEST)), float(np.log(LONGEST)), POWERS))
    return np.rint(exact).astype(np.int64)
