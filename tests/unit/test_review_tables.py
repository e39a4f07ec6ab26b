"""Checklists and target trials: complete, of one shape, and about places that the papers have."""

from __future__ import annotations

import csv
import re

import pytest

from replica.errors import PublishedTableError
from replica.paths import review_path
from replica.published import load_published
from replica.review import page_checklists
from replica.review.checklists import (
    ANSWER_COLUMNS,
    GUIDELINES,
    STATUSES,
    checklist,
    items,
)
from replica.review.target_trials import COLUMNS, ELEMENTS, target_trial
from replica.studies import study_keys

EXHIBIT = re.compile(r"(Tables?|Figures?) ([0-9, toand]+)")


def write(path, columns, rows):
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def rows_of(key):
    """Read a study's answers as rows of text."""
    with review_path(f"strobe_{key}").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_the_items_are_those_of_the_guidelines():
    """22 numbered items of STROBE, 13 of RECORD, 15 of RECORD-PE."""
    numbers = {
        guideline: [item.item for item in items() if item.guideline == guideline]
        for guideline in GUIDELINES
    }
    assert list(dict.fromkeys(int(re.match(r"\d+", n)[0]) for n in numbers["STROBE"])) == [
        *range(1, 23)
    ]
    assert len(numbers["RECORD"]) == 13
    assert len(numbers["RECORD-PE"]) == 15
    assert all(re.fullmatch(r"\d+(\.\d+)?\.[a-g]", number) for number in numbers["RECORD-PE"])


@pytest.mark.parametrize("key", study_keys())
def test_every_item_has_one_answer(key):
    """In the order of the items, each with a known status."""
    found = checklist(key)
    assert [answer.item for answer in found] == list(items())
    assert {answer.status for answer in found} <= set(STATUSES)


@pytest.mark.parametrize("key", study_keys())
def test_tables_and_figures_named_as_places_exist(key):
    """A place names no table or figure that the paper's printed numbers do not know of."""
    known = {
        match[0]
        for row in load_published(key)
        if (match := re.match(r"(Table|Figure) \d", row.where))
    }
    # of these the papers print no number outside the picture
    known |= {"Figure 1", "Figure 2", "Figure 4", "Figure 5"}
    for answer in checklist(key):
        for kind, numbers in EXHIBIT.findall(answer.place):
            for number in re.findall(r"\d", numbers):
                assert f"{kind.rstrip('s')} {number}" in known, answer


@pytest.mark.parametrize("key", study_keys())
def test_every_element_of_the_target_trial_is_filled(key):
    """Eight elements, none empty."""
    assert tuple(element.element for element in target_trial(key)) == ELEMENTS


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda rows: rows[:-1], "no answer to RECORD-PE 20.a"),
        (lambda rows: [*rows, rows[0]], "STROBE 1a: answered twice"),
        (lambda rows: [*rows, ["STROBE", "23", "reported", "x", ""]], "23: no item"),
        (lambda rows: [["STROBE", "1a", "good", "x", "y"], *rows[1:]], "status: found 'good'"),
        (lambda rows: [["STROBE", "1a", "reported", "", "y"], *rows[1:]], "but no place"),
        (lambda rows: [["STROBE", "1a", "in part", "x", ""], *rows[1:]], "needs a fact"),
        (lambda rows: [["STROBE", "1a", "not reported", "x", ""], *rows[1:]], "leave it empty"),
    ],
)
def test_a_damaged_checklist_is_refused(tmp_path, spoil, complaint):
    """Missing, double and unknown items, unknown words, and statuses without their reason."""
    rows = spoil(rows_of("sclc_second_line"))
    path = write(tmp_path / "strobe_toy.csv", ANSWER_COLUMNS, rows)
    with pytest.raises(PublishedTableError, match=complaint):
        checklist("toy", path)


def test_a_damaged_list_of_items_is_refused(tmp_path):
    """An unknown guideline, or an item twice."""
    columns = ("guideline", "item", "section", "asks")
    row = ("STROBE", "1a", "Title", "Design")
    with pytest.raises(PublishedTableError, match="found 'CONSORT'"):
        items(write(tmp_path / "a.csv", columns, [("CONSORT", *row[1:])]))
    with pytest.raises(PublishedTableError, match="STROBE 1a stands twice"):
        items(write(tmp_path / "b.csv", columns, [row, row]))


def test_a_damaged_target_trial_is_refused(tmp_path):
    """Elements in another order, or an empty cell."""
    full = [[element, *["x"] * 5] for element in ELEMENTS]
    assert len(target_trial("toy", write(tmp_path / "a.csv", COLUMNS, full))) == len(ELEMENTS)
    with pytest.raises(PublishedTableError, match="expected exactly, in this order, eligibility"):
        target_trial("toy", write(tmp_path / "b.csv", COLUMNS, full[::-1]))
    full[3][4] = " "
    with pytest.raises(PublishedTableError, match="time zero: found nothing under analysed_at"):
        target_trial("toy", write(tmp_path / "c.csv", COLUMNS, full))


def test_pages_show_and_keep_the_tables(tmp_path, monkeypatch):
    """Each item is a row under its section; the download has every guideline."""
    monkeypatch.setattr(page_checklists, "results_folder", lambda page: tmp_path / page)
    shown = page_checklists.checklist_table("myeloma_second_primary", "RECORD-PE").data
    assert shown.count("<tr") == 1 + 15 + 2
    assert "20.a  Confounding by indication" in shown
    kept = tmp_path / "review_checklists" / "myeloma_second_primary.csv"
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 1 + len(items())
    trial = page_checklists.target_trial_table("mlc_second_primary").data
    assert trial.count("<tr") == 1 + len(ELEMENTS)
    assert (tmp_path / "review_target_trial" / "mlc_second_primary.csv").is_file()


def test_counts_add_up_to_the_items():
    """Every study's statuses of a guideline add up to its items."""
    shown = page_checklists.status_counts(study_keys()).data
    rows = re.findall(r"<th scope=\"row\">[^<]*</th>((?:<td>\d+</td>)+)", shown)
    totals = [sum(map(int, re.findall(r"\d+", row))) for row in rows]
    assert totals == [34] * 3 + [13] * 3 + [15] * 3
