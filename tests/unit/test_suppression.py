"""Which counts are masked, on tables small enough to reason about."""

from __future__ import annotations

import pytest

from replica.disclosure.suppression import Sum, suppressed

SUM = [Sum("all", ("a", "b", "c"))]


def masked(counts, sums=SUM, *, min_cell=5, **how):
    """Mask with everything shown, unless told otherwise."""
    how.setdefault("shown", counts)
    return suppressed(counts, sums, min_cell=min_cell, **how)


def test_the_smallest_other_part_goes_with_a_small_one():
    """One masked part of a shown total could be subtracted; a second one is masked with it."""
    assert masked({"all": 60, "a": 3, "b": 20, "c": 37}) == {"a", "b"}


def test_two_small_parts_protect_each_other():
    """Two masked parts that add up to enough need no third."""
    assert masked({"all": 60, "a": 3, "b": 4, "c": 53}) == {"a", "b"}


def test_two_ones_do_not_protect_each_other():
    """Two masked parts that add up to 2 are 1 and 1: a third one is masked."""
    assert masked({"all": 60, "a": 1, "b": 1, "c": 58}) == {"a", "b", "c"}


def test_zeros_are_shown():
    """That nobody is at a level tells of nobody."""
    assert masked({"all": 57, "a": 0, "b": 20, "c": 37}) == frozenset()
    assert masked({"all": 40, "a": 0, "b": 3, "c": 37}) == {"b", "c"}


@pytest.mark.parametrize("min_cell", [0, 1])
def test_nothing_is_masked_below_2(min_cell):
    """0 and 1 ask for nothing."""
    assert masked({"all": 3, "a": 1, "b": 1, "c": 1}, min_cell=min_cell) == frozenset()


def test_a_total_goes_where_no_part_is_left():
    """With one part beside the rest nobody shows, the total gives way."""
    assert masked({"all": 4, "a": 4, "b": 0, "c": 0}) == {"all", "a"}


def test_a_fixed_total_gives_way_to_a_part():
    """Sizes of groups stay; the complement of a small count is masked instead."""
    counts = {"size": 40, "yes": 38, "rest": 2}
    hidden = masked(counts, [Sum("size", ("yes", "rest"))], shown={"size", "yes"}, fixed={"size"})
    assert hidden == {"yes"}


def test_what_follows_over_two_sums_is_masked_too():
    """A count given away by the arms and by both arms together is masked in one of them."""
    counts = {"t": 3, "c": 40, "both": 43, "t_rest": 50, "c_rest": 60, "t_n": 53, "c_n": 100}
    sums = [
        Sum("both", ("t", "c")),
        Sum("t_n", ("t", "t_rest")),
        Sum("c_n", ("c", "c_rest")),
    ]
    hidden = masked(counts, sums, fixed={"t_n", "c_n"})
    assert {"t", "t_rest"} <= hidden
    assert hidden & {"c", "both"}


def test_a_count_that_nobody_shows_is_protected():
    """Those unmatched follow from before and after; few of them mask the smaller one."""
    counts = {"before": 30, "after": 28, "unmatched": 2}
    sums = [Sum("before", ("after", "unmatched"))]
    assert masked(counts, sums, shown={"before", "after"}) == {"after"}
