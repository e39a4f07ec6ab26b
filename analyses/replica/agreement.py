"""Printed numbers against computed ones, each with a verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from replica.cohort import Source
from replica.errors import ParameterError
from replica.estimate import Estimate
from replica.published import Printed, PublishedValue

VerdictKind = Literal["reproduced", "rounding", "different", "contradicted", "not_computable"]
Role = Literal["input", "target", "derived"]

VERDICT_KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)
Settings = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Verdict:
    """One printed number, what the analysis gave, and how the two compare."""

    published: PublishedValue
    role: Role
    reproduced: str
    outcome: VerdictKind
    evidence: str


def agreement(
    computed: Iterable[Estimate],
    published: Sequence[PublishedValue],
    *,
    targets: Collection[str] = (),
    settings: Settings | None = None,
    contradicted: Mapping[str, str] | None = None,
) -> tuple[Verdict, ...]:
    """Give every printed number a verdict.

    `reproduced` means that the computed number, rounded half up on exact rationals, is printed
    the same; `rounding` that it is within one unit of the last printed digit; `different` also
    that a number is printed and ours is not estimable; `not_computable` comes with its reason. A
    median printed as not reached is reproduced by one that the data do not reach. `contradicted`
    comes before all of these, for synthetic and supplied patients alike: that a printed number
    cannot hold beside others says nothing about the patients, and patients who give it back do not
    mend it. The computed number is shown all the same.

    Parameters
    ----------
    computed
        Estimates; the first one of a quantity counts.
    published
        Printed numbers of one study.
    targets
        Ids that the synthetic cohort was made to meet; empty for supplied patients.
    settings
        What the analysis used for settings of the methods, by item and level: the spellings that
        a paper may print it in (`0.02`, `.02`), of which the first is shown when none is printed.
    contradicted
        Ids of printed numbers that cannot hold beside others of the paper, each with the finding
        that shows it, as `replica.audit.contradictions` gives them.

    Raises
    ------
    ParameterError
        If an id in `contradicted` is not printed: it belongs to another table.
    """
    by_key: dict[tuple[str, ...], Estimate] = {}
    for estimate in computed:
        by_key.setdefault(estimate.key, estimate)
    used, excluded = settings or {}, contradicted or {}
    strange = sorted(set(excluded) - {row.id for row in published})
    if strange:
        raise ParameterError(
            f"contradicted: found {', '.join(strange)}, which this table does not print; audit the "
            "same table of printed numbers."
        )
    verdicts = (_verdict(row, by_key.get(row.key), targets, used) for row in published)
    return tuple(
        replace(verdict, outcome="contradicted", evidence=excluded[verdict.published.id])
        if verdict.published.id in excluded
        else verdict
        for verdict in verdicts
    )


def _verdict(
    row: PublishedValue,
    estimate: Estimate | None,
    targets: Collection[str],
    settings: Settings,
) -> Verdict:
    role = _role(row, targets)
    if row.statistic == "setting":
        return _setting(row, role, settings)
    printed = row.value
    if printed.kind == "text" and not printed.not_reached:
        reason = row.note or "printed as words; no number to compare with"
        return Verdict(row, role, "", "not_computable", reason)
    if estimate is None:
        reason = "the protocol holds no estimate of this quantity"
        return Verdict(row, role, "", "not_computable", reason)
    value = estimate.exact
    if value is None:
        # A median that the data do not reach is what "not reached" says.
        kind: VerdictKind = "reproduced" if printed.not_reached else "different"
        shown = printed.text if printed.not_reached else "not estimable"
        return Verdict(row, role, shown, kind, estimate.method)
    return Verdict(row, role, show(value, printed), compare(value, printed), estimate.method)


def _role(row: PublishedValue, targets: Collection[str]) -> Role:
    if row.statistic == "setting" or (row.item == "patients" and row.stage == "before"):
        return "input"
    return "target" if row.id in targets else "derived"


def _setting(row: PublishedValue, role: Role, settings: Settings) -> Verdict:
    spellings = settings.get((row.item, row.level), ())
    if not spellings:
        reason = "describes the study's methods; nothing that an analysis of its patients returns"
        return Verdict(row, role, "", "not_computable", reason)
    printed = row.printed.strip()
    same = printed.casefold() in {spelling.casefold() for spelling in spellings}
    kind: VerdictKind = "reproduced" if same else "different"
    return Verdict(row, role, printed if same else spellings[0], kind, "setting of this analysis")


def compare(value: Fraction, printed: Printed) -> VerdictKind:
    """Compare an exact value with a printed number or bound."""
    if printed.admits(value):
        return "reproduced"
    return "rounding" if printed.within_a_unit(value) else "different"


def show(value: Fraction, printed: Printed) -> str:
    """Write a value with as many decimals as the paper printed, rounding half up.

    Beside a bound such as `<0.001` a p value keeps its bound if it meets it, and three
    significant digits otherwise; so does a number beside words.
    """
    if printed.kind != "number":
        return printed.text if printed.admits(value) else f"{float(value):.3g}"
    return round_half_up(value, printed.digits)


def round_half_up(value: Fraction, digits: int) -> str:
    """Write an exact value with a number of decimals, halves going up."""
    scaled = math.floor(value * 10**digits + Fraction(1, 2))
    sign, scaled = ("-", -scaled) if scaled < 0 else ("", scaled)
    whole, decimals = divmod(scaled, 10**digits)
    return f"{sign}{whole}.{decimals:0{digits}d}" if digits else f"{sign}{whole}"


def agreement_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Lay verdicts out as a tidy frame, one row per printed number."""
    return pd.DataFrame(
        [
            {
                "id": verdict.published.id,
                "where": verdict.published.where,
                "role": verdict.role,
                "printed": verdict.published.printed,
                "reproduced": verdict.reproduced,
                "verdict": verdict.outcome,
                "evidence": verdict.evidence,
            }
            for verdict in verdicts
        ],
        columns=["id", "where", "role", "printed", "reproduced", "verdict", "evidence"],
    )


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Count the verdicts on results; inputs, which are taken over, are counted apart."""
    listed = tuple(verdicts)
    results = [verdict for verdict in listed if verdict.role != "input"]
    number: dict[str, int] = {
        kind: sum(verdict.outcome == kind for verdict in results) for kind in VERDICT_KINDS
    }
    number["attainable"] = len(results) - number["contradicted"] - number["not_computable"]
    number["results"] = len(results)
    number["inputs"] = len(listed) - len(results)
    number["all"] = len(listed)
    return number


def shares(number: Mapping[str, int]) -> dict[str, str]:
    """Write what is reproduced as percents of the attainable and of all results, if there are any.

    Parameters
    ----------
    number
        Counts as `counts` gives them.
    """
    return {
        of: f"{100 * number['reproduced'] / number[of]:.1f}%" if number[of] else "none"
        for of in ("attainable", "results")
    }


def verification(
    verdicts: Sequence[Verdict], *, source: Source, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Summarise one study's verdicts in the shape of `build/verification.json`."""
    return {
        "source": source,
        "parameters": dict(parameters),
        "counts": counts(verdicts),
        "values": agreement_frame(verdicts).to_dict(orient="records"),
    }


def write_verification(study_key: str, summary: Mapping[str, Any], folder: Path) -> Path:
    """Write one study's summary as JSON into a folder, for the book and for `replica verify`."""
    if summary["source"] not in ("synthetic", "supplied"):
        raise ParameterError(f"source: found {summary['source']!r}; synthetic or supplied.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{study_key}.json"
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
