"""Small counts masked on the page of cases and matched controls."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from replica import group_tables, page_groups, pages, tables
from replica.case_control import match_case_control
from replica.disclosure.cells import Disclosure
from replica.disclosure.estimates import masked
from replica.group_analysis import reproduce_groups
from replica.paths import synthetic_path
from replica.published import load_published
from replica.settings import default_choices
from replica.studies import load_study
from replica.supplied import load_cohort

KEY, MIN_CELL = "myeloma_second_primary", 5


@pytest.fixture(scope="module")
def study():
    """The study of cases and controls."""
    return load_study(KEY)


@pytest.fixture(scope="module")
def matched(study):
    """Its synthetic patients as if they were supplied, small counts masked."""
    cohort = load_cohort(study, "supplied", synthetic_path(KEY), min_cell=MIN_CELL)
    return match_case_control(cohort, study.groups.case_control)


@pytest.fixture(scope="module")
def shown(study, matched):
    """The results, masked."""
    return masked(reproduce_groups(matched, default_choices(study)), matched)


def test_counts_of_groups_are_masked_with_their_odds_ratios(matched, shown):
    """No small count has a value; an odds ratio with interval would tell all four cells."""
    hidden = Disclosure.of(matched).hidden
    for row in shown:
        of = row.quantity
        if row.statistic == "n" and row.value is not None:
            assert not 0 < row.value < MIN_CELL, of
        if row.statistic in ("or", "ci_low", "ci_high") and row.value is not None:
            told = {(c.item, c.arm) for c in hidden}
            assert not {(of.item, of.arm), (of.item, of.comparator)} & told, of
    assert [row for row in shown if row.masked and row.statistic == "or"]


def test_groups_within_groups_cannot_be_subtracted(matched):
    """Cases are those of one order and of the other: of one level never just one is masked."""
    found = Disclosure.of(matched)
    parts = ("second_cancer", "solid_cancer_first", "myeloma_first")
    for cell in found.hidden:
        if cell.arm in parts and found.small(found.counts[cell]):
            trio = [c for c in found.hidden if (c.item, c.level) == (cell.item, cell.level)]
            assert len([c for c in trio if c.arm in parts]) != 1, cell


def test_no_file_of_the_page_has_a_small_count(study, matched, shown, tmp_path):
    """Tables of counts, sets, tests, models and deaths: nothing from 1 to 4 is written."""
    choices, published = default_choices(study), load_published(KEY)
    report = pages.Report(tables.Comparison.of(study, published, shown), tmp_path)
    lines = group_tables.group_lines(
        study, ["gender", "isotype", "ldh"], ["control", "myeloma_first"]
    )
    pages.table(report, lines, "table1", "Table 1", label="Characteristic")
    page_groups.flow(matched, tmp_path)
    page_groups.set_sizes(matched, tmp_path)
    page_groups.tests_behind(matched, published, tmp_path)
    page_groups.odds_models(matched, published, tmp_path)
    page_groups.subgroup_forest(matched, report, "figure3", choices)
    page_groups.small_numbers(matched, tmp_path, choices)
    page_groups.readings(matched, tmp_path, choices)
    page_groups.group_curve(matched, "figure4a", choices, tmp_path)
    forest = pd.read_csv(tmp_path / "figure3.csv")
    for column in ("n", "n_exposed", "events", "events_exposed"):
        assert not forest[column].between(1, MIN_CELL - 1).any(), column
    for name, column in (("small_numbers", "Deaths (with a solid cancer)"), ("set_sizes", "Cases")):
        text = " ".join(pd.read_csv(tmp_path / f"{name}.csv", dtype=str)[column])
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        assert numbers
        assert not [number for number in numbers if 0 < number < MIN_CELL], name
    odds = pd.read_csv(tmp_path / "odds_models.csv", dtype=str)
    assert (odds["crude"] == "masked").any()
    tests = pd.read_csv(tmp_path / "tests_behind.csv")
    assert tests["expected_min"].isna().any()
    assert not list(tmp_path.glob("*_curves.csv"))
