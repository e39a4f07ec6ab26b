"""Synthetic patients of a study of cases and matched controls, with everybody it was drawn from.

Cases and controls are built set by set and then annealed until Cox models in subgroups return the
printed ratios; the rest of the enrolled are drawn at random, as nobody's control. What the paper
does not print is assumed and listed in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.group_counts import categorical, design_of
from replica.protocol import Study
from replica.published import PublishedValue
from replica.supplied import template
from replica.synthesis.case_control_sets import ORDERS, PrintedCounts, matched_sets
from replica.synthesis.subgroup_times import SubgroupProblem, SubgroupState

Integers = NDArray[np.int64]

DAYS_PER_MONTH = 30.4375
FIRST_FOLLOW_UP = 30
YEARS = (2016, 2022)
ANNEALED = ("gender", "age_years", "iss_stage", "beta2_mg")
# Months between the two cancers, assumed but for the counts on either side of the cut and for the
# printed medians, which stand in the middle.
MONTHS_AFTER = (3.4, 8.1, 14.6, 21.3, 27.9, 32.7, 33.8, 35.1, 41.6, 52.3, 63.0)
MONTHS_BEFORE = (
    *(5.2, 9.8, 13.1, 17.5, 22.4, 26.9, 30.3, 34.6, 44.7, 51.2, 58.4, 63.3),
    *(68.9, 74.5, 81.2, 88.6, 97.3, 104.1, 118.7, 131.5, 149.2, 176.8, 212.4),
)
OTHER_SITES = ("prostate", "gastric", "bladder")
ONE_SEX = {"breast": "female", "prostate": "male"}
# Log-rank z of the comparisons that the text describes in words: significant or not.
WORDS = ((-1, 0, 2.05, 9.0), (2, 0, 2.05, 9.0), (1, 0, -1.85, 1.85), (2, 1, -1.8, 1.8))


@dataclass(frozen=True)
class CaseControlSearch:
    """The annealed cases and controls, and what is needed to go on from them."""

    sets: pd.DataFrame
    problem: SubgroupProblem
    state: SubgroupState


def begin(study: Study, published: tuple[PublishedValue, ...], seed: int) -> CaseControlSearch:
    """Build matched sets with all printed counts, and times that mean nothing yet."""
    rng = np.random.default_rng(seed)
    printed = PrintedCounts.of(published)
    design = design_of(study)
    sets = matched_sets(printed, design.case_control.ratio, YEARS, rng)
    kinds = {"control": 0, ORDERS[0]: 1, ORDERS[1]: 2}
    group: Integers = np.asarray(sets["group"].map(kinds), dtype=np.int64)
    sets["end"] = _ends(study, sets["year"].to_numpy(dtype=np.int64), rng)
    sets["tf2t_months"] = _intervals(sets, rng)
    wait = sets["tf2t_months"].where(sets["group"] == ORDERS[1], 0.0).to_numpy(dtype=np.float64)
    first_day = np.maximum(FIRST_FOLLOW_UP, np.ceil((wait + 1.0) * DAYS_PER_MONTH))
    earliest: Integers = np.asarray(first_day, dtype=np.int64)
    columns = _columns(study, printed, sets, group, rng)
    problem = _problem(study, published, group, earliest, sets["end"].to_numpy(dtype=np.int64))
    time, died = _first_times(problem, rng)
    return CaseControlSearch(sets, problem, SubgroupState(columns, time, died, np.inf))


def annealed_keys(study: Study) -> tuple[str, ...]:
    """Name the columns of covariates in the order of the search."""
    treatments = tuple(key for key, _ in design_of(study).subgroups if key not in ANNEALED)
    return (*ANNEALED, *treatments)


def _ends(study: Study, years: Integers, rng: np.random.Generator) -> Integers:
    """Days from a diagnosis in the year given to the end of the study, no two the same."""
    assert study.calendar is not None  # noqa: S101 - checked by every caller's cohort
    cutoff = pd.Timestamp(study.calendar.data_cutoff)
    taken: set[int] = set()
    found = []
    for year in years:
        first = (cutoff - pd.Timestamp(year=int(year), month=12, day=31)).days
        days = [d for d in range(first + 1, first + 365) if d not in taken]
        found.append(int(rng.choice(days)))
        taken.add(found[-1])
    return np.array(found, dtype=np.int64)


def _intervals(sets: pd.DataFrame, rng: np.random.Generator) -> pd.Series[float]:
    """Hand out the months between the two cancers, the longest to those followed longest."""
    found = pd.Series(np.nan, index=sets.index)
    after = sets.index[sets["group"] == ORDERS[1]]
    by_room = sets.loc[after, "end"].sort_values(kind="stable").index
    found[by_room] = np.array(MONTHS_AFTER)
    before = sets.index[sets["group"] == ORDERS[0]]
    found[before] = rng.permutation(MONTHS_BEFORE)
    return found


def _columns(
    study: Study,
    printed: PrintedCounts,
    sets: pd.DataFrame,
    group: Integers,
    rng: np.random.Generator,
) -> Integers:
    codes = []
    for key in annealed_keys(study):
        keys = categorical(study, key).level_keys
        if key in ("gender", "age_years"):
            of = sets["gender"] if key == "gender" else sets["band"]
            codes.append(of.map({level: k for k, level in enumerate(keys)}).to_numpy())
            continue
        codes.append(_handed_out(printed, key, keys, group, rng))
    return np.column_stack(codes).astype(np.int64)


def _handed_out(
    printed: PrintedCounts,
    key: str,
    keys: tuple[str, ...],
    group: Integers,
    rng: np.random.Generator,
) -> Integers:
    """Codes of one column with the printed counts of every group."""
    code = np.zeros(group.size, dtype=np.int64)
    for value, name in enumerate(("control", *ORDERS)):
        members = np.flatnonzero(group == value)
        if keys == ("yes", "no"):
            yes = printed.n(key, "yes", name)
            counts = [yes, members.size - yes]
        else:
            counts = [printed.n(key, level, name) for level in keys]
        code[members] = rng.permutation(np.repeat(np.arange(len(keys)), counts))
    return code


def _problem(
    study: Study,
    published: tuple[PublishedValue, ...],
    group: Integers,
    earliest: Integers,
    end: Integers,
) -> SubgroupProblem:
    design = design_of(study)
    keys = annealed_keys(study)
    subgroups, ratios, weight = [], [], []
    for key, levels in design.subgroups:
        for level in levels:
            subgroups.append((keys.index(key), categorical(study, key).level_keys.index(level)))
            ratios.append(_printed_ratio(published, "hr", subgroup=f"{key}={level}"))
            places = [r for r in published if r.statistic == "hr"]
            weight.append(sum(r.subgroup == f"{key}={level}" for r in places))
    odds = _printed_ratio(published, "or", item="beta2_mg", arm=design.exposed)
    return SubgroupProblem(
        group=group,
        fixed=2,
        subgroups=np.array(subgroups, dtype=np.int64),
        ratios=np.array(ratios),
        weight=np.array(weight, dtype=np.float64),
        unit=0.005,
        earliest=earliest,
        end=end,
        lost=0.02,
        wald=np.array(WORDS, dtype=np.float64),
        logistic=np.arange(len(ANNEALED), dtype=np.int64),
        above=np.ones(len(ANNEALED), dtype=np.int64),
        odds=np.array(odds),
    )


def _printed_ratio(
    published: tuple[PublishedValue, ...], statistic: str, **named: str
) -> tuple[float, ...]:
    """Return a printed ratio with both ends of its interval."""
    for row in published:
        if row.statistic == statistic and all(getattr(row, k) == v for k, v in named.items()):
            of = {r.statistic: r.value for r in published if r.estimate_id == row.estimate_id}
            return tuple(float(of[name].value) for name in (statistic, "ci_low", "ci_high"))
    raise KeyError(statistic, named)


def _first_times(
    problem: SubgroupProblem, rng: np.random.Generator
) -> tuple[Integers, NDArray[np.bool_]]:
    time, died = problem.end.copy(), np.zeros(problem.end.size, dtype=np.bool_)
    for k in rng.permutation(time.size)[: time.size // 3]:
        free = np.setdiff1d(np.arange(problem.earliest[k], problem.end[k]), time)
        time[k], died[k] = rng.choice(free), True
    return time, died


def matched_patients(
    study: Study,
    published: tuple[PublishedValue, ...],
    found: CaseControlSearch,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Cases and controls as rows of the patient table, without ids."""
    printed = PrintedCounts.of(published)
    sets, state, group = found.sets, found.state, found.problem.group
    table = pd.DataFrame({"arm": np.where(group > 0, "treated", "control")})
    for code, key in zip(state.columns.T, annealed_keys(study), strict=True):
        if key != "age_years":
            table[key] = np.array(categorical(study, key).level_keys)[code]
    for key in ("isotype", "ldh"):
        keys = categorical(study, key).level_keys
        table[key] = np.array(keys)[_handed_out(printed, key, keys, group, rng)]
    table["cancer_order"] = np.array(["", *ORDERS])[group]
    table["cancer_site"] = _sites(study, printed, sets, rng)
    mutated = rng.permutation(np.flatnonzero(group > 0))
    yes = printed.n("tp53_mutation", "yes", "second_cancer")
    table["tp53_mutation"] = ""
    table.loc[mutated, "tp53_mutation"] = ["yes"] * yes + ["no"] * (mutated.size - yes)
    table["age_years"] = sets["age_years"]
    table["tf2t_months"] = sets["tf2t_months"]
    return _dated(study, table, sets["end"].to_numpy(), state.time, state.died)


def _dated(
    study: Study, table: pd.DataFrame, end: Integers, time: Integers, died: NDArray[np.bool_]
) -> pd.DataFrame:
    assert study.calendar is not None  # noqa: S101 - checked by every caller's cohort
    cutoff = pd.Timestamp(study.calendar.data_cutoff)
    diagnosis = cutoff - pd.to_timedelta(end, unit="D")
    table[study.calendar.start_column] = diagnosis.strftime("%Y-%m-%d")
    table["os_months"] = np.round(time / DAYS_PER_MONTH, 2)
    table["os_event"] = died.astype(np.int64)
    return table


def _sites(
    study: Study, printed: PrintedCounts, sets: pd.DataFrame, rng: np.random.Generator
) -> NDArray[np.object_]:
    """Sites by their printed shares, breast cancer in women and prostate cancer in men."""
    del study
    found = np.full(len(sets), "", dtype=object)
    for order in ORDERS:
        members = rng.permutation(np.flatnonzero(sets["group"] == order))
        left = list(members)
        size = members.size
        for site in ("breast", "lung", "thyroid"):
            share = printed.numbers["cancer_site", site, order, "percent"]
            count = round(share * size / 100)
            fit = [k for k in left if ONE_SEX.get(site) in (None, sets["gender"].iloc[k])]
            for k in fit[:count]:
                found[k] = site
                left.remove(k)
        for i, k in enumerate(left):
            site = OTHER_SITES[i % len(OTHER_SITES)]
            wrong = ONE_SEX.get(site) not in (None, sets["gender"].iloc[k])
            found[k] = "gastric" if wrong else site
    return found


def others(study: Study, matched: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The rest of the enrolled: drawn like the controls, but near no case in what is matched on."""
    assert study.calendar is not None  # noqa: S101 - checked by every caller's cohort
    plan = design_of(study).case_control
    reach = dict(plan.within)["age_years"]
    start = pd.Timestamp(study.calendar.enrolment_start)
    room = (pd.Timestamp(study.calendar.data_cutoff) - start).days
    cases = matched[matched["arm"] == "treated"]
    year = pd.to_datetime(cases[study.calendar.start_column]).dt.year.to_numpy()
    controls = matched[matched["arm"] == "control"]
    rows: list[dict[str, Any]] = []
    ends = []
    cutoff = pd.Timestamp(study.calendar.data_cutoff)
    while len(rows) < n:
        gender = str(rng.choice(["male", "female"], p=[0.57, 0.43]))
        age = int(np.clip(round(rng.normal(63, 10)), 30, 90))
        end = int(rng.integers(1, room))
        of = (cutoff - pd.Timedelta(days=end)).year
        near = (cases["gender"] == gender) & (np.abs(cases["age_years"] - age) <= reach)
        if (near.to_numpy() & (year == of)).any():
            continue
        like = controls.iloc[int(rng.integers(len(controls)))]
        rows.append({**{str(k): v for k, v in like.items()}, "gender": gender, "age_years": age})
        ends.append(end)
    table = pd.DataFrame(rows).reset_index(drop=True)
    end_days = np.array(ends, dtype=np.int64)
    life = np.maximum(1, np.ceil(rng.exponential(75.0, n) * DAYS_PER_MONTH)).astype(np.int64)
    return _dated(study, table, end_days, np.minimum(life, end_days), life < end_days)


def whole_table(
    study: Study, published: tuple[PublishedValue, ...], found: CaseControlSearch, seed: int
) -> pd.DataFrame:
    """Everybody enrolled, in the columns and order of the study's dictionary, under random ids."""
    rng = np.random.default_rng([seed, 1])
    matched = matched_patients(study, published, found, rng)
    total = int(PrintedCounts.of(published).numbers["second_cancer", "", "enrolled", "count_total"])
    table = pd.concat([matched, others(study, matched, total - len(matched), rng)])
    order = rng.permutation(total)
    table = table.iloc[order].reset_index(drop=True)
    table["patient_id"] = [f"M{k + 1:04d}" for k in range(total)]
    return table[list(template(study).columns)]
