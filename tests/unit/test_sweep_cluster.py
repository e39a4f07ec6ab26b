"""A sweep on Dask: a scheduler and workers of their own, one of which is killed in the middle."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from replica.errors import ParameterError
from replica.paths import repository
from replica.studies import load_study
from replica.sweep import cluster as places
from replica.sweep import read_grid, sweep
from replica.sweep.cluster import NoWorkersError, each_on, local_cluster, scheduler_at
from replica.sweep.patients import patients_of
from replica.sweep.store import KEY, parts_folder

PATIENCE = 120.0
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    # for so long a scheduler asks a dead worker for its results; 30 seconds unless told
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
}


@pytest.fixture
def processes():
    """Start processes, and end those that are left when the test is over."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "distributed.cli.dask_worker"]
        if arguments[0] == "scheduler":
            command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([*command, *arguments[1:]], env=ENVIRONMENT, **quiet)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def cluster(processes, tmp_path):
    """Start a scheduler and two workers on loopback; return its address and the workers."""
    file = tmp_path / "scheduler.json"
    processes("scheduler", *LOOPBACK, "--port", "0", "--scheduler-file", str(file))
    wait_for(lambda: file.is_file() and file.stat().st_size > 0)
    address = json.loads(file.read_text(encoding="utf-8"))["address"]
    workers = [processes("worker", address, *LOOPBACK, *one_thread(tmp_path)) for _ in range(2)]
    return address, workers


def one_thread(folder):
    """Name the options of a worker with one thread that keeps its files in a folder."""
    return ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))


def wait_for(happened):
    """Wait until something is so, for a limited time."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_no_run_is_lost_or_doubled_when_a_worker_dies(cluster, tmp_path):
    """A worker is killed while it works: the file is that of a sweep in one process."""
    address, (victim, survivor) = cluster
    cohort = patients_of(load_study("sclc_second_line"))
    grid = read_grid(cohort.study, ["order=random", "outcome=pfs,os"], seeds=200)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    sweep(cohort, grid, here)
    killed_at = []

    def progress(done, total):
        if done > 50 and not killed_at:
            os.kill(victim.pid, signal.SIGKILL)
            killed_at.append((done, total))

    wait_for(lambda: workers_at(address) == 2)
    with scheduler_at(address) as client:

        def engine(do, shared, batches):
            return each_on(client, do, shared, batches)

        made = sweep(cohort, grid, there, engine=engine, batch=20, progress=progress)
        left = client.scheduler_info(n_workers=-1)["workers"]
    (done, total), *_ = killed_at
    assert 50 < done < total == 400
    assert victim.wait(PATIENCE) == -signal.SIGKILL
    assert survivor.poll() is None
    assert len(left) == 1
    assert made.made == 400
    frame = made.frame()
    assert len(frame) == 400
    assert frame[KEY].is_unique
    assert there.read_bytes() == here.read_bytes()
    assert parts_folder(there).is_dir()


def test_when_all_workers_vanish_a_sweep_says_so_waits_and_goes_on(cluster, processes, tmp_path):
    """Nobody is left for a while: the wait is told in seconds, and a new worker ends it."""
    address, workers = cluster
    cohort = patients_of(load_study("sclc_second_line"))
    grid = read_grid(cohort.study, ["order=random", "outcome=pfs"], seeds=100)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    sweep(cohort, grid, here)
    told, came = [], []
    wait_for(lambda: workers_at(address) == 2)

    def waiting(seconds):
        told.append(seconds)
        if seconds and not came:
            came.append(processes("worker", address, *LOOPBACK, *one_thread(tmp_path)))

    with scheduler_at(address) as client:

        def engine(do, shared, batches):
            return each_on(client, do, shared, batches, patience=PATIENCE, waiting=waiting)

        sweep(cohort, grid, there, engine=engine, batch=5, progress=killer(workers))
    assert told[-1] == 0
    assert max(told) > 0.5
    assert there.read_bytes() == here.read_bytes()


def test_a_sweep_without_workers_ends_when_its_patience_does(cluster, tmp_path):
    """Its own error says what to do; what was finished is kept and not made again."""
    address, workers = cluster
    cohort = patients_of(load_study("sclc_second_line"))
    grid = read_grid(cohort.study, ["order=random", "outcome=pfs"], seeds=100)
    out, told = tmp_path / "a.parquet", []
    wait_for(lambda: workers_at(address) == 2)
    with scheduler_at(address) as client:

        def engine(do, shared, batches):
            return each_on(client, do, shared, batches, patience=2, waiting=told.append)

        with pytest.raises(NoWorkersError, match=r"none for 2 seconds.*kept.*`dask worker`"):
            sweep(cohort, grid, out, engine=engine, batch=5, progress=killer(workers))
    assert 1 < max(told) <= 2
    assert not out.exists()
    assert 0 < sweep(cohort, grid, out).made < 100


def killer(workers):
    """Kill all workers once some runs are done."""

    def progress(done, _total):
        if done >= 10:
            for worker in workers:
                worker.kill()

    return progress


def workers_at(address):
    """Count the workers of a scheduler; none while it has none."""
    try:
        with scheduler_at(address) as client:
            return len(client.scheduler_info(n_workers=-1)["workers"])
    except ParameterError:
        return 0


def test_a_scheduler_without_workers_is_refused(processes, tmp_path):
    """The message says how to start some."""
    file = tmp_path / "scheduler.json"
    options = ("--host", "127.0.0.1", "--no-dashboard", "--port", "0")
    processes("scheduler", *options, "--scheduler-file", str(file))
    wait_for(lambda: file.is_file() and file.stat().st_size > 0)
    address = json.loads(file.read_text(encoding="utf-8"))["address"]
    with pytest.raises(ParameterError, match="has no workers"), scheduler_at(address):
        pass


def test_an_address_without_a_scheduler_is_refused():
    """Nobody answers: the message says what to start."""
    with (
        pytest.raises(ParameterError, match="start one with `dask scheduler`"),
        scheduler_at("tcp://127.0.0.1:9"),
    ):
        pass


class SlowToEnd:
    """Stand in for local processes that do not end in time, and for their client."""

    def __init__(self, *_args, **_kwargs):
        """Take what the real ones take."""

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *_):
        """End."""

    def close(self):
        """Give up, as distributed does on a busy machine."""
        raise TimeoutError


def test_processes_that_are_slow_to_end_cost_a_sweep_nothing(monkeypatch):
    """What was done stands; an error of the sweep itself is still told."""
    monkeypatch.setattr(places, "LocalCluster", SlowToEnd)
    monkeypatch.setattr(places, "Client", SlowToEnd)
    done = []
    with local_cluster(1):
        done.append("work")
    assert done == ["work"]
    with pytest.raises(ValueError, match="its own"), local_cluster(1):
        raise ValueError("its own")


def test_the_benchmark_measures_each_place(tmp_path):
    """One process, one worker, two workers: a row each, with the projection to a million runs."""
    out = tmp_path / "sweep.csv"
    command = [sys.executable, "benchmarks/sweep.py", "--runs", "100", "--out", str(out)]
    subprocess.run(command, cwd=repository(), env=ENVIRONMENT, check=True, capture_output=True)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Where"] for row in rows] == ["this process, without Dask", "1 worker", "2 workers"]
    assert all(row["Runs"] == "100" for row in rows)
    assert all(row["A million runs"].endswith(("minutes", "hours")) for row in rows)
