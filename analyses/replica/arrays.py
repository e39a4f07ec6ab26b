"""What an estimator is given, read as numbers, arms or labels, or refused in this package's words.

Everything here ends in an array of one dtype or in an error of `replica.errors`; a text, a date or
a missing value never passes for a number.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from replica.errors import DataError, ParameterError, ReplicaError

__all__ = [
    "arms",
    "check_level",
    "labels",
    "limits",
    "number",
    "numbers",
    "plain_numbers",
    "whole_number",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

_NUMERIC = "fiub"
# datetime64, timedelta64 and complex numbers: NumPy would turn them into floats without a word
_NO_NUMBERS = {"M": "dates", "m": "time differences", "c": "complex numbers"}


def plain_numbers(values: ArrayLike, what: str, error: type[ReplicaError] = DataError) -> Floats:
    """Read values as floats, with NaN for each text that is no number; refuse dates.

    Raises
    ------
    ReplicaError
        Of the type given: if the values are dates, time differences, complex, or not an array.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise error(f"{what}: found rows of unequal length; needed: one number each.") from None
    if array.dtype.kind in _NUMERIC:
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind in _NO_NUMBERS:
        raise _no_number(_NO_NUMBERS[array.dtype.kind], what, error)
    cells = [_float(cell, what, error) for cell in array.ravel().tolist()]
    return np.array(cells, dtype=np.float64).reshape(array.shape)


def numbers(values: ArrayLike, what: str, error: type[ReplicaError] = DataError) -> Floats:
    """Read values as floats of the same shape; refuse a text that is no number, and dates.

    A missing value becomes NaN, which is for the caller to refuse.

    Raises
    ------
    ReplicaError
        Of the type given: if a value is no number; the message shows the first.
    """
    found = plain_numbers(values, what, error)
    array = np.asarray(values)
    if array.dtype.kind in _NUMERIC:
        return found
    cells = array.ravel().tolist()
    for row, (cell, value) in enumerate(zip(cells, found.ravel(), strict=True)):
        if math.isnan(value) and isinstance(cell, str) and cell.strip().lower() != "nan":
            raise error(
                f"{what}: found {cell!r} in row {row}; allowed: numbers. Convert or exclude "
                "what is not one."
            )
    return found


def _float(cell: object, what: str, error: type[ReplicaError]) -> float:
    if isinstance(cell, int | float | str | np.integer | np.floating | np.bool_):
        try:
            return float(cell)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return math.nan
    raise _no_number(f"{cell!r}", what, error)


def _no_number(found: str, what: str, error: type[ReplicaError]) -> ReplicaError:
    return error(
        f"{what}: found {found}; allowed: numbers. Turn dates into durations first, such as "
        "(end - start).dt.days / 30.4375 for months."
    )


def arms(values: ArrayLike, what: str = "treated") -> Bools:
    """Read which units are treated: true or false, 1 or 0.

    Raises
    ------
    ParameterError
        If a value is anything else, missing ones included.
    """
    array = np.asarray(values)
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array, dtype=np.bool_)
    found = plain_numbers(array, what, ParameterError)
    bad = ~np.isin(found, (0.0, 1.0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ParameterError(
            f"{what}: found {int(bad.sum())} other than true or false (first: "
            f"{array.ravel().tolist()[row]!r} in row {row}); allowed: true (1) for treated, "
            "false (0) for control. Compare the column first, such as patients['arm'] == 'treated'."
        )
    return np.ascontiguousarray(found == 1.0, dtype=np.bool_)


def labels(
    values: ArrayLike,
    n: int,
    what: str,
    error: type[ReplicaError] = DataError,
    whom: str = "patients",
) -> tuple[Integers, tuple[object, ...]]:
    """Read labels as codes 0, 1, ... in sorted order, and the sorted labels.

    Labels of several types are sorted by type first. `whom` is what messages call the rows.

    Raises
    ------
    ReplicaError
        Of the type given: if there is not one label for each of `n` patients, or one is missing.
    """
    array = np.asarray(values)
    if array.dtype.kind in "US" and isinstance(values, list | tuple):
        # NumPy writes a missing value among texts as the text 'nan'
        array = np.asarray(values, dtype=object)
    if array.ndim != 1:
        raise error(
            f"{what}: found {array.ndim} dimensions; needed: one label for each of {n} {whom}."
        )
    try:
        codes, uniques = pd.factorize(array, sort=True)
    except TypeError:
        plain, found = pd.factorize(array)
        order = sorted(range(len(found)), key=lambda i: (type(found[i]).__name__, repr(found[i])))
        place = np.empty(len(found) + 1, dtype=np.int64)
        place[order], place[-1] = np.arange(len(found)), -1
        codes, uniques = place[plain], found[order]
    missing = int((codes < 0).sum())
    if codes.size != n or missing:
        raise error(
            f"{what}: found {codes.size} labels for {n} {whom}, {missing} of them missing; each "
            "needs one. Exclude those without, or give them a label of their own."
        )
    return codes.astype(np.int64), tuple(uniques.tolist())


def number(value: object, what: str, error: type[ReplicaError] = ParameterError) -> float:
    """Read one setting as a number, NaN and infinity included, or say that it is none.

    Raises
    ------
    ReplicaError
        Of the type given: if the value is no real number.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise error(f"{what}: found {value!r}; allowed: one number. Pass it without its unit.")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def whole_number(
    value: object, what: str, of: str = "", error: type[ReplicaError] = ParameterError
) -> int:
    """Read one setting as a whole number from 1; `of` says in messages what is counted.

    Raises
    ------
    ReplicaError
        Of the type given: if the value is not one.
    """
    found = number(value, what, error)
    if not (1 <= found < 2**63 and found == math.floor(found)):
        raise error(f"{what}: found {value}; a whole number of at least 1{of} is needed.")
    return int(found)


def check_level(level: float) -> float:
    """Return a confidence level, or refuse what is not between 0 and 1.

    Raises
    ------
    ParameterError
        If the level is not between 0 and 1.
    """
    found = number(level, "level")
    if not 0 < found < 1:
        meant = f" Did you mean {found / 100:g}?" if 1 < found < 100 else ""
        raise ParameterError(
            f"level: found {level}; it must lie between 0 and 1, such as 0.95.{meant}"
        )
    return level


def limits(pairs: object, what: str, error: type[ReplicaError]) -> dict[str, float]:
    """Read pairs of a name and the largest difference allowed, each name once.

    Raises
    ------
    ReplicaError
        Of the type given: if it is no sequence of such pairs, or a name is there twice.
    """
    example = (
        f"{what}: found {pairs!r}; allowed: pairs of a name and a number. Write (('age', 5),), for "
        "instance."
    )
    if not isinstance(pairs, tuple | list):
        raise error(example)
    found: dict[str, float] = {}
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise error(example)
        if pair[0] in found:
            raise error(f"{what}: found {pair[0]!r} twice; name each measure only once.")
        found[pair[0]] = number(pair[1], f"{what}, {pair[0]}", error)
    return found
