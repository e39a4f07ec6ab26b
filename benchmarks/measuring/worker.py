"""One task, measured in this process: `python -m measuring.worker time cox_replica FOLDER 5 60`."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from measuring import arrays, tasks

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def main() -> None:
    """Measure what the command line names and write the report to standard output."""
    mode, name, folder, repeats, enough = sys.argv[1:]
    for said in measure(mode, name, Path(folder), int(repeats), float(enough)):
        # at once, so that a process stopped later has said it
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


def measure(mode: str, name: str, folder: Path, repeats: int, enough: float) -> Iterator[str]:
    """Measure a task, `time` or `memory`, and yield the lines of the report."""
    given = arrays.load(folder)
    task = find(name, folder)
    if task.warm_up:
        # compiled code is loaded and libraries are set up before anything is measured
        task.prepare(given.head(task.warm_up))()
    call = task.prepare(given)
    if mode == "memory":
        extra = additional_memory(call)
        yield line("memory", sum(part.nbytes for part in task.inputs(given)), extra)
        return
    spent = 0.0
    for turn in range(repeats):
        gc.collect()
        began = time.perf_counter()
        answers = call()
        seconds = time.perf_counter() - began
        yield line("seconds", seconds)
        if turn == 0:
            for key, values in answers.items():
                yield line("answer", key, *values)
        spent += seconds
        if spent > enough:
            return


def find(name: str, folder: Path) -> tasks.Task:
    """Find a task by its name."""
    if name == "bootstrap":
        from measuring.cohort import bootstrap_task  # noqa: PLC0415 - others need no cohort

        return bootstrap_task(folder)
    return tasks.TASKS[name]


def line(word: str, *values: object) -> str:
    """Write one line of the report."""
    return " ".join([word, *map(str, values)])


def additional_memory(call: Callable[[], object]) -> int:
    """Bytes that a call needed at its peak on top of what the process held before.

    Linux keeps the peak of resident memory and can be asked to forget it; elsewhere the peak of
    the whole life of the process is taken, which may hide a smaller one.
    """
    gc.collect()
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")
        before = _kibibytes("VmRSS")
        held = call()
        extra = _kibibytes("VmHWM") - before
    else:
        before = _life_peak()
        held = call()
        extra = _life_peak() - before
    del held
    return 1024 * max(extra, 0)


def _kibibytes(field: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def _life_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    main()
