"""The first guess of times follows the printed curves, in order, and ends with follow-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replica.errors import SynthesisError
from replica.product_limit import product_limit
from replica.protocol import ARM_KEYS
from replica.published import load_published
from replica.studies import load_study
from replica.survival import survival_at
from replica.synthesis.targets import compile_targets
from replica.synthesis.times import (
    DAYS_PER_MONTH,
    GRID,
    LOST,
    _anchors,
    _ordered,
    _stratified,
    compared_events,
    counted_events,
    event_counts,
    follow_up_times,
    initial_times,
    with_compared_events,
)


@pytest.fixture(scope="module")
def targets():
    """Compile the printed rows of the published study."""
    study = load_study("sclc_second_line")
    return compile_targets(study, load_published(study.key))


@pytest.fixture(scope="module")
def treated():
    """Mark 200 of 496 patients as treated, in no particular order."""
    return np.random.default_rng(0).permutation(np.arange(496) < 200)


@pytest.fixture(scope="module", params=range(3))
def times(request, targets, treated):
    """Draw times with three seeds."""
    return initial_times(targets, treated, np.random.default_rng(request.param))


def test_anchors_are_the_printed_medians_and_rates(targets):
    """The cumulative hazard starts at 0, is log 2 at the median and never falls."""
    time, hazard = _anchors(targets, "pfs", "treated")
    assert time.tolist() == pytest.approx([0.0, 4.13, 6.0, 12.0])
    assert np.exp(-hazard).tolist() == pytest.approx([1.0, 0.5, 0.341, 0.183])


@pytest.mark.parametrize("n", [40, 296])
def test_drawn_times_follow_the_anchors_to_one_patient(targets, n):
    """One draw in each of n shares: at every printed point the share alive is off by under 1/n."""
    for arm in ARM_KEYS:
        for outcome in ("pfs", "os"):
            time, hazard = anchors = _anchors(targets, outcome, arm)
            drawn = _stratified(anchors, n, np.random.default_rng(3))
            alive = (drawn[:, None] > time).mean(axis=0)
            assert np.abs(alive - np.exp(-hazard)).max() < 1 / n + 1e-12
            assert (np.diff(drawn) >= 0).all()


def test_after_the_last_anchor_the_hazard_stays_as_it_was(targets):
    """Times beyond the last printed rate are exponential with the last interval's hazard."""
    time, hazard = anchors = _anchors(targets, "os", "control")
    drawn = _stratified(anchors, 100_000, np.random.default_rng(4))
    late = drawn[drawn > time[-1]] - time[-1]
    rate = (hazard[-1] - hazard[-2]) / (time[-1] - time[-2])
    assert late.size == pytest.approx(100_000 * np.exp(-hazard[-1]), abs=2)
    assert np.median(late) == pytest.approx(np.log(2) / rate, rel=0.01)


def test_after_a_flat_interval_nothing_happens():
    """Two equal rates at the end leave the rest without an event, quietly."""
    anchors = np.array([0.0, 6.0, 12.0]), np.array([0.0, np.log(2), np.log(2)])
    drawn = _stratified(anchors, 10, np.random.default_rng(0))
    assert np.isinf(drawn).tolist() == [False] * 5 + [True] * 5


def test_initial_curves_pass_near_the_printed_points(targets, treated, times):
    """With censoring and ordering the curves of both arms stay near medians and rates."""
    gaps = []
    for arm, rows in (("treated", treated), ("control", ~treated)):
        for o, outcome in enumerate(targets.study.outcomes):
            curve = product_limit(times.duration[o, rows], times.event[o, rows])
            time, hazard = _anchors(targets, outcome.key, arm)
            gaps += [
                survival_at(curve, at).survival - np.exp(-passed)
                for at, passed in zip(time, hazard, strict=True)
            ]
    assert np.max(np.abs(gaps)) < 0.1
    assert np.mean(np.abs(gaps)) < 0.035


def test_initial_times_are_in_order_and_on_the_grid(times):
    """Progression comes no later than death, death implies it, and all times are printable."""
    (progressed, died), (progression, death) = times.event, times.duration
    assert (progression <= death).all()
    assert (progressed | ~died).all()
    assert np.array_equal(times.duration, np.round(times.duration / GRID) * GRID)
    assert times.duration.min() >= 0.1


def test_who_is_free_of_progression_is_alive(times):
    """An outcome that comes first has happened where the later one has."""
    free = ~times.event[0]
    assert free.any()
    assert not times.event[1, free].any()
    assert (times.duration[0, free] <= times.duration[1, free]).all()


def test_events_are_as_many_as_the_printed_intervals_imply(targets, treated, times):
    """Only the treated arm has univariable intervals; its events follow from their width."""
    wanted = event_counts(targets, "treated")
    assert event_counts(targets, "control") == {}
    # whoever died had progressed: progressions are no fewer than deaths
    expected = [max(wanted["pfs"], wanted["os"]), wanted["os"]]
    assert times.event[:, treated].sum(axis=1).tolist() == expected


def test_the_events_implied_by_intervals_by_hand(targets):
    """Median of 1 / (SE^2 f (1 - f)) over covariates with little effect, and the last hazard.

    Of 200 patients 18.3% are without progression at the last printed time, and 9.5% alive.
    Progression has happened to two patients more than death, at the least.
    """
    rows = {row.id: row for row in targets.rows}
    counts = []
    for table, last in (("table4", 0.183), ("table5", 0.095)):
        implied = []
        for covariate in targets.study.covariates:
            name = f"{table}.{covariate.key}.univariable"
            low, high = (float(rows[f"{name}.{end}"].printed) for end in ("ci_low", "ci_high"))
            if abs(np.log(low * high)) / 2 < 0.3:
                share = targets.count(covariate.key, covariate.contrast, "treated", "before") / 200
                error = np.log(high / low) / (2 * 1.959963984540054)
                implied.append(1 / (error**2 * share * (1 - share)))
        counts.append(round(np.median(implied) - np.log(last)))
    progressions, deaths = counts
    expected = {"pfs": max(progressions, deaths + 2), "os": deaths}
    assert event_counts(targets, "treated") == expected


def test_the_events_of_the_other_arm_by_hand(targets):
    """1/d0 = SE^2 - 1/d1, with the printed intervals of the treatment, and the last hazard."""
    treated = event_counts(targets, "treated")
    expected = {}
    for key, low, high, last in (("pfs", 0.51, 0.75, 0.062), ("os", 0.68, 1.00, 0.063)):
        error = np.log(high / low) / (2 * 1.959963984540054)
        expected[key] = round(1 / (error**2 - 1 / treated[key]) - np.log(last))
    assert compared_events(targets, "control") == expected
    assert compared_events(targets, "treated") == {}


def test_events_of_the_other_arm_are_put_right(targets, treated, times):
    """Only events of that arm change, to the implied numbers; times stay."""
    made = with_compared_events(targets, treated, times, np.random.default_rng(1))
    wanted = compared_events(targets, "control")
    assert (made.event[:, treated] == times.event[:, treated]).all()
    assert (made.duration == times.duration).all()
    counts = made.event[:, ~treated].sum(axis=1).tolist()
    assert counts == [max(wanted["pfs"], wanted["os"]), wanted["os"]]
    assert not (made.event[1] & ~made.event[0]).any()


def test_events_are_held_where_an_interval_implies_them(targets, treated):
    """Without the interval of the treatment, only in the arm whose own models imply them."""
    assert (counted_events(targets, treated, compared=False) == treated).all()
    assert counted_events(targets, treated, compared=True).all()


def test_the_same_generator_gives_the_same_times(targets, treated):
    """Equal seeds give equal bits."""
    first, second = (initial_times(targets, treated, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.duration, second.duration)
    assert np.array_equal(first.event, second.event)


@pytest.mark.parametrize("seed", range(5))
def test_ordering_exchanges_deaths_and_never_delays_progression(targets, seed):
    """All patients end in order; the times of death stay, those before only ever shrink."""
    rng = np.random.default_rng(seed)
    death = rng.exponential(10.0, 80)
    duration = np.stack([rng.permutation(death) * 0.7, death])
    assert (duration[0] > duration[1]).sum() > 10
    ordered = _ordered(duration.copy(), targets.study, rng)
    assert (ordered[0] <= ordered[1]).all()
    assert (ordered[0] <= duration[0]).all()
    assert np.array_equal(np.sort(ordered[1]), np.sort(death))


def test_ordering_mends_by_exchange_where_it_can(targets):
    """Two patients with each other's time of death swap, and no time is changed."""
    duration = np.array([[6.0, 2.0, 1.0], [3.0, 8.0, 1.5]])
    ordered = _ordered(duration, targets.study, np.random.default_rng(0))
    assert ordered.tolist() == [[6.0, 2.0, 1.0], [8.0, 3.0, 1.5]]


def test_ordering_gives_way_when_curves_cross(targets):
    """Where no later time is late enough the earlier one ends with it."""
    duration = np.array([[3.0, 9.0], [4.0, 5.0]])
    ordered = _ordered(duration, targets.study, np.random.default_rng(0))
    assert ordered.tolist() == [[3.0, 5.0], [4.0, 5.0]]


def test_follow_up_has_the_printed_median_and_ends_by_the_cutoff(targets):
    """But for the share lost earlier, follow-up reaches the cut-off and has the printed median."""
    calendar = targets.study.calendar
    shortest = (calendar.data_cutoff - calendar.enrolment_end).days / DAYS_PER_MONTH
    longest = (calendar.data_cutoff - calendar.enrolment_start).days / DAYS_PER_MONTH
    until = follow_up_times(targets, 200_000, np.random.default_rng(7))
    lost = until < shortest
    assert until.min() >= 0.5
    assert until.max() <= longest - 0.5
    assert lost.mean() == pytest.approx(LOST, abs=0.002)
    assert np.median(until[~lost]) == pytest.approx(19.7, abs=0.1)


def test_follow_up_without_a_printed_median_is_halfway(targets):
    """The median is then the middle between the shortest and the longest possible follow-up."""
    silent = replace(
        targets, survival=tuple(t for t in targets.survival if t.spec.kind != "follow_up")
    )
    until = follow_up_times(silent, 200_000, np.random.default_rng(8))
    shortest, longest = 376 / DAYS_PER_MONTH, 2142 / DAYS_PER_MONTH
    kept = until[until >= shortest]
    assert np.median(kept) == pytest.approx((shortest + longest) / 2, rel=0.01)


def test_an_arm_without_a_printed_curve_is_refused(targets, treated):
    """Times cannot be drawn from nothing; the error names the outcome and the arm."""
    silent = replace(
        targets,
        survival=tuple(
            t for t in targets.survival if (t.spec.outcome, t.spec.arm) != ("os", "control")
        ),
    )
    with pytest.raises(SynthesisError, match="os, control: found no printed median or rate"):
        initial_times(silent, treated, np.random.default_rng(0))
