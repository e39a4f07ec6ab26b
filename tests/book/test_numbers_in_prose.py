"""Numbers typed in the prose of a study's page: printed ones, the protocol's, or allowed ones.

What an analysis computes is shown by cells, never typed. `numbers_in_prose.csv` allows the rest,
one number a line: what follows from printed numbers comes with its arithmetic, which is done again
here, anything else with a reason.
"""

from __future__ import annotations

import csv
import json
import math
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from replica.paths import repository
from replica.published import load_published
from replica.studies import load_study, study_keys

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
# Roles (citations, downloads), code and addresses of links are no prose
NO_PROSE = re.compile(r"\{[a-z:]+\}`[^`]*`|`[^`]*`|(?<=\])\([^)]*\)|\$[^$]*\$")
STUDIES = sorted(path.stem for path in (repository() / "analyses").glob("*.ipynb"))
ARITHMETIC = re.compile(r"(?:[\d.\s+\-*/()]|exp|log|sqrt)+")


def allowed():
    """Read the list of allowed numbers, in order."""
    path = Path(__file__).with_name("numbers_in_prose.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(text):
    """Find the numbers in a text, thousands without their comma."""
    return {found.replace(",", "") for found in NUMBER.findall(text)}


def prose(study):
    """Return the numbers in the sentences of a study's notebook, with a few words around each."""
    path = repository() / "analyses" / f"{study}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = {}
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = NO_PROSE.sub(" ", "".join(cell["source"]))
            for match in NUMBER.finditer(text):
                near = text[max(0, match.start() - 40) : match.end() + 20]
                found.setdefault(match[0].replace(",", ""), " ".join(near.split()))
    return found


def sourced(study):
    """Collect what a page may type: the paper's printed numbers and the protocol's."""
    published = load_published(study)
    told = " ".join(f"{row.printed} {row.note} {row.where} {row.time}" for row in published)
    described = repr(load_study(study)) if study in study_keys() else ""
    return numbers(told) | numbers(described)


@pytest.mark.parametrize("study", STUDIES)
def test_prose_types_no_computed_number(study):
    """Each number is printed in the paper, part of the protocol, or allowed with a reason."""
    listed = {row["number"] for row in allowed() if row["study"] == study}
    stray = {
        number: near
        for number, near in prose(study).items()
        if number not in sourced(study) | listed
    }
    assert stray == {}, "show them by a cell, or add them to tests/book/numbers_in_prose.csv"


@pytest.mark.parametrize("study", STUDIES)
def test_every_allowed_number_is_typed(study):
    """The list holds nothing that a page no longer says."""
    listed = {row["number"] for row in allowed() if row["study"] == study}
    assert listed - prose(study).keys() == set()


@pytest.mark.parametrize(
    "row", allowed(), ids=[f"{row['study']}-{row['number']}" for row in allowed()]
)
def test_allowed_numbers_have_a_reason_and_their_arithmetic_holds(row):
    """What follows from printed numbers is computed again and rounds, half up, to what is typed."""
    assert row["study"] in STUDIES
    assert len(row["reason"]) > 10
    if row["computed"]:
        assert ARITHMETIC.fullmatch(row["computed"])
        known = {name: getattr(math, name) for name in ("exp", "log", "sqrt")}
        value = eval(row["computed"], {"__builtins__": {}}, known)  # noqa: S307 - digits and three functions, checked above
        typed = Decimal(row["number"])
        assert Decimal(str(value)).quantize(typed, rounding=ROUND_HALF_UP) == typed
