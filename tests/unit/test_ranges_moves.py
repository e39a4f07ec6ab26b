"""Moves of the search for extremes, worked out by hand: what they change, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from replica.errors import SynthesisError
from replica.ranges.held import ranks_kept
from replica.ranges.moves import (
    EXCHANGE_ALIKE,
    EXCHANGE_KIN,
    FLIP,
    KINDS,
    SHIFT,
    STRETCH,
    choose,
    copy_into,
    exchange,
    exchange_times,
    flip,
    move,
    moves,
    neighbour,
    partner,
    room,
    shift,
    stretch,
    undo,
)
from replica.ranges.patients import Patients, Rules, allowed, on_grid, piled
from replica.ranges.rows import bounded

EARLY, LATE = 0, 1


def five():
    """Five patients with an earlier and a later outcome; the last one is censored in both."""
    early = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    late = np.array([2.0, 3.0, 4.0, 5.0, 6.0])
    event = np.array([[True, True, True, True, False]] * 2)
    order = np.array([np.arange(5)] * 2)
    return Patients(np.array([early, late]), event, order, np.arange(5))


def rules(**other):
    """Rules of two arms, in which the earlier outcome may not follow the later one."""
    given = {
        "column": np.array([0, 1]),
        "before": np.array([LATE, -1]),
        "within": np.array([-1, -1]),
        "first": np.array([0.5, 0.5]),
        "last": np.array([8.0, 8.0]),
        "earliest": np.full(5, 0.5),
        "latest": np.full(5, 9.0),
        "arm": np.array([0, 0, 1, 1, 1]),
        "group": np.array([0, 0, 1, 1, 2]),
        "kin": np.array([0, 0, 1, 1, 1]),
        "most": np.array([[1, 1], [1, 1]]),
        "days": False,
    }
    return Rules(**{**given, **other})


def changed(patients, kept):
    """Tell whether anything differs from what was kept."""
    now = (patients.duration, patients.event, patients.order, patients.record)
    then = (kept.duration, kept.event, kept.order, kept.record)
    return any((one != other).any() for one, other in zip(now, then, strict=True))


@pytest.fixture
def patients():
    """Five patients to move."""
    return five()


@pytest.fixture
def kept(patients):
    """What they were."""
    return room(patients)


def test_an_exchange_takes_everything_along_and_back(patients, kept):
    """Times, events, record and places change hands; undoing restores every entry."""
    assert exchange(patients, rules(), kept, 0, 4)
    np.testing.assert_array_equal(patients.duration[:, [0, 4]], [[5.0, 1.0], [6.0, 2.0]])
    np.testing.assert_array_equal(patients.event[:, 0], [False, False])
    np.testing.assert_array_equal(patients.order[EARLY], [4, 1, 2, 3, 0])
    np.testing.assert_array_equal(patients.record, [4, 1, 2, 3, 0])
    np.testing.assert_array_equal(np.flatnonzero(kept.touched), [0, 4])
    undo(patients, kept)
    assert not changed(patients, kept)


def test_exchanging_one_time_keeps_outcomes_in_order(patients, kept):
    """The later times of neighbours change hands, unless one would die before progressing."""
    assert exchange_times(patients, rules(), kept, LATE, 2, 3)
    np.testing.assert_array_equal(patients.duration[LATE, 2:4], [5.0, 4.0])
    np.testing.assert_array_equal(patients.duration[EARLY], [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(patients.record, np.arange(5))
    assert kept.outcomes.tolist() == [False, True]
    copy_into(kept, patients)
    # of 4 and 5 the earlier outcome would then come at 4, the later one at 3
    assert not exchange_times(patients, rules(), kept, LATE, 1, 3)


def test_a_shift_that_passes_nobody_keeps_all_ranks(patients, kept):
    """From 3.0 to 3.4 no one is passed; to 4.2 one is, and a fit without that one is untouched."""
    everybody, without = np.zeros(5, dtype=np.int64), np.array([0, 0, 0, -1, 0])
    assert shift(patients, rules(), kept, EARLY, 2, 0.4)
    assert patients.duration[EARLY, 2] == 3.4
    assert ranks_kept(everybody, patients, kept, EARLY)
    undo(patients, kept)
    far = rules(before=np.array([-1, -1]))
    assert shift(patients, far, kept, EARLY, 2, 1.2)
    np.testing.assert_array_equal(patients.order[EARLY], [0, 1, 3, 2, 4])
    assert not ranks_kept(everybody, patients, kept, EARLY)
    assert ranks_kept(without, patients, kept, EARLY)
    undo(patients, kept)
    # coming level with another is a change of rank as well
    assert shift(patients, rules(most=np.full((2, 2), 2)), kept, EARLY, 2, 1.0)
    assert not ranks_kept(everybody, patients, kept, EARLY)


def test_a_shift_of_all_times_keeps_their_distance(patients, kept):
    """Both outcomes of a patient move by the same step."""
    assert shift(patients, rules(), kept, -1, 1, -0.25)
    np.testing.assert_allclose(patients.duration[:, 1], [1.75, 2.75], rtol=0, atol=1e-12)
    assert kept.outcomes.all()


def test_a_stretch_bends_times_between_its_ends_and_keeps_ranks(patients, kept):
    """With power 2 between 1 and 5, a share x of the way becomes x squared."""
    assert stretch(patients, rules(), kept, -1, 1.0, 5.0, 2.0)
    # 2, 3, 4 lie 1/4, 1/2, 3/4 of the way: 1 + 4/16, 1 + 4/4, 1 + 4 x 9/16
    np.testing.assert_allclose(patients.duration[EARLY], [1.0, 1.25, 2.0, 3.25, 5.0])
    np.testing.assert_allclose(patients.duration[LATE], [1.25, 2.0, 3.25, 5.0, 6.0])
    for o in (EARLY, LATE):
        assert ranks_kept(np.zeros(5, dtype=np.int64), patients, kept, o)
    undo(patients, kept)
    # of one arm only: the others stay
    assert stretch(patients, rules(), kept, 1, 1.0, 5.0, 2.0)
    np.testing.assert_allclose(patients.duration[EARLY], [1.0, 2.0, 2.0, 3.25, 5.0])


def test_flags_change_alone_or_with_another(patients, kept):
    """Who has died has progressed: the later event cannot stay where the earlier one goes."""
    assert not flip(patients, rules(), kept, EARLY, 0, 0)
    undo(patients, kept)
    assert flip(patients, rules(), kept, LATE, 0, 0)
    assert not patients.event[LATE, 0]
    undo(patients, kept)
    # the censored one's death asks for a progression
    assert not flip(patients, rules(), kept, LATE, 4, 3)
    undo(patients, kept)
    assert flip(patients, rules(before=np.array([-1, -1])), kept, LATE, 4, 3)
    assert patients.event[LATE].sum() == 4


@pytest.mark.parametrize(
    ("other", "outcome", "moved"),
    [
        ({"earliest": np.full(5, 2.9)}, EARLY, -0.2),
        ({"latest": np.full(5, 4.1)}, LATE, 0.2),
        ({"first": np.array([2.9, 0.5])}, EARLY, -0.2),
        ({"last": np.array([3.1, 8.0])}, EARLY, 0.2),
        # level with the fourth patient, of the same arm
        ({}, EARLY, 1.0),
    ],
)
def test_a_move_that_breaks_a_rule_is_refused(patients, kept, other, outcome, moved):
    """Bounds of a record, bounds of events, and piles of events; without the rule it is allowed."""
    assert not shift(patients, rules(**other), kept, outcome, 2, moved)
    undo(patients, kept)
    assert shift(patients, rules(most=np.full((2, 2), 2)), kept, outcome, 2, moved)


def test_no_event_comes_after_the_outcome_it_precedes(patients, kept):
    """3 and 4 are the times of the third patient: 4.1 is too late for the first of them."""
    assert not shift(patients, rules(), kept, EARLY, 2, 1.1)


def test_an_event_that_another_outcome_includes_is_one_of_it(patients):
    """Of two outcomes of one duration the narrower cannot have happened alone."""
    one = rules(within=np.array([LATE, -1]), before=np.array([-1, -1]))
    assert allowed(patients, one, 0)
    patients.event[LATE, 0] = False
    assert not allowed(patients, one, 0)


def test_piles_count_events_of_the_same_arm_at_one_time(patients):
    """Two events of an arm at one time are one too many; of two arms they are not."""
    patients.duration[EARLY, 3] = 3.0
    assert piled(patients, rules(), EARLY, 3)
    assert not piled(patients, rules(most=np.array([[1, 2], [1, 1]])), EARLY, 3)
    assert not piled(patients, rules(arm=np.array([0, 0, 1, 0, 1])), EARLY, 3)


def test_times_are_written_as_the_table_writes_them():
    """A hundredth of a month, or a whole day in months with two decimals."""
    assert on_grid(3.14159, False) == 3.14
    # 96 days are 3.1540 months, 95.6 days the same whole day
    assert on_grid(95.6 / 30.4375, True) == 3.15


def test_partners_are_of_the_group_and_neighbours_of_the_arm(patients):
    """A group of one has no partner; a neighbour has the same arm and, if asked, another flag."""
    rng = np.random.default_rng(1)
    assert partner(rules().group, 4, rng) == 4
    assert partner(rules().group, 0, rng) == 1
    found = {neighbour(patients, rules(), EARLY, 3, True, rng) for _ in range(50)}
    assert found == {3, 4}
    found = {neighbour(patients, rules(), EARLY, 3, False, rng) for _ in range(50)}
    assert found == {2, 3, 4}


def test_kinds_are_drawn_by_weight():
    """A draw falls into the stretch of a kind."""
    weights = np.array([1.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0])
    assert [choose(weights, draw) for draw in (0.0, 0.24, 0.26, 0.99)] == [0, 0, 2, 2]
    assert choose(np.zeros(KINDS), 0.5) == KINDS - 1


@pytest.mark.parametrize("kind", range(KINDS))
def test_every_move_obeys_the_rules_or_says_so(kind):
    """What a move calls allowed is allowed for everybody; orders stay sorted."""
    rng, made = np.random.default_rng(kind), 0
    patients, rule = five(), rules(most=np.full((2, 2), 5))
    kept = room(patients)
    for _ in range(300):
        copy_into(kept, patients)
        if not move(patients, rule, kept, kind, rng):
            undo(patients, kept)
            continue
        made += 1
        assert all(allowed(patients, rule, i) for i in range(5))
        for o in (EARLY, LATE):
            assert (np.diff(patients.duration[o][patients.order[o]]) >= 0).all()
        untouched = ~kept.touched
        np.testing.assert_array_equal(patients.duration[:, untouched], kept.duration[:, untouched])
    assert made > 10


def test_several_moves_are_named_by_what_they_may_change():
    """Alone a move keeps its kind; together they are shifts, or anything."""
    rng, rule = np.random.default_rng(3), rules(most=np.full((2, 2), 5))
    found = {}
    for weights in (np.eye(KINDS)[SHIFT], np.eye(KINDS)[FLIP], np.eye(KINDS)[EXCHANGE_KIN]):
        for kind in (EXCHANGE_ALIKE, SHIFT, STRETCH):
            patients = five()
            kept = room(patients)
            for _ in range(60):
                copy_into(kept, patients)
                together = moves(patients, rule, kept, kind, weights, rng)
                undo(patients, kept)
                found.setdefault((kind, int(weights.argmax())), set()).add(together)
    assert found[SHIFT, SHIFT] == {-1, SHIFT}
    assert found[STRETCH, SHIFT] <= {-1, STRETCH, SHIFT}
    assert found[SHIFT, FLIP] == {-1, SHIFT, FLIP}
    assert found[EXCHANGE_ALIKE, EXCHANGE_KIN] == {-1, EXCHANGE_ALIKE, FLIP}


@pytest.mark.parametrize(
    ("value", "met", "low", "high"),
    [
        (0.740, True, 0.735, 0.745),
        # shown as 0.76, which is what it may come to; never farther
        (0.757, False, 0.735, 0.765),
        (0.722, False, 0.715, 0.745),
    ],
)
def test_bounds_keep_what_is_met_and_let_nothing_get_farther_off(value, met, low, high):
    """A printed 0.74 stands for 0.735 to 0.745."""
    found = bounded(value, 0.735, 0.745, 0.01, met=met, id_="a")
    assert found == pytest.approx((low, high), abs=1e-8)


def test_a_row_that_kernels_and_estimators_read_differently_is_refused():
    """Met by one and not by the other, it cannot be held; nor can what is not estimable."""
    with pytest.raises(SynthesisError, match="does not know this quantity"):
        bounded(0.75, 0.735, 0.745, 0.01, met=True, id_="a")
    with pytest.raises(SynthesisError, match="not estimable"):
        bounded(float("nan"), 0.735, 0.745, 0.01, met=False, id_="a")
    assert bounded(float("inf"), 1.0, 2.0, 1.0, met=False, id_="a")[1] == float("inf")
