"""Guarantee-time bias: one comparison of survival read in several ways, biased and unbiased.

A patient whose solid cancer comes after the myeloma must live until then. Counted as exposed from
the diagnosis of myeloma, the time before the cancer cannot end in death, which flatters the
exposed; a covariate that changes when the cancer is found does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.case_control import CaseControl
from replica.cox import fit_cox
from replica.errors import EstimationError
from replica.group_counts import design_of, levels
from replica.group_models import EXPOSURE, together
from replica.protocol import Ties
from replica.risk_sets import cohort_times

Floats = NDArray[np.float64]

AT_MYELOMA = "from the diagnosis of myeloma, exposed throughout"
VARYING = "from the diagnosis of myeloma, exposed from the solid cancer on"
AT_SECOND = "from the later of the two cancers"
AT_FIRST = "from the earlier of the two cancers"
LATE_ENTRY = "from the earlier of the two cancers, at risk from the diagnosis of myeloma"


@dataclass(frozen=True)
class Rows:
    """Intervals of follow-up: start, stop, whether it ends in death, exposure, whose it is."""

    start: Floats
    stop: Floats
    event: NDArray[np.int64]
    exposed: Floats
    patient: NDArray[np.int64]


def exposure_readings(matched: CaseControl, outcome: str, *, ties: Ties) -> pd.DataFrame:
    """Hazard ratio of exposure under every reading of time zero and of when exposure begins.

    Parameters
    ----------
    matched
        Cases and their controls; a case whose second cancer is the one studied has the time
        between the two cancers, at which exposure begins.
    outcome
        Key of the outcome, counted from the diagnosis of myeloma.
    ties
        `efron` or `breslow`.

    Returns
    -------
    DataFrame
        `exposed` (the group), `reading`, `naive` (whether time that cannot end in death, or was
        not observed, is counted), `n`, `events`, `hazard_ratio`, `ci_low`, `ci_high`, `p`,
        `reason` (why there is no ratio; empty).

    Notes
    -----
    Giobbie-Hurder, Gelber and Regan, Journal of Clinical Oncology 2013;31:2963-2969; Suissa,
    American Journal of Epidemiology 2008;167:492-499.
    """
    design = design_of(matched.before.study)
    kinds = [
        group.key
        for group in design.groups
        if group.column == design.order and group.key != design.exposed
    ]
    rows = []
    for group in (design.exposed, *kinds):
        for reading, naive, data in _readings(matched, group, outcome):
            rows.append({"exposed": group, "reading": reading, "naive": naive, **_fit(data, ties)})
    return pd.DataFrame(rows)


def _readings(matched: CaseControl, group: str, outcome: str) -> Iterator[tuple[str, bool, Rows]]:
    design = design_of(matched.before.study)
    cohort, exposed = together(matched, group, design.unexposed)
    duration, event = cohort_times(cohort, outcome)
    between = cohort.column(design.interval).to_numpy(dtype=np.float64)
    later = exposed & (levels(cohort, design.order) == design.exposed_later).to_numpy()
    earlier = exposed & ~later
    zero, ids = np.zeros(duration.size), np.arange(duration.size)
    wait = np.where(later, between, 0.0)
    before = np.where(earlier, between, 0.0)
    is_exposed = exposed.astype(np.float64)
    yield AT_MYELOMA, bool(later.any()), Rows(zero, duration, event, is_exposed, ids)
    if later.any():
        yield VARYING, False, _split(duration, event, is_exposed, np.where(later, between, np.nan))
        yield AT_SECOND, True, Rows(zero, duration - wait, event, is_exposed, ids)
    if earlier.any() and not later.any():
        yield AT_FIRST, True, Rows(zero, duration + before, event, is_exposed, ids)
        yield LATE_ENTRY, False, Rows(before, duration + before, event, is_exposed, ids)


def _split(duration: Floats, event: NDArray[np.int64], exposed: Floats, at: Floats) -> Rows:
    """Cut the follow-up of those with a change into a part before and a part after it."""
    ids = np.arange(duration.size)
    changed = np.flatnonzero(~np.isnan(at) & (at < duration))
    unchanged = np.isnan(at)
    first = Rows(
        np.zeros(duration.size),
        np.where(np.isnan(at), duration, np.minimum(at, duration)),
        np.where(unchanged | (at >= duration), event, 0).astype(np.int64),
        np.where(unchanged, exposed, 0.0),
        ids,
    )
    return Rows(
        np.concatenate([first.start, at[changed]]),
        np.concatenate([first.stop, duration[changed]]),
        np.concatenate([first.event, event[changed]]),
        np.concatenate([first.exposed, exposed[changed]]),
        np.concatenate([ids, changed]),
    )


def _fit(rows: Rows, ties: Ties) -> dict[str, object]:
    shown: dict[str, object] = {
        "n": int(np.unique(rows.patient).size),
        "events": int(rows.event.sum()),
        **dict.fromkeys(("hazard_ratio", "ci_low", "ci_high", "p"), float("nan")),
        "reason": "",
    }
    try:
        fit = fit_cox(
            rows.exposed[:, None],
            rows.stop,
            rows.event,
            names=[EXPOSURE],
            ties=ties,
            start=rows.start,
            patient=rows.patient,
        )
    except EstimationError as error:
        return shown | {"reason": str(error)}
    found = fit.summary().iloc[0]
    return shown | {name: float(found[name]) for name in ("hazard_ratio", "ci_low", "ci_high", "p")}
