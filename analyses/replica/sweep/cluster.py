"""Batches of runs on Dask: a local cluster of processes, or a scheduler that is already there.

A batch is a pure function of its values and of the cohort. If a worker dies, the scheduler gives
its batches to another: a batch whose result had not arrived is simply made again, and each result
is taken once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import distributed
from distributed import Client, KilledWorker, LocalCluster, as_completed

from replica.errors import ParameterError, ReplicaError

__all__ = ["Batch", "each_here", "each_on", "local_cluster", "scheduler_at"]

Given = TypeVar("Given")
Shared = TypeVar("Shared")
Made = TypeVar("Made")
Batch = Sequence[Given]

_WAITING = 3
"""Batches in line for each worker: none waits for work, and none hoards it."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkersDiedError(ReplicaError):
    """The same batch lost its worker again and again."""


@contextmanager
def local_cluster(workers: int) -> Iterator[Client]:
    """Start processes of one thread each on this machine, reachable from it alone.

    Raises
    ------
    ParameterError
        If there is to be no worker.
    """
    if workers < 1:
        raise ParameterError(f"workers: found {workers}; at least 1 process is needed.")
    with (
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
            env=dict.fromkeys(_THREADS, "1"),
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]  # as above
    ):
        yield client


@contextmanager
def scheduler_at(address: str) -> Iterator[Client]:
    """Connect to a scheduler that runs already; its workers need this package and its versions.

    Raises
    ------
    ParameterError
        If none answers at the address, or it has no worker.
    """
    try:
        client = Client(address, timeout=10)  # type: ignore[no-untyped-call]  # as above
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"scheduler: found none at {address!r} ({error}); start one with `dask scheduler` and "
            "workers with `dask worker`, or leave --scheduler out for processes on this machine."
        ) from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ParameterError(
                f"scheduler: the one at {address!r} has no workers; start some with `dask worker`."
            )
        yield client


def each_on(
    client: Client,
    do: Callable[[Shared, Batch[Given]], Sequence[Made]],
    shared: Callable[[], Shared],
    batches: Iterator[Batch[Given]],
) -> Iterator[Sequence[Made]]:
    """Do each batch on some worker and give the results back as they come, each once.

    Parameters
    ----------
    client
        Of a cluster.
    do
        Called with what is shared and a batch; must not depend on anything else.
    shared
        Makes what all batches need. It runs on the workers, so that it can be made again on
        another when its worker dies.
    batches
        Only some are handed out ahead, however many there are.

    Raises
    ------
    WorkersDiedError
        If a batch loses its worker time and again: it may need too much memory.
    """
    prepared = client.submit(shared, pure=False)
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    ahead = max(2, _WAITING * workers)

    def hand_out() -> distributed.Future[Sequence[Made]] | None:
        batch = next(batches, None)
        return None if batch is None else client.submit(do, prepared, batch, pure=False)

    first = [future for future in (hand_out() for _ in range(ahead)) if future is not None]
    running = as_completed(first)  # type: ignore[no-untyped-call]  # as above
    for future in running:
        try:
            made: Sequence[Made] = future.result()
        except KilledWorker as error:
            raise WorkersDiedError(
                f"workers: several died over the same runs ({error}); what was finished is kept. "
                "Give them more memory or look into their logs, then start the sweep again."
            ) from None
        future.release()
        following = hand_out()
        if following is not None:
            running.add(following)  # type: ignore[no-untyped-call]  # as above
        yield made


def each_here(
    do: Callable[[Shared, Batch[Given]], Sequence[Made]],
    shared: Callable[[], Shared],
    batches: Iterator[Batch[Given]],
) -> Iterator[Sequence[Made]]:
    """Do each batch in this process, one after the other: for a few runs."""
    prepared = shared()
    for batch in batches:
        yield do(prepared, batch)
