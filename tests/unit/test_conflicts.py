"""Rows that give way to others: the table is checked, and the sets are the smallest there are."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from itertools import product

import pytest

from replica.audit import study_paper
from replica.conflicts import COLUMNS, excluded, give_way, read_conflicts, study_conflicts
from replica.contingency import fisher, pearson, yates
from replica.errors import PublishedTableError
from replica.paths import conflicts_path
from replica.published import load_published

KEY = "mlc_second_primary"
PUBLISHED = load_published(KEY)
PRINTED = {row.id: row.value for row in PUBLISHED}
CONFLICTS = study_conflicts(KEY, PUBLISHED)
LOST = give_way(CONFLICTS)
TESTS = (pearson, yates, fisher)
CELLS = [(arm, stage) for stage in ("before", "after") for arm in ("treated", "control")]
SIZES = {cell: int(PRINTED[f"table1.patients.{cell[0]}.{cell[1]}.n"].value) for cell in CELLS}
ITEMS = sorted(
    {name.split(".treated.")[0] for name in PRINTED if name.endswith(".treated.before.percent")}
)


def test_every_row_with_percentages_is_looked_at():
    """Sex, two illnesses, three cancer types and three earlier treatments."""
    assert len(ITEMS) == 9


@cache
def admitted(name, treated, control, stage):
    """Whether some test of two counts gives the printed p value."""
    sizes = [SIZES[arm, stage] for arm in ("treated", "control")]
    table = [[n, size - n] for n, size in zip((treated, control), sizes, strict=True)]
    if not all(sum(column) for column in zip(*table, strict=True)):
        return False
    return any(PRINTED[name].admits(Fraction(test(table).p)) for test in TESTS)


def costs(item, cell, most):
    """Possible counts of a cell, each with how many of its two printed rows it misses."""
    arm, stage = cell
    count, percent = (PRINTED[f"{item}.{arm}.{stage}.{name}"] for name in ("n", "percent"))
    found = {}
    for n in range(SIZES[cell] + 1):
        missed = (not count.admits(Fraction(n))) + (
            not percent.admits(Fraction(100 * n, SIZES[cell]))
        )
        if missed <= most:
            found[n] = missed
    return found


def pairs_of(item, arm, most):
    """Counts of an arm before and after matching that it can have, with the rows they miss."""
    before, after = (costs(item, (arm, stage), most) for stage in ("before", "after"))
    gone = SIZES[arm, "before"] - SIZES[arm, "after"]
    return [
        (n, left, missed + also)
        for n, missed in before.items()
        for left, also in after.items()
        if missed + also <= most and 0 <= n - left <= gone
    ]


def possible_with(item, most):
    """Whether some whole numbers of patients miss at most so many printed rows of an item."""
    arms = [pairs_of(item, arm, most) for arm in ("treated", "control")]
    for (treated, left, missed), (control, kept, also) in product(*arms):
        lost = missed + also
        for stage, pair in (("before", (treated, control)), ("after", (left, kept))):
            if lost <= most:
                lost += not admitted(f"{item}.{stage}.p", *pair, stage)
        if lost <= most:
            return True
    return False


@pytest.mark.parametrize("item", ITEMS)
def test_no_patients_miss_fewer_rows_of_table_1(item):
    """Over all whole numbers of patients and three tests: one row fewer is met by none."""
    lost = sum(name.startswith(f"{item}.") for name in LOST)
    assert not lost or not possible_with(item, lost - 1)


FIGURE_1 = {
    "figure1.second_primary.all.n": lambda n, *_: n["all"],
    "figure1.second_primary.all.count_total": lambda _, total, __: total,
    "figure1.second_primary.all.percent": lambda n, total, _: Fraction(100 * n["all"], total),
    "figure1.second_primary.control.n": lambda n, *_: n["control"],
    "figure1.second_primary.control.percent": lambda n, _, size: Fraction(100 * n["control"], size),
    "discussion.second_primary.control.percent": lambda n, _, size: Fraction(
        100 * n["control"], size
    ),
    "abstract.incidence.control.rate_60_months": lambda n, _, size: Fraction(
        100 * n["control"], size
    ),
    "discussion.risk_difference.risk_difference": lambda n, _, size: Fraction(
        n["treated"] - n["control"], size
    ),
}
INTERVALS = ("abstract.treatment.second_primary", "figure1.treatment")


def intervals_lost(treated, control):
    """Rows of the printed intervals that no hazard ratio with so many events can have.

    Events carry at most treated x control / (treated + control) units of information on a log
    hazard ratio: at each event p (1 - p), and the p add up to the events of the treated.
    """
    error = math.sqrt(1 / treated + 1 / control)
    lost = 0
    for name in INTERVALS:
        low, high = (float(end) for end in PRINTED[f"{name}.hr"].bounds())
        lowest_end = low * math.exp(1.96 * error)
        assert low < high
        lost += not lowest_end < float(PRINTED[f"{name}.ci_high"].bounds()[1])
    return lost


def lost_with(control):
    """Rows of Figure 1 that a number of second primaries among the controls misses."""
    treated = int(PRINTED["figure1.second_primary.treated.n"].value)
    size = SIZES["control", "after"]
    n = {"treated": treated, "control": control, "all": treated + control}
    total = size + SIZES["treated", "after"]
    missed = {
        name for name, value in FIGURE_1.items() if not PRINTED[name].admits(value(n, total, size))
    }
    return len(missed) + intervals_lost(treated, control), missed


def test_no_other_number_of_second_primaries_misses_fewer_rows_of_figure_1():
    """Of all numbers among the controls 29 misses least, exactly the rows that give way."""
    found = {control: lost_with(control) for control in range(1, SIZES["control", "after"] + 1)}
    fewest = min(found.values(), key=lambda each: each[0])[0]
    assert [control for control, (lost, _) in found.items() if lost == fewest] == [29]
    assert found[29][1] == set(LOST) & set(FIGURE_1)
    assert fewest == len(found[29][1]) == 4
    assert found[23][0] > fewest
    assert found[25][0] > fewest


def test_a_lower_quartile_of_60_months_leaves_no_room_for_the_hazard_ratio():
    """With 3 treated at risk for 4 controls at each of 39 events the ratio is below 0.485."""
    treated, total, least = 10, 39, Fraction(3, 4)
    highest = Fraction(treated, total - treated) / least
    assert highest < Fraction(PRINTED["figure1.treatment.hr"].bounds()[0])
    # the score equation: the treated share of the risk, summed over the events, is their number
    share = least * highest / (least * highest + 1)
    assert share * total == treated


def test_events_cannot_come_before_eligibility_ends():
    """Both lower quartiles that give way lie below the months that everybody lives."""
    lived = PRINTED["methods.exclusion.early_event.setting"].value
    early = next(conflict for conflict in CONFLICTS if conflict.name == "early_events")
    assert all(PRINTED[name].value < lived for name in early.gives_way)


def test_with_these_rows_gone_the_audit_finds_no_result_contradicted():
    """What is left of the paper holds together, but for the size of the network."""
    paper = study_paper(KEY)
    every = excluded(paper, CONFLICTS)
    assert set(every) - set(LOST) == {"introduction.network.patients.setting"}
    assert all(why for why in every.values())


def test_without_a_list_the_audit_alone_decides():
    """A study that lists no conflicts has the contradictions of its audit."""
    paper = study_paper("sclc_second_line")
    assert study_conflicts(paper.name, paper.published) == ()
    assert excluded(paper, ()) == paper.contradictions()


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        ("a,b", "", "expected exactly"),
        (",".join(COLUMNS), "x,,table1.female.before.p,because", "empty cell"),
        (",".join(COLUMNS), "x,table1.nothing,table1.female.before.p,because", "does not hold"),
        (
            ",".join(COLUMNS),
            "x,table1.female.before.p;table1.female.before.p,table1.female.after.p,because",
            "gives way in another place",
        ),
        (
            ",".join(COLUMNS),
            "x,table1.female.before.p,table1.female.before.p,because",
            "gives way in another place",
        ),
    ],
)
def test_a_table_of_conflicts_is_checked(tmp_path, header, line, words):
    """Headers, empty cells, rows that are not printed and rows named twice are refused."""
    path = tmp_path / "conflicts.csv"
    path.write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(PublishedTableError, match=words):
        read_conflicts(path, PUBLISHED)


def test_the_committed_table_is_read_whole():
    """Every row of it is a conflict with rows on both sides."""
    assert len(CONFLICTS) == len(conflicts_path(KEY).read_text("utf-8").splitlines()) - 1
    assert len(LOST) == sum(len(conflict.gives_way) for conflict in CONFLICTS)
