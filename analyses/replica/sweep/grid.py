"""All combinations of the values asked for, checked before anything runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from replica.errors import ParameterError
from replica.protocol import Study
from replica.sweep.declared import Axis
from replica.sweep.parameters import SEED, Parameter, check_name, parameters
from replica.sweep.record import Value, Values


@dataclass(frozen=True)
class Grid:
    """Combinations of values: one of each axis, and the study's own for everything else.

    Each entry of an axis holds one value, or several that go together (a caliper and its scale).
    Combinations come in the order of the study's parameters, the last changing fastest, so that
    runs that share their matched sets stand side by side.
    """

    study: Study
    axes: tuple[tuple[Values, ...], ...]

    def __len__(self) -> int:
        """Count the combinations."""
        count = 1
        for axis in self.axes:
            count *= len(axis)
        return count

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """Make the combinations, each with a value for every parameter."""
        own = {name: one.default for name, one in parameters(self.study).items()}
        for entries in itertools.product(*self.axes):
            values = dict(own)
            for entry in entries:
                values.update(entry)
            yield values

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the parameters that take several values, in their order."""
        names = {name for axis in self.axes if len(axis) > 1 for entry in axis for name in entry}
        return tuple(name for name in parameters(self.study) if name in names)


def read_grid(study: Study, texts: Sequence[str], *, seeds: int | None = None) -> Grid:
    """Read what was typed: `name=value,value`, once for each parameter, and a number of seeds.

    Raises
    ------
    ParameterError
        If a name or value is unknown, a name or value is given twice, or there is no seed.
    """
    known = parameters(study)
    given: dict[str, list[str]] = {}
    for text in texts:
        name, separator, listed = text.partition("=")
        name = name.strip()
        check_name(name, known)
        if not separator or not listed.strip():
            raise ParameterError(f"grid: found {text!r}; write {name}=VALUE,VALUE.")
        if name in given:
            raise ParameterError(
                f"grid: {name} is given twice; list all values at once: {name}=VALUE,VALUE."
            )
        given[name] = listed.split(",")
    axes: list[Axis] = [
        [{name: known[name].read(one)} for one in listed] for name, listed in given.items()
    ]
    if seeds is not None:
        axes.append(_seeds(study, seeds, known, taken=SEED in given))
    return make_grid(study, axes)


def _seeds(study: Study, seeds: int, known: Mapping[str, Parameter], *, taken: bool) -> Axis:
    if SEED not in known:
        raise ParameterError(
            f"seeds: nothing in runs of {study.key} is drawn at random; leave --seeds out."
        )
    if taken:
        raise ParameterError("seeds: found --seeds beside a grid of seed; give one of them.")
    if seeds < 1:
        raise ParameterError(f"seeds: found {seeds}; at least 1 is needed.")
    return [{SEED: seed} for seed in range(1, seeds + 1)]


def make_grid(study: Study, axes: Iterable[Axis]) -> Grid:
    """Check axes and put them into the order of the study's parameters.

    Raises
    ------
    ParameterError
        If a name or value is unknown, stands twice, or an axis is empty.
    """
    known = parameters(study)
    order = list(known)
    checked: list[tuple[int, tuple[Values, ...]]] = []
    seen: set[str] = set()
    for axis in axes:
        entries = tuple(_entry(entry, known) for entry in axis)
        names = {name for entry in entries for name in entry}
        if not names:
            raise ParameterError("grid: found an axis without values; name at least one.")
        for name in sorted(names & seen):
            raise ParameterError(f"grid: {name} stands in two axes; list all its values in one.")
        if any(set(entry) != names for entry in entries):
            raise ParameterError(f"grid: every entry of an axis needs all of {', '.join(names)}.")
        written = [json.dumps(entry, sort_keys=True) for entry in entries]
        for entry, text in zip(entries, written, strict=True):
            if written.count(text) > 1:
                shown = ", ".join(f"{name}={value}" for name, value in entry.items())
                raise ParameterError(f"grid: {shown} is given twice; give it once.")
        seen |= names
        checked.append((min(order.index(name) for name in names), entries))
    ordered = sorted(checked, key=lambda pair: pair[0])
    return Grid(study, tuple(entries for _, entries in ordered))


def _entry(entry: Mapping[str, object], known: Mapping[str, Parameter]) -> dict[str, Value]:
    """Check the values of an entry by reading them as they would be typed."""
    return {
        name: check_name(name, known).read("none" if value is None else str(value))
        for name, value in entry.items()
    }


def run_key(values: Values, of: str) -> str:
    """Name one run: a digest of its values and of what it is a run of (see `sweep_identity`)."""
    text = json.dumps([of, dict(values)], sort_keys=True, ensure_ascii=True)
    return sha256(text.encode()).hexdigest()[:24]
