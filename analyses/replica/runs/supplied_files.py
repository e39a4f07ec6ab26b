"""Which files of the reader a run is to read, named by options or by parameters, never by both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from replica.errors import ParameterError
from replica.runs.parameters import DATA, FOLDER, MAP, SOURCE


def supplied_files(
    values: Mapping[str, object], data: Path | None, data_map: Path | None
) -> dict[str, Path]:
    """Find the file of patients and its mapping file, by the parameter that names each.

    Parameters
    ----------
    values
        Parameters that were given.
    data, data_map
        What the options `--data` and `--map` name.

    Raises
    ------
    ParameterError
        If a file is named twice or without what belongs to it.
    """
    if FOLDER in values:
        raise ParameterError(f"{FOLDER}: the folder of a run is named by --out; leave out -p.")
    for option, given, names in (("--data", data, (DATA, SOURCE)), ("--map", data_map, (MAP,))):
        twice = sorted(set(names) & set(values)) if given else []
        if twice:
            said = " and ".join(twice)
            raise ParameterError(f"{option} sets {said} itself; leave out -p for it.")
    patients = data or _path(values, DATA)
    mapping = data_map or _path(values, MAP)
    if data is None and values.get(SOURCE) == "supplied" and patients is None:
        raise ParameterError(
            "source: found 'supplied' without a file; give --data FILE, which sets both."
        )
    if data is None and patients is not None and values.get(SOURCE) != "supplied":
        raise ParameterError(
            f"{DATA}: found {patients.name!r} with synthetic patients; give --data FILE, "
            "which sets the source as well."
        )
    if mapping is not None and patients is None:
        raise ParameterError(
            f"{MAP}: found {mapping.name!r} with synthetic patients, who need none; name your "
            "patients with --data FILE, or leave it out."
        )
    named = {DATA: patients, MAP: mapping}
    return {name: file for name, file in named.items() if file is not None}


def _path(values: Mapping[str, object], name: str) -> Path | None:
    text = str(values.get(name) or "")
    return Path(text).expanduser() if text else None
