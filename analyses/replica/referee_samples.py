"""The public data sets on which this package, lifelines, statsmodels and R are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica import paths

Floats = NDArray[np.float64]
Estimates = dict[str, Floats]
"""What a program finds: numbers by the key of an estimate, in one order for all programs."""

LUNG = ("age", "sex", "ph.ecog")
HEART = ("age", "year", "surgery", "transplant")
MGUS2 = ("age", "male")
LALONDE = ("age", "educ", "married", "nodegree", "re74", "re75")
INFERT = ("spontaneous", "induced")
# a 2 x 2 table of a published baseline, and one of five categories in two groups
COUNTS = ((45, 86), (46, 101))
LARGER_COUNTS = ((25, 12, 4, 21, 4), (17, 9, 1, 7, 0))

HORIZON = 365.0
INCIDENCE_TIMES = (60.0, 120.0, 240.0)


@dataclass(frozen=True)
class Samples:
    """The data sets, as R's packages distribute them; deaths are 1 in the column `d`.

    `lung` holds the patients of `all_lung` without a missing covariate. In `untied_lung` and
    `untied_mgus2` no two patients have the same time.
    """

    all_lung: pd.DataFrame
    lung: pd.DataFrame
    untied_lung: pd.DataFrame
    veteran: pd.DataFrame
    heart: pd.DataFrame
    mgus2: pd.DataFrame
    untied_mgus2: pd.DataFrame
    lalonde: pd.DataFrame
    infert: pd.DataFrame


def load_samples() -> Samples:
    """Read the data sets from the repository's known answers.

    Raises
    ------
    ParameterError
        If the repository is not found.
    """
    all_lung = _read("lung")
    all_lung["d"] = all_lung["status"] - 1
    lung = all_lung.dropna(subset=["ph.ecog", "inst"]).reset_index(drop=True)
    lung["w"] = 1 + lung["age"] % 3
    mgus2 = _read("mgus2")
    mgus2["male"] = (mgus2["sex"] == "M").astype(float)
    return Samples(
        all_lung=all_lung,
        lung=lung,
        untied_lung=lung.assign(time=lung["time"] + (lung.index + 1) / 1000),
        veteran=_read("veteran"),
        heart=_read("heart"),
        mgus2=mgus2,
        untied_mgus2=mgus2.assign(etime=mgus2["etime"] + (mgus2.index + 1) / 10000),
        lalonde=_read("lalonde"),
        infert=_read("infert"),
    )


def r_estimates() -> tuple[Estimates, dict[str, str]]:
    """Read what R found, from its committed answers of 17 digits.

    Returns
    -------
    tuple
        Numbers by the key of an estimate, and versions by the name of the program.
    """
    answers = pd.read_csv(paths.known_answers_path("referee_answers"), dtype=str)
    told = answers["key"].str.startswith("version.")
    versions = answers[told].set_index("key")["value"]
    found = {
        str(key): np.array([float(value) for value in values], dtype=np.float64)
        for key, values in answers[~told].groupby("key", sort=False)["value"]
    }
    return found, {str(key).removeprefix("version."): text for key, text in versions.items()}


def _read(name: str) -> pd.DataFrame:
    path = paths.known_answers_path(name)
    return pd.read_csv(path, float_precision="round_trip")
