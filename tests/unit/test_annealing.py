"""The search over times keeps its state whole, its bookkeeping honest and its promises exact."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from replica.cohort import Cohort
from replica.convention import SPSS
from replica.matching import match
from replica.published import load_published
from replica.studies import load_study
from replica.synthesis.annealing import (
    EDGE,
    FARTHEST_OUT,
    NOT_ESTIMABLE,
    Schedule,
    anneal,
    fit_cost,
    row_cost,
)
from replica.synthesis.covariates import draw_covariates
from replica.synthesis.fits import compile_fits, evaluate, patterns, signature, width
from replica.synthesis.moves import SHORTEST, State
from replica.synthesis.targets import compile_targets
from replica.synthesis.times import GRID, initial_times

LONGEST = 70.0
SHIFTS = (0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
EXCHANGE_ALL = (0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
EXCHANGE_ALIKE = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0)
EXCHANGE_ONE = (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
EXCHANGE_NEIGHBOURS = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
FLIPS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
COVARIATES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
EVERYTHING = (0.15, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9)
FREE = np.array([4, 7])
PATIENTS = 496
EXCHANGES = [EXCHANGE_ALL, EXCHANGE_ALIKE, EXCHANGE_ONE, EXCHANGE_NEIGHBOURS]
# Newton's method sets out from the last coefficients, or from zero: costs agree to about this.
SAME = 1e-6
HOT, COLD = 1e9, 1e-300


@pytest.fixture(scope="module")
def drawn():
    """Draw unsearched patients and times of the published study, and compile its fits."""
    study = load_study("sclc_second_line")
    targets = compile_targets(study, load_published(study.key))
    rng = np.random.default_rng(11)
    cohort = Cohort(study, draw_covariates(targets, rng), "synthetic")
    paired = match(cohort).after.patients["patient_id"]
    matched = np.asarray(cohort.patients["patient_id"].isin(paired), dtype=np.bool_)
    times = initial_times(targets, cohort.treated, rng)
    compiled = compile_fits(targets, SPSS)
    cell = 2 * cohort.treated.astype(np.int64) + matched
    return times, cell, patterns(cohort, matched), compiled


@pytest.fixture
def state(drawn):
    """Make a fresh state that a test may change: progression before death, sorted."""
    times, cell, pattern, _ = drawn
    return State(
        times.duration.copy(),
        times.event.copy(),
        np.argsort(times.duration, axis=1, kind="stable"),
        pattern.copy(),
        cell,
        np.zeros(times.event.shape, dtype=np.bool_),
        np.array([1, -1], dtype=np.int64),
        LONGEST,
    )


def schedule(compiled, moves, temperatures, *, active="by_arm", softness=5.0):
    """Say which moves to try and which fits count: those by arm, all of them, or none."""
    choices = {
        "by_arm": compiled.by_arm,
        "all": np.ones_like(compiled.by_arm),
        "none": np.zeros_like(compiled.by_arm),
    }
    return Schedule(
        choices[active],
        np.ones(PATIENTS, dtype=np.bool_),
        FREE,
        np.array(moves),
        softness,
        np.array(temperatures, dtype=float),
    )


def copied(state):
    """Keep what the search may change."""
    return state.duration.copy(), state.event.copy(), state.pattern.copy()


@njit
def signatures(system, s, pattern):
    """How each patient enters a fit; compiled, as it is asked for all patients again and again."""
    return np.array([signature(system, s, own) for own in pattern])


def values(system, duration, event, pattern, orders=None):
    """Evaluate every fit anew, from times sorted anew unless their order is given."""
    out = np.empty((system.kind.size, width(system)))
    for s, o in enumerate(system.outcome):
        order = np.argsort(duration[o], kind="stable") if orders is None else orders[o]
        codes = signatures(system, s, pattern)
        room = np.empty((4, order.size), dtype=np.int64)
        start = np.zeros(system.columns.shape[1])
        evaluate(system, s, codes, duration[o], event[o], order, start, room, out[s])
    return out


def cost(compiled, chosen, duration, event, pattern):
    """Sum the cost of a state anew, without the search's bookkeeping."""
    system = compiled.system
    found = values(system, duration, event, pattern)
    return sum(
        fit_cost(system, s, found[s], chosen.softness) for s in np.flatnonzero(chosen.active)
    )


@pytest.mark.parametrize(
    "moves",
    [SHIFTS, *EXCHANGES, FLIPS, COVARIATES, EVERYTHING],
    ids=[
        *("shifts", "any", "alike", "one outcome", "neighbours", "flips", "covariates"),
        "everything",
    ],
)
def test_a_state_stays_whole_through_thousands_of_accepted_moves(drawn, state, moves):
    """Order stays sorted and a permutation; times stay on the grid, in bounds and in order."""
    *_, compiled = drawn
    before = copied(state)
    temperatures = np.full(20_000, HOT)
    anneal(
        compiled.system,
        state,
        schedule(compiled, moves, temperatures, active="none"),
        np.random.default_rng(1),
    )
    assert not all(map(np.array_equal, before, copied(state)))
    for duration, order in zip(state.duration, state.order, strict=True):
        assert np.array_equal(np.sort(order), np.arange(order.size))
        assert (np.diff(duration[order]) >= 0).all()
    assert np.array_equal(state.duration, np.round(state.duration / GRID) * GRID)
    assert state.duration.min() >= SHORTEST
    assert state.duration.max() <= LONGEST
    progressed, died = state.event
    assert (state.duration[0] <= state.duration[1]).all()
    assert (progressed | ~died).all()


@pytest.mark.parametrize("moves", EXCHANGES)
def test_exchanges_hand_times_round_within_arm_and_matching_status(drawn, state, moves):
    """Each cell keeps its times and events; only who has them changes."""
    _, cell, _, compiled = drawn
    duration, event, _ = copied(state)
    anneal(
        compiled.system,
        state,
        schedule(compiled, moves, np.full(20_000, HOT), active="none"),
        np.random.default_rng(2),
    )
    assert not np.array_equal(duration, state.duration)
    for c in np.unique(cell):
        rows = cell == c
        for o in range(len(duration)):
            held = sorted(zip(duration[o, rows], event[o, rows], strict=True))
            assert held == sorted(zip(state.duration[o, rows], state.event[o, rows], strict=True))


@pytest.mark.parametrize("moves", EXCHANGES)
def test_exchanges_leave_the_fits_of_arms_exactly_as_they_are(drawn, state, moves):
    """No bit of a curve or comparison of arms changes, while other fits do."""
    *_, compiled = drawn
    system = compiled.system
    found = []
    for _ in range(2):
        found.append(values(system, *copied(state), orders=state.order))
        anneal(
            system,
            state,
            schedule(compiled, moves, np.full(5000, HOT), active="none"),
            np.random.default_rng(3),
        )
    before, after = found
    assert np.array_equal(before[compiled.by_arm], after[compiled.by_arm], equal_nan=True)
    changed = [
        not np.array_equal(*pair, equal_nan=True) for pair in zip(before, after, strict=True)
    ]
    assert sum(changed) >= 0.9 * (~compiled.by_arm).sum()


def test_a_rejected_move_restores_the_state_bit_for_bit(drawn, state):
    """In the cold a single move leaves either everything as it was or a cost no higher."""
    *_, compiled = drawn
    chosen = schedule(compiled, EVERYTHING, [COLD])
    rng = np.random.default_rng(4)
    restored = improved = 0
    now = cost(compiled, chosen, *copied(state))
    for _ in range(400):
        before = copied(state)
        best, *returned = anneal(compiled.system, state, chosen, rng)
        for duration, order in zip(state.duration, state.order, strict=True):
            assert (np.diff(duration[order]) >= 0).all()
        if all(map(np.array_equal, before, copied(state))):
            restored += 1
            assert best == pytest.approx(now, abs=SAME)
        else:
            trial = cost(compiled, chosen, *copied(state))
            assert trial <= now + SAME
            improved += trial < now - SAME
            now = trial
        assert best == pytest.approx(cost(compiled, chosen, *returned), abs=SAME)
    assert restored > 50
    assert improved > 5


def test_an_impossible_move_changes_nothing(drawn, state):
    """When no time may be longer than the shortest one allowed, every shift is undone."""
    *_, compiled = drawn
    narrow = state._replace(longest=SHORTEST)
    before = copied(state)
    order = state.order.copy()
    chosen = schedule(compiled, SHIFTS, np.full(2000, HOT), active="none")
    anneal(compiled.system, narrow, chosen, np.random.default_rng(5))
    assert all(map(np.array_equal, before, copied(state)))
    assert np.array_equal(order, state.order)


@pytest.mark.parametrize(("active", "moves"), [("by_arm", SHIFTS), ("all", EVERYTHING)])
def test_the_lowest_cost_is_that_of_the_times_returned(drawn, state, active, moves):
    """Evaluated anew, the times returned cost what is said, and no more than those given."""
    *_, compiled = drawn
    chosen = schedule(compiled, moves, np.geomspace(1.0, 0.01, 1500), active=active)
    first = cost(compiled, chosen, *copied(state))
    best, duration, event, pattern = anneal(
        compiled.system, state, chosen, np.random.default_rng(6)
    )
    assert best == pytest.approx(cost(compiled, chosen, duration, event, pattern), abs=SAME)
    assert best < first
    assert best <= cost(compiled, chosen, *copied(state)) + SAME
    assert not np.shares_memory(duration, state.duration)


def test_the_same_generator_gives_the_same_times(drawn, state):
    """Equal seeds give equal bits; another seed gives other times."""
    *_, compiled = drawn
    chosen = schedule(compiled, EVERYTHING, np.full(300, 0.1))
    found = [
        anneal(
            compiled.system,
            state._replace(
                duration=state.duration.copy(),
                event=state.event.copy(),
                order=state.order.copy(),
                pattern=state.pattern.copy(),
            ),
            chosen,
            np.random.default_rng(seed),
        )
        for seed in (8, 8, 9)
    ]
    assert found[0][0] == found[1][0]
    assert np.array_equal(found[0][1], found[1][1])
    assert np.array_equal(found[0][2], found[1][2])
    assert np.array_equal(found[0][3], found[1][3])
    assert not np.array_equal(found[0][1], found[2][1])


def test_nothing_to_try_returns_the_state_itself(drawn, state):
    """Without temperatures the times come back unchanged with their cost."""
    *_, compiled = drawn
    chosen = schedule(compiled, EVERYTHING, [])
    best, duration, event, pattern = anneal(
        compiled.system, state, chosen, np.random.default_rng(0)
    )
    assert best == pytest.approx(cost(compiled, chosen, *copied(state)), abs=SAME)
    assert np.array_equal(duration, state.duration)
    assert np.array_equal(event, state.event)
    assert np.array_equal(pattern, state.pattern)


def test_covariates_change_hands_within_a_group_and_only_the_free_ones(drawn, state):
    """Each group keeps its counts of every covariate; those not free stay where they are."""
    _, cell, before, compiled = drawn
    chosen = schedule(compiled, COVARIATES, np.full(5000, HOT), active="none")
    anneal(compiled.system, state, chosen, np.random.default_rng(12))
    changed = before ^ state.pattern
    assert changed.any()
    assert not (changed & ~(1 << FREE).sum()).any()
    for c in np.unique(cell):
        for bit in FREE:
            ones = [(own[cell == c] >> bit & 1).sum() for own in (before, state.pattern)]
            assert ones[0] == ones[1]


def test_who_is_not_mobile_only_exchanges_all_times(drawn, state):
    """Pairs of times and events stay together and stay what they were."""
    _, cell, _, compiled = drawn
    chosen = schedule(compiled, EVERYTHING, np.full(5000, HOT), active="none")
    chosen = chosen._replace(mobile=np.zeros(PATIENTS, dtype=np.bool_))
    before = np.vstack([state.duration, state.event]).copy()
    anneal(compiled.system, state, chosen, np.random.default_rng(13))
    after = np.vstack([state.duration, state.event])
    assert not np.array_equal(before, after)
    for c in np.unique(cell):
        held = [sorted(map(tuple, table[:, cell == c].T)) for table in (before, after)]
        assert held[0] == held[1]


def test_where_events_are_counted_they_move_without_growing_or_dwindling(drawn, state):
    """Held patients keep their number of events; without anybody held it changes."""
    _, cell, _, compiled = drawn
    treated = cell >= 2
    held = np.array([treated, np.zeros(PATIENTS, dtype=np.bool_)])
    before = state.event.copy()
    chosen = schedule(compiled, FLIPS, np.full(5000, HOT), active="none")
    order = state.order.copy()
    anneal(compiled.system, state._replace(held=held), chosen, np.random.default_rng(14))
    progressed = before[0, treated], state.event[0, treated]
    assert progressed[0].sum() == progressed[1].sum()
    assert (progressed[0] != progressed[1]).any()
    assert before[0, ~treated].sum() != state.event[0, ~treated].sum()
    assert before[1].sum() != state.event[1].sum()
    assert np.array_equal(order, state.order)


UNIT = 0.01
LOW, HIGH = 4.125, 4.135


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4.13, 0.0),
        (LOW + 2 * EDGE * UNIT, 0.0),
        (LOW, 0.05),
        (HIGH, 0.05),
        (HIGH - 0.5 * EDGE * UNIT, 0.05),
        (HIGH + UNIT, 0.3 + np.log1p(1)),
        (LOW - UNIT, 0.3 + np.log1p(1)),
        (np.nan, NOT_ESTIMABLE),
        (np.inf, np.inf),
    ],
)
def test_an_exact_search_counts_rows(value, expected):
    """Inside costs nothing, both ends a little, outside the log of the units; NaN the most."""
    assert row_cost(value, LOW, HIGH, UNIT, 1.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4.13, 0.0),
        (LOW, 0.0),
        (HIGH + UNIT, np.sqrt(1.25) - 1),
        (LOW - 2 * UNIT, np.sqrt(2) - 1),
        (HIGH + 200 * UNIT, np.sqrt(10_001) - 1),
        (np.inf, np.sqrt(FARTHEST_OUT**2 + 1) - 1),
        (np.nan, NOT_ESTIMABLE),
    ],
)
def test_a_coarse_search_pulls_rows_in_proportion_to_their_distance(value, expected):
    """The square of the distance over the softness nearby, the distance itself far away."""
    assert row_cost(value, LOW, HIGH, UNIT, 2.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("value", "met"), [(0.0005, True), (1e-12, True), (0.0011, False), (0.5, False)]
)
def test_a_bound_has_one_end(value, met):
    """A p value printed as below 0.001 is met by any smaller one."""
    assert (row_cost(value, -np.inf, 0.001, 0.001, 1.0) == 0.0) == met


def test_the_cost_of_a_row_grows_with_distance_and_shrinks_with_softness():
    """Farther is worse at any softness; a softer search cares less about the same distance."""
    far = HIGH + UNIT * np.geomspace(0.01, 890, 50)
    for softness in (1.0, 20.0, 300.0):
        costs = [row_cost(value, LOW, HIGH, UNIT, softness) for value in far]
        assert max(costs) < NOT_ESTIMABLE
        assert (np.diff(costs) > 0).all()
        assert costs[0] > row_cost(HIGH - UNIT / 2, LOW, HIGH, UNIT, softness)
        assert row_cost(HIGH + UNIT, LOW, HIGH, UNIT, softness) > row_cost(
            HIGH + UNIT, LOW, HIGH, UNIT, 2 * softness
        )
