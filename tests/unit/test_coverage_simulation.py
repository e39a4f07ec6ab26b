"""The coverage simulation: same numbers on every run, and a wrong interval is found out."""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from replica.errors import EstimationError
from replica.paths import repository

sys.path.insert(0, str(repository() / "benchmarks"))

from simulating import estimating
from simulating.reporting import HEADER, Coverage, coverages, write_run, write_table
from simulating.running import Drawn, draw, simulate
from simulating.scenarios import SCENARIOS, Scenario, restricted_truth, weighted_truth

BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}
QUICK = ("cox", "kaplan_meier", "odds_ratio")
BOOK = repository() / "book"


def normal(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
    """Estimate a mean of 50 normal values with a known variance."""
    return {"mean": estimating.wald(value + rng.normal() / math.sqrt(50), 1 / math.sqrt(50))}


MEAN = Scenario("mean", "A mean", "50 values", (2.0,), normal, {"mean": "normal"})


def row_of(scenario: Scenario, replications: int = 1000) -> Coverage:
    """Simulate a scenario of one estimator and one value."""
    (row,) = coverages([draw(scenario, 0, 3, range(replications))])
    return row


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tiny_run_is_the_same_every_time(workers: int, tmp_path) -> None:
    """Twenty replications give the same bytes again, whoever draws them."""
    runs = []
    for count in (1, workers):
        steps: list[tuple[int, int]] = []
        drawn = simulate(
            QUICK,
            replications=20,
            seed=11,
            workers=count,
            progress=lambda done, total, steps=steps: steps.append((done, total)),
        )
        rows = coverages(drawn)
        table, run = tmp_path / "table.csv", tmp_path / "run.csv"
        write_table(rows, table)
        write_run(run, seed=11, replications=20, rows=rows)
        arrays = [one.intervals.tobytes() for one in drawn]
        runs.append((arrays, table.read_bytes(), run.read_bytes(), steps))
        assert steps[-1] == (120, 120)
    assert runs[0] == runs[1]


def test_another_seed_draws_other_patients() -> None:
    """The seed decides what is drawn."""
    one, other = (simulate(["cox"], replications=3, seed=seed)[0].intervals for seed in (1, 2))
    assert not np.isin(one, other).any()


def test_a_replication_does_not_depend_on_those_before_it() -> None:
    """Replication 7 is the same drawn alone or in its place."""
    scenario = BY_KEY["kaplan_meier"]
    alone = draw(scenario, 1, 5, range(7, 8)).intervals[0]
    np.testing.assert_array_equal(alone, draw(scenario, 1, 5, range(10)).intervals[7])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.key)
def test_every_scenario_estimates_what_it_lists(scenario: Scenario) -> None:
    """Each draw has an interval around its estimate, and a truth, for every estimator listed."""
    drawn = draw(scenario, 0, 4, range(2))
    assert drawn.failures == ()
    estimate, _, low, high = np.moveaxis(drawn.intervals, 2, 0)
    assert (low <= estimate).all()
    assert (estimate <= high).all()
    assert set(scenario.truths(scenario.values[0])) == set(scenario.estimators)
    assert set(scenario.notes) <= set(scenario.estimators)


def test_a_right_interval_lies_inside_the_band() -> None:
    """Of 1,000 intervals that are right by construction, 93.5% to 96.5% cover."""
    row = row_of(MEAN)
    assert row.verdict == "inside"
    assert row.se_ratio == pytest.approx(1, abs=0.1)
    assert abs(row.bias) < 4 * row.bias_error


def test_a_halved_standard_error_is_found_out() -> None:
    """An interval of half its width covers 67%, lies outside and is unexplained."""

    def halved(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
        right = normal(value, rng)["mean"]
        return {"mean": estimating.wald(right.estimate, right.std_error / 2)}

    row = row_of(replace(MEAN, estimate=halved))
    assert row.verdict == "outside"
    assert row.unexplained
    assert row.coverage == pytest.approx(0.673, abs=0.05)
    assert row.se_ratio == pytest.approx(0.5, abs=0.05)


def test_a_halved_clustered_error_after_matching_is_found_out() -> None:
    """The scenario of matched pairs itself tells a halved clustered error from the right one."""
    matched = BY_KEY["matched_plain"]

    def halved(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
        found = matched.estimate(value, rng)["clustered"]
        return {"clustered": estimating.wald(found.estimate, found.std_error / 2)}

    wrong = replace(matched, estimate=halved, estimators={"clustered": "halved"}, notes={})
    row = row_of(wrong, 200)
    assert row.verdict == "outside"
    assert row.ci_high < 0.935


def test_a_bias_is_found_out() -> None:
    """An estimate shifted by a standard error covers 83% and has that bias."""

    def shifted(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
        return normal(value + 1 / math.sqrt(50), rng)

    row = row_of(replace(MEAN, estimate=shifted))
    assert row.verdict == "outside"
    assert row.bias == pytest.approx(1 / math.sqrt(50), abs=4 * row.bias_error)


def test_a_reason_given_beforehand_does_not_change_the_verdict() -> None:
    """A note explains; the row is outside all the same."""

    def wide(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
        right = normal(value, rng)["mean"]
        return {"mean": estimating.wald(right.estimate, right.std_error * 1.5)}

    row = row_of(replace(MEAN, estimate=wide, notes={"mean": "wide on purpose"}))
    assert row.verdict == "outside"
    assert not row.unexplained


def test_failures_are_counted_and_too_many_are_a_verdict() -> None:
    """A replication without an estimate is left out, counted, and 1% of them is the limit."""

    def failing(value: float, rng: np.random.Generator) -> dict[str, estimating.Interval]:
        if rng.random() < 0.05:
            message = "no estimate"
            raise EstimationError(message)
        return normal(value, rng)

    row = row_of(replace(MEAN, estimate=failing))
    assert 20 < row.failed < 90
    assert row.failed + row.replications == 1000
    assert row.verdict == "fails too often"
    assert row.unexplained


def test_the_interval_of_a_coverage_is_exact() -> None:
    """Of 100 intervals 95 cover: Clopper and Pearson's interval is 0.8872 to 0.9836."""
    estimate = np.zeros(100)
    low = np.r_[np.full(95, -1.0), np.full(5, 0.5)] + 2
    intervals = np.stack([estimate + np.linspace(-1, 1, 100), estimate + 1, low, low + 4], axis=1)
    (row,) = coverages([Drawn(MEAN, 2.0, intervals[:, None, :], ())])
    assert row.coverage == 0.95
    assert (row.ci_low, row.ci_high) == pytest.approx((0.88716, 0.98357), abs=1e-5)


def test_planted_truths_in_closed_form() -> None:
    """Restricted means, incidences and ratios of 1 are what calculus says."""
    ratio = 0.6
    area = quad(lambda t: math.exp(-t * ratio / 12) - math.exp(-t / 12), 0, 24)[0]
    assert restricted_truth(math.log(ratio))["normal"] == pytest.approx(area, rel=1e-12)
    rate = estimating.rate_of(0.3)
    both = rate + estimating.OTHER_RATE
    found = quad(lambda t: rate * math.exp(-both * t), 0, 12)[0]
    assert found == pytest.approx(0.3, rel=1e-9)
    assert set(weighted_truth(0.0).values()) == {0.0}


def test_unknown_scenarios_are_refused() -> None:
    """A misspelt scenario is not left out in silence."""
    with pytest.raises(ValueError, match="coxx"):
        simulate(["coxx"], replications=1, seed=1)


def test_the_table_in_the_book_is_that_of_the_scenarios() -> None:
    """The committed table has a row for each estimator at each planted value, in order."""
    with (BOOK / "coverage.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    wanted = [
        (scenario.label, scenario.sample, name, scenario.notes.get(key, ""))
        for scenario in SCENARIOS
        for _ in scenario.values
        for key, name in scenario.estimators.items()
    ]
    assert [(row[0], row[1], row[2], row[10]) for row in rows] == wanted
    with (BOOK / "coverage_run.csv").open(encoding="utf-8", newline="") as file:
        run = dict(csv.reader(file))
    inside = sum(row[9] == "inside" for row in rows)
    assert run["Rows inside the band"] == f"{inside} of {len(rows)}"
    assert int(run["Replications of each row"]) >= 1000
