"""Case-control matching on the covariates themselves, without a propensity score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from replica.arrays import numbers
from replica.cohort import Cohort
from replica.errors import DataError, MatchingError, ParameterError, one_of
from replica.matched import control_weights, exact_strata, set_summary
from replica.matching_plan import CaseControlPlan
from replica.optimal import edges_of
from replica.reach import Units, units_of

__all__ = ["CaseControl", "CaseControlPlan", "match_case_control"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class CaseControl:
    """Cases and their controls: the counterpart of `replica.matching.Matched` without a score.

    Frames are those of `Matched`; `pairs` adds a column per measure under `within`, the difference
    case minus control. `distance` is the mean of the absolute differences over their limits.

    Raises
    ------
    MatchingError
        When made with a pair that the plan does not allow, a control used twice without
        replacement, or more controls than the plan's ratio.
    """

    before: Cohort
    after: Cohort
    pairs: pd.DataFrame
    unmatched: pd.DataFrame
    plan: CaseControlPlan

    def __post_init__(self) -> None:
        """Check the rules of the plan against the pairs."""
        plan, pairs = self.plan, self.pairs
        patients = self.before.patients.set_index("patient_id")
        left, right = patients.loc[pairs["treated"]], patients.loc[pairs["control"]]
        matched = {*pairs["treated"], *pairs["control"]}
        one_set = ["treated", "control"] if plan.replace else ["control"]
        rules = [
            (pairs.duplicated(one_set).any(), "a control is used twice"),
            ((pairs.groupby("treated").size() > plan.ratio).any(), "a case has too many controls"),
            (
                (left["arm"] != "treated").any() or (right["arm"] != "control").any(),
                "a pair is not one case and one control",
            ),
            *(
                ((left[key].to_numpy() != right[key].to_numpy()).any(), f"a pair differs in {key}")
                for key in plan.exact
            ),
            *(
                ((pairs[key].abs() > width).any(), f"a pair is too far apart in {key}")
                for key, width in plan.within
            ),
            (set(self.after.patients["patient_id"]) != matched, "the patients are not the pairs'"),
        ]
        for broken, what in rules:
            if broken:
                raise MatchingError(
                    f"the matched set breaks its own plan: {what}. Make matched sets with "
                    "replica.case_control.match_case_control and leave them unchanged."
                )

    @property
    def weights(self) -> pd.Series[float]:
        """Weight of each matched patient: 1 for a case; as `control_weights` says for a control."""
        ids = self.after.patients["patient_id"]
        share = ids.map(control_weights(self.pairs)).to_numpy(dtype=np.float64)
        return pd.Series(np.where(self.after.treated, 1.0, share), index=pd.Index(ids))

    def summary(self) -> pd.DataFrame:
        """How many controls each case has; see `replica.matched.set_summary`."""
        return set_summary(self.before, self.pairs, self.unmatched, self.plan.ratio)


@njit(cache=True)
def _serve(
    begins: Ints, controls: Ints, distance: Floats, visit: Ints, ratio: int, replace: bool, n: int
) -> Ints:
    """Give each case in turn its first free control of least distance, in rounds.

    Returns the places in `controls` that were taken, in the order taken. A list of controls stands
    in the order in which equal distances are preferred.
    """
    used = np.zeros(n, dtype=np.bool_)
    had = np.zeros(controls.shape[0], dtype=np.bool_)
    taken = np.empty(controls.shape[0], dtype=np.int64)
    made = 0
    for _ in range(ratio):
        for case in visit:
            best = -1
            for i in range(begins[case], begins[case + 1]):
                if had[i] or (used[controls[i]] and not replace):
                    continue
                if best < 0 or distance[i] < distance[best]:
                    best = i
            if best >= 0:
                had[best] = True
                used[controls[best]] = True
                taken[made] = best
                made += 1
    return taken[:made]


def match_case_control(cohort: Cohort, plan: CaseControlPlan) -> CaseControl:
    """Match controls to cases (the treated) on covariates: same sex, age and year within limits.

    Among the eligible controls of a case the nearest free one is taken: the one of least mean
    |difference| / limit over the measures under `within` (a limit of 0 adds nothing), at equal
    distance the first by patient id. Nothing is drawn at random, and the order of rows is
    immaterial.

    Parameters
    ----------
    cohort
        Validated patients.
    plan
        Who may be matched to whom, how many controls per case and in which order.

    Raises
    ------
    ParameterError
        If a name is unknown, or a value to match on is missing.
    MatchingError
        If not one pair can be made, or more than `replica.optimal.MAX_EDGES` pairs are eligible.

    Notes
    -----
    Individual matching of case-control studies: Breslow and Day, Statistical Methods in Cancer
    Research I, 1980, chapters 1 and 7. How hard a case is to match is counted once, at the start.
    """
    before = cohort.by_id()
    patients = before.patients
    values = np.column_stack([_numbers(before, key) for key, _ in plan.within])
    units = units_of(
        values[:, 0],
        before.treated,
        patients["patient_id"].to_numpy(),
        caliper=plan.within[0][1],
        exact=_strata(before, plan.exact),
        inclusive=True,
        covariates=values[:, 1:],
        covariate_calipers=[width for _, width in plan.within[1:]],
    )
    cases = units.by_key
    begins, controls, distance = _eligible(units, cases, values, plan)
    eligible = np.diff(begins)
    visit = (
        np.argsort(eligible, kind="stable") if plan.order == "hardest" else np.arange(len(cases))
    )
    taken = _serve(begins, controls, distance, visit, plan.ratio, bool(plan.replace), len(patients))
    if not taken.size:
        limits = ", ".join(f"{key} within {width:g}" for key, width in plan.within)
        raise MatchingError(
            f"no pair: no control has {limits}"
            + "".join(f" and the same {key}" for key in plan.exact)
            + " as any case. Use wider limits, or fewer."
        )
    case_of = np.repeat(np.arange(len(cases)), eligible)[taken]
    pairs = _pairs(patients, cases[case_of], controls[taken], distance[taken])
    for column, (key, _) in enumerate(plan.within):
        rows = [patients["patient_id"].searchsorted(pairs[arm]) for arm in ("treated", "control")]
        pairs[key] = values[rows[0], column] - values[rows[1], column]
    return _assembled(before, pairs, plan, reachable=set(controls), cases=cases[eligible > 0])


def _numbers(cohort: Cohort, key: str) -> Floats:
    calendar = cohort.study.calendar
    known = [measure.key for measure in cohort.study.measures]
    dates = [] if calendar is None else [calendar.start_column]
    if key not in (*known, *dates):
        raise ParameterError(f"within: {one_of(key, (*known, *dates))}")
    column = cohort.column(key)
    if column.isna().any():
        raise ParameterError(
            f"within: {key} is missing for {int(column.isna().sum())} patients; everybody needs "
            "it. Complete or exclude them first."
        )
    if key not in dates:
        return numbers(column, key)
    days = pd.to_datetime(column, format="ISO8601", errors="coerce")
    if days.isna().any():
        raise DataError(
            f"within: found {int(days.isna().sum())} values of {key} that are no dates (first: "
            f"{column[days.isna()].iloc[0]!r}); allowed: days written year-month-day. Correct "
            "them, or load the file with replica.supplied.load_cohort."
        )
    return np.asarray(days.dt.year, dtype=np.float64)


def _strata(cohort: Cohort, keys: tuple[str, ...]) -> Ints:
    known = [covariate.key for covariate in cohort.study.covariates]
    for key in keys:
        if key not in known:
            raise ParameterError(f"exact: {one_of(key, known)}")
    return exact_strata(cohort, keys)


def _eligible(
    units: Units, cases: Ints, values: Floats, plan: CaseControlPlan
) -> tuple[Ints, Ints, Floats]:
    """List each case's eligible controls by key, with their distances."""
    begins, controls, _ = edges_of(units, cases)
    case_of = np.repeat(np.arange(len(cases)), np.diff(begins))
    controls = controls[np.lexsort((units.rank[controls], case_of))]
    limits = np.array([width for _, width in plan.within])
    apart = np.abs(values[cases[case_of]] - values[controls])
    scaled = np.divide(apart, limits, out=np.zeros_like(apart), where=limits > 0)
    return begins, controls, np.asarray(scaled.mean(axis=1), dtype=np.float64)


def _pairs(patients: pd.DataFrame, first: Ints, second: Ints, distance: Floats) -> pd.DataFrame:
    patient_id = patients["patient_id"].to_numpy()
    _, number = np.unique(first, return_inverse=True)
    columns = {
        "pair": number + 1,
        "treated": patient_id[first],
        "control": patient_id[second],
        "distance": distance,
    }
    return pd.DataFrame(columns).sort_values("pair", kind="stable", ignore_index=True)


def _assembled(
    before: Cohort, pairs: pd.DataFrame, plan: CaseControlPlan, *, reachable: set[int], cases: Ints
) -> CaseControl:
    patients = before.patients
    ids = patients["patient_id"]
    in_pairs = ids.isin([*pairs["treated"], *pairs["control"]]).to_numpy()
    after = patients
    if not plan.replace:
        numbers = pd.concat([pairs.set_index(arm)["pair"] for arm in ("treated", "control")])
        # A case stands in as many pairs of its set as it has controls.
        numbers = numbers[~numbers.index.duplicated()]
        after = patients.assign(pair=ids.map(numbers).fillna(0).astype(np.int64))
    eligible = np.isin(np.arange(len(ids)), [*reachable, *cases])
    reason = np.where(
        ~eligible,
        np.where(before.treated, "no eligible control", "eligible for no case"),
        np.where(before.treated, "every eligible control was matched to another", "not chosen"),
    )
    rest = pd.DataFrame({"patient_id": ids, "arm": patients["arm"], "reason": reason})
    return CaseControl(
        before=before,
        after=replace(before, patients=after).where(in_pairs),
        pairs=pairs,
        unmatched=rest.loc[~in_pairs].reset_index(drop=True),
        plan=plan,
    )
