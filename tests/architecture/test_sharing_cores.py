"""Which tests run in one process, and in which order their groups start."""

from __future__ import annotations

from sharing_cores import LONGEST_FIRST, TOGETHER, group_of, turn_of

from replica.paths import repository


def test_a_folder_that_shares_something_is_one_group_and_other_files_are_their_own():
    """A book is built once, R is asked once; nothing else waits for them."""
    assert group_of("tests/book/test_pages.py::test_a[real]") == "tests/book"
    assert group_of("tests/referee/test_r.py::test_a") == "tests/referee"
    assert group_of("tests/unit/test_cox.py::test_a[x::y]") == "tests/unit/test_cox.py"


def test_every_name_in_the_order_exists():
    """A file that was renamed would start late unseen."""
    root = repository()
    assert [name for name in (*LONGEST_FIRST, *TOGETHER) if not (root / name).exists()] == []


def test_long_groups_start_first_and_unknown_ones_last():
    """A file named before its folder keeps its own, earlier turn."""
    turns = [
        turn_of(group)
        for group in (
            "tests/book",
            "tests/notebooks/test_fourth_study.py",
            "tests/notebooks/test_running_notebooks.py",
            "tests/unit/test_cox.py",
        )
    ]
    assert turns == sorted(turns)
    assert len(set(turns)) == len(turns)
