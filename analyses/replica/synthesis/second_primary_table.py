"""The synthetic patients of `mlc_second_primary` as the table that is analysed.

Covariates that the matching sees and follow-up are made first, each by its own module; here they
become patients, with what the paper prints of their treatment, their waits and their dates.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.errors import SynthesisError
from replica.events.facts import rules_of
from replica.protocol import ArmKey, Study
from replica.published import PublishedValue
from replica.second_primary import EITHER, EVENT, WAIT
from replica.synthesis.second_primary_covariates import make_patterns
from replica.synthesis.second_primary_dates import dates_of
from replica.synthesis.second_primary_follow_up import FollowUp
from replica.synthesis.second_primary_partners import (
    AGE,
    AUTOIMMUNE,
    FEMALE,
    INDEX,
    TRANSPLANT,
    TYPE,
)
from replica.synthesis.second_primary_targets import PrintedStudy, read_targets
from replica.synthesis.second_primary_times import (
    loner_follow_up,
    matched_follow_up,
    other_follow_up,
)
from replica.synthesis.second_primary_waits import waits_of

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

# What is not printed of an arm: our shares of `yes`, near those printed of the other arm.
CONTROL_SHARES = {
    "de_novo_metastatic": 0.325,
    "smoking": 0.264,
    "dependency": 0.10,
    "chemotherapy": 0.77,
    "targeted_treatment": 0.145,
    "radiotherapy": 0.34,
    "surgery": 0.063,
}
TREATED_SHARES = {"dependency": 0.09, "prior_chemotherapy": 1.0, "chemotherapy": 1.0}
RACES = {"asian": 0.06, "black": 0.13, "unknown": 0.13, "white": 0.68}
# Days to the first inhibitor of the treated who are never matched.
LONER_WAIT = 28
# Treatments after the metastasis: who had none of them, and no inhibitor, is not eligible.
GIVEN = ("chemotherapy", "targeted_treatment", "radiotherapy", "surgery")


@dataclass(frozen=True)
class Patients:
    """The table that is analysed, and what events also need: days and kinds of event.

    `days` is the whole follow-up (`BEYOND` past the window), `event` 0 none, 1 second primary,
    2 death.
    """

    study: Study
    table: pd.DataFrame
    days: Integers
    event: Integers


def make_patients(
    study: Study, published: Sequence[PublishedValue], left_out: Collection[str], seed: int
) -> Patients:
    """Make the synthetic patients; the same seed gives the same patients.

    Parameters
    ----------
    study, published
        A study of second primaries and what its paper prints.
    left_out
        Ids of printed rows that contradict others and give way.
    seed
        Of every random choice.

    Raises
    ------
    SynthesisError
        If a number is not printed that they are made from, or the seed leads to none that match as
        printed.
    """
    printed = read_targets(study, published, left_out)
    patterns = make_patterns(np.random.default_rng(seed), printed)
    times = np.random.default_rng([seed, 1])
    treated, control, shape = matched_follow_up(times, printed)
    groups = [
        treated,
        loner_follow_up(printed, len(patterns.unmatched_treated)),
        control,
        other_follow_up(times, printed, shape, len(patterns.unmatched_control)),
    ]
    rows = np.vstack(
        [patterns.treated, patterns.unmatched_treated, patterns.control, patterns.unmatched_control]
    )
    return _table(np.random.default_rng([seed, 2]), printed, rows, groups)


def _table(
    rng: np.random.Generator, printed: PrintedStudy, rows: Integers, groups: list[FollowUp]
) -> Patients:
    study, rules = printed.study, rules_of(printed.study)
    sizes = [len(group.days) for group in groups]
    days = np.concatenate([group.days for group in groups])
    event = np.concatenate([group.event for group in groups])
    months = np.concatenate([group.months for group in groups])
    is_treated = np.arange(len(rows)) < sizes[0] + sizes[1]
    waits = [*waits_of(rng, printed, groups[0]).tolist(), *[LONER_WAIT] * sizes[1]]
    counted = months < rules.window_months
    types = np.array(study.covariate("cancer_type").level_keys)
    columns: dict[str, Any] = {
        "patient_id": "",
        "arm": np.where(is_treated, "treated", "control"),
        "sex": np.where(rows[:, FEMALE] == 1, "female", "male"),
        "autoimmune_disease": _words(rows[:, AUTOIMMUNE] == 1),
        "organ_transplant": _words(rows[:, TRANSPLANT] == 1),
        "cancer_type": types[rows[:, TYPE]],
        "race": rng.choice(list(RACES), len(rows), p=list(RACES.values())),
        **{name: _words(marks) for name, marks in _yes(rng, printed, sizes).items()},
        "age_years": rows[:, AGE],
        "charlson_index": rows[:, INDEX],
        WAIT: [str(wait) for wait in waits] + [""] * (len(rows) - len(waits)),
        "metastasis_date": dates_of(rng, rules, days, event, is_treated),
        "follow_up_months": [f"{value:.2f}" for value in months],
        EVENT: ((event == 1) & counted).astype(int),
        EITHER: ((event > 0) & counted).astype(int),
    }
    shuffled = rng.permutation(len(rows))
    table = pd.DataFrame(columns).iloc[shuffled].reset_index(drop=True)
    table["patient_id"] = [f"M{number:04d}" for number in range(1, len(table) + 1)]
    return Patients(study, table, days[shuffled], event[shuffled])


def _words(marks: Bools) -> NDArray[np.str_]:
    return np.where(marks, "yes", "no")


def _yes(rng: np.random.Generator, printed: PrintedStudy, sizes: Sequence[int]) -> dict[str, Bools]:
    """Mark `yes` in every column that no module before has made, group by group."""
    study = printed.study
    made = {"autoimmune_disease", "organ_transplant"}
    names = [
        column.key
        for column in (*study.covariates, *study.characteristics)
        if column.level_keys == ("yes", "no") and column.key not in made
    ]
    yes = {}
    for name in names:
        treated = _group_counts(printed, name, "treated", sizes[:2])
        control = _group_counts(printed, name, "control", sizes[2:])
        yes[name] = np.concatenate(
            [
                rng.permutation(np.arange(size) < count)
                for count, size in zip((*treated, *control), sizes, strict=True)
            ]
        )
    none = ~np.any([yes[name] for name in GIVEN], axis=0)
    none[: sizes[0] + sizes[1]] = False
    yes["chemotherapy"] |= none
    return yes


def _group_counts(
    printed: PrintedStudy, name: str, arm: ArmKey, sizes: Sequence[int]
) -> tuple[int, int]:
    """Patients of one arm with `yes`: of the matched and of the others."""
    matched, others = sizes
    before = printed.counts[arm, "before"].yes.get(name)
    after = printed.counts[arm, "after"].yes.get(name)
    share = {"treated": TREATED_SHARES, "control": CONTROL_SHARES}[arm].get(name)
    if before is not None:
        # without a count after matching, as many as can be are not matched
        after = before - min(before, others) if after is None else after
    elif after is not None:
        before = after + (0 if share is None else round(share * others))
    elif share is not None:
        after = round(share * matched)
        before = after + round(share * others)
    if before is None or after is None or not 0 <= before - after <= others or after > matched:
        raise SynthesisError(
            f"{printed.study.key}: {name} ({arm}): found {before} before and {after} after "
            f"matching, of {matched + others} and {matched}; no patients can be made of these."
        )
    return after, before - after
