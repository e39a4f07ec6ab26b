"""The ratios that a paper prints, each with the places where it stands and its E-value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from replica.audit.paper import Paper, study_paper
from replica.audit.wording import arm_words, item_words, outcome_words, subgroup_words
from replica.errors import ParameterError, PublishedTableError, one_of
from replica.paths import review_path
from replica.published import PublishedValue
from replica.review.e_values import OCCURRENCES, EValue, Measure, Occurrence, e_value
from replica.text_table import read_rows

MEASURES: dict[str, Measure] = {"hr": "hazard_ratio", "or": "odds_ratio"}
"""The statistics of a table of printed numbers that are ratios."""

GROUP_ITEMS = ("treatment", "exposure")
"""Items that say no more than that the groups of the row are compared."""

OCCURRENCE_COLUMNS = ("study", "outcome", "occurrence", "stated_by", "reason")


@dataclass(frozen=True)
class OutcomeOccurrence:
    """Whether an outcome is rare or common, who says so (`paper` or `assumed`), and why."""

    occurrence: Occurrence
    stated_by: str
    reason: str


@dataclass(frozen=True)
class PrintedRatio:
    """A printed ratio and its interval; one that stands in several places is listed once.

    `value` is None where no E-value can be had from what is printed; `problem` then says why.
    """

    places: tuple[str, ...]
    outcome: str
    label: str
    measure: Measure
    ratio: str
    low: str
    high: str
    occurrence: OutcomeOccurrence
    value: EValue | None
    problem: str

    @property
    def numbers(self) -> tuple[float, float, float]:
        """The ratio and both ends as numbers; not a number where there is none."""
        low, high = (float(end) if end else math.nan for end in (self.low, self.high))
        return float(self.ratio), low, high


def printed_ratios(study_key: str) -> tuple[PrintedRatio, ...]:
    """List every ratio that a study's paper prints, in the order of its first place.

    Raises
    ------
    PublishedTableError
        If nothing says whether one of the outcomes is rare or common.
    """
    return ratios_of(study_paper(study_key), occurrences(study_key))


def occurrences(study_key: str, path: Path | None = None) -> dict[str, OutcomeOccurrence]:
    """Read whether each outcome of a study is rare or common.

    Raises
    ------
    PublishedTableError
        If the file has another shape, an unknown word, or an outcome twice.
    """
    file = path or review_path("outcome_occurrence")
    found: dict[str, OutcomeOccurrence] = {}
    for row in read_rows(file, OCCURRENCE_COLUMNS):
        for column, allowed in (
            ("occurrence", OCCURRENCES),
            ("stated_by", ("paper", "assumed")),
        ):
            if row[column] not in allowed:
                raise PublishedTableError(f"{file.name}, {column}: {one_of(row[column], allowed)}")
        if row["study"] != study_key:
            continue
        if row["outcome"] in found:
            raise PublishedTableError(
                f"{file.name}: found {study_key}, {row['outcome']} twice; one row is allowed."
            )
        occurrence: Occurrence = "rare" if row["occurrence"] == "rare" else "common"
        found[row["outcome"]] = OutcomeOccurrence(occurrence, row["stated_by"], row["reason"])
    return found


def ratios_of(paper: Paper, known: dict[str, OutcomeOccurrence]) -> tuple[PrintedRatio, ...]:
    """List the ratios of a paper; see `printed_ratios`."""
    merged: list[tuple[tuple[str, ...], PrintedRatio]] = []
    for rows in _estimates(paper.published):
        quantity, found = _read(paper, rows, known)
        for i, (other, before) in enumerate(merged):
            if other == quantity and _same(before, found):
                fuller = before if before.low or not found.low else found
                places = dict.fromkeys((*before.places, *found.places))
                merged[i] = (quantity, replace(fuller, places=tuple(places)))
                break
        else:
            merged.append((quantity, found))
    return tuple(found for _, found in merged)


def _estimates(published: Sequence[PublishedValue]) -> Iterator[dict[str, PublishedValue]]:
    """Yield the rows of each estimate that is a ratio, by statistic."""
    grouped: dict[str, dict[str, PublishedValue]] = {}
    for row in published:
        grouped.setdefault(row.estimate_id, {})[row.statistic] = row
    for rows in grouped.values():
        if set(MEASURES) & set(rows):
            yield rows


def _read(
    paper: Paper, rows: dict[str, PublishedValue], known: dict[str, OutcomeOccurrence]
) -> tuple[tuple[str, ...], PrintedRatio]:
    statistic = next(name for name in MEASURES if name in rows)
    row = rows[statistic]
    if row.outcome not in known:
        raise PublishedTableError(
            f"{row.id}: no row says whether the outcome is rare or common, "
            f"{one_of(row.outcome, known)}"
        )
    low, high = (rows[end].printed if end in rows else "" for end in ("ci_low", "ci_high"))
    measure, occurrence = MEASURES[statistic], known[row.outcome]
    value, problem = _value((row.printed, low, high), measure, occurrence.occurrence)
    found = PrintedRatio(
        places=(row.where,),
        outcome=outcome_words(paper, row.outcome),
        label=_label(paper, row),
        measure=measure,
        ratio=row.printed,
        low=low,
        high=high,
        occurrence=occurrence,
        value=value,
        problem=problem,
    )
    return row.key, found


def _label(paper: Paper, row: PublishedValue) -> str:
    compared = row.item in GROUP_ITEMS
    parts = [
        "" if compared else item_words(paper, row.item, row.level),
        _contrast(paper, row),
        subgroup_words(paper, row.subgroup) if row.subgroup else "",
        row.model if row.model in {"univariable", "multivariable"} else "",
        f"{row.stage} matching" if compared and row.stage and not row.subgroup else "",
    ]
    return ", ".join(part for part in parts if part)


def _contrast(paper: Paper, row: PublishedValue) -> str:
    if not row.comparator:
        return ""
    groups = paper.study.groups if paper.study is not None else None
    labels = {group.key: group.label for group in groups.groups} if groups is not None else {}
    return " against ".join(
        labels.get(group) or arm_words(paper, group) for group in (row.arm, row.comparator)
    )


def _value(
    printed: Iterable[str], measure: Measure, occurrence: Occurrence
) -> tuple[EValue | None, str]:
    try:
        ratio, low, high = (float(text) if text else None for text in printed)
        if ratio is None:
            return None, "no ratio is printed"
        return e_value(ratio, low, high, measure=measure, occurrence=occurrence), ""
    except ParameterError:
        return None, "the printed ratio lies outside its printed interval, or none is a number"
    except ValueError:
        return None, "printed as words"


def _same(one: PrintedRatio, other: PrintedRatio) -> bool:
    if one.ratio != other.ratio:
        return False
    ends = ((one.low, one.high), (other.low, other.high))
    return ends[0] == ends[1] or ("", "") in ends


def ratios_frame(ratios: Iterable[PrintedRatio]) -> pd.DataFrame:
    """Lay ratios out as a tidy frame, with the E-values of either assumption beside each other."""
    rows = []
    for found in ratios:
        ratio, low, high = (float(t) if t else None for t in (found.ratio, found.low, found.high))
        row: dict[str, object] = {
            "places": "; ".join(found.places),
            "outcome": found.outcome,
            "contrast": found.label,
            "measure": found.measure,
            "ratio": found.ratio,
            "ci_low": found.low,
            "ci_high": found.high,
            "outcome_is": found.occurrence.occurrence,
            "stated_by": found.occurrence.stated_by,
        }
        for name, of in (("", found.value), *_either(found, ratio, low, high)):
            row[f"e_value{name}"] = f"{of.point:.2f}" if of else ""
            row[f"e_value_interval{name}"] = (
                f"{of.interval:.2f}" if of and of.interval is not None else ""
            )
        rows.append(row | {"problem": found.problem})
    return pd.DataFrame(rows)


def _either(
    found: PrintedRatio, ratio: float | None, low: float | None, high: float | None
) -> Iterator[tuple[str, EValue | None]]:
    for name in OCCURRENCES:
        of = None
        if found.value is not None and ratio is not None:
            of = e_value(ratio, low, high, measure=found.measure, occurrence=name)
        yield f"_if_{name}", of
