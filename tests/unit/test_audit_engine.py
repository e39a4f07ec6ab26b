"""Intervals of printed numbers, findings, the smallest removal, marks and records."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import pytest
from audit_rows import claim, counts, estimate, sizes
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.audit import (
    Checked,
    Explanation,
    Finding,
    all_rules,
    audit,
    check_all,
    confirmations,
    contradicted,
    contradictions,
    marks,
    read_claims,
    records,
    smallest_removal,
)
from replica.audit.interval import (
    HALF_EVEN,
    HALF_UP,
    TRUNCATED,
    Interval,
    exactly,
    printed_interval,
    roundings,
    show,
)
from replica.audit.table import PrintedTable
from replica.errors import PublishedTableError
from replica.published import parse_printed

NUMBERS = st.fractions(min_value=-100, max_value=100, max_denominator=500)


def finding(*clashes, **changes):
    """Make an exact finding with these contradictions."""
    rows = tuple(dict.fromkeys(name for clash in clashes for name in clash))
    values = {
        "rule": "rule",
        "ids": rows,
        "certainty": "exact",
        "severity": "table",
        "message": "1 + 1 = 2; printed 3.",
        "clashes": tuple(tuple(clash) for clash in clashes),
    }
    return Finding(**values | changes)


@pytest.mark.parametrize(
    ("printed", "value", "ways"),
    [
        ("48.1", Fraction(7800, 162), (HALF_UP, HALF_EVEN, TRUNCATED)),
        ("48.2", Fraction(7800, 162), ()),
        ("45.4", Fraction(500, 11), (TRUNCATED,)),
        ("45.5", Fraction(500, 11), (HALF_UP, HALF_EVEN)),
        ("12.5", Fraction(125, 10), (HALF_UP, HALF_EVEN, TRUNCATED)),
        ("13", Fraction(125, 10), (HALF_UP,)),
        ("12", Fraction(125, 10), (HALF_EVEN, TRUNCATED)),
        ("<0.001", Fraction(1, 2000), (HALF_UP, HALF_EVEN, TRUNCATED)),
        (">.99", Fraction(1, 2), ()),
    ],
)
def test_the_ways_of_rounding_are_told_apart(printed, value, ways):
    """Half up, half to even and truncation are named where they give what is printed."""
    assert roundings(parse_printed(printed), value) == ways


@given(NUMBERS, st.integers(0, 3))
def test_what_rounds_to_a_print_lies_in_its_interval(value, digits):
    """Whatever rounds half up or half to even to a print is in the print's interval."""
    printed = parse_printed(show(value, digits))
    interval = printed_interval(printed)
    ways = roundings(printed, value)
    assert (value in interval) or not {HALF_UP, HALF_EVEN} & set(ways)
    assert value not in interval or abs(value - printed.value) <= printed.unit / 2


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_interval_arithmetic_holds_every_value(a, b, c, d):
    """Sums, differences, products and quotients of members are members."""
    one, other = Interval(min(a, b), max(a, b)), Interval(min(c, d), max(c, d))
    assert a + c in one + other
    assert a - d in one - other
    if min(a, b, c, d) > 0:
        assert b * d in one.product(other)
        assert b / c in one.quotient(other)


def test_bounds_are_half_infinite_and_words_are_none():
    """`<0.001` and `>.99` have no other end; words have no interval."""
    assert printed_interval(parse_printed("<0.001")) == Interval(None, Fraction(1, 1000))
    assert printed_interval(parse_printed(">.99")) == Interval(Fraction(99, 100), None)
    assert printed_interval(parse_printed("not reached")) is None
    assert not exactly(1).meets(Interval(None, Fraction(99, 100)))


def test_an_empty_interval_is_refused():
    """Ends out of order are an error, not an interval."""
    with pytest.raises(PublishedTableError, match="empty"):
        Interval(Fraction(2), Fraction(1))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ids": ()}, "names each of its rows once"),
        ({"ids": ("a", "a")}, "names each of its rows once"),
        ({"certainty": "model_based"}, "only exact findings exclude rows"),
        ({"clashes": (("z",),)}, "must be among the finding's"),
    ],
)
def test_impossible_findings_are_refused(changes, says):
    """A finding has rows, contradicts exactly and within them."""
    with pytest.raises(PublishedTableError, match=says):
        finding(("a", "b"), **{"ids": ("a", "b")} | changes)


def brute_force(clashes):
    """Find the least number of rows that meets every contradiction by trying all."""
    names = sorted({name for clash in clashes for name in clash})
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            if all(set(chosen) & set(clash) for clash in clashes):
                return size
    return None


def checked(*found, fits=()):
    """Make the outcomes of checks: these findings, and checks that fit on these rows."""
    outcomes = [Checked(each.rule, each.ids, each.message, each) for each in found]
    return [*outcomes, *(Checked("other", tuple(ids), "") for ids in fits)]


def printed(*names, **columns):
    """Make printed numbers with these ids, each of a quantity of its own, in this order."""
    rows = [
        estimate(name, {"n": str(at)}, item=name, **columns)[0] for at, name in enumerate(names)
    ]
    return [replace(row, id=name) for row, name in zip(rows, names, strict=True)]


# a solver's time depends on what else the machine does
@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=3, unique=True), max_size=8)
)
def test_the_removal_is_smallest_and_meets_every_contradiction(clashes):
    """Against all subsets: it meets every contradiction, and no smaller set does."""
    found = checked(*(finding(clash) for clash in clashes))
    removed = smallest_removal(found, printed(*"abcdefg"))
    assert all(set(removed) & set(clash) for clash in clashes)
    assert len(removed) == brute_force(clashes)
    assert smallest_removal(found[::-1], printed(*"abcdefg")) == removed


def test_a_quantity_is_removed_from_all_its_places():
    """Two rows that print one quantity alike count as two and go together."""
    (a,) = printed("a")
    twin, other = replace(a, id="a2", where="Abstract"), printed("b", "c")[1]
    found = checked(finding(("a", "c")))
    assert smallest_removal(found, [a, twin, other]) == ("c",)
    found = checked(finding(("a", "c")), finding(("a", "b")))
    removed = smallest_removal(found, [a, twin, *printed("b", "c")])
    assert removed in {("a", "a2"), ("b", "c")}
    excluded = contradicted(checked(finding(("a",))), [a, twin])
    assert excluded == {"a": "rule: 1 + 1 = 2; printed 3.", "a2": "rule: 1 + 1 = 2; printed 3."}


def test_fewest_quantities_decide_between_as_few_rows():
    """Of two sets of two rows the one of a single quantity is taken."""
    (a,) = printed("a")
    rows = [a, replace(a, id="a2", where="Text"), *printed("x", "b", "c")[1:]]
    found = checked(finding(("a", "b")), finding(("a2", "c")))
    assert smallest_removal(found, rows) == ("a", "a2")


def test_a_question_decides_between_as_few_quantities():
    """What a model-based finding names as well, and nothing confirms, gives way first."""
    rows = printed("a", "b")
    question = finding(("a", "z"), certainty="model_based", clashes=(), ids=("a",))
    assert smallest_removal(checked(finding(("a", "b"))), rows) == ("b",)
    assert smallest_removal(checked(finding(("a", "b")), question), rows) == ("a",)
    doubted = checked(finding(("a", "b")), question, fits=[("a",)])
    assert smallest_removal(doubted, rows) == ("b",)


def test_ties_go_to_the_least_confirmed_row_then_to_the_last():
    """Between two rows the one that checks confirm stays; else what is derived, printed later."""
    found = finding(("a", "b"))
    assert smallest_removal(checked(found), printed("a", "b")) == ("b",)
    assert smallest_removal(checked(found, fits=[("b",)]), printed("a", "b")) == ("a",)
    summary = [*printed("a", where="Abstract"), *printed("x", "b")[1:]]
    assert smallest_removal(checked(found), summary) == ("a",)


def test_words_give_way_before_numbers():
    """A claim is removed rather than a number, however many claims there are."""
    found = checked(finding(("claim:x", "a")), finding(("claim:y", "a")))
    assert set(smallest_removal(found, printed("a"))) == {"claim:x", "claim:y"}
    assert contradicted(found, printed("a")) == {}


def test_model_based_findings_contradict_nothing():
    """A question removes no row."""
    question = finding(("a", "b"), certainty="model_based", clashes=())
    assert contradicted(checked(question)) == {}


def test_contradicted_rows_come_with_their_evidence():
    """The evidence names the rule and shows the arithmetic."""
    evidence = contradicted(checked(finding(("a", "b"))), printed("a", "b"))
    assert evidence == {"b": "rule: 1 + 1 = 2; printed 3."}


def test_a_size_stands_by_other_sizes_or_percents():
    """A size that others imply, print alike or bear out is not what a percent clashes with."""
    whole = estimate("all", {"n": "200"}, item="patients", arm="all", stage="before")
    implied = PrintedTable([*sizes(100, 100), *whole])
    assert implied.stands(implied.by_id["size.treated.before.n"])
    alone = PrintedTable(sizes(100, 100))
    assert not alone.stands(alone.by_id["size.treated.before.n"])
    cells = {f"l{k}": (f"{k}0 ({k}0.0)", 5) for k in range(1, 4)}
    borne = PrintedTable([*sizes(100, 100), *counts("item", cells)])
    assert borne.stands(borne.by_id["size.treated.before.n"])
    assert borne.open(["size.treated.before.n", "size.control.before.n"]) == (
        "size.control.before.n",
    )


NAMED = claim(["sex.p"], "method", words="Compared by Fisher's exact test")
P_OF_SEX = estimate(
    "sex.p", {"p": "0.240"}, item="sex", arm="treated", comparator="control", stage="before"
)


def test_a_p_value_is_exact_evidence_only_beside_counts_that_stand():
    """No test gives 0.240; a percent that contradicts one of its counts makes it a question."""
    sound = [*sizes(100, 100), *counts("sex", {"male": ("40 (40.0)", "25 (25.0)")}), *P_OF_SEX]
    (finding_,) = [f for f in audit(sound, None, [NAMED]) if f.rule == "p_from_counts"]
    assert finding_.certainty == "exact"
    assert contradictions(sound, None, [NAMED]).keys() == {"sex.p.p"}
    doubted = [*sizes(100, 100), *counts("sex", {"male": ("40 (46.0)", "25 (25.0)")}), *P_OF_SEX]
    doubted += counts("sex", {"female": ("60 (60.0)", "75 (75.0)")})
    (finding_,) = [f for f in audit(doubted, None, [NAMED]) if f.rule == "p_from_counts"]
    assert finding_.certainty == "model_based"
    assert "in question" in finding_.message
    assert set(contradictions(doubted, None, [NAMED])) == {
        "Table 1.sex.male.treated.before.percent"
    }


def test_one_finding_for_a_quantity_printed_in_two_places():
    """The same arithmetic on the same quantities is one finding that names every place."""
    pair = {"q1": "60", "median": "20"}
    rows = estimate("a", pair, item="t", where="Abstract") + estimate("b", pair, item="t")
    (found,) = audit(rows)
    assert set(found.ids) == {"a.q1", "a.median", "b.q1", "b.median"}
    assert found.severity == "headline"
    assert len(found.clashes) == 2
    assert set(contradictions(rows)) == {"b.median", "a.median"}


SLIP = [
    *sizes(100, 100),
    *counts("response", {"yes": ("40 (40.0)", "25 (52.0)"), "no": ("60 (60.0)", "75 (75.0)")}),
]


def test_a_slip_is_marked_and_its_neighbours_are_not():
    """The one percent that does not follow is contradicted; its count and size stay confirmed."""
    standing = marks(SLIP, check_all(SLIP))
    assert standing.pop("Table 1.response.yes.control.before.percent") == "contradicted"
    assert set(standing.values()) == {"confirmed"}


def test_rows_without_a_relation_are_unchecked():
    """A number that nothing else speaks of is neither confirmed nor questioned."""
    rows = estimate("caliper", {"setting": "0.02"}, item="matching", level="caliper")
    assert marks(rows, check_all(rows)) == {"caliper.setting": "unchecked"}


def test_an_audit_sorts_headlines_first_and_names_no_study_without_one():
    """Findings are ordered by severity, then certainty; without a protocol the study is blank."""
    rows = SLIP + estimate("x", {"or": "0.34", "ci_low": "0.09", "ci_high": "0.24"}, outcome="os")
    found = audit(rows)
    assert [f.severity for f in found] == ["headline", "table"]
    assert {f.study for f in found} == {""}


def test_records_have_the_documented_shape():
    """Each finding becomes one JSON object with the seven documented keys."""
    explained = finding(("a", "b"), explanation=Explanation("digit", "1 for 7", "1", 40, 0.025))
    (record,) = json.loads(json.dumps(records([explained])))
    assert list(record) == [
        "study",
        "rule",
        "ids",
        "certainty",
        "severity",
        "message",
        "explanation",
    ]
    assert list(record["explanation"]) == ["kind", "text", "would_be", "tried", "chance"]


def test_confirmations_count_checks_of_numbers_only():
    """A check that fits counts for its rows; words confirm nothing."""
    checks = [Checked("r", ("a", "b"), ""), Checked("r", ("a", "claim:x"), "")]
    assert confirmations(checks) == {"a": 1, "b": 1}


def test_rules_are_found_by_listing_and_named_once():
    """Every rule has a name of its own."""
    names = [rule.name for rule in all_rules()]
    assert len(names) == len(set(names))
    assert "p_from_counts" in names


def test_a_size_printed_for_each_arm_counts_for_both():
    """One number for the size of each cohort is the size of treated and of control."""
    rows = sizes(687, 2157) + sizes(50, 50, stage="after")
    rows += estimate("e", {"n": "50"}, item="patients", level="each_arm", arm="all", stage="after")
    table = PrintedTable(rows)
    assert [row.id for row in table.sizes["control", "after"]] == ["size.control.after.n", "e.n"]
    assert table.size("treated", "before") == (687, rows[0])


def write_claims(path, line):
    """Write a file of one claim."""
    path.write_text(f"id,where,claim,about,direction,strength\n{line}\n", encoding="utf-8")
    return path


def test_claims_are_read_and_checked(tmp_path):
    """A claim keeps the estimates that it speaks of, in order."""
    rows = estimate("a", {"n": "1"}) + estimate("b", {"n": "2"})
    path = write_claims(tmp_path / "c.csv", "c,Abstract,more,a;b,higher,descriptive")
    (read,) = read_claims(path, rows)
    assert read.estimates == ("a", "b")
    assert read.key == "claim:c"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("c,Abstract,more,z,higher,descriptive", "found 'z'"),
        ("c,Abstract,more,a,upwards,descriptive", "found 'upwards'"),
        ("c,Abstract,more,a,higher,strong", "found 'strong'"),
        ("c,Abstract,more,a,higher,descriptive\nc,x,y,a,none,descriptive", "stands twice"),
    ],
)
def test_wrong_claims_are_refused(tmp_path, line, says):
    """An unknown estimate, direction or strength, or an id that stands twice, is an error."""
    with pytest.raises(PublishedTableError, match=says):
        read_claims(write_claims(tmp_path / "c.csv", line), estimate("a", {"n": "1"}))


def test_claims_of_a_file_with_other_columns_are_refused(tmp_path):
    """Both a missing file and another header say what was expected."""
    path = tmp_path / "c.csv"
    with pytest.raises(PublishedTableError, match="no table of claims"):
        read_claims(path, [])
    path.write_text("id,claim\nc,more\n", encoding="utf-8")
    with pytest.raises(PublishedTableError, match="expected exactly"):
        read_claims(path, [])


def test_a_claim_about_nothing_printed_is_left_alone():
    """A claim whose estimates print no such number gives no outcome."""
    rows = estimate("a", {"n": "1"}, item="x")
    assert check_all(rows, None, [claim(["a"], "higher", "significant")]) == ()
