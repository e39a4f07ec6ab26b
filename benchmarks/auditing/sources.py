"""Public data sets that come with lifelines and statsmodels, each as two groups of subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
from lifelines import datasets as survival_data
from statsmodels import datasets as other_data

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class Source:
    """Subjects in two groups: `treated` is a column of booleans, as is `event` if there is one.

    `levels` maps each covariate to its levels in the order of printing, `numbers` names the numeric
    columns with their decimals, `unit` is that of `duration`, `times` when rates are printed.
    """

    key: str
    frame: pd.DataFrame
    levels: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, int]
    unit: str = ""
    times: tuple[int, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether subjects were followed for an event."""
        return bool(self.times)

    @property
    def outcome(self) -> bool:
        """Whether an event is known, with or without its time."""
        return "event" in self.frame


def _yes(values: pd.Series) -> pd.Series:
    return pd.Series(np.where(values.astype(bool), "yes", "no"), index=values.index)


def _some(values: pd.Series, *kept: str) -> pd.Series:
    return values.where(values.isin(kept), "other")


def _bands(values: pd.Series, *cuts: float) -> pd.Series:
    """Name the band of each value: `under_a`, `a_to_b`, `b_or_over`."""
    names = [f"under_{cuts[0]:g}"]
    names += [f"{a:g}_to_{b:g}" for a, b in pairwise(cuts)]
    names.append(f"{cuts[-1]:g}_or_over")
    places = np.searchsorted(np.asarray(cuts), values.to_numpy(dtype=float), side="right")
    return pd.Series([names[place] for place in places], index=values.index)


def _source(
    key: str,
    frame: pd.DataFrame,
    *,
    numbers: Mapping[str, int] | None = None,
    unit: str = "",
    times: tuple[int, ...] = (),
) -> Source:
    known = {"treated", "event", "duration"} | set(numbers or {})
    levels = {
        str(name): tuple(sorted(str(level) for level in frame[name].unique()))
        for name in frame.columns
        if name not in known
    }
    whole = frame.dropna().reset_index(drop=True)
    return Source(key, whole, levels, dict(numbers or {}), unit, times)


def _rossi() -> Source:
    d = survival_data.load_rossi()
    frame = pd.DataFrame(
        {
            "treated": d["fin"].eq(1),
            "work_experience": _yes(d["wexp"]),
            "married": _yes(d["mar"]),
            "paroled": _yes(d["paro"]),
            "priors": _bands(d["prio"], 1, 4),
            "age": d["age"].astype(float),
            "duration": d["week"].astype(float),
            "event": d["arrest"].eq(1),
        }
    )
    return _source("rossi", frame, numbers={"age": 1}, unit="weeks", times=(26, 52))


def _gbsg2() -> Source:
    d = survival_data.load_gbsg2()
    frame = pd.DataFrame(
        {
            "treated": d["horTh"].eq("yes"),
            "menopausal_status": d["menostat"].str.lower(),
            "tumor_grade": d["tgrade"].str.lower(),
            "nodes": _bands(d["pnodes"], 4, 10),
            "age": d["age"].astype(float),
            "tumor_size": d["tsize"].astype(float),
            "duration": d["time"] / DAYS_PER_MONTH,
            "event": d["cens"].eq(1),
        }
    )
    numbers = {"age": 1, "tumor_size": 1}
    return _source("gbsg2", frame, numbers=numbers, unit="months", times=(24, 60))


def _lymph_node() -> Source:
    d = survival_data.load_lymph_node()
    frame = pd.DataFrame(
        {
            "treated": d["hormone"].eq(2),
            "menopause": _yes(d["menopause"].eq(2)),
            "grade": d["grade"].map({1: "i", 2: "ii", 3: "iii"}),
            "age_group": _bands(d["age"], 50, 65),
            "size": d["size"].astype(float),
            "duration": d["survtime"] / DAYS_PER_MONTH,
            "event": d["censdead"].eq(1),
        }
    )
    return _source("lymph_node", frame, numbers={"size": 1}, unit="months", times=(24, 60))


def _lung() -> Source:
    d = survival_data.load_lung()[["time", "status", "age", "sex", "ph.ecog", "ph.karno"]].dropna()
    frame = pd.DataFrame(
        {
            "treated": d["sex"].eq(2),
            "ecog": _bands(d["ph.ecog"], 1, 2),
            "karnofsky": _bands(d["ph.karno"], 80),
            "age": d["age"].astype(float),
            "duration": d["time"] / DAYS_PER_MONTH,
            "event": d["status"].eq(1),
        }
    )
    return _source("lung", frame, numbers={"age": 1}, unit="months", times=(6, 12))


def _larynx() -> Source:
    d = survival_data.load_larynx()
    stage = np.select([d["Stage_II"] == 1, d["Stage_III"] == 1, d["Stage_IV"] == 1], [2, 3, 4], 1)
    frame = pd.DataFrame(
        {
            "treated": d["age"].ge(65),
            "stage": pd.Series(stage).map({1: "i", 2: "ii", 3: "iii", 4: "iv"}),
            "duration": d["time"] * 12,
            "event": d["death"].eq(1),
        }
    )
    return _source("larynx", frame, unit="months", times=(24, 48))


def _kidney() -> Source:
    d = survival_data.load_kidney_transplant()
    frame = pd.DataFrame(
        {
            "treated": d["age"].ge(45),
            "sex": np.where(d["black_male"].eq(1) | d["white_male"].eq(1), "male", "female"),
            "age": d["age"].astype(float),
            "duration": d["time"] / DAYS_PER_MONTH,
            "event": d["death"].eq(1),
        }
    )
    return _source("kidney_transplant", frame, numbers={"age": 1}, unit="months", times=(24, 60))


def _lupus() -> Source:
    d = survival_data.load_lupus()
    frame = pd.DataFrame(
        {
            "treated": d["age_at_diagnosis"].ge(30),
            "sex": np.where(d["is_male"], "male", "female"),
            "duration": d["time_between_diagnosis_and_last_observation_(years)"] * 12,
            "event": d["dead"].astype(bool),
        }
    )
    return _source("lupus", frame, unit="months", times=(12, 60))


def _leukemia() -> Source:
    d = survival_data.load_leukemia()
    frame = pd.DataFrame(
        {
            "treated": d["Rx"].eq(0),
            "sex": np.where(d["sex"].eq(1), "male", "female"),
            "log_wbc": d["logWBC"],
            "duration": d["t"],
            "event": d["status"].eq(1),
        }
    )
    return _source("leukemia", frame, numbers={"log_wbc": 2}, unit="weeks", times=(8, 16))


def _regimes() -> Source:
    d = survival_data.load_dd().dropna(subset=["un_continent_name"])
    frame = pd.DataFrame(
        {
            "treated": d["democracy"].eq("Democracy"),
            "continent": _some(d["un_continent_name"].str.lower(), "africa", "americas", "asia"),
            "start": _bands(d["start_year"], 1960, 1980),
            "duration": d["duration"].astype(float) * 12,
            "event": d["observed"].eq(1),
        }
    )
    return _source("regimes", frame, unit="months", times=(24, 60))


def _senators() -> Source:
    d = survival_data.load_canadian_senators()
    party = d["Political Affiliation at Appointment"].str
    d = d[(party.startswith("Liberal Party") | party.contains("Conserv")) & d["diff_days"].gt(0)]
    large = ("Ontario", "Quebec")
    province = d["Province / Territory"]
    started = pd.to_datetime(d["start_date"]).dt.year
    frame = pd.DataFrame(
        {
            "treated": d["Political Affiliation at Appointment"].str.startswith("Liberal Party"),
            "province": province.where(province.isin(large), "other").str.lower(),
            "appointed": _bands(started, 1900, 1950),
            "duration": d["diff_days"] / DAYS_PER_MONTH,
            "event": d["observed"].astype(bool),
        }
    )
    return _source("senators", frame, unit="months", times=(60, 120))


def _recurrence() -> Source:
    d = survival_data.load_recur().sort_values(["ID", "TIME1"]).groupby("ID").first()
    frame = pd.DataFrame(
        {
            "treated": d["TREAT"].eq(1),
            "age_group": _bands(d["AGE"], 40, 60),
            "duration": d["TIME1"].astype(float),
            "event": d["CENSOR"].eq(1),
            "age": d["AGE"].astype(float),
        }
    )
    return _source("recurrence", frame, numbers={"age": 1}, unit="days", times=(30, 60))


def _heart() -> Source:
    d = survival_data.load_stanford_heart_transplants().sort_values(["id", "stop"])
    last = d.groupby("id").last()
    frame = pd.DataFrame(
        {
            "treated": last["surgery"].eq(1),
            "transplant": _yes(last["transplant"]),
            "age_group": _bands(last["age"] + 48, 40, 50),
            "duration": last["stop"] / DAYS_PER_MONTH,
            "event": last["event"].eq(1),
        }
    )
    return _source("heart", frame, unit="months", times=(3, 12))


def _waltons() -> Source:
    d = survival_data.load_waltons()
    frame = pd.DataFrame(
        {
            "treated": d["group"].eq("miR-137"),
            "duration": d["T"].astype(float),
            "event": d["E"].eq(1),
        }
    )
    return _source("waltons", frame, unit="days", times=(20, 50))


def _lymphoma() -> Source:
    d = survival_data.load_lymphoma()
    frame = pd.DataFrame(
        {
            "treated": d["Stage_group"].eq(1),
            "duration": d["Time"] / DAYS_PER_MONTH,
            "event": d["Censor"].eq(1),
        }
    )
    return _source("lymphoma", frame, unit="months", times=(3, 6))


def _glioma() -> Source:
    d = survival_data.load_g3()
    frame = pd.DataFrame(
        {
            "treated": d["group"].eq("RIT"),
            "sex": d["sex"].str.lower(),
            "age": d["age"].astype(float),
            "duration": d["time"].astype(float),
            "event": d["event"].astype(bool),
        }
    )
    return _source("glioma", frame, numbers={"age": 1}, unit="months", times=(12, 24))


def _copper() -> Source:
    d = survival_data.load_lcd()
    frame = pd.DataFrame({"treated": d["group"].eq("alluvial_fan"), "event": d["E"].eq(1)})
    return _source("copper", frame)


def _affairs() -> Source:
    d = other_data.fair.load_pandas().data
    frame = pd.DataFrame(
        {
            "treated": d["religious"].ge(3),
            "marriage": _bands(d["rate_marriage"], 4, 5),
            "children": _bands(d["children"], 1, 3),
            "years_married": d["yrs_married"],
            "event": d["affairs"].gt(0),
        }
    )
    return _source("affairs", frame, numbers={"years_married": 1})


def _election() -> Source:
    d = other_data.anes96.load_pandas().data
    frame = pd.DataFrame(
        {
            "treated": d["PID"].ge(4),
            "education": _bands(d["educ"], 4, 6),
            "income": _bands(d["income"], 10, 18),
            "age": d["age"],
            "event": d["vote"].eq(1),
        }
    )
    return _source("election", frame, numbers={"age": 1})


def _insurance() -> Source:
    d = other_data.randhie.load_pandas().data
    frame = pd.DataFrame(
        {
            "treated": d["lncoins"].gt(0),
            "limitation": _yes(d["physlm"].gt(0)),
            "health": np.select(
                [d["hlthg"].eq(1), d["hlthf"].eq(1), d["hlthp"].eq(1)],
                ["good", "fair", "poor"],
                "excellent",
            ),
            "diseases": d["disea"],
            "event": d["mdvis"].gt(0),
        }
    )
    return _source("insurance", frame, numbers={"diseases": 1})


def _teaching() -> Source:
    d = other_data.spector.load_pandas().data
    frame = pd.DataFrame(
        {
            "treated": d["PSI"].eq(1),
            "test": _bands(d["TUCE"], 20, 24),
            "grade_average": d["GPA"],
            "event": d["GRADE"].eq(1),
        }
    )
    return _source("teaching", frame, numbers={"grade_average": 2})


def _smoking() -> Source:
    d = other_data.china_smoking.load_pandas().data
    parts = []
    for city, row in zip("abc", d.to_dict("records"), strict=False):
        for name, count in row.items():
            words = str(name).split("_")
            cell = {"treated": words[1] == "yes", "city": city, "event": words[3] == "yes"}
            parts.append(pd.DataFrame([cell]).loc[[0] * int(count)])
    return _source("smoking", pd.concat(parts, ignore_index=True))


MAKERS: Mapping[str, Callable[[], Source]] = {
    "rossi": _rossi,
    "gbsg2": _gbsg2,
    "lymph_node": _lymph_node,
    "lung": _lung,
    "larynx": _larynx,
    "kidney_transplant": _kidney,
    "lupus": _lupus,
    "leukemia": _leukemia,
    "regimes": _regimes,
    "senators": _senators,
    "recurrence": _recurrence,
    "heart": _heart,
    "waltons": _waltons,
    "lymphoma": _lymphoma,
    "glioma": _glioma,
    "copper": _copper,
    "affairs": _affairs,
    "election": _election,
    "insurance": _insurance,
    "teaching": _teaching,
    "smoking": _smoking,
}


@cache
def source(key: str) -> Source:
    """Return one of the public data sets."""
    return MAKERS[key]()
