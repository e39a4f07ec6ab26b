"""Which tests run in one process, and in which order their groups start, on several cores."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Files of tests run beside each other, but for these folders: their files share something dear, one
# book or one session of R, so all of a folder's tests run in one process.
TOGETHER = ("tests/book", "tests/referee")
# What takes longest starts first, so that no core waits for the last of it: a folder or a file.
LONGEST_FIRST = (
    "tests/book",
    "tests/notebooks/test_fourth_study.py",
    "tests/notebooks/test_newcomer.py",
    "tests/notebooks/test_supplied_data_stay_safe.py",
    "tests/notebooks/test_study_runs.py",
    "tests/unit/test_annealing.py",
    "tests/unit/test_sweep_cluster.py",
    "tests/referee",
    "tests/unit/test_benchmarks.py",
    "tests/notebooks",
)


def group_of(nodeid: str) -> str:
    """Name a test's group: its folder if the folder's tests share something, else its file."""
    file = nodeid.split("::", maxsplit=1)[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def turn_of(group: str) -> int:
    """Rank a group by how early it should start; small is early."""
    return next(
        (
            turn
            for turn, name in enumerate(LONGEST_FIRST)
            if group == name or group.startswith(f"{name}/")
        ),
        len(LONGEST_FIRST),
    )


class GroupScheduling(LoadScopeScheduling):
    """All tests of a group run in one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
