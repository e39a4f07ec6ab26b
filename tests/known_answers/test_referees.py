"""The table of referees: enough digits everywhere, or a reason that still holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from replica.referee_disagreements import disagreements
from replica.referee_matchit import pairs_against_matchit
from replica.referee_table import (
    ENOUGH,
    LINES,
    NO_ESTIMATE,
    PROGRAMS,
    REASONS,
    digits,
    digits_table,
    findings,
    notes,
    shared_digits,
)


@pytest.fixture(scope="module")
def found():
    """Run the package, lifelines and statsmodels once, and read R's answers."""
    return findings()


@pytest.fixture(scope="module")
def shared(found) -> pd.DataFrame:
    """Count the digits, one row per estimate and program."""
    table = digits(found).melt(["key"], list(PROGRAMS), "program", "digits")
    return table.dropna().set_index(["program", "key"])["digits"].astype(int)


def test_every_estimate_has_a_line_and_an_answer_of_r(found):
    """Nothing that was estimated is left out, and R is the referee of all of it."""
    lines = [key for key, (_, data) in LINES.items() if data]
    assert sorted(lines) == sorted(found.ours)
    assert set(found.theirs["R"]) == set(found.ours)
    assert set(found.theirs["lifelines"]) < set(found.ours)
    assert set(found.theirs["statsmodels"]) < set(found.ours)


def test_estimates_agree_in_eight_digits_or_the_reason_is_given(shared):
    """With R, all of them do."""
    few = set(shared.index[shared < ENOUGH])
    assert few == set(REASONS)
    assert "R" not in {program for program, _ in few}


def test_most_estimates_agree_to_the_last_digits(shared):
    """Half of all comparisons share 14 digits or more."""
    assert len(shared) > 90
    assert (shared >= 14).mean() > 0.5


def test_where_a_reason_names_ties_none_is_left_without_them(shared):
    """Robust errors and cumulative incidences of lifelines agree where no times are tied."""
    assert shared["lifelines", "robust.untied"] >= ENOUGH
    assert shared["lifelines", "incidence.untied"] >= ENOUGH


def test_the_table_reads_well(found):
    """Headings stand alone, a missing estimate is a dash, and each letter has its note."""
    table = digits_table(found).set_index("Estimate")
    assert (table.loc["Cox model"] == "").all()
    assert table.loc["Gray's test", "lifelines"] == NO_ESTIMATE
    assert table.loc["late entry: coefficients", "R"].isdigit()
    cells = pd.Series(table[list(PROGRAMS)].to_numpy().ravel())
    used = set(cells.str.extract(r"\((\w)\)")[0].dropna())
    assert used == set("abcdefghij"[: len(notes())])


def test_parts_of_the_table_can_be_shown_apart(found):
    """The parts, one after another, are the whole."""
    headings = [key for key, (_, data) in LINES.items() if not data]
    parts = [digits_table(found, heading) for heading in headings]
    assert pd.concat(parts, ignore_index=True).equals(digits_table(found))


def test_known_disagreements_are_still_there(found):
    """A disagreement that another program has mended is no longer to be shown."""
    shown = disagreements(found)
    assert len(shown) >= 8
    assert (shown["here"] != shown["there"]).all()
    assert not shown.isin(["nan"]).any(axis=None)


def test_every_pair_of_matchit_is_made():
    """Seven calipers, four orders of the treated, 3,399 pairs."""
    table = pairs_against_matchit()
    assert (table["identical"] == table["pairs"]).all()
    assert table["pairs"].sum() == 3399
    assert (table["calipers"] == 7).all()


def test_digits_are_those_of_the_worst_number():
    """Missing on both sides agrees; missing on one, or another length, does not."""
    ours = np.array([1.0, 2.0, np.nan])
    assert shared_digits(ours, np.array([1.0, 2.0002, np.nan])) == 4
    assert shared_digits(ours, np.array([1.0, 2.0, np.nan])) == 15
    assert shared_digits(ours, np.array([1.0, 2.0, 3.0])) == 0
    with pytest.raises(ValueError, match="shorter"):
        shared_digits(ours, ours[:2])
