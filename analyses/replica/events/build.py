"""The eligibility of a study of second primary cancers, step by step, and the table analysed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from replica.cohort import AttritionStep, Cohort, Source, check_min_cell
from replica.dictionary import columns
from replica.errors import DataError, ParameterError
from replica.events.codes import CodeLists, load_codes
from replica.events.facts import DAYS_PER_MONTH, Rules, patient_facts, rules_of
from replica.events.tables import EventTables, read_events
from replica.paths import synthetic_path
from replica.protocol import Study
from replica.supplied import load_cohort, parse_cohort

_YES_NO = (
    *("autoimmune_disease", "organ_transplant", "smoking", "dependency", "de_novo_metastatic"),
    *("prior_chemotherapy", "prior_radiotherapy", "prior_surgery"),
    *("chemotherapy", "targeted_treatment", "radiotherapy", "surgery"),
)


def cohort_from_events(
    study: Study, events: EventTables, codes: CodeLists, source: Source
) -> Cohort:
    """Select the eligible patients of event tables and lay out the table that is analysed.

    Parameters
    ----------
    study
        Its calendar gives the dates, its dictionary the columns.
    events, codes
        Event tables and code lists.
    source
        Where the patients come from.

    Returns
    -------
    Cohort
        Checked as a supplied file is, with one step of attrition per rule.

    Raises
    ------
    DataError
        If nobody is eligible, or the table does not fit the study's dictionary.
    """
    rules = rules_of(study)
    facts = patient_facts(events, codes, rules)
    eligible, steps = select(facts, rules)
    if eligible.empty:
        lost = "; ".join(f"{step.reason}: {step.excluded}" for step in steps[1:])
        raise DataError(f"events: found no eligible patient among {len(facts)} ({lost}).")
    table = analysis_table(eligible, rules)
    text = table[[column.name for column in columns(study)]].astype(object)
    raw = text.where(text.notna(), "").astype(str)
    cohort = parse_cohort(study, raw, source, name="event tables")
    return replace(cohort, attrition=steps)


def load_patients(
    study: Study,
    source: Source,
    path: str | Path | None = None,
    *,
    data_map: str | Path | None = None,
    min_cell: int = 0,
) -> Cohort:
    """Read a study's patients from event tables, or from a table that is ready to analyse.

    `synthetic` reads the committed event tables; `supplied` the path given: a folder of Parquet
    files (see `replica.events.tables.read_events`) or a file with the columns of the dictionary,
    with `data_map` and `min_cell` as in `replica.supplied.load_cohort`.

    Raises
    ------
    ParameterError
        If a path is given with `synthetic`, or a mapping file with event tables.
    DataError
        If the files are missing or do not fit.
    """
    if source == "synthetic":
        if path:
            raise ParameterError(
                "path: found one beside source='synthetic'; allowed: none. To read your own "
                "patients, set source='supplied'."
            )
        folder = events_path(study)
    elif path and Path(path).is_dir():
        folder = Path(path)
    else:
        return load_cohort(study, source, path, data_map=data_map, min_cell=min_cell)
    if data_map:
        raise ParameterError(
            "data_map: found one beside event tables; allowed: none, for a mapping file names the "
            "columns of one table. Leave it out."
        )
    check_min_cell(min_cell)
    cohort = cohort_from_events(study, read_events(folder), load_codes(), source)
    return replace(cohort, min_cell=min_cell)


def events_path(study: Study, folder: Path | None = None) -> Path:
    """Return the folder of a study's synthetic event tables, in the package's data or elsewhere."""
    return (folder or synthetic_path(study.key).parent) / study.key


def select(facts: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[AttritionStep, ...]]:
    """Apply the rules of eligibility in order; each patient goes at the first that is not met.

    Parameters
    ----------
    facts
        From `replica.events.facts.patient_facts`.

    Returns
    -------
    tuple
        The facts of the eligible, and the steps with how many were left and why the others went.
    """
    left = facts
    steps = [AttritionStep("Patients in the event tables", len(facts), 0)]
    for label, reason, met in _rules(facts, rules):
        kept = left[met.reindex(left.index)]
        steps.append(AttritionStep(label, len(kept), len(left) - len(kept), reason))
        left = kept
    return left, tuple(steps)


def _rules(facts: pd.DataFrame, rules: Rules) -> Iterator[tuple[str, str, pd.Series[bool]]]:
    zero = facts["metastasis"]
    start, end = pd.Timestamp(rules.enrolment_start), pd.Timestamp(rules.enrolment_end)
    yield "Metastatic lung cancer", "No lung cancer followed by a metastasis", zero.notna()
    yield (
        "Diagnosed in the enrolment window",
        f"Metastasis before {rules.enrolment_start} or after {rules.enrolment_end}",
        zero.between(start, end),
    )
    yield "Adults", f"Younger than {rules.age_min}", facts["age_years"] >= rules.age_min
    yield (
        "Known before the metastasis",
        "No visit before the diagnosis of metastasis",
        facts["visit_before"],
    )
    months = rules.latency_months
    early = _days(facts["death"] - zero) < rules.latency_days
    yield f"Alive at {months} months", f"Died within {months} months", ~early
    yield (
        f"No other cancer by {months} months",
        f"Non-lung cancer within {months} months",
        ~facts["early_cancer"],
    )
    yield (
        f"Followed beyond {months} months",
        f"No follow-up visit after {months} months",
        facts["visit_after"],
    )
    yield "No second lung cancer", "Lung cancer as second primary", ~facts["second_lung"]
    yield (
        "Treated after the metastasis",
        "No treatment data after the metastasis",
        facts["treatment_after"],
    )
    only_before = facts["ici_before"] & facts["first_ici"].isna()
    yield "ICI or never ICI", "ICI before the metastasis only", ~only_before


def _days(gap: pd.Series[Any]) -> pd.Series[float]:
    days: pd.Series[float] = gap.dt.days.astype(float)
    return days


def analysis_table(eligible: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Lay out eligible patients as the table that is analysed.

    Follow-up runs from the diagnosis of metastasis to the second primary cancer, death, the last
    contact, or the end of the window, whichever comes first; months have two decimals. Treated is
    who has an inhibitor on or after the day of the metastasis, however late.
    """
    zero = eligible["metastasis"]
    second = _days(eligible["second_primary"] - zero)
    death = _days(eligible["death"] - zero)
    contact = _days(eligible["last_contact"] - zero)
    window = rules.window_days
    first = second.combine(death, np.fmin)
    # a death is known although no visit follows it
    end = np.minimum(first.fillna(np.inf), np.where(first.notna(), np.inf, contact))
    counted = first <= window
    months = pd.Series(np.minimum(end, window) / DAYS_PER_MONTH, index=eligible.index)
    wait = _days(eligible["first_ici"] - zero)
    return pd.DataFrame(
        {
            "patient_id": eligible["patient_id"],
            "arm": np.where(wait.notna(), "treated", "control"),
            **{name: eligible[name] for name in ("sex", "race", "cancer_type")},
            **{name: np.where(_yes(eligible, rules, name), "yes", "no") for name in _YES_NO},
            "age_years": eligible["age_years"],
            "charlson_index": eligible["charlson_index"],
            "days_to_ici": wait.map(lambda days: "" if np.isnan(days) else f"{days:.0f}"),
            "metastasis_date": zero.dt.strftime("%Y-%m-%d"),
            "follow_up_months": months.map("{:.2f}".format),
            "second_primary": (counted & (second == first)).astype(int),
            "second_primary_or_death": counted.astype(int),
        }
    )


def _yes(eligible: pd.DataFrame, rules: Rules, name: str) -> pd.Series[bool]:
    if name == "de_novo_metastatic":
        lead = _days(eligible["metastasis"] - eligible["first_lung"])
        return lead <= rules.de_novo_days
    return eligible[name]
