"""The quiet changes leave the fit as it is, and the search reaches counts that exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replica.greedy import match_rows
from replica.logistic import fit_logistic
from replica.logistic_kernel import linear_predictor, newton, probability
from replica.synthesis.matching_search import (
    STRANGE,
    TOLERATED,
    Candidate,
    Goal,
    _deviation,
    _draw_crosswise,
    _draw_renumbering,
    _exchange,
    _pattern,
    _strangeness,
    first_standing,
    search_covariates,
)
from replica.synthesis.snapshots import state_of

WIDTH = 0.05
SHARES = np.array([0.5, 0.4, 0.3, 0.6])
NO_COLUMNS = np.empty(0, dtype=np.int64)


def draw(seed):
    """Draw 60 treated and 90 controls, mixed, with four covariates of the same arm totals."""
    rng = np.random.default_rng(seed)
    treated = np.zeros(150, dtype=np.bool_)
    treated[rng.permutation(150)[:60]] = True
    X = np.zeros((150, SHARES.size))
    for rows, shift in ((np.flatnonzero(treated), 0.1), (np.flatnonzero(~treated), 0.0)):
        for j, share in enumerate(SHARES):
            count = round((share + shift) * rows.size)
            X[rng.permutation(rows)[:count], j] = 1.0
    return X, treated


def score_of(X, treated):
    """Estimate the propensity score anew, from zero."""
    coef, _, status, _ = newton(X, treated, np.zeros(X.shape[1] + 1))
    assert status == 0
    return probability(linear_predictor(X, coef))


def candidate_of(seed):
    """Make a candidate with its own score, in its own memory."""
    X, treated = draw(seed)
    pattern = np.array([_pattern(row) for row in X], dtype=np.int64)
    return Candidate(X, score_of(X, treated), treated, pattern)


def matched_counts(X, treated):
    """Count pairs, and contrasts among matched treated and controls, without the search."""
    partner = match_rows(score_of(X, treated), treated, WIDTH, True)
    rows = np.flatnonzero(treated & (partner >= 0))
    return rows.size, np.stack([X[rows].sum(axis=0), X[partner[rows]].sum(axis=0)])


def goal_of(X, treated):
    """Take the matched counts that a table really has as the counts to reach."""
    pairs, wanted = matched_counts(X, treated)
    return Goal(wanted.astype(np.int64), pairs, WIDTH, True, NO_COLUMNS, np.array([60]))


def totals(candidate):
    """Count each covariate in both arms."""
    X, _, treated, _ = candidate
    return np.stack([X[treated].sum(axis=0), X[~treated].sum(axis=0)])


def drawn_change(draw_change, candidate, rng):
    """Draw until a change is possible."""
    for _ in range(1000):
        who, k = draw_change(candidate, rng)
        if who[0] >= 0:
            return who, k
    raise AssertionError("no change was possible")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "draw_change", [_draw_crosswise, _draw_renumbering], ids=["crosswise", "renumbering"]
)
def test_a_quiet_change_leaves_counts_and_coefficients(draw_change, seed):
    """Counts of both arms, coefficients refitted from zero and everyone's new score agree."""
    candidate = candidate_of(seed)
    rng = np.random.default_rng(seed)
    counts = totals(candidate)
    names = [f"x{j}" for j in range(SHARES.size)]
    coef = fit_logistic(candidate.X, candidate.treated, names=names).coef
    table = candidate.X.copy()
    for _ in range(200):
        who, k = drawn_change(draw_change, candidate, rng)
        _exchange(candidate, who, k)
    assert not np.array_equal(table, candidate.X)
    assert np.array_equal(counts, totals(candidate))
    refitted = fit_logistic(candidate.X, candidate.treated, names=names).coef
    assert refitted == pytest.approx(coef, rel=1e-10, abs=1e-10)
    fresh = score_of(candidate.X, candidate.treated)
    assert candidate.score == pytest.approx(fresh, rel=1e-10, abs=1e-10)


def test_a_crosswise_exchange_keeps_the_same_patients_in_all():
    """Both arms together hold the same covariate patterns; four patients took another's."""
    candidate = candidate_of(3)
    before = candidate.X.copy()
    who, k = drawn_change(_draw_crosswise, candidate, np.random.default_rng(0))
    _exchange(candidate, who, k)
    changed = np.flatnonzero((before != candidate.X).any(axis=1))
    assert np.array_equal(changed, np.sort(who))
    assert candidate.treated[who].tolist() == [True, False, True, False]
    assert (before != candidate.X).sum() == 4
    patterns = [np.array(sorted(map(tuple, X))) for X in (before, candidate.X)]
    assert np.array_equal(*patterns)


def test_a_renumbering_exchanges_two_treated_patients_whole():
    """Two treated patients take each other's row and score."""
    candidate = candidate_of(3)
    X, score = candidate.X.copy(), candidate.score.copy()
    (i, j, *nobody), k = _draw_renumbering(candidate, np.random.default_rng(0))
    assert (k, nobody) == (-1, [-1, -1])
    assert candidate.treated[[i, j]].all()
    _exchange(candidate, np.array([i, j, -1, -1]), k)
    assert np.array_equal(candidate.X[[i, j]], X[[j, i]])
    assert np.array_equal(candidate.score[[i, j]], score[[j, i]])


@pytest.mark.parametrize("draw_change", [_draw_crosswise, _draw_renumbering])
def test_a_change_made_twice_is_undone(draw_change):
    """The search undoes a rejected change by making it again, bit for bit."""
    candidate = candidate_of(4)
    X, score = candidate.X.copy(), candidate.score.copy()
    rng = np.random.default_rng(1)
    for _ in range(100):
        who, k = drawn_change(draw_change, candidate, rng)
        for _ in range(2):
            _exchange(candidate, who, k)
    assert np.array_equal(X, candidate.X)
    assert np.array_equal(score, candidate.score)
    assert candidate.pattern.tolist() == [_pattern(row) for row in X]


def test_the_deviation_counts_every_patient_off():
    """It is 0 at a table's own counts and the sum of what is missing elsewhere."""
    candidate = candidate_of(1)
    goal = goal_of(candidate.X, candidate.treated)
    assert _deviation(candidate, goal.wanted, goal.pairs, WIDTH, True) == 0
    other = goal.wanted.copy()
    other[0, 0] += 3
    other[1, 2] -= 2
    assert _deviation(candidate, other, goal.pairs + 1, WIDTH, True) == 6


def search(seed, goal, *, evaluations=40_000, start=11):
    """Search from the draw of seed `start`, remembering what was reported."""
    X, treated = draw(start)
    rng, start = np.random.default_rng(seed), first_standing(X, treated, goal)
    stood = list(search_covariates(start, treated, goal, rng, evaluations=evaluations))
    told = [(standing.done, standing.best) for standing in stood]
    return X, treated, stood[-1].best_x, stood[-1].best, told


@pytest.fixture(scope="module")
def goal():
    """Counts of a table that exists, but not the one from which the searches start."""
    X, treated = draw(11)
    other, of_other = draw(12)
    mixed = np.empty_like(X)
    mixed[treated], mixed[~treated] = other[of_other], other[~of_other]
    return goal_of(mixed, treated)


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_a_table_that_exists_are_reached(goal, seed):
    """From another table with the same arm totals the search ends with the counts as wanted."""
    X, treated, found, deviation, told = search(seed, goal)
    assert goal_of(X, treated).wanted.tolist() != goal.wanted.tolist()
    pairs, counts = matched_counts(found, treated)
    assert deviation == 0
    assert (pairs, counts.tolist()) == (goal.pairs, goal.wanted.tolist())
    assert set(np.unique(found)) == {0.0, 1.0}
    for rows in (treated, ~treated):
        assert np.array_equal(found[rows].sum(axis=0), X[rows].sum(axis=0))
    assert told[-1][1] == 0
    assert told[-1][0] < 40_000
    assert [off for _, off in told] == sorted((off for _, off in told), reverse=True)


def test_the_same_generator_gives_the_same_covariates(goal):
    """Equal seeds give equal tables and reports; the table given is left alone."""
    first, second = (search(5, goal, evaluations=6000) for _ in range(2))
    assert np.array_equal(first[2], second[2])
    assert first[3:] == second[3:]
    assert np.array_equal(first[0], draw(11)[0])


def test_an_impossible_goal_ends_with_what_is_missing(goal):
    """More pairs than treated patients cannot be; the best table and its deviation are returned."""
    impossible = replace(goal, pairs=70)
    _, treated, found, deviation, told = search(1, impossible, evaluations=4000)
    pairs, counts = matched_counts(found, treated)
    assert deviation == abs(pairs - 70) + np.abs(counts - goal.wanted).sum()
    assert deviation >= 10
    assert told[-1] == (4000, deviation)


def test_counts_that_already_agree_cost_nothing():
    """A table that has the wanted counts is returned as it is, before any change."""
    X, treated = draw(2)
    goal = goal_of(X, treated)
    standing = first_standing(X, treated, goal)
    rng = np.random.default_rng(0)
    assert list(search_covariates(standing, treated, goal, rng, evaluations=5000)) == []
    assert standing.best == 0
    assert np.array_equal(standing.best_x, X)


def test_wanted_combinations_are_held(goal):
    """The treated keep the combinations they are wanted with, but for a few, and counts agree."""
    X, treated = draw(11)
    columns = np.array([0, 2])
    codes = (2 * X[treated, 0] + X[treated, 2]).astype(int)
    wanted = np.bincount(codes, minlength=4)
    asked = replace(goal, joint=columns, combinations=wanted)
    start, rng = first_standing(X, treated, asked), np.random.default_rng(4)
    standing = list(search_covariates(start, treated, asked, rng, evaluations=60_000))[-1]
    assert standing.best == 0
    found = standing.best_x
    codes = (2 * found[treated, 0] + found[treated, 2]).astype(int)
    assert np.abs(np.bincount(codes, minlength=4) - wanted).sum() <= TOLERATED
    assert matched_counts(found, treated)[1].tolist() == goal.wanted.tolist()


def test_combinations_that_are_not_wanted_have_their_price():
    """Every patient too many or too few in a combination costs, beyond those tolerated."""
    candidate = candidate_of(1)
    columns = np.array([1])
    having = int(candidate.X[candidate.treated, 1].sum())
    for off in (0, TOLERATED // 2, TOLERATED, TOLERATED + 3):
        wanted = np.array([60 - having + off, having - off])
        expected = STRANGE * max(0, 2 * off - TOLERATED)
        assert _strangeness(candidate, columns, wanted) == pytest.approx(expected)


def test_a_search_goes_on_from_where_it_stood(goal):
    """Taken up in the middle, with the generator as it was, it ends with the same bits."""
    X, treated = draw(11)
    asked = replace(goal, pairs=70)
    rng = np.random.default_rng(6)
    start = first_standing(X, treated, asked)
    search = search_covariates(start, treated, asked, rng, evaluations=12_000)
    kept = [(standing, state_of(rng)) for standing in search]
    middle, state = kept[len(kept) // 2]
    other = np.random.default_rng(0)
    other.bit_generator.state = dict(state)
    again = list(search_covariates(middle, treated, asked, other, evaluations=12_000))[-1]
    last = kept[-1][0]
    assert (again.done, again.best) == (last.done, last.best)
    assert np.array_equal(again.X, last.X)
    assert np.array_equal(again.score, last.score)
    assert np.array_equal(again.best_x, last.best_x)
