"""Tables of results without the numbers that would tell of a few patients."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

from replica.cohort import AttritionStep
from replica.disclosure.cells import MATCHED_SET, Disclosure
from replica.disclosure.suppression import Sum, small, suppressed
from replica.estimate import MASKED
from replica.protocol import ARM_KEYS

Place = tuple[object, str]

_RATIO = ("hazard_ratio", "ci_low", "ci_high", "p")


def masked_balance(frame: pd.DataFrame, matched: MATCHED_SET) -> pd.DataFrame:
    """Leave out means and differences that are shares of few patients, or follow from them.

    Takes and returns what `replica.balance.balance` gives; what is left out is missing. A mean of
    a measure after matching goes when few of an arm were left unmatched: the means of both stages
    would tell of these.
    """
    shown = Disclosure.of(matched)
    if shown.min_cell < 2:
        return frame
    masked = frame.copy()
    for i, row in frame.iterrows():
        hidden = [arm for arm in ARM_KEYS if _mean_tells(row, arm, shown)]
        for arm in hidden:
            masked.loc[i, f"mean_{arm}"] = float("nan")
        if hidden:
            masked.loc[i, ["smd", "variance_ratio"]] = float("nan")
    return masked


def _mean_tells(row: pd.Series, arm: str, shown: Disclosure) -> bool:
    stage = str(row["stage"])
    if row["level"]:
        return shown.hides(str(row["covariate"]), {arm}, stage, str(row["level"]))
    return stage == "after" and shown.few_unmatched(arm)


def masked_counts(
    frame: pd.DataFrame,
    min_cell: int,
    *,
    within: Iterable[tuple[str, str]],
    by: str = "",
    hidden: Collection[tuple[int, str]] = (),
) -> pd.DataFrame:
    """Leave out counts of few patients in the columns of a table, and what gives them away.

    Parameters
    ----------
    frame
        One row per group of patients.
    min_cell
        The smallest count, other than 0, that may be shown.
    within
        Pairs of columns of counts, the second counting some of those that the first counts.
    by
        A column that names what the rows of a group divide between them, so that their counts add
        up to a known number; without one the rows are unrelated.
    hidden
        Row numbers and columns of counts that other tables hide.

    Returns
    -------
    DataFrame
        A copy with missing values where a count is left out. Where it is small, a hazard ratio
        with its interval and p value is left out as well.
    """
    pairs = list(within)
    if min_cell < 2 or frame.empty:
        return frame
    columns = list(dict.fromkeys(name for pair in pairs for name in pair))
    keys = {(i, name): int(frame[name].iloc[i]) for i in range(len(frame)) for name in columns}
    counts: dict[Place, int] = {(i, name): count for (i, name), count in keys.items()}
    sums: list[Sum[Place]] = []
    for i in range(len(frame)):
        for outer, inner in pairs:
            rest: Place = (i, f"{outer} without {inner}")
            counts[rest] = keys[i, outer] - keys[i, inner]
            sums.append(Sum((i, outer), ((i, inner), rest)))
    totals: set[Place] = set()
    for group, rows in frame.reset_index(drop=True).groupby(by, sort=False) if by else ():
        for name in columns:
            total: Place = (f"all of {group}", name)
            counts[total] = sum(keys[i, name] for i in rows.index)
            totals.add(total)
            sums.append(Sum(total, tuple((i, name) for i in rows.index)))
    elsewhere = set(hidden)
    masks = elsewhere | suppressed(
        counts, sums, shown={*keys, *totals} - elsewhere, fixed=totals, min_cell=min_cell
    )
    masked = frame.reset_index(drop=True).copy()
    for name in columns:
        masked[name] = [
            None if (i, name) in masks else value for i, value in enumerate(masked[name])
        ]
        masked[name] = masked[name].astype("Int64")
    few = [any(small(keys[i, name], min_cell) for name in columns) for i in range(len(frame))]
    for name in (c for c in frame.columns if str(c).removeprefix("firth_") in _RATIO):
        masked[name] = masked[name].mask(pd.Series(few))
    return masked


def masked_comparisons(frame: pd.DataFrame, matched: MATCHED_SET) -> pd.DataFrame:
    """Empty the rows of comparisons of two groups from which a hidden count would follow.

    The frame has `item`, `first` and `second`, and what is `printed`, which is left as it is; of
    the rest numbers become missing, and words empty.
    """
    shown = Disclosure.of(matched)
    if shown.min_cell < 2:
        return frame
    hidden = pd.Series(
        [
            shown.hides(str(item), {str(first), str(second)}, "")
            for item, first, second in zip(
                frame["item"], frame["first"], frame["second"], strict=True
            )
        ],
        index=frame.index,
    )
    masked = frame.copy()
    for name in frame.columns.difference(["exhibit", "item", "first", "second", "printed"]):
        number = pd.api.types.is_numeric_dtype(frame[name])
        masked[name] = frame[name].mask(hidden, float("nan") if number else MASKED)
    return masked


def masked_steps(steps: Sequence[AttritionStep], min_cell: int) -> tuple[AttritionStep, ...]:
    """Join the steps of a flow of patients at which few left with those after them.

    The numbers before and after a step tell how many left at it, so a step of few is not shown by
    itself; the last is joined with the one before it. What is left of one step is shown as it is:
    how many are in the table and how many are analysed is always known.
    """
    if min_cell < 2:
        return tuple(steps)
    joined: list[AttritionStep] = []
    for step in steps:
        if len(joined) > 1 and small(joined[-1].excluded, min_cell):
            before = joined.pop()
            joined.append(_together(before, step))
        else:
            joined.append(step)
    if len(joined) > 2 and small(joined[-1].excluded, min_cell):
        last = joined.pop()
        joined.append(_together(joined.pop(), last))
    return tuple(joined)


def _together(first: AttritionStep, second: AttritionStep) -> AttritionStep:
    reasons = [step.reason for step in (first, second) if step.excluded]
    return AttritionStep(
        f"{first.label}; {second.label}",
        second.remaining,
        first.excluded + second.excluded,
        "; ".join(reasons) or second.reason,
    )


def masked_parts(parts: Mapping[str, int], min_cell: int) -> dict[str, int | None]:
    """Mask counts that add up to a known number, the small ones and what gives them away."""
    total = "the known number"
    counts = {**parts, total: sum(parts.values())}
    hidden = suppressed(
        counts, [Sum(total, tuple(parts))], shown=counts, fixed=(total,), min_cell=min_cell
    )
    return {part: None if part in hidden else count for part, count in parts.items()}
