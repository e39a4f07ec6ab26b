"""One arm in the order of its times, single covariates, and twins: bookkeeping and promises."""

from __future__ import annotations

import numpy as np
import pytest

from replica.cohort import Cohort
from replica.convention import SPSS
from replica.cox import fit_cox
from replica.logistic import fit_logistic
from replica.matching import match
from replica.published import load_published
from replica.studies import load_study
from replica.synthesis.arm_search import ArmFound, arm_layout, begin_arm
from replica.synthesis.covariates import draw_covariates, matching_goal
from replica.synthesis.fits import compile_fits, evaluate, signature, width
from replica.synthesis.joint_patterns import joint_patterns
from replica.synthesis.rank_annealing import anneal_ranks
from replica.synthesis.rank_moves import RankSchedule
from replica.synthesis.rank_search import times_of
from replica.synthesis.rank_sums import (
    Ranks,
    change_pattern,
    empty_sums,
    exchange_places,
    flip_event,
    recentre,
    sum_up,
)
from replica.synthesis.rank_values import fit_values
from replica.synthesis.single_covariates import aim_of, hand_out_values
from replica.synthesis.targets import compile_targets
from replica.synthesis.twin_kernels import fit, spread_flips
from replica.synthesis.twin_search import search_twins, twin_table

MOVES = {
    "places": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "patients": (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "covariate": (0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "matched": (0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0),
    "shift": (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
    "event": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0),
    "slide": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
}


@pytest.fixture(scope="module")
def arm():
    """Draw the treated arm of the small-cell study with its fits; nothing is searched yet."""
    study = load_study("sclc_second_line")
    targets = compile_targets(study, load_published(study.key))
    compiled = compile_fits(targets, SPSS)
    (asked,) = joint_patterns(targets)
    rng = np.random.default_rng(3)
    drawn = Cohort(study, draw_covariates(targets, rng, (asked,)), "synthetic")
    return (
        targets,
        compiled,
        arm_layout(targets, compiled, asked),
        begin_arm(targets, drawn, asked, rng),
    )


@pytest.fixture
def ranks(arm):
    """Copy the arm, so that a test may change it."""
    return Ranks(*(array.copy() for array in arm[3].ranks))


def schedule(layout, moves, softness=20.0, temperatures=1e9):
    """Say which moves to try, everything being accepted unless it is impossible."""
    return RankSchedule(
        layout.active,
        layout.single,
        layout.joint,
        layout.free,
        int(sum(1 << int(bit) for bit in layout.free)),
        layout.matched_bit,
        np.array(moves),
        softness,
        softness,
        1.0,
        np.full(400, temperatures),
        layout.longest,
    )


def sums_of(layout, ranks):
    """Sum up the models of an arm at its estimates."""
    sums = empty_sums(layout.models, ranks.pattern.size)
    recentre(ranks, layout.models, sums)
    return sums


def test_places_patients_and_counts_are_as_printed(arm, ranks):
    """Every patient has one place, no two times of an outcome are tied, counts are the printed."""
    targets, _, layout, _ = arm
    study = targets.study
    n = ranks.pattern.size
    for o in range(2):
        assert (np.diff(ranks.time[o]) > 0).all()
        assert sorted(ranks.who[o]) == list(range(n))
        assert (ranks.who[o][ranks.place[o]] == np.arange(n)).all()
    times = times_of(ranks)
    assert (times.duration[0] <= times.duration[1]).all()
    assert not (times.event[1] & ~times.event[0]).any()
    matched = ranks.pattern >> layout.matched_bit & 1 == 1
    assert matched.sum() == targets.count("patients", "", "treated", "after")
    for bit, covariate in enumerate(study.covariates):
        has = ranks.pattern >> bit & 1
        for stage, rows in (("before", slice(None)), ("after", matched)):
            wanted = targets.count(covariate.key, covariate.contrast, "treated", stage)
            assert has[rows].sum() == wanted, (covariate.key, stage)


def test_values_equal_those_of_the_ordinary_kernels(arm, ranks):
    """Ratio, interval, both p values, curves and joint models agree with `fits.evaluate`."""
    _, compiled, layout, _ = arm
    system = compiled.system
    sums = sums_of(layout, ranks)
    times = times_of(ranks)
    ours, theirs = np.empty(width(system)), np.empty(width(system))
    kinds = set()
    for s in np.flatnonzero(layout.active):
        o = system.outcome[s]
        codes = np.array([signature(system, s, p) for p in ranks.pattern], dtype=np.int64)
        room = np.empty((4, codes.size), dtype=np.int64)
        start = np.zeros(system.columns.shape[1])
        order = ranks.who[o]
        evaluate(system, s, codes, times.duration[o], times.event[o], order, start, room, theirs)
        fit_values(system, layout.single, layout.joint, s, ranks, sums, ours)
        slots = system.slot[system.first[s] : system.first[s + 1]]
        np.testing.assert_allclose(ours[slots], theirs[slots], rtol=1e-8, err_msg=str(s))
        kinds.add(int(system.kind[s]))
    assert kinds == {0, 1, 2}


def test_a_joint_model_equals_the_public_estimator(arm, ranks):
    """The expansion point of a joint model is the estimate of `replica.fit_cox`."""
    _, _, layout, _ = arm
    sums = sums_of(layout, ranks)
    times = times_of(ranks)
    X = ((ranks.pattern[:, None] >> layout.free) & 1).astype(float)
    made = fit_cox(
        X, times.duration[0], times.event[0].astype(int), names=list("abcd"), ties="breslow"
    )
    np.testing.assert_allclose(sums.point[0], made.coef, atol=1e-8)


def test_sums_carried_along_equal_sums_made_anew(arm, ranks):
    """After exchanges, changed covariates and events, nothing has drifted from a new summation."""
    _, _, layout, _ = arm
    rng = np.random.default_rng(5)
    sums = sums_of(layout, ranks)
    n = ranks.pattern.size
    for _ in range(60):
        p, q = sorted(rng.choice(n, 2, replace=False).tolist())
        exchange_places(ranks, layout.models, sums, int(rng.integers(0, 2)), p, q)
        bit = int(rng.choice(layout.free))
        changed = int(ranks.pattern[p]) ^ (1 << bit)
        change_pattern(ranks, layout.models, sums, p, changed)
        flip_event(ranks, layout.models, sums, int(rng.integers(0, 2)), q)
    carried = [array.copy() for array in (sums.having, sums.total, sums.s0, sums.joint_total)]
    sum_up(ranks, layout.models, sums)
    for old, new in zip(carried, (sums.having, sums.total, sums.s0, sums.joint_total), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-9)


@pytest.mark.parametrize("kind", MOVES)
def test_a_move_keeps_counts_and_order(arm, ranks, kind):
    """Whatever is accepted, counts, events and the order of outcomes stay possible."""
    _, compiled, layout, _ = arm
    before = ranks.pattern.copy(), ranks.event.sum(axis=1), times_of(ranks)
    sums = sums_of(layout, ranks)
    anneal_ranks(
        compiled.system,
        layout.models,
        ranks,
        sums,
        schedule(layout, MOVES[kind]),
        np.random.default_rng(1),
    )
    times = times_of(ranks)
    assert (ranks.event.sum(axis=1) == before[1]).all()
    assert (times.duration[0] <= times.duration[1]).all()
    assert not (times.event[1] & ~times.event[0]).any()
    for o in range(2):
        assert (np.diff(ranks.time[o]) > 0).all()
    matched = before[0] >> layout.matched_bit & 1 == 1, ranks.pattern >> layout.matched_bit & 1 == 1
    for bit in layout.free:
        had, has = before[0] >> bit & 1, ranks.pattern >> bit & 1
        assert had[matched[0]].sum() == has[matched[1]].sum()
        assert had.sum() == has.sum()
    changed = (
        (ranks.pattern != before[0]).any()
        or (times.duration != before[2].duration).any()
        or (times.event != before[2].event).any()
    )
    assert changed


def test_nothing_is_accepted_that_costs_more_when_it_is_cold(arm, ranks):
    """At no temperature the cost never rises, and the best patients found have the lowest cost."""
    _, compiled, layout, _ = arm
    cold = schedule(layout, (0.5, 0.6, 0.65, 0.7, 0.85, 0.9, 1.0), temperatures=1e-300)
    rng = np.random.default_rng(2)
    sums = sums_of(layout, ranks)
    first, best, found = anneal_ranks(compiled.system, layout.models, ranks, sums, cold, rng)
    assert first == pytest.approx(best, abs=1e-9)
    again, _, _ = anneal_ranks(compiled.system, layout.models, found, sums, cold, rng)
    assert again <= best + 1e-6


def test_values_of_a_covariate_are_handed_out_as_its_rows_ask(arm, ranks):
    """Rows that a hidden hand-out gives are met again from another one, strata kept."""
    targets, compiled, layout, _ = arm
    system = compiled.system
    keys = [covariate.key for covariate in targets.study.covariates]
    bit = keys.index("smoking")
    fits = [
        s
        for s, spec in enumerate(compiled.specs)
        if spec.covariates == ("smoking",) and spec.arm == "treated" and spec.kind == "comparison"
    ]
    times = times_of(ranks)
    low, high = system.low.copy(), system.high.copy()
    values = np.empty(width(system))
    for s in fits:
        o = system.outcome[s]
        codes = np.array([signature(system, s, p) for p in ranks.pattern], dtype=np.int64)
        room = np.empty((4, codes.size), dtype=np.int64)
        evaluate(
            system,
            s,
            codes,
            times.duration[o],
            times.event[o],
            ranks.who[o],
            np.zeros(1),
            room,
            values,
        )
        for r in range(system.first[s], system.first[s + 1]):
            value = round(float(values[system.slot[r]]), 3)
            low[r], high[r] = value - 0.0005, value + 0.0005
        aim = aim_of(system._replace(low=low, high=high), s)
        assert aim is not None
        assert np.exp(aim.log_ratio) == pytest.approx(values[0], abs=0.0006)
    hidden = system._replace(low=low, high=high)
    stratum = ranks.pattern >> layout.matched_bit & 1
    rng = np.random.default_rng(8)
    mixed = ranks.pattern.copy()
    for code in (0, 1):
        rows = np.flatnonzero(stratum == code)
        shuffled = rng.permutation(mixed[rows] >> bit & 1)
        mixed[rows] = mixed[rows] & ~(1 << bit) | shuffled << bit
    made, missed = hand_out_values(hidden, ranks._replace(pattern=mixed), bit, fits, stratum, rng)
    assert missed == 0
    assert (made & ~(1 << bit) == ranks.pattern & ~(1 << bit)).all()
    for code in (0, 1):
        rows = stratum == code
        assert (made[rows] >> bit & 1).sum() == (ranks.pattern[rows] >> bit & 1).sum()


def test_the_score_of_the_search_is_that_of_the_package():
    """Newton's method of the kernel gives the coefficients of `fit_logistic`."""
    rng = np.random.default_rng(4)
    X = (rng.random((120, 4)) < 0.4).astype(float)
    treated = rng.random(120) < 0.4
    ours = fit(X, treated.astype(float), np.zeros(5))
    np.testing.assert_allclose(ours, fit_logistic(X, treated).coef, atol=1e-9)


def test_differences_are_shared_out_as_wanted_and_cancel():
    """Twins' counts exceed the rows' as asked, only where allowed, and scores stay near."""
    rng = np.random.default_rng(6)
    X = (rng.random((80, 4)) < 0.5).astype(float)
    beta = np.array([-0.5, 0.4, 0.4, 0.4, 0.4])
    able = np.repeat((np.arange(80) < 40)[:, None], 4, axis=1)
    wanted = np.array([3, -3, 2, -2])
    twins = spread_flips(X, beta, wanted, able, np.geomspace(2.0, 0.02, 50_000), rng)
    assert (twins - X).sum(axis=0).tolist() == wanted.tolist()
    assert (twins[40:] == X[40:]).all()
    assert np.abs((twins - X) @ beta[1:]).max() < 1e-12


def test_twins_give_the_printed_matching(arm):
    """The package's own score and matching pair the arm's matched patients, counts as printed.

    The arm here is one whose unmatched patients have the highest scores, as a caliper leaves them.
    """
    targets, _, layout, _ = arm
    study = targets.study
    goal = matching_goal(targets)
    rng = np.random.default_rng(1)
    p = len(study.covariates)
    X = np.zeros((200, p), dtype=np.int64)
    latent = rng.normal(size=(200, p)) * 0.3
    first = np.arange(200) < goal.pairs
    for k, covariate in enumerate(study.covariates):
        total = targets.count(covariate.key, covariate.contrast, "treated", "before")
        for rows, count in ((first, goal.wanted[0, k]), (~first, total - goal.wanted[0, k])):
            chosen = np.flatnonzero(rows)
            # Whoever has little so far has the more of the next, so that scores stay together.
            order = np.argsort(X[chosen].sum(axis=1) * ~rows[0] + latent[chosen, k])
            X[chosen[order[: int(count)]], k] = 1
    pattern = X @ (1 << np.arange(p)) | first.astype(np.int64) << layout.matched_bit
    found = ArmFound(joint_patterns(targets)[0], pattern, times_of(arm[3].ranks))
    standing = None
    for seed in range(5):
        *_, standing = search_twins(targets, found, goal, np.random.default_rng(seed))
        if standing is not None and standing.found is not None:
            break
    assert standing is not None
    assert standing.found is not None
    rows, who = standing.found
    patients, row = twin_table(study, rows, 200, rng)
    cohort = Cohort(study, patients, "synthetic")
    matched = match(cohort)
    pairs = matched.after.patients
    assert len(pairs) == 2 * goal.pairs
    for k, covariate in enumerate(study.covariates):
        has = pairs[covariate.key] == covariate.contrast
        counts = [int(has[pairs["arm"] == name].sum()) for name in ("treated", "control")]
        assert counts == goal.wanted[:, k].tolist(), covariate.key
    treated = row[cohort.treated]
    assert (rows[treated] == X[who[treated]]).all()
    ids = cohort.patients["patient_id"].to_numpy()[cohort.treated]
    assert set(ids[who[treated] < goal.pairs]) == set(
        pairs["patient_id"][pairs["arm"] == "treated"]
    )
