"""Tables as HTML: which side a column stands on, and which cells may break into lines."""

from __future__ import annotations

import re

import pandas as pd

from replica.html_table import WRAPS, html_table, under_headings


def classes(table: str, content: str) -> set[str]:
    """Return the classes of the one cell with this content."""
    (attributes,) = re.findall(rf"<t[dh]([^>]*)>{re.escape(content)}</t[dh]>", table)
    named = re.search(r'class="([^"]*)"', attributes)
    return set(named[1].split()) if named else set()


def test_a_column_of_words_stands_flush_left_with_its_heading():
    """Empty cells do not count; one number makes a column of numbers."""
    frame = pd.DataFrame(
        {
            "Row": ["a", "b", "c"],
            "Test": ["Fisher", "", "none"],
            "p": ["not entered", "0.04", "<0.001"],
        }
    )
    table = html_table(frame, "Tests").data
    assert classes(table, "Fisher") == classes(table, "none") == classes(table, "Test") == {"text"}
    assert classes(table, "not entered") == classes(table, "0.04") == classes(table, "p") == set()


def test_only_long_cells_may_break():
    """A ratio with its interval stays on one line, a sentence does not."""
    ratio, sentence = "12.34 (10.01 to 15.01)", "a sentence of more than the number of characters"
    assert len(ratio) <= WRAPS < len(sentence)
    table = html_table(pd.DataFrame({"a": ["x"], "b": [ratio], "c": [sentence]}), "T").data
    assert "wraps" not in classes(table, ratio)
    assert "wraps" in classes(table, sentence)


def test_headings_of_two_rows_keep_their_groups():
    """The upper row spans its columns; the sides are those of the lower row's columns."""
    columns = pd.MultiIndex.from_tuples([("", "Item"), ("A", "printed"), ("A", "by"), ("p", "all")])
    frame = pd.DataFrame([["x", "1", "Fisher", "2 ≠"]], columns=columns)
    table = html_table(frame, "T").data
    assert '<th scope="colgroup" colspan="2">A</th>' in table
    assert classes(table, "by") == {"text"}
    assert classes(table, "2 ≠") == {"differs"}


def test_a_table_without_rows_has_its_headings():
    """Nothing to show is shown as an empty table."""
    table = html_table(pd.DataFrame(columns=["a", "b"]), "Nothing").data
    assert re.findall(r'<th scope="col">(\w)</th>', table) == ["a", "b"]
    assert "<tbody></tbody>" in table


def test_a_repeated_column_becomes_headings():
    """Rows of one heading come together below it, in the order of their first, indented."""
    frame = pd.DataFrame({"Of": ["b", "a", "b"], "Row": ["1", "2", "3"], "p": ["x", "y", "z"]})
    shown = under_headings(frame, "Of")
    assert shown.to_numpy().tolist() == [
        ["b", ""],
        ["\u20031", "x"],
        ["\u20033", "z"],
        ["a", ""],
        ["\u20032", "y"],
    ]
    assert '<tr class="heading"><th scope="rowgroup" colspan="2">' in html_table(shown, "T").data


def test_a_heading_that_is_a_sentence_is_told_and_no_title():
    """A reason above its rows is read as text; the name of a group, however long, is a heading."""
    frame = pd.DataFrame({"Why": ["So it is.", "A group (of so many)"], "Row": ["1", "2"]})
    table = html_table(under_headings(frame.assign(p="x"), "Why"), "T").data
    assert table.count('<tr class="heading told">') == 1
    assert table.count('<tr class="heading">') == 1


def test_only_tables_of_words_too_broad_for_a_phone_stack():
    """There each filled cell names its heading; numbers side by side stay side by side."""
    broad = pd.DataFrame([["x", "one", "", "three"]], columns=["a", "b", "c & d", "e"])
    stacked = html_table(broad.assign(e="<3"), "T", words=True).data
    assert 'class="replica-table words stacks"' in stacked
    assert '<td data-label="e">&lt;3</td>' in stacked
    assert stacked.count("data-label") == 2
    for frame, words in ((broad, False), (broad[["a", "b"]], True)):
        assert "data-label" not in html_table(frame, "T", words=words).data
    sentence = pd.DataFrame(
        {"a": ["x"], "b": ["a sentence of so many words that no column of a phone"]}
    )
    assert "stacks" not in html_table(sentence, "T", words=True).data
    assert "stacks" in html_table(sentence + " holds it", "T", words=True).data


def test_words_break_in_a_table_of_words_and_ratios_do_not():
    """A phrase that elsewhere stays on one line may break where all is words."""
    frame = pd.DataFrame({"a": ["x"], "b": ["several words here"], "c": ["6.97 (1.51-32.19)"]})
    table = html_table(frame, "T", words=True).data
    assert "wraps" in classes(table, "several words here")
    assert "wraps" not in classes(table, "6.97 (1.51-32.19)")
    assert "wraps" not in classes(html_table(frame, "T").data, "several words here")
