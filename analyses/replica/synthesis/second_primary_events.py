"""Event tables behind the synthetic patients of `mlc_second_primary`, the excluded ones included.

Every patient of the analysed table becomes diagnoses, drugs, procedures and visits from which the
cohort builder gives back that very row. For each rule of eligibility other patients are added who
break it and no rule before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replica.events.facts import Rules, rules_of
from replica.events.tables import TABLES
from replica.synthesis.second_primary_table import Patients
from replica.synthesis.second_primary_times import BEYOND, PAST

Choice = TypeVar("Choice")

EXCLUDED: Mapping[str, int] = {
    "no_metastasis": 310,
    "other_years": 140,
    "minor": 9,
    "no_visit_before": 240,
    "early_death": 610,
    "early_cancer": 170,
    "no_visit_after": 260,
    "second_lung": 85,
    "no_treatment": 290,
    "ici_before": 36,
}
"""How many patients break each rule, in the order of the rules; the numbers are free."""

_COMPONENTS = {
    1: ("I21.9", "I50.9", "I73.9", "I63.9", "F03.9", "J44.9", "K25.9", "E11.9", "K73.9"),
    2: ("G81.9", "N18.3"),
}
_AUTOIMMUNE = ("K50.9", "G35", "L40.0", "E06.3", "M45.9")
_TRANSPLANTS = ("Z94.1", "Z94.2", "Z94.3")
_SECOND = ("C18.9", "C50.9", "C61", "C67.9", "C64.9", "C44.3", "C83.3", "C73", "C25.9", "C20")
_METASTASES = ("C79.3", "C79.5", "C78.7", "C78.2", "C77.1", "C79.7")
_LOBES = ("C34.1", "C34.2", "C34.3")
_INHIBITORS = (
    ("pembrolizumab", "L01FF02"),
    ("nivolumab", "L01FF01"),
    ("atezolizumab", "L01FF05"),
    ("durvalumab", "L01FF03"),
)
# The first inhibitor for lung cancer was approved in the United States in March 2015.
_LUNG_INHIBITORS = date(2015, 3, 1)
_EARLY_INHIBITORS = (("ipilimumab", "L01FX04"), ("nivolumab", "L01FF01"))
_CHEMOTHERAPY = (("carboplatin", "L01XA02"), ("pemetrexed", "L01BA04"), ("paclitaxel", "L01CD01"))
_TARGETED = (("osimertinib", "L01EB04"), ("bevacizumab", "L01FG01"), ("alectinib", "L01ED03"))
_RADIATION, _SURGERY = ("DB020ZZ", "D0011ZZ"), ("0BTC0ZZ", "0BBD0ZX")
# Days by which whoever breaks a rule clears its limit, either way. A free choice, as are all ranges
# below within which dates are drawn.
_CLEAR = 5


@dataclass
class _Record:
    """One patient's events while they are put together; `zero` is the metastasis."""

    person: dict[str, str]
    born: date
    rules: Rules
    zero: date
    last: date
    diagnoses: list[tuple[str, date]] = field(default_factory=list)
    drugs: list[tuple[str, str, date]] = field(default_factory=list)
    procedures: list[tuple[str, date]] = field(default_factory=list)
    encounters: list[date] = field(default_factory=list)
    death: date | None = None


def event_frames(patients: Patients, seed: int) -> dict[str, pd.DataFrame]:
    """Expand analysed patients to event tables, and add the excluded.

    Returns
    -------
    dict
        The tables of `replica.events.tables.TABLES`, sorted by patient and date.
    """
    rng, rules = np.random.default_rng([seed, 3]), rules_of(patients.study)
    rows = patients.table.to_dict("records")
    records = [
        _record(rng, rules, {str(k): str(value) for k, value in row.items()}, int(days), int(event))
        for row, days, event in zip(rows, patients.days, patients.event, strict=True)
    ]
    controls = [i for i, row in enumerate(rows) if row["arm"] == "control"]
    number = len(records)
    for reason, count in EXCLUDED.items():
        for chosen in rng.choice(controls, count, replace=False):
            number += 1
            row = {str(key): str(value) for key, value in rows[chosen].items()}
            row["patient_id"] = f"M{number:04d}"
            copy = _record(rng, rules, row, int(patients.days[chosen]), int(patients.event[chosen]))
            records.append(_broken(rng, copy, reason))
    return _frames(records)


def write_event_tables(folder: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write event tables as Parquet; the same tables give the same bytes with the same pyarrow."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        fields = [
            pa.field(column, pa.date32() if kind == "DATE" else pa.string())
            for column, kind in TABLES[name].items()
        ]
        table = pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)
        table = table.replace_schema_metadata(None)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def _record(
    rng: np.random.Generator, rules: Rules, row: Mapping[str, str], days: int, event: int
) -> _Record:
    zero = date.fromisoformat(row["metastasis_date"])
    followed = math.ceil(rules.window_days) + PAST if days == BEYOND else days
    last = zero + _days(followed)
    birthday = date(zero.year - int(row["age_years"]), zero.month, min(zero.day, 28))
    born = birthday - _days(int(rng.integers(2, 360)))
    keys = ("patient_id", "sex", "race", "cancer_type")
    record = _Record({key: row[key] for key in keys}, born, rules, zero, last)
    _history(rng, record, row)
    _treatments(rng, record, row, followed)
    if event == 1:
        record.diagnoses.append((_one(rng, _SECOND), last))
        # life goes on after the second primary: later deaths and visits must not count
        if rng.random() < 0.5:
            later = min(last + _days(int(rng.integers(40, 900))), rules.extraction)
            record.death = later if later > last else None
    elif event == 2:
        record.death = last
    _visits(rng, record, event)
    return record


def _history(rng: np.random.Generator, record: _Record, row: Mapping[str, str]) -> None:
    zero = record.zero
    limit = record.rules.de_novo_days
    at_once = row["de_novo_metastatic"] == "yes"
    first = int(rng.integers(0, limit - _CLEAR) if at_once else rng.integers(limit + _CLEAR, 1500))
    lobe = _one(rng, _LOBES)
    record.diagnoses += [(lobe, zero - _days(first)), (_one(rng, _METASTASES), zero)]
    record.diagnoses.append((lobe, min(zero + _days(int(rng.integers(1, 170))), record.last)))
    codes: list[str] = []
    left = int(row["charlson_index"])
    if left >= 2 and rng.random() < 0.4:
        codes.append(_one(rng, _COMPONENTS[2]))
        left -= 2
    codes += [_COMPONENTS[1][place] for place in rng.permutation(len(_COMPONENTS[1]))[:left]]
    for name, choices in (
        ("autoimmune_disease", _AUTOIMMUNE),
        ("organ_transplant", _TRANSPLANTS),
        ("smoking", ("F17.2", "Z87.891")),
        ("dependency", ("Z74.1", "Z73.6")),
    ):
        if row[name] == "yes":
            codes.append(_one(rng, choices))
    record.diagnoses += [(code, zero - _days(int(rng.integers(0, 2000)))) for code in codes]


def _treatments(
    rng: np.random.Generator, record: _Record, row: Mapping[str, str], days: int
) -> None:
    zero = record.zero

    def after() -> date:
        return zero + _days(int(rng.integers(0, min(days, 160))))

    def before() -> date:
        return zero - _days(int(rng.integers(20, 1200)))

    for name, when in (("prior_chemotherapy", before), ("chemotherapy", after)):
        if row[name] == "yes":
            record.drugs.append((*_one(rng, _CHEMOTHERAPY), when()))
    if row["targeted_treatment"] == "yes":
        record.drugs.append((*_one(rng, _TARGETED), after()))
    for suffix, codes in (("radiotherapy", _RADIATION), ("surgery", _SURGERY)):
        for name, when in ((f"prior_{suffix}", before), (suffix, after)):
            if row[name] == "yes":
                record.procedures.append((_one(rng, codes), when()))
    if row["days_to_ici"]:
        _inhibitor(rng, record, int(row["days_to_ici"]), days)


def _inhibitor(rng: np.random.Generator, record: _Record, wait: int, days: int) -> None:
    """Give an inhibitor every three weeks from the day waited for, of those sold by then."""
    zero = record.zero
    early = zero + _days(wait) < _LUNG_INHIBITORS
    name, atc = _one(rng, _EARLY_INHIBITORS if early else _INHIBITORS)
    doses = range(wait, min(days, wait + 21 * int(rng.integers(1, 9))), 21)
    record.drugs += [(name, atc, zero + _days(dose)) for dose in doses]


def _one(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def _visits(rng: np.random.Generator, record: _Record, event: int) -> None:
    zero, last = record.zero, record.last
    record.encounters.append(zero - _days(int(rng.integers(3, 500))))
    when = zero
    while when < last:
        record.encounters.append(when)
        when += _days(int(rng.integers(40, 200)))
    # the visit that eligibility asks for, and the last contact
    record.encounters.append(zero + _days(math.ceil(record.rules.latency_days)))
    if event < 2:
        record.encounters.append(last)


def _broken(rng: np.random.Generator, record: _Record, reason: str) -> _Record:  # noqa: C901 - one case per rule
    """Make a patient break one rule of eligibility and none of those before it."""
    zero, rules = record.zero, record.rules
    lived = math.ceil(rules.latency_days)
    soon = zero + _days(int(rng.integers(_CLEAR, lived - _CLEAR)))
    match reason:
        case "no_metastasis":
            record.diagnoses = [(c, d) for c, d in record.diagnoses if c not in _METASTASES]
        case "other_years":
            _shift(record, rules.enrolment_start - _days(int(rng.integers(1, 900))))
        case "minor":
            under_age = 365 * rules.age_min - int(rng.integers(_CLEAR, 2500))
            record.born = zero - _days(under_age)
        case "no_visit_before":
            record.encounters = [day for day in record.encounters if day >= zero]
        case "early_death":
            _end(record, soon, death=True)
        case "early_cancer":
            record.diagnoses.append((_one(rng, _SECOND), soon))
        case "no_visit_after":
            _end(record, soon, death=False)
        case "second_lung":
            known = {code for code, _ in record.diagnoses}
            other = next(lobe for lobe in _LOBES if lobe not in known)
            record.diagnoses.append((other, max(record.last, zero + _days(lived + _CLEAR))))
        case "no_treatment":
            record.drugs = [drug for drug in record.drugs if drug[2] < zero]
            record.procedures = [one for one in record.procedures if one[1] < zero]
        case "ici_before":
            record.drugs.append(("nivolumab", "L01FF01", zero - _days(int(rng.integers(10, 400)))))
    return record


def _shift(record: _Record, zero: date) -> None:
    gap = record.zero - zero
    record.born -= gap
    record.diagnoses = [(code, day - gap) for code, day in record.diagnoses]
    record.drugs = [(name, atc, day - gap) for name, atc, day in record.drugs]
    record.procedures = [(code, day - gap) for code, day in record.procedures]
    record.encounters = [day - gap for day in record.encounters]
    record.death = None if record.death is None else record.death - gap


def _end(record: _Record, day: date, *, death: bool) -> None:
    """Leave out everything after a day, on which the patient dies or is seen for the last time."""
    record.diagnoses = [one for one in record.diagnoses if one[1] <= day]
    record.drugs = [one for one in record.drugs if one[2] <= day]
    record.procedures = [one for one in record.procedures if one[1] <= day]
    record.encounters = [one for one in record.encounters if one <= day]
    record.death = day if death else None


def _days(number: int) -> timedelta:
    return timedelta(days=number)


def _frames(records: list[_Record]) -> dict[str, pd.DataFrame]:
    cells: dict[str, Iterator[tuple[object, ...]]] = {
        "patients": (
            tuple(r.person.get(column, r.born) for column in TABLES["patients"]) for r in records
        ),
        "diagnoses": ((_id(r), *one) for r in records for one in r.diagnoses),
        "deaths": ((_id(r), r.death) for r in records if r.death is not None),
        "encounters": ((_id(r), day) for r in records for day in r.encounters),
        "drugs": ((_id(r), *one) for r in records for one in r.drugs),
        "procedures": ((_id(r), "ICD-10-PCS", *one) for r in records for one in r.procedures),
    }
    frames = {}
    for name, columns in TABLES.items():
        frame = pd.DataFrame(list(cells[name]), columns=list(columns)).drop_duplicates()
        by = ["patient_id", *(["date"] if "date" in columns else [])]
        frames[name] = frame.sort_values(by, kind="stable", ignore_index=True)
    return frames


def _id(record: _Record) -> str:
    return str(record.person["patient_id"])
