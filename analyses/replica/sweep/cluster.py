"""Batches of runs on Dask: a local cluster of processes, or a scheduler that is already there.

A batch is a pure function of its values and of the cohort. If a worker dies, the scheduler gives
its batches to another: a batch whose result had not arrived is simply made again, and each result
is taken once.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

import distributed
from distributed import CancelledError, Client, KilledWorker, LocalCluster

from replica.errors import ParameterError, ReplicaError

__all__ = ["PATIENCE", "Batch", "each_here", "each_on", "local_cluster", "scheduler_at"]

Given = TypeVar("Given")
Shared = TypeVar("Shared")
Made = TypeVar("Made")
Batch = Sequence[Given]

_WAITING = 3
"""Batches in line for each worker: none waits for work, and none hoards it."""

PATIENCE = 300.0
"""Seconds for which a sweep waits while its scheduler has no worker."""

_LOOK = 1.0  # seconds without a result after which workers are counted

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkersDiedError(ReplicaError):
    """The same batch lost its worker again and again."""


class NoWorkersError(ReplicaError):
    """All workers left, and none came for longer than a sweep was to wait."""


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
    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=logging.ERROR,
        env=dict.fromkeys(_THREADS, "1"),
    )
    try:
        with Client(cluster) as client:  # type: ignore[no-untyped-call]  # as above
            yield client
    finally:
        # On a busy machine processes are slow to end; they end with this one at the latest, and
        # that must not cost a sweep its results.
        with suppress(TimeoutError):
            cluster.close()


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
    *,
    patience: float = PATIENCE,
    waiting: Callable[[float], None] | None = None,
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
    patience
        Seconds to wait for a worker when all have left.
    waiting
        Called every second or so with the seconds without a worker, and with 0 when one is back.

    Raises
    ------
    WorkersDiedError
        If a batch loses its worker time and again: it may need too much memory.
    NoWorkersError
        If there is no worker, or no scheduler, for longer than `patience`.
    """
    prepared = client.submit(shared, pure=False)
    finished: SimpleQueue[Sequence[Made] | Exception] = SimpleQueue()

    def take(future: distributed.Future[Sequence[Made]]) -> None:
        # Not in the main thread: the result of a batch may have died with its worker, and is then
        # waited for until the batch has been made again.
        try:
            finished.put(future.result())
        except Exception as error:  # noqa: BLE001 - raised where the results are awaited
            finished.put(error)
        future.release()  # type: ignore[no-untyped-call]  # as above

    def hand_out(most: int) -> int:
        handed = 0
        for batch in itertools.islice(batches, most):
            future = client.submit(do, prepared, batch, pure=False)
            future.add_done_callback(take)  # type: ignore[no-untyped-call]  # as above
            handed += 1
        return handed

    running = hand_out(max(2, _WAITING * _workers(client)))
    while running:
        made = _next(client, finished, patience, waiting or (lambda _: None))
        running += hand_out(1) - 1
        yield made


def _next(
    client: Client,
    finished: SimpleQueue[Sequence[Made] | Exception],
    patience: float,
    waiting: Callable[[float], None],
) -> Sequence[Made]:
    """Wait for a batch; while there is no worker, say so, and lose patience in time."""
    since = None
    while True:
        try:
            made = finished.get(timeout=_LOOK)
            break
        except Empty:
            since = _lonely(client, since, patience, waiting)
    if since is not None:
        waiting(0.0)
    if isinstance(made, KilledWorker):
        raise WorkersDiedError(
            f"workers: several died over the same runs ({made}); what was finished is kept. Give "
            "them more memory or look into their logs, then start the sweep again."
        )
    if isinstance(made, CancelledError):
        raise NoWorkersError(_gone("that the scheduler was lost"))
    if isinstance(made, Exception):
        raise made
    return made


def _lonely(
    client: Client, since: float | None, patience: float, waiting: Callable[[float], None]
) -> float | None:
    """Return since when there is no worker, or None; tell the wait, and when it ends."""
    now = time.monotonic()
    if _workers(client):
        if since is not None:
            waiting(0.0)
        return None
    if since is not None and now - since > patience:
        raise NoWorkersError(_gone(f"none for {patience:g} seconds"))
    if since is not None:
        waiting(now - since)
    return now if since is None else since


def _gone(what: str) -> str:
    return (
        f"workers: found {what}; allowed: at least one. What was finished is kept. Start workers "
        "with `dask worker`, and then the same sweep again: it goes on where it stands."
    )


def _workers(client: Client) -> int:
    """Count the workers; none while the scheduler does not answer."""
    try:
        return len(client.scheduler_info(n_workers=-1)["workers"])
    except (OSError, TimeoutError):
        return 0


def each_here(
    do: Callable[[Shared, Batch[Given]], Sequence[Made]],
    shared: Callable[[], Shared],
    batches: Iterator[Batch[Given]],
) -> Iterator[Sequence[Made]]:
    """Do each batch in this process, one after the other: for a few runs."""
    prepared = shared()
    for batch in batches:
        yield do(prepared, batch)
