"""What is declared about a study's sweeps: `data/sweeps/<study>.toml`, and what to do without."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replica.errors import ParameterError, one_of
from replica.paths import repository
from replica.protocol import Study

Axis = Sequence[Mapping[str, Any]]

OWN = "own"
"""Name of the study's own matching covariates where no set has that list."""

_PARTS = ("covariate_sets", "specification", "panel")


def sweeps_path(study_key: str) -> Path:
    """Return the path of what is declared about a study's sweeps."""
    return repository() / "data" / "sweeps" / f"{study_key}.toml"


def declared(study_key: str) -> dict[str, Any]:
    """Read what is declared about a study's sweeps; empty if nothing is.

    Raises
    ------
    ParameterError
        If the file is no TOML, or has an unknown part.
    """
    path = sweeps_path(study_key)
    if not path.is_file():
        return {}
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"{path.name}: not readable as TOML: {error}") from None
    for name in read:
        if name not in _PARTS:
            raise ParameterError(f"{path.name}: unknown part, {one_of(name, _PARTS)}")
    return read


def covariate_sets(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the lists of covariates that a propensity model of the study may have, by name.

    The study's own list comes first; then those of its protocol, then those declared.

    Raises
    ------
    ParameterError
        If a declared list names a covariate that the study does not have.
    """
    named = {one.key: one.covariates for one in study.covariate_sets}
    own = study.matching.covariates
    sets = named if own in named.values() else {OWN: own, **named}
    known = [*(c.key for c in study.covariates), *(m.key for m in study.measures)]
    for name, keys in declared(study.key).get("covariate_sets", {}).items():
        for key in keys:
            if key not in known:
                raise ParameterError(f"{study.key}.toml, {name}: {one_of(key, known)}")
        sets[name] = tuple(keys)
    return sets


def specification_axes(study: Study) -> tuple[Axis, ...]:
    """Return the choices of the study's specification curve, one axis each.

    A study without a declaration gets what its protocol leaves open: half and twice its caliper,
    every order of the treated, both kinds of ties, every covariate set, outcome and adjustment.
    """
    given = declared(study.key).get("specification")
    if given is not None:
        return tuple(given["choice"])
    plan = study.matching
    calipers = [None] if plan.caliper is None else [plan.caliper * k for k in (0.5, 1, 2)]
    axes: list[Axis] = [
        [{"outcome": outcome.key} for outcome in study.outcomes],
        [{"ties": ties} for ties in ("efron", "breslow")],
    ]
    if study.groups is None:
        axes += [
            [{"caliper": caliper} for caliper in calipers],
            [{"order": order} for order in ("data", "largest", "closest", "random")],
            [{"matching_covariates": name} for name in covariate_sets(study)],
            [{"adjustment": name} for name in ("crude", "clustered", "adjusted")],
        ]
    return tuple(axes)
