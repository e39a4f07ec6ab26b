"""Summaries in plain language: complete, with the paper's own numbers and none typed."""

from __future__ import annotations

import re

import pytest

from replica.errors import PublishedTableError
from replica.page_summary import PARTS, plain_language, read_summary
from replica.paths import summary_path
from replica.published import load_published
from replica.studies import load_study, study_keys

# The level of an interval is a convention, five years is the time of a row named beside it
ALLOWED = {"95", "5"}


@pytest.mark.parametrize("key", study_keys())
@pytest.mark.parametrize("source", ["synthetic", "supplied"])
def test_every_study_has_a_summary_of_six_parts(key, source):
    """All parts are there, none is empty, and no id is left in brackets."""
    shown = plain_language(load_study(key), source).data
    assert re.findall(r"<dt>(.*?)</dt>", shown) == list(PARTS.values())
    assert all(len(text) > 60 for text in re.findall(r"<dd>(.*?)</dd>", shown))
    assert "[" not in shown
    assert f"{len(load_published(key)):,}" in shown


@pytest.mark.parametrize("key", study_keys())
def test_its_numbers_are_those_of_printed_rows(key):
    """What is written holds no digits outside the ids of rows, and no printed blank is named."""
    text = summary_path(key).read_text(encoding="utf-8")
    told = re.sub(r"\[[^\]]*\]", "", text)
    assert set(re.findall(r"\d+", told)) <= ALLOWED
    named = set(re.findall(r"\[([^\]]*)\]", text))
    assert len(named) >= 5
    assert named <= {row.id for row in load_published(key) if row.printed}


def test_the_page_says_whose_patients_it_shows():
    """Invented patients are called so; of supplied ones that is never said."""
    study = load_study("sclc_second_line")
    assert "invented" in plain_language(study, "synthetic").data
    assert "invented" not in plain_language(study, "supplied").data
    with pytest.raises(PublishedTableError, match="found 'real'"):
        plain_language(study, "real")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda text: text.replace("[abstract.patients.all", "[abstrct.patients.all"), "names no"),
        (lambda text: text.replace("\nwho,", "\nwhom,"), "found the parts asked, whom"),
        (lambda text: text.replace("part,text", "part,words"), "expected the columns part and"),
    ],
)
def test_a_damaged_summary_is_refused(tmp_path, spoil, complaint):
    """A wrong id, part or column stops the page instead of showing it without its number."""
    path = tmp_path / "summary.csv"
    text = summary_path("sclc_second_line").read_text(encoding="utf-8")
    path.write_text(spoil(text), encoding="utf-8")
    with pytest.raises(PublishedTableError, match=complaint):
        read_summary(path, load_published("sclc_second_line"))
