"""A sweep's file: resumable, in one order, the same bytes however it was made."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from replica.errors import DataError
from replica.studies import load_study
from replica.sweep import read_grid, sweep
from replica.sweep.cluster import each_here
from replica.sweep.patients import patients_of
from replica.sweep.store import KEY, parts_folder, read_parts, read_sweep, schema
from replica.sweep.sweeping import masked, sweep_identity


@pytest.fixture(scope="module")
def cohort():
    """Return the synthetic patients of the small-cell study."""
    return patients_of(load_study("sclc_second_line"))


@pytest.fixture(scope="module")
def grid(cohort):
    """Forty runs, of which those of the closest order with a random draw are impossible."""
    texts = ["order=random,closest", "draw=nearest,random", "caliper=0.02,0.05"]
    return read_grid(cohort.study, texts, seeds=5)


class StoppedError(Exception):
    """Somebody pressed a key."""


def stopping_after(batches):
    """Return an engine that is stopped after some batches."""

    def engine(do, shared, todo):
        for number, made in enumerate(each_here(do, shared, todo)):
            if number == batches:
                raise StoppedError
            yield made

    return engine


def counting(made):
    """Return an engine that notes how many runs it makes."""

    def engine(do, shared, todo):
        for rows in each_here(do, shared, todo):
            made.append(len(rows))
            yield rows

    return engine


def test_a_stopped_sweep_goes_on(cohort, grid, tmp_path):
    """What was finished is not made again, and the file is that of a sweep never stopped."""
    whole, stopped = tmp_path / "whole.parquet", tmp_path / "stopped.parquet"
    sweep(cohort, grid, whole)
    with pytest.raises(StoppedError):
        sweep(cohort, grid, stopped, engine=stopping_after(3), batch=4)
    assert not stopped.exists()
    kept = len(read_parts(parts_folder(stopped), schema(cohort.study)))
    assert 0 < kept < len(grid)
    made = []
    finished = sweep(cohort, grid, stopped, engine=counting(made), batch=7)
    assert finished.made == sum(made) == len(grid) - kept
    assert stopped.read_bytes() == whole.read_bytes()


def test_a_finished_sweep_is_only_read(cohort, grid, tmp_path):
    """The same command again makes nothing, and a larger grid only what is new."""
    path = tmp_path / "a.parquet"
    first = sweep(cohort, grid, path)
    before = path.read_bytes()
    again = sweep(cohort, grid, path)
    assert (first.made, again.made) == (40, 0)
    assert path.read_bytes() == before
    larger = read_grid(
        cohort.study,
        ["order=random,closest", "draw=nearest,random", "caliper=0.02,0.05,0.1"],
        seeds=5,
    )
    assert sweep(cohort, larger, path).made == 20


def test_rows_stand_in_the_order_of_the_grid(cohort, grid, tmp_path):
    """One row per combination, each key once, failures with their reason."""
    made = sweep(cohort, grid, tmp_path / "a.parquet", batch=3)
    frame = made.frame()
    names = ["caliper", "order", "draw", "seed"]
    assert [tuple(row) for row in frame[names].itertuples(index=False)] == [
        tuple(run[name] for name in names) for run in grid
    ]
    assert frame[KEY].is_unique
    failed = frame[(frame["order"] == "closest") & (frame["draw"] == "random")]
    assert made.failed == len(failed) == 10
    assert failed["reason"].str.contains("Choose another order").all()
    assert failed["hazard_ratio"].isna().all()
    assert (frame.loc[~frame.index.isin(failed.index), "reason"] == "").all()
    assert set(frame["study"]) == {"sclc_second_line"}


def test_other_patients_are_another_sweep(cohort, grid, tmp_path):
    """Nothing of one cohort is taken for another's; the order of rows does not make another."""
    path = tmp_path / "a.parquet"
    sweep(cohort, grid, path)
    fewer = replace(cohort, patients=cohort.patients.iloc[:-1])
    assert sweep(fewer, grid, path).made == len(grid)
    shuffled = replace(cohort, patients=cohort.patients.sample(frac=1, random_state=1))
    assert sweep_identity(shuffled) == sweep_identity(cohort)
    assert sweep(shuffled, grid, path).made == 0


def test_the_file_tells_no_time_and_no_place(cohort, grid, tmp_path):
    """Two folders, the same bytes; columns are typed."""
    for name in ("one", "two"):
        sweep(cohort, grid, tmp_path / name / "a.parquet", batch=5 if name == "one" else 50)
    one, two = (tmp_path / name / "a.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert pq.read_schema(one).equals(schema(cohort.study))


def test_a_folder_of_another_study_is_refused(cohort, grid, tmp_path):
    """Parts of a study with other choices do not fit."""
    path = tmp_path / "a.parquet"
    other = load_study("myeloma_second_primary")
    sweep(patients_of(other), read_grid(other, ["ratio=1"]), path)
    with pytest.raises(DataError, match="belongs to another study"):
        sweep(cohort, grid, path)


def test_damaged_and_missing_files_are_refused(cohort, grid, tmp_path):
    """A part that is no Parquet file is named; a missing table is said to be."""
    path = tmp_path / "a.parquet"
    parts_folder(path).mkdir()
    (parts_folder(path) / "part.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(DataError, match=r"part.parquet: not readable as Parquet"):
        sweep(cohort, grid, path)
    with pytest.raises(DataError, match="not readable as Parquet"):
        read_sweep(tmp_path / "none.parquet")


def test_progress_counts_what_was_kept(cohort, grid, tmp_path):
    """The bar starts where the last sweep stopped and ends at all runs."""
    path, seen = tmp_path / "a.parquet", []
    with pytest.raises(StoppedError):
        sweep(cohort, grid, path, engine=stopping_after(2), batch=4)
    sweep(cohort, grid, path, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] > 0
    assert seen[-1] == (40, 40)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("treated", "control", "events", "hidden"),
    [
        (20, 20, 10, False),
        (4, 20, 10, True),
        (20, 20, 3, True),
        (20, 20, 38, True),
        (9, 9, 0, False),
    ],
)
def test_results_of_few_patients_can_be_left_out(treated, control, events, hidden):
    """An arm, the events or those without one: fewer than five of any hide the run's results."""
    record = {"treated": treated, "control": control, "events": events, "hazard_ratio": 0.5}
    shown = masked({**record, "reason": ""}, 5)
    assert (shown["hazard_ratio"] is None) == hidden
    assert shown["reason"].startswith("masked: a group has fewer than 5") == hidden
    assert masked(record, 0) == record


def test_masking_is_part_of_a_sweep(cohort, tmp_path):
    """A sweep with a mask is another one than without."""
    grid = read_grid(cohort.study, ["ratio=1,2"])
    path = tmp_path / "a.parquet"
    assert sweep(cohort, grid, path).failed == 0
    hidden = sweep(replace(cohort, min_cell=1000), grid, path)
    assert (hidden.made, hidden.failed) == (2, 2)
