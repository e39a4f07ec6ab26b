"""Ranges of what is not printed: every held row holds at both ends, by the public estimators."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from replica import cli
from replica.audit import study_paper
from replica.cox import cox
from replica.errors import DataError, ParameterError, SynthesisError
from replica.figure_ranges import Panel, ranges_figure
from replica.page_ranges import figure, table
from replica.paths import synthetic_path
from replica.ranges import finding
from replica.ranges.climb import DOWN, TO_ZERO, UP, climb, work_room
from replica.ranges.files import (
    extreme,
    has_ranges,
    load_ranges,
    ranges_path,
    read_text,
    write_ranges,
)
from replica.ranges.finding import ENDS, find_ranges, shown
from replica.ranges.held import AMONG_EVENTS, FOLLOWED, SINCE, fit, summary
from replica.ranges.judging import (
    contradicted_rows,
    lost,
    matched_as_printed,
    paper_settings,
    verdicts_on,
    with_follow_up,
)
from replica.ranges.moves import EXCHANGE_ALIKE, STRETCH, copy_into, move, room, undo
from replica.ranges.problem import along, problem_of, table_of
from replica.ranges.scores import score
from replica.studies import load_study, study_keys
from replica.supplied import load_cohort, parse_cohort
from replica.unprinted import Asked, asked_for, value_of

LUNG, SMALL_CELL = "mlc_second_primary", "sclc_second_line"
WITH_RANGES = [key for key in study_keys() if ranges_path(key).is_file()]
# a study with many ranges is looked at by samples, here and there in its list
SAMPLE = 6


class Begun:
    """A committed cohort, compiled for the search."""

    def __init__(self, key):
        self.paper = study_paper(key)
        self.study = self.paper.study
        self.text = read_text(synthetic_path(key))
        self.matched = matched_as_printed(load_cohort(self.study, "synthetic"))
        self.verdicts = verdicts_on(
            self.matched, self.paper.published, contradicted_rows(self.paper)
        )
        self.asked = asked_for(self.study, self.paper.published)
        self.ties = paper_settings(self.study).choices.ties
        self.problem = problem_of(self.matched, self.paper.published, self.verdicts, self.asked)

    def score(self, asked, patients):
        """Score of a quantity, by the search's kernels."""
        sets = np.empty((4, patients.record.size), dtype=np.int64)
        wanted = self.problem.wanted[asked.key]
        given = (patients.duration, patients.event, patients.order, np.zeros(3), sets)
        return score(wanted, *given)

    def judged(self, patients):
        """Match anew and compare with the paper."""
        made = parse_cohort(
            self.study, table_of(self.problem, patients, self.text), "synthetic", name="moved"
        )
        matched = with_follow_up(self.matched, made)
        return matched, verdicts_on(matched, self.paper.published, contradicted_rows(self.paper))


@pytest.fixture(scope="module")
def lung():
    """Compile the lung study."""
    return Begun(LUNG)


@pytest.fixture(scope="module")
def small_cell():
    """Compile the small-cell study."""
    return Begun(SMALL_CELL)


def of_each_kind(asked):
    """Take the first quantity of each kind, outcome and stage."""
    return list({(one.kind, one.outcome, one.stage): one for one in reversed(asked)}.values())


@pytest.mark.parametrize("name", ["lung", "small_cell"])
def test_a_score_stands_for_the_estimator_s_value(name, request):
    """Of every kind of quantity, in both studies, to a part in a million and better."""
    begun = request.getfixturevalue(name)
    for one in of_each_kind(begun.asked):
        found = shown(one, begun.score(one, begun.problem.begun()))
        assert found == pytest.approx(value_of(one, begun.matched, begun.ties), rel=1e-7, abs=1e-9)


def test_quantities_follow_from_the_protocol_and_leave_out_what_is_printed(lung, small_cell):
    """Five for the lung study; hazard ratios of two printed subgroups are not asked for."""
    assert [one.kind for one in lung.asked] == [
        *("hazards", "restricted", "hazards", "restricted", "subdistribution")
    ]
    assert {one.stage for one in lung.asked} == {"after"}
    printed = {
        (row.outcome, row.subgroup)
        for row in small_cell.paper.published
        if row.item == "treatment" and row.statistic == "hr" and row.subgroup
    }
    ratios = {
        (one.outcome, f"{one.covariate}={one.level}")
        for one in small_cell.asked
        if one.kind == "subgroup"
    }
    covariates = len(small_cell.study.covariates)
    assert len(printed) == 2
    assert not printed & ratios
    assert len(ratios) == 2 * 2 * covariates - len(printed)
    assert sum(one.kind == "interaction" for one in small_cell.asked) == 2 * covariates
    assert len({one.key for one in small_cell.asked}) == len(small_cell.asked)
    for one in small_cell.asked:
        assert one.words(small_cell.study)
        assert one.definition(small_cell.study)


def test_held_summaries_are_the_printed_quantities(lung):
    """Quartiles of times, of follow-up and since treatment are those that the page computes."""
    summaries = lung.problem.held.summaries
    kinds = {AMONG_EVENTS, FOLLOWED, SINCE}
    found = [
        summary(summaries, r, lung.problem.begun())
        for r in range(summaries.kind.size)
        if summaries.kind[r] in kinds
    ]
    shown_values = {
        float(v.reproduced)
        for v in lung.verdicts.values()
        if v.published.statistic in {"q1", "median", "q3"} and not v.published.value.not_reached
    }
    finite = [value for value in found if math.isfinite(value)]
    assert len(finite) >= 14
    for value in finite:
        assert min(abs(value - one) for one in shown_values) <= 0.5
    # upper quartiles of follow-up are printed as not reached, and are not
    assert sum(math.isinf(value) for value in found) == 2


@pytest.mark.parametrize("name", ["lung", "small_cell"])
def test_exchanges_between_alike_patients_change_no_printed_result(name, request):
    """A hundred exchanges of whole follow-up, and every computed number is the very same."""
    begun = request.getfixturevalue(name)
    patients, rules = begun.problem.begun(), begun.problem.rules
    kept, rng, made = room(patients), np.random.default_rng(5), 0
    for _ in range(200):
        copy_into(kept, patients)
        if move(patients, rules, kept, EXCHANGE_ALIKE, rng):
            made += 1
        else:
            undo(patients, kept)
    assert made > 50
    _, found = begun.judged(patients)
    held = set(begun.problem.held_ids)
    assert held <= set(found)
    assert {id_: found[id_].reproduced for id_ in held} == {
        id_: begun.verdicts[id_].reproduced for id_ in held
    }


def test_stretching_follow_up_of_everybody_changes_no_hazard_ratio(small_cell):
    """Ranks stay: crude ratios before and after matching are the same to the last digit or two."""
    patients, rules = small_cell.problem.begun(), small_cell.problem.rules
    kept, rng = room(patients), np.random.default_rng(2)
    everybody = np.zeros(patients.record.size, dtype=np.int64)
    for _ in range(400):
        copy_into(kept, patients)
        done = move(patients, rules, kept, STRETCH, rng)
        same = all(
            (np.diff(kept.duration[o][kept.order[o]]) == 0).tolist()
            == (np.diff(patients.duration[o][kept.order[o]]) == 0).tolist()
            and (np.diff(patients.duration[o][kept.order[o]]) >= 0).all()
            for o in (0, 1)
        )
        if not (done and same):
            undo(patients, kept)
    assert everybody.size == len(small_cell.text)
    assert (patients.duration != small_cell.problem.patients.duration).sum() > 50
    matched, _ = small_cell.judged(patients)
    for outcome in ("pfs", "os"):
        for stage in ("before", "after"):
            one, other = (getattr(m, stage) for m in (matched, small_cell.matched))
            found, then = (cox(c, outcome, ["arm"], ties="breslow").coef[0] for c in (one, other))
            assert found == pytest.approx(then, rel=1e-12)


@pytest.mark.parametrize("direction", [UP, DOWN, TO_ZERO])
def test_a_search_keeps_every_held_row_and_never_ends_worse(lung, direction):
    """All rows within their bounds at the end, by kernels and estimators; the score has moved."""
    one = lung.asked[2]
    patients = lung.problem.begun()
    begun = lung.score(one, patients)
    wanted = lung.problem.wanted[one.key]
    rng = np.random.default_rng(4)
    held = lung.problem.held
    found, accepted = climb(patients, lung.problem.rules, held, wanted, direction, 2000, rng)
    assert accepted > 100
    assert found == pytest.approx(lung.score(one, patients), rel=1e-9)
    if direction == TO_ZERO:
        assert abs(found) < abs(begun)
    else:
        assert direction * found > direction * begun
    work = work_room(held, patients.record.size)
    for s in range(held.system.kind.size):
        fit(held, s, patients, work)
        for r in range(held.system.first[s], held.system.first[s + 1]):
            value = work.found[held.system.slot[r]]
            assert held.system.low[r] <= value <= held.system.high[r]
    _, verdicts = lung.judged(patients)
    assert lost(lung.verdicts, verdicts) == ()


def test_a_row_that_cannot_move_stops_the_search(lung):
    """With a hazard ratio held at exactly its value, shifts that pass an event are all refused."""
    one, held = lung.asked[2], lung.problem.held
    patients = lung.problem.begun()
    work = work_room(held, patients.record.size)
    low, high = held.system.low.copy(), held.system.high.copy()
    for s in range(held.system.kind.size):
        fit(held, s, patients, work)
        rows = slice(held.system.first[s], held.system.first[s + 1])
        low[rows] = high[rows] = work.found[held.system.slot[rows]]
    exact = held._replace(system=held.system._replace(low=low, high=high))
    begun = lung.score(one, patients)
    wanted = lung.problem.wanted[one.key]
    climb(patients, lung.problem.rules, exact, wanted, UP, 500, np.random.default_rng(1))
    matched, _ = lung.judged(patients)
    for outcome in ("second_primary", "second_primary_or_death"):
        now, then = (
            cox(m.after, outcome, ["arm"], ties="efron").coef[0] for m in (matched, lung.matched)
        )
        assert now == pytest.approx(then, rel=1e-9)
    assert lung.score(one, patients) >= begun


def test_ranges_are_the_same_for_a_seed_and_contain_the_committed_value(lung, tmp_path):
    """The same bytes twice, another seed differs; each end is what its cohort gives."""
    asked = [lung.asked[1], lung.asked[4]]
    found = [
        find_ranges(lung.paper, lung.text, asked=asked, seed=seed, evaluations=400)
        for seed in (1, 1, 2)
    ]
    paths = [
        write_ranges(lung.study, lung.text, one, tmp_path / str(place))
        for place, one in enumerate(found)
    ]
    for suffix in (".csv", ".json", ".parquet"):
        first, again = (path.with_suffix(suffix).read_bytes() for path in paths[:2])
        assert first == again
    assert paths[2].read_bytes() != paths[0].read_bytes()
    for one in found[0].ranges:
        assert one.smallest < one.committed < one.largest
        assert one.committed == value_of(one.asked, lung.matched, lung.ties)
        assert one.evaluations == 400


def test_quantities_of_subgroups_get_a_tenth_of_the_moves(small_cell):
    """And their range is wide all the same: controls alike may exchange their follow-up."""
    one = Asked("subgroup", "pfs", "before", covariate="smoking", level="no")
    found = find_ranges(small_cell.paper, small_cell.text, asked=[one], evaluations=3000)
    (ratio,) = found.ranges
    assert ratio.evaluations == 300
    assert ratio.smallest < ratio.committed < ratio.largest
    assert found.held + found.missed == len(small_cell.verdicts)


def test_an_end_that_breaks_a_printed_row_is_refused(lung, monkeypatch):
    """If the search held nothing, the estimators would say which rows are lost."""

    def free(*arguments):
        made = problem_of(*arguments)
        wide = np.full_like(made.held.summaries.low, -math.inf)
        summaries = made.held.summaries._replace(low=wide, high=-wide)
        return replace(made, held=made.held._replace(summaries=summaries))

    monkeypatch.setattr(finding, "problem_of", free)
    with pytest.raises(SynthesisError, match="printed rows that the search does not hold"):
        find_ranges(lung.paper, lung.text, asked=[lung.asked[3]], evaluations=3000)


def test_a_study_without_such_quantities_says_so():
    """Cases and controls: no curve by arm, no subgroup plan."""
    result = CliRunner().invoke(cli.app, ["ranges", "myeloma_second_primary"])
    assert result.exit_code == 2
    assert "no unprinted quantity" in result.output
    with pytest.raises(SynthesisError, match="cases and matched controls"):
        matched_as_printed(load_cohort(load_study("myeloma_second_primary"), "synthetic"))


@pytest.mark.parametrize("key", WITH_RANGES)
def test_committed_ranges_hold_by_the_public_estimators(key):
    """Matched anew: covariates and pairs are the cohort's own, rows hold, values are as stated."""
    kept, study, paper = load_ranges(key), load_study(key), study_paper(key)
    text = read_text(synthetic_path(key))
    contradicted = contradicted_rows(paper)
    begun_with = matched_as_printed(load_cohort(study, "synthetic"))
    begun = verdicts_on(begun_with, paper.published, contradicted)
    met = sum(verdict.outcome == "reproduced" for verdict in begun.values())
    assert kept.report["results_held"] == met
    assert kept.report["results_the_cohort_misses"] == len(begun) - met
    asked = {one.key: one for one in asked_for(study, paper.published)}
    assert list(kept.ranges["key"]) == list(asked)
    ties = paper_settings(study).choices.ties
    follow_up = {*along(study), *(o.duration for o in study.outcomes)}
    follow_up |= {outcome.event for outcome in study.outcomes}
    step = max(1, len(asked) // SAMPLE)
    for row in kept.ranges.iloc[::step].to_dict("records"):
        one = asked[row["key"]]
        assert value_of(one, begun_with, ties) == pytest.approx(row["committed"], rel=1e-8)
        assert row["smallest"] <= row["committed"] <= row["largest"]
        for end in ENDS:
            made = extreme(kept, text, row["key"], end)
            others = [name for name in text if name not in follow_up]
            pd.testing.assert_frame_equal(made[others], text[others])
            cohort = parse_cohort(study, made, "synthetic", name=end)
            matched = matched_as_printed(cohort)
            assert value_of(one, matched, ties) == pytest.approx(row[end], rel=1e-8, abs=1e-12)
            assert lost(begun, verdicts_on(matched, paper.published, contradicted)) == ()


def test_the_lung_study_has_ranges_that_are_wider_than_a_point():
    """Each of its quantities moves both ways."""
    frame = load_ranges(LUNG).ranges
    assert (frame["smallest"] < frame["committed"]).all()
    assert (frame["committed"] < frame["largest"]).all()


def test_ranges_of_another_cohort_are_not_shown(tmp_path):
    """When the cohort has changed since, they are outdated."""
    kept = ranges_path(LUNG)
    folder = tmp_path / "synthetic"
    (folder / "ranges").mkdir(parents=True)
    for suffix in (".csv", ".json", ".parquet"):
        (folder / "ranges" / f"{LUNG}{suffix}").write_bytes(kept.with_suffix(suffix).read_bytes())
    with pytest.raises(DataError, match="an outdated file"):
        load_ranges(LUNG, folder)
    cohort = synthetic_path(LUNG).read_text("utf-8")
    (folder / f"{LUNG}.csv").write_text(cohort, "utf-8")
    assert has_ranges(LUNG, folder)
    (folder / f"{LUNG}.csv").write_text(cohort.replace(",yes,", ",no,", 1), "utf-8")
    assert not has_ranges(LUNG, folder)
    with pytest.raises(DataError, match="found no file"):
        load_ranges(LUNG, tmp_path / "none")
    with pytest.raises(DataError, match="smallest, largest"):
        extreme(load_ranges(LUNG), read_text(synthetic_path(LUNG)), "a", "least")


def test_the_page_shows_ranges_of_the_synthetic_patients_only(lung, tmp_path, monkeypatch):
    """Caption and picture say what they are; without ranges a note stands there, and a file."""
    cohort = lung.matched.before
    said = table(cohort, tmp_path).data
    assert "at least this wide among cohorts that agree with everything printed" in said
    assert "180 results" in said
    assert len(pd.read_csv(tmp_path / "ranges.csv")) == 5
    assert "5 unprinted quantities" in figure(cohort, tmp_path).alt
    assert (tmp_path / "ranges.svg").is_file()
    supplied = replace(cohort, source="supplied")
    assert "synthetic patients only" in table(supplied, tmp_path).data
    assert "synthetic patients only" in figure(supplied, tmp_path).data
    monkeypatch.setattr("replica.page_ranges.has_ranges", lambda _: False)
    assert f"replica ranges {LUNG}" in table(cohort, tmp_path).data
    assert len(pd.read_csv(tmp_path / "ranges.csv")) == 0
    (tmp_path / "ranges.svg").unlink()
    assert f"replica ranges {LUNG}" in figure(cohort, tmp_path).alt
    assert (tmp_path / "ranges.svg").is_file()


def test_the_figure_draws_what_it_is_given():
    """A bar from end to end, cut with an arrow where the axis ends; a value outside is refused."""
    panels = {"p": Panel("p", "p value"), "ratio": Panel("ratio", "Hazard ratio")}
    rows = [("p", "a", 0.5, 1e-9, 0.9), ("ratio", "b", 0.7, 0.5, 20.0)]
    frame = pd.DataFrame(rows, columns=["panel", "label", "committed", "smallest", "largest"])
    drawn = ranges_figure(frame, panels, title="Ranges")
    first, second = drawn.axes
    (bar,) = (line for line in first.lines if line.get_gid() == "range a")
    np.testing.assert_array_equal(bar.get_xdata(), [1e-4, 0.9])
    assert "<" in {line.get_marker() for line in first.lines}
    (bar,) = (line for line in second.lines if line.get_gid() == "range b")
    np.testing.assert_array_equal(bar.get_xdata(), [0.5, 10.0])
    assert ">" in {line.get_marker() for line in second.lines}
    assert [axes.get_xlabel() for axes in drawn.axes] == ["p value", "Hazard ratio"]
    with pytest.raises(ParameterError, match="outside"):
        ranges_figure(frame.assign(committed=0.95), panels, title="Ranges")
    with pytest.raises(ParameterError, match="panel"):
        ranges_figure(frame.assign(panel="q"), panels, title="Ranges")
