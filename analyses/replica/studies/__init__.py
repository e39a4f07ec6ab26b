"""The studies: one module each, found by listing this folder, holding one `STUDY`.

A reader's own study lives in a file anywhere; `study_from_file` reads it.
"""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from pathlib import Path

from replica.errors import ParameterError, ProtocolError, one_of
from replica.protocol import Study


def study_keys() -> tuple[str, ...]:
    """Return the keys of all studies, sorted: the names of this folder's public modules."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load_study(key: str) -> Study:
    """Return the study that the module of this name describes.

    Raises
    ------
    ParameterError
        If no study has this key; the message lists them.
    ProtocolError
        If the module holds no `STUDY`, or one with another key.
    """
    keys = study_keys()
    if key not in keys:
        raise ParameterError(f"unknown study, {one_of(key, keys)}")
    # A study added while the process runs is found without a restart.
    importlib.invalidate_caches()
    study = getattr(importlib.import_module(f"{__name__}.{key}"), "STUDY", None)
    if not isinstance(study, Study):
        raise ProtocolError(
            f"study {key!r}: its module must define STUDY, a replica.protocol.Study; found "
            f"{type(study).__name__}."
        )
    if study.key != key:
        raise ProtocolError(
            f"study {key!r}: found STUDY.key = {study.key!r}; allowed: the module's name, {key!r}."
        )
    return study


def study_from_file(path: str | Path) -> Study:
    """Return the study that a Python file of the reader's own describes.

    Parameters
    ----------
    path
        A file that defines `STUDY`, a `replica.protocol.Study`. It is run, so read it first if
        somebody else wrote it.

    Raises
    ------
    ParameterError
        If there is no such file, or it defines no `STUDY`.
    ProtocolError
        If the study described contradicts itself.
    """
    file = Path(path)
    if not file.is_file():
        raise ParameterError(
            f"no file {str(path)!r}; give the path of a Python file that defines STUDY."
        )
    # Run, not imported: nothing is cached, so an edited file is read anew.
    study = runpy.run_path(str(file)).get("STUDY")
    if not isinstance(study, Study):
        raise ParameterError(
            f"{file.name}: must define STUDY, a replica.protocol.Study; found "
            f"{type(study).__name__}."
        )
    return study
