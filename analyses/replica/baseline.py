"""The committed summary of verdicts, and whether a new run falls behind it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replica.errors import DataError

# From best to worst. An exact contradiction ranks above a bare difference: it is explained.
RANKING = ("reproduced", "rounding", "contradicted", "different", "not_computable")

Summary = dict[str, dict[str, str]]


def summarise(verification: Mapping[str, Any]) -> Summary:
    """Reduce build/verification.json to one verdict for each printed number: study, id, verdict.

    Raises
    ------
    DataError
        If it has another shape, an id twice or an unknown verdict.
    """
    summary: Summary = {}
    try:
        for key, study in verification["studies"].items():
            pairs = [(value["id"], value["verdict"]) for value in study["values"]]
            summary[key] = dict(pairs)
            _check(key, pairs)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"the verification has no {error}; make it anew with `replica book`."
        ) from None
    return summary


def worse(baseline: Summary, now: Summary) -> list[str]:
    """List every printed number whose verdict fell behind the baseline, in the baseline's order.

    A study or a number that is gone has fallen behind too. What is new cannot be worse.
    """
    fallen = []
    for key, verdicts in baseline.items():
        for identifier, before in verdicts.items():
            after = now.get(key, {}).get(identifier)
            if after is None or RANKING.index(after) > RANKING.index(before):
                fallen.append(f"{key}: {identifier} was {before}, is {after or 'missing'}")
    return fallen


def counts(verdicts: Mapping[str, str]) -> dict[str, int]:
    """Count the verdicts of one study, best first, none left out."""
    found = Counter(verdicts.values())
    return {verdict: found[verdict] for verdict in RANKING}


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object; `remedy` is what the error tells to do when the file is missing.

    Raises
    ------
    DataError
        If there is no such file or it is not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no file {path}; {remedy}.") from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    return content


def write_baseline(summary: Summary, path: Path) -> None:
    """Write the summary as the new baseline, one verdict per line so that changes can be read."""
    text = json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _check(key: str, pairs: list[tuple[str, str]]) -> None:
    twice = [identifier for identifier, n in Counter(i for i, _ in pairs).items() if n > 1]
    if twice:
        raise DataError(f"{key}: found two verdicts for {', '.join(twice)}; allowed: one each.")
    unknown = sorted({verdict for _, verdict in pairs} - set(RANKING))
    if unknown:
        raise DataError(f"{key}: found {', '.join(unknown)}; allowed: {', '.join(RANKING)}.")
