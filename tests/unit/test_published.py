"""Printed numbers are read as what they are, and the committed tables have the documented shape."""

from __future__ import annotations

import csv
from fractions import Fraction

import pytest

from replica.errors import PublishedTableError
from replica.paths import claims_path, published_path
from replica.published import (
    COLUMNS,
    MODELS,
    QUANTITY,
    STAGES,
    STATISTICS,
    Printed,
    load_published,
    parse_printed,
    read_published,
)

KEYS = ("mlc_second_primary", "myeloma_second_primary", "sclc_second_line")
ARMS = {
    "mlc_second_primary": {"", "treated", "control", "all"},
    "sclc_second_line": {"", "treated", "control", "all"},
    "myeloma_second_primary": {
        *("", "all", "control", "enrolled"),
        *("second_cancer", "myeloma_first", "solid_cancer_first"),
    },
}
STRENGTHS = {"significant", "not_significant", "descriptive"}
DIRECTIONS = {
    *("higher", "lower", "none", "differs", "balanced", "half", "fourfold", "ranked", "at_least"),
    *("all", "until_event", "method", "not_available"),
}


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("34", Fraction(34), 0),
        ("48.2", Fraction(482, 10), 1),
        ("0.50", Fraction(1, 2), 2),
        (".04", Fraction(4, 100), 2),
        ("0.00", Fraction(0), 2),
        ("-1.5", Fraction(-15, 10), 1),
        ("−1.5", Fraction(-15, 10), 1),  # noqa: RUF001 - the minus sign that papers print
        ("2,157", Fraction(2157), 0),
        ("1,234,567", Fraction(1234567), 0),
        ("2,157.5", Fraction(21575, 10), 1),
        ("82,4", Fraction(824, 10), 1),
        ("0,05", Fraction(5, 100), 2),
        (" 7 ", Fraction(7), 0),
        ("two", Fraction(2), 0),
        ("Thirty-four", Fraction(34), 0),
    ],
)
def test_a_number_keeps_its_value_and_its_precision(text, value, digits):
    """Commas of thousands go, decimal commas become points, and trailing zeros count as digits."""
    assert parse_printed(text) == Printed(text, "number", value, digits)


@pytest.mark.parametrize(
    ("text", "kind", "value", "digits"),
    [
        ("<0.001", "below", Fraction(1, 1000), 3),
        ("< .01", "below", Fraction(1, 100), 2),
        ("<0,05", "below", Fraction(5, 100), 2),
        (">.99", "above", Fraction(99, 100), 2),
    ],
)
def test_a_bound_is_no_number(text, kind, value, digits):
    """`<` and `>` make a bound with the number behind them."""
    assert parse_printed(text) == Printed(text, kind, value, digits)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-", "<", "one-to-one", "1:1", "not reached", "±0.1", "135 million"),
        *("January 10, 2025", "March 2019", "12/34", "1,2,3", "12,34,567", "1.2.3", "5%", "NaN"),
    ],
)
def test_anything_else_is_words(text):
    """Dates, ratios, phrases and malformed numbers carry no value that could be compared."""
    assert parse_printed(text) == Printed(text, "text")


def test_words_have_no_interval():
    """Asking for the interval of words is an error, not an interval of everything."""
    with pytest.raises(PublishedTableError, match="is words; no interval"):
        parse_printed("one-to-one").bounds()


def test_only_one_phrase_says_that_a_time_was_not_reached():
    """`not reached`, however it is capitalised, is told from other words."""
    assert parse_printed("Not reached ").not_reached
    assert not parse_printed("not stated").not_reached


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("0.50", ("0.495", "0.5", "0.5049999"), ("0.4949999", "0.505")),
        ("0.5", ("0.45", "0.495", "0.5499"), ("0.4499", "0.55")),
        ("48.2", ("48.15", "48.2499"), ("48.148", "48.25")),
        ("7", ("6.5", "7.4999"), ("6.4999", "7.5")),
        ("-1", ("-1.5", "-0.5001"), ("-0.5", "-1.5001")),
        ("<0.001", ("0.00099",), ("0.001", "0.5")),
        (">.99", ("0.991",), ("0.99", "0.5")),
        ("1:1", (), ("1",)),
    ],
)
def test_a_printed_string_admits_what_rounds_to_it(text, inside, outside):
    """Half a unit below is rounded up to the number, half a unit above is not; bounds are open."""
    printed = parse_printed(text)
    assert all(printed.admits(Fraction(value)) for value in inside)
    assert not any(printed.admits(Fraction(value)) for value in outside)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("0.50", (0.495, 0.505)),
        ("<0.001", (float("-inf"), 0.001)),
        (">.99", (0.99, float("inf"))),
    ],
)
def test_bounds_are_the_interval_behind_a_printed_string(text, bounds):
    """Searches get both ends of what would be printed like this."""
    assert parse_printed(text).bounds() == bounds


@pytest.fixture
def table(tmp_path):
    """Return a writer of a table with one row per dictionary, all columns there."""

    def write(*rows, columns=COLUMNS):
        path = tmp_path / "study.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


GOOD = {"id": "a.n", "estimate_id": "a", "item": "a", "statistic": "n", "printed": "12"}


def test_cells_are_read_as_text(table):
    """`0.50` stays `0.50`, `NA` stays text, and an empty cell is empty."""
    (row,) = read_published(table(GOOD | {"printed": "0.50", "level": "NA"}))
    assert (row.printed, row.level, row.outcome) == ("0.50", "NA", "")
    assert row.value.value == Fraction(1, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistic": "hazard"}, r"study\.csv, line 2 \(a\.n\): found 'hazard'"),
        ({"stage": "during"}, "found 'during'; allowed: '', 'before', 'after'"),
        ({"model": "adjusted"}, "found 'adjusted'"),
        ({"printed": ""}, "nothing printed and no note"),
    ],
)
def test_a_row_with_an_unknown_word_is_refused(table, changes, message):
    """The error names the line and what is allowed."""
    with pytest.raises(PublishedTableError, match=message):
        read_published(table(GOOD | changes))


def test_an_id_stands_once(table):
    """A second row with the same id is refused, with its line."""
    with pytest.raises(PublishedTableError, match=r"line 3 \(a\.n\): this id stands twice"):
        read_published(table(GOOD, GOOD))


def test_the_columns_are_fixed(table):
    """A table with another header is refused, as is a missing file."""
    path = table(GOOD, columns=(*COLUMNS, "extra"))
    with pytest.raises(PublishedTableError, match=r"found the columns .*extra; expected exactly"):
        read_published(path)
    with pytest.raises(PublishedTableError, match="found no table of printed numbers"):
        read_published(path.with_name("other.csv"))


@pytest.mark.parametrize("key", KEYS)
def test_committed_tables_have_the_documented_shape(key):
    """Columns, words and unique ids of each committed table hold; nothing stands around a cell."""
    rows = load_published(key)
    assert len(rows) > 200
    with published_path(key).open(encoding="utf-8", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert row.id, row
        assert row.estimate_id, row.id
        assert row.where, row.id
        assert row.item, row.id
        assert row.arm in ARMS[key], row.id
        assert row.comparator in ARMS[key], row.id
        assert all(cell == cell.strip() for cell in vars(row).values()), row.id
        assert row.statistic in STATISTICS, row.id
        assert row.stage in STAGES, row.id
        assert row.model in MODELS, row.id
        assert row.subgroup == "" or row.subgroup.count("=") == 1, row.id


@pytest.mark.parametrize("key", KEYS)
def test_printed_results_are_numbers(key):
    """Only settings, blanks with a note and `not reached` are words."""
    words = [row for row in load_published(key) if row.value.kind == "text"]
    odd = [
        row.id
        for row in words
        if row.statistic != "setting" and row.printed and not row.value.not_reached
    ]
    assert odd == []


@pytest.mark.parametrize("key", KEYS)
def test_rows_of_one_estimate_share_the_quantity(key):
    """Value, ends and p of one estimate differ in the statistic alone, and each stands once."""
    quantities: dict[str, tuple[str, ...]] = {}
    statistics: set[tuple[str, str]] = set()
    for row in load_published(key):
        quantity = tuple(getattr(row, name) for name in QUANTITY if name != "statistic")
        assert quantities.setdefault(row.estimate_id, quantity) == quantity, row.id
        assert (row.estimate_id, row.statistic) not in statistics, row.id
        statistics.add((row.estimate_id, row.statistic))


@pytest.mark.parametrize("key", KEYS)
def test_claims_have_the_documented_shape_and_speak_of_printed_numbers(key):
    """Columns, words and unique ids hold, and each `about` names estimates that are printed."""
    with claims_path(key).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        claims = list(reader)
    assert reader.fieldnames == ["id", "where", "claim", "about", "direction", "strength"]
    assert len(claims) > 30
    assert len({claim["id"] for claim in claims}) == len(claims)
    printed = {row.estimate_id for row in load_published(key)}
    for claim in claims:
        about = claim["about"].split(";")
        assert set(about) <= printed, claim["id"]
        assert len(set(about)) == len(about), claim["id"]
        assert claim["direction"] in DIRECTIONS, claim["id"]
        assert claim["strength"] in STRENGTHS, claim["id"]
        assert claim["where"], claim["id"]
        assert claim["claim"], claim["id"]
