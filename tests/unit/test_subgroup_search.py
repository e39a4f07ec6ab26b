"""The search over few patients costs what the public estimators say, and keeps what it must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replica.cox import fit_cox
from replica.log_rank import log_rank
from replica.logistic_models import fit_unconditional
from replica.published import load_published
from replica.studies import load_study
from replica.synthesis.case_control_patients import begin
from replica.synthesis.case_control_search import PHASES, anneal
from replica.synthesis.snapshots import read_snapshot, write_snapshot
from replica.synthesis.subgroup_kernels import (
    COUNTED,
    SHARED,
    SQUARED,
    around,
    derivatives,
    exchange,
    grouped_odds,
    log_rank_z,
    miss,
    reorder,
    taken,
)
from replica.synthesis.subgroup_times import (
    Phase,
    bounds_of,
    first_standing,
    misses,
    search,
    standing_of,
)

KEY = "myeloma_second_primary"
STEPS = 6000
FEW = (Phase(0.5, 3.0, 0.3, SHARED), Phase(0.5, 0.5, 0.05, COUNTED))


def patients(seed, n=60):
    """Draw patients without tied times: order by descending time, label, died and time."""
    rng = np.random.default_rng(seed)
    time = rng.permutation(n * 3)[:n] + 1
    label = (rng.random(n) < 0.4).astype(np.int64)
    return np.argsort(-time), label, rng.random(n) < 0.6, time


@pytest.fixture(scope="module")
def study():
    """Load the study."""
    return load_study(KEY)


@pytest.fixture(scope="module")
def begun(study):
    """Matched sets with the printed counts, before any search."""
    return begin(study, load_published(KEY), 7)


def last(begun, *, seed=3):
    """Run a short search and return where it ends."""
    rng, start = np.random.default_rng(seed), first_standing(begun.state)
    return list(search(begun.problem, start, FEW, rng, steps=STEPS))[-1]


def same(one, other):
    """Whether two states are the same to the last bit."""
    return (
        one.energy == other.energy
        and np.array_equal(one.columns, other.columns)
        and np.array_equal(one.time, other.time)
        and np.array_equal(one.died, other.died)
    )


def test_derivatives_by_hand():
    """Two exposed and two controls; deaths of an exposed, a control and an exposed, in this order.

    At a ratio of 2 the exposed's shares of the three risk sets are 4/6, 2/4 and 2/3.
    """
    time = np.array([1, 2, 3, 4])
    label = np.array([1, 0, 1, 0])
    died = np.array([True, True, True, False])
    score, information, third = derivatives(np.argsort(-time), label, died, 2.0)
    assert score == pytest.approx((1 - 4 / 6) - 2 / 4 + (1 - 2 / 3), abs=1e-15)
    assert information == pytest.approx(2 / 9 + 1 / 4 + 2 / 9, abs=1e-15)
    assert third == pytest.approx(2 * (2 / 9) * (1 - 4 / 3), abs=1e-15)


def test_whoever_is_in_no_group_counts_nowhere():
    """Label -1 takes part in no risk set and in no death."""
    order, label, died, _ = patients(1)
    label[::4] = -1
    kept = np.array([i for i in order if label[i] >= 0])
    assert derivatives(order, label, died, 1.3) == derivatives(kept, label, died, 1.3)


@pytest.mark.parametrize("seed", range(5))
def test_a_model_seen_from_its_maximum_is_the_public_cox_model(seed):
    """Opened at the fitted log hazard ratio, ratio and error are those of `fit_cox`."""
    order, label, died, time = patients(seed)
    x = label.astype(np.float64)[:, None]
    fit = fit_cox(x, time.astype(float), died, names=["x"], ties="breslow").summary().iloc[0]
    log_ratio = float(np.log(fit["hazard_ratio"]))
    found = around(order, label, died, log_ratio)
    assert found == pytest.approx((log_ratio, float(fit["se"])), abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("away", [-0.05, 0.05])
def test_a_model_seen_from_nearby_is_the_public_cox_model_nearly(seed, away):
    """A twentieth away the ratio is within 1e-4 and the error within 1e-3 of the fitted ones."""
    order, label, died, time = patients(seed)
    x = label.astype(np.float64)[:, None]
    fit = fit_cox(x, time.astype(float), died, names=["x"], ties="breslow").summary().iloc[0]
    log_ratio = float(np.log(fit["hazard_ratio"]))
    b, se = around(order, label, died, log_ratio + away)
    assert b == pytest.approx(log_ratio, abs=1e-4)
    assert se == pytest.approx(float(fit["se"]), abs=1e-3)


def test_without_information_a_ratio_is_far_off_in_its_direction():
    """One death of the only exposed, last at risk: no error, and nothing like a printed ratio."""
    label = np.array([1, 0])
    died = np.array([True, False])
    _, se = around(np.array([0, 1]), label, died, 0.0)
    assert se > 1.0
    b, se = around(np.array([0, 1]), label, np.array([False, False]), 0.2)
    assert b == 0.2
    assert se > 30.0


def test_z_is_that_of_the_public_log_rank_test():
    """Squared it is the chi-square statistic; its sign is that of more deaths than expected."""
    order, label, died, time = patients(11)
    z = log_rank_z(order, label, died)
    public = log_rank(time.astype(float), died, label)
    assert z**2 == pytest.approx(public.statistic, rel=1e-12)
    score, _, _ = derivatives(order, label, died, 1.0)
    assert np.sign(z) == np.sign(score)


def test_grouped_odds_are_those_of_the_public_logistic_model():
    """Coefficients and the last one's error, from cells of three binary columns."""
    rng = np.random.default_rng(5)
    x = (rng.random((120, 3)) < 0.5).astype(np.int64)
    y = rng.random(120) < 0.3 + 0.3 * x[:, 2]
    cell = x @ np.array([1, 2, 4])
    totals = np.bincount(cell, minlength=8).astype(np.float64)
    cases = np.bincount(cell[y], minlength=8).astype(np.float64)
    b, se = grouped_odds(cases, totals, np.zeros(4))
    names = ["a", "b", "c"]
    fit = fit_unconditional(x.astype(float), y, names=names, profile=False).summary()
    assert np.exp(b[1:]) == pytest.approx(fit["odds_ratio"].to_numpy(dtype=float), rel=1e-6)
    low, high = (float(fit.iloc[-1][name]) for name in ("ci_low", "ci_high"))
    assert 2 * 1.959963984540054 * se == pytest.approx(np.log(high / low), rel=1e-6)


def test_a_number_within_the_printed_range_costs_nothing():
    """2.00 (1.00 to 4.00) is met by a ratio of 2.002 with its interval's error, not by 2.05."""
    bounds = bounds_of(np.array([2.0, 1.0, 4.0]), 0.005)
    se = np.log(4.0) / (2 * 1.959963984540054)
    for shape in (SQUARED, SHARED, COUNTED):
        assert miss(np.log(2.002), se, bounds, shape) == 0.0
        assert miss(np.log(2.05), se, bounds, shape) > 0.0


def test_what_a_distance_costs_by_hand():
    """The same distance of the ratio and of both ends, by each shape."""
    bounds = np.log(np.array([[2.0, 2.0], [1.0, 1.0], [4.0, 4.0]]))
    se, off = np.log(2.0) / 1.959963984540054, 0.1
    cost = [miss(np.log(2.0) + off, se, bounds, shape) for shape in (SQUARED, SHARED, COUNTED)]
    assert cost == pytest.approx([3.0, 6.0, 3 * (1.35 - np.exp(-2.5))], rel=1e-9)


def test_order_is_kept_when_one_moves_and_when_two_exchange():
    """Lists stay by descending time; whose day is taken is seen by others only."""
    order, _, _, time = patients(2)
    rng = np.random.default_rng(0)
    for _ in range(50):
        i, j = (int(k) for k in rng.choice(time.size, 2, replace=False))
        free = np.setdiff1d(np.arange(1, 400), time)
        time[i] = rng.choice(free)
        reorder(order, time, i)
        assert (np.diff(time[order]) < 0).all()
        time[i], time[j] = time[j], time[i]
        exchange(order, i, j)
        assert (np.diff(time[order]) < 0).all()
    assert taken(time, 0, int(time[1]))
    assert not taken(time, 0, int(time[0]))


def test_row_order_does_not_matter_to_the_cost():
    """Patients in another order have the same distances from every printed number."""

    def shuffled(begun, places):
        problem, state = begun.problem, begun.state
        rows = {name: getattr(problem, name)[places] for name in ("group", "earliest", "end")}
        moved = {name: getattr(state, name)[places] for name in ("columns", "time", "died")}
        return replace(problem, **rows), replace(state, **moved)

    study = load_study(KEY)
    start = begin(study, load_published(KEY), 5)
    places = np.random.default_rng(1).permutation(start.problem.group.size)
    assert np.array_equal(misses(start.problem, start.state), misses(*shuffled(start, places)))


def test_a_search_leaves_counts_and_limits_as_they_are(begun):
    """Counts by group, fixed columns, days within limits, no two patients on one day."""
    before, after, problem = begun.state, last(begun).best, begun.problem
    assert np.array_equal(before.columns[:, : problem.fixed], after.columns[:, : problem.fixed])
    for value in np.unique(problem.group):
        members = problem.group == value
        for column in range(before.columns.shape[1]):
            assert np.array_equal(
                np.sort(before.columns[members, column]), np.sort(after.columns[members, column])
            )
    assert (after.time >= problem.earliest).all()
    assert (after.time <= problem.end).all()
    assert not after.died[after.time == problem.end].any()
    assert np.unique(after.time).size == after.time.size


def test_a_search_comes_nearer_to_the_printed_numbers(begun):
    """Even a short one; the best state is never worse than the one it began from."""
    found = last(begun)
    assert misses(begun.problem, found.best).sum() < misses(begun.problem, begun.state).sum()


def test_the_same_seed_gives_the_same_patients_and_another_seed_others(begun):
    """Nothing else decides, and no clock."""
    first = last(begun)
    assert same(first.best, last(begun).best)
    assert not same(first.best, last(begun, seed=4).best)


def test_a_search_taken_up_again_ends_the_same(begun, study, tmp_path):
    """Stopped at any report, written to a file and read again."""
    kept = []
    told = []

    def progress(stage, done, total, state):
        told.append((stage, done, total, state))

    whole = anneal(begun, study, steps=250_000, seed=3, progress=progress, keep=kept.append)
    assert len(kept) == len(told) >= len(PHASES)
    for snapshot in (kept[0], kept[-2]):
        write_snapshot(tmp_path / "stood.npz", snapshot, {"a": 1})
        read = read_snapshot(tmp_path / "stood.npz", {"a": 1})
        again = anneal(begun, study, steps=250_000, seed=3, progress=progress, resume=read)
        assert same(whole.state, again.state)


def test_progress_says_how_many_rows_are_met_and_which_are_worst(begun, study):
    """Done never passes what is planned, and the misses are named by subgroup."""
    told = []

    def progress(stage, done, total, state):
        told.append((stage, done, total, state))

    anneal(begun, study, steps=20_000, seed=3, progress=progress)
    stages, done, total, said = zip(*told, strict=True)
    assert len(set(stages)) == len(PHASES)
    assert list(done) == sorted(done)
    assert done[-1] <= total[-1]
    rows = int(3 * begun.problem.weight.sum())
    assert all(f"of {rows} rows met" in one for one in said)
    assert "worst: " in said[0]
    assert "=" in said[0].partition("worst: ")[2]


def test_a_standing_comes_apart_and_together_again(begun):
    """Numbers and arrays hold all of it."""
    standing = last(begun)
    again = standing_of(standing.numbers(), standing.arrays())
    assert (again.phase, again.done) == (standing.phase, standing.done)
    assert same(again.best, standing.best)
    assert np.array_equal(again.now.time, standing.now.time)
