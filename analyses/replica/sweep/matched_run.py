"""One run of a study with propensity-score matching: choices in, a record out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replica.balance import variance
from replica.cohort import Cohort, design
from replica.convention import SmdDenominator
from replica.cox import CoxFit, fit_cox
from replica.errors import EstimationError, MatchingError, ParameterError, ProtocolError
from replica.greedy import Pairs
from replica.matched_hazard import Columns, columns_of, matched_pairs
from replica.protocol import MatchingPlan, Study
from replica.settings import Settings, settings
from replica.sweep.declared import covariate_sets
from replica.sweep.record import Record, Values, differences, refused, wald

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ERRORS = {"crude": "model-based", "adjusted": "model-based", "clustered": "clustered on sets"}
_WEIGHTED = "sandwich, weighted"


@dataclass(frozen=True)
class Prepared:
    """A cohort as arrays, read once: columns by covariate set and outcome, and those of balance.

    `sets` names the lists of covariates. `balance` has a column for every covariate of any of them,
    so that the differences of runs with different models can be compared; `spread` holds the
    standard deviations before matching that divide them.
    """

    study: Study
    sets: Mapping[str, tuple[str, ...]]
    columns: Mapping[tuple[str, str], Columns]
    balance: Floats
    names: tuple[str, ...]
    spread: Mapping[SmdDenominator, Floats]


@dataclass(frozen=True)
class Matching:
    """Who was matched: pairs as rows, matched rows, their set (0 with replacement) and weight."""

    pairs: Pairs
    rows: NDArray[np.int64]
    sets: NDArray[np.int64]
    weights: Floats


def prepare(cohort: Cohort) -> Prepared:
    """Read a cohort once for all its runs.

    Raises
    ------
    DataError
        If a value is missing or refused for anybody.
    """
    study, by_id = cohort.study, cohort.by_id()
    sets = covariate_sets(study)
    columns = {
        (name, outcome.key): columns_of(
            by_id, outcome.key, replace(study.matching, covariates=covariates)
        )
        for name, covariates in sets.items()
        for outcome in study.outcomes
    }
    every = list(dict.fromkeys(key for keys in sets.values() for key in keys))
    matrix, names = _levels(by_id, every)
    return Prepared(study, sets, columns, matrix, names, _spreads(matrix, by_id.treated))


def _levels(cohort: Cohort, keys: list[str]) -> tuple[Floats, tuple[str, ...]]:
    """Columns as `replica.balance.balance` has them: a covariate of over two levels, each level."""
    study = cohort.study
    measures = [measure.key for measure in study.measures]
    columns, names = [], []
    for key in keys:
        if key in measures:
            columns.append(design(cohort, [key]).matrix[:, 0])
            names.append(key)
            continue
        covariate = study.covariate(key)
        levels = covariate.level_keys if len(covariate.levels) > 2 else (covariate.contrast,)
        for level in levels:
            at: Floats = np.asarray(cohort.column(key) == level, dtype=np.float64)
            columns.append(at)
            names.append(f"{key}={level}")
    return np.column_stack(columns), tuple(names)


def chosen_settings(study: Study, sets: Mapping[str, tuple[str, ...]], values: Values) -> Settings:
    """Put the values of a run into the words of the protocol.

    Raises
    ------
    ParameterError
        If they contradict each other.
    """
    given = cast("dict[str, Any]", dict(values))
    chosen = settings(
        study,
        source="synthetic",
        caliper=given["caliper"],
        ratio=given["ratio"],
        entry_p=1.0,
        seed=given["seed"],
        convention=given["convention"],
        caliper_scale=given["caliper_scale"],
        order=given["order"],
        ties=given["ties"],
    )
    try:
        plan = replace(
            chosen.plan,
            covariates=sets[given["matching_covariates"]],
            replace=given["replace"],
            draw=given["draw"] or chosen.plan.draw,
        )
    except ProtocolError as error:
        raise ParameterError(str(error)) from None
    return replace(chosen, plan=plan)


def resolved(chosen: Settings, values: Values) -> Record:
    """Return the values with those that a convention decides filled in."""
    plan = chosen.plan
    return {
        **values,
        "caliper_scale": plan.caliper_scale,
        "order": plan.order,
        "draw": plan.draw,
        "ties": chosen.choices.ties,
    }


@dataclass
class Memory:
    """The last matching and its differences, for runs in a row that share them."""

    key: object = None
    found: Matching | MatchingError | EstimationError | None = None
    smd: Record | None = None


def run(prepared: Prepared, values: Values, memory: Memory | None = None) -> Record:
    """Match and estimate as the values say.

    Parameters
    ----------
    prepared
        The cohort, from `prepare`.
    values
        A value for each of `replica.sweep.parameters.parameters`.
    memory
        Shares a matching with the run before; the record is the same without it.

    Returns
    -------
    dict
        The values, with what the convention decides filled in, and the columns of
        `replica.sweep.record.RESULTS`. A run that is impossible or has no estimate says why.

    Notes
    -----
    The steps are those of `replica.matching.match`, `replica.balance.balance` and
    `replica.cox.cox`, on arrays. After matching with replacement patients are weighted as in
    `replica.matched.Matched.weights` and the error is the sandwich's, whatever the adjustment.
    """
    memory = Memory() if memory is None else memory
    try:
        chosen = chosen_settings(prepared.study, prepared.sets, values)
    except ParameterError as error:
        return {**values, **refused(str(error))}
    full = resolved(chosen, values)
    columns = prepared.columns[str(values["matching_covariates"]), str(values["outcome"])]
    denominator = chosen.choices.convention.smd_denominator
    key = (chosen.plan, chosen.seed if chosen.at_random else None, denominator)
    if memory.key != key:
        memory.key, memory.smd = key, None
        memory.found = _match(columns, chosen)
        if isinstance(memory.found, Matching):
            smd = standardized(prepared, memory.found, columns.treated, denominator)
            memory.smd = differences(smd)
    if not isinstance(memory.found, Matching) or memory.smd is None:
        return {**full, **refused(str(memory.found))}
    matching = memory.found
    after = columns.take(matching.rows)
    sizes = {
        "pairs": len(matching.pairs),
        "treated": int(after.treated.sum()),
        "control": int((~after.treated).sum()),
        **memory.smd,
        "events": int(after.event.sum()),
    }
    try:
        effect = _effect(after, matching, str(values["adjustment"]), chosen)
    except EstimationError as error:
        return {**full, **refused(str(error)), **sizes}
    return {**full, **sizes, **effect, "reason": ""}


def _match(columns: Columns, chosen: Settings) -> Matching | MatchingError | EstimationError:
    plan: MatchingPlan = chosen.plan
    try:
        found = matched_pairs(columns, plan, chosen.generator())
    except (MatchingError, EstimationError) as error:
        return error
    sets, index = np.unique(found.treated, return_inverse=True)
    size = np.bincount(index)
    weight = np.zeros(len(columns), dtype=np.float64)
    weight[sets] = 1.0
    np.add.at(weight, found.control, 1.0 / size[index])
    number = np.zeros(len(columns), dtype=np.int64)
    if not plan.replace:
        number[sets] = np.arange(1, sets.size + 1)
        number[found.control] = index + 1
    rows = np.flatnonzero(weight)
    return Matching(found, rows, number[rows], weight[rows])


def standardized(
    prepared: Prepared, matching: Matching, treated: Bools, denominator: SmdDenominator
) -> dict[str, float]:
    """Standardized mean differences after matching, as `replica.balance.balance` gives them."""
    spread = prepared.spread[denominator]
    after, arm = prepared.balance[matching.rows], treated[matching.rows]
    share = matching.weights[~arm]
    gap = after[arm].mean(axis=0) - share @ after[~arm] / share.sum()
    smd = np.divide(gap, spread, out=np.where(gap == 0, 0.0, np.nan), where=spread > 0)
    return dict(zip(prepared.names, smd.tolist(), strict=True))


def _spreads(matrix: Floats, treated: Bools) -> dict[SmdDenominator, Floats]:
    arms: dict[SmdDenominator, list[Bools]] = {
        "treated": [treated],
        "control": [~treated],
        "pooled": [treated, ~treated],
    }
    return {
        name: np.array(
            [np.sqrt(np.mean([variance(column[arm]) for arm in of])) for column in matrix.T],
            dtype=np.float64,
        )
        for name, of in arms.items()
    }


def _effect(after: Columns, matching: Matching, adjustment: str, chosen: Settings) -> Record:
    arm = after.treated.astype(np.float64)[:, None]
    matrix: Floats = arm
    names: tuple[str, ...] = ("arm",)
    if adjustment == "adjusted":
        matrix, names = np.column_stack([arm, after.matrix]), ("arm", *after.names)
    if not after.event.any():
        raise EstimationError(f"found no event among {len(after)} matched patients.")
    weighted = chosen.plan.replace
    fit: CoxFit = fit_cox(
        matrix,
        after.duration,
        after.event,
        names=names,
        ties=chosen.choices.ties,
        cluster=matching.sets if adjustment == "clustered" and not weighted else None,
        weights=matching.weights if weighted else None,
    )
    robust = weighted or adjustment == "clustered"
    errors = fit.robust_se if robust and fit.robust_se is not None else fit.se
    named = _WEIGHTED if weighted else _ERRORS[adjustment]
    return {**wald(float(fit.coef[0]), float(errors[0])), "errors": named}
