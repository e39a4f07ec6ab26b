"""What pages make of many runs: curves, order panels, the look-up panel and links."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from replica.errors import ParameterError
from replica.figure_file import figure_bytes
from replica.paths import notebook_path
from replica.published import Printed, load_published
from replica.studies import load_study
from replica.sweep.choice_rows import choice_rows, value_text
from replica.sweep.curve import orders, own_run, panel_runs, shares
from replica.sweep.figure_curve import curve_alt, specification_curve
from replica.sweep.figure_orders import order_alt, order_panel
from replica.sweep.grid import make_grid
from replica.sweep.links import binder_link, downloads, parameters_json
from replica.sweep.panel import NUMBERS, panel_data, panel_html
from replica.sweep.patients import patients_of
from replica.sweep.printed import Reference, printed_pairs, printed_ratio
from replica.sweep.runner import ready, run_all

STUDY = "sclc_second_line"
PRINTED = Reference("Figure 1D", Printed("0.88", "number", Fraction(88, 100), 2))


@pytest.fixture(scope="module")
def cohort():
    """Return the synthetic patients of the small-cell study."""
    return patients_of(load_study(STUDY))


@pytest.fixture(scope="module")
def runs(cohort):
    """Make a small specification curve of overall survival."""
    axes = [
        [{"outcome": "os"}],
        [
            {"caliper": 0.02, "caliper_scale": "probability"},
            {"caliper": 0.2, "caliper_scale": "sd_logit_pooled"},
        ],
        [{"order": "data", "draw": "nearest"}, {"order": "closest", "draw": "random"}],
        [{"ratio": 1, "replace": False}, {"ratio": 1, "replace": True}],
        [{"adjustment": "crude"}, {"adjustment": "adjusted"}],
    ]
    return pd.DataFrame(run_all(ready(cohort), make_grid(cohort.study, axes)))


def frame_of(ratios, p=0.5):
    """Return runs with these hazard ratios."""
    ratio = np.array(ratios, dtype=float)
    columns = {"hazard_ratio": ratio, "ci_low": ratio / 2, "ci_high": ratio * 2, "p": p}
    return pd.DataFrame({"outcome": "os", "ties": "efron", **columns})


def test_shares_count_each_side_of_one():
    """Below, at and above 1; without an estimate; nearer 1 than the printed one."""
    frame = frame_of([0.5, 0.9, 1.0, 1.05, 2.0, np.nan])
    found = shares(frame.assign(p=[0.01, 0.2, 1, 0.5, 0.049, np.nan]), PRINTED)
    assert (found.below, found.equal, found.above, found.refused) == (2, 1, 2, 1)
    assert (found.estimated, found.significant, found.nearer_null) == (5, 2, 3)
    assert (found.lowest, found.middle, found.highest) == (0.5, 1.0, 2.0)
    assert shares(frame).nearer_null is None


def test_shares_of_nothing_are_refused():
    """Without an estimate there is no share."""
    with pytest.raises(ParameterError, match="no run with an estimate"):
        shares(frame_of([np.nan]))


def test_the_board_tells_choices_that_go_together_as_one(cohort, runs):
    """A caliper with its scale, an order with its draw, a ratio with reuse."""
    made = runs.dropna(subset=["hazard_ratio"])
    rows = [(row.choice, row.value, row.marked.sum()) for row in choice_rows(made, cohort.study)]
    assert rows == [
        ("Caliper", "0.02 probability", 4),
        ("Caliper", "0.2 pooled SD of logit", 4),
        ("Controls", "1:1", 4),
        ("Controls", "1:1 with replacement", 4),
        ("Cox model", "crude", 4),
        ("Cox model", "adjusted", 4),
    ]


def test_seeds_repeat_choices_and_are_counted_not_listed(cohort, runs):
    """Fifty seeds are no fifty rows: the line below the curve says how many there are."""
    many = pd.concat([runs.assign(seed=seed) for seed in (1, 2, 3)], ignore_index=True)
    made = many.dropna(subset=["hazard_ratio"])
    assert "Seed" not in {row.choice for row in choice_rows(made, cohort.study)}
    texts = [text.get_text() for text in specification_curve(many, cohort.study, title="t").texts]
    assert f"{len(made)} specifications with 3 seeds, sorted by hazard ratio" in texts


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"caliper": None}, "none"),
        ({"caliper": float("nan")}, "none"),
        ({"ratio": 2, "replace": False}, "1:2"),
        ({"same_sex": True}, "yes"),
        ({"age_window": 5.0}, "5"),
        ({"matching_covariates": "own"}, "the study's own"),
        ({"matching_covariates": "as_stated"}, "as stated"),
        ({"order": "data", "draw": "exact_then_random"}, "data exact, then random draw"),
    ],
)
def test_values_are_told_in_words(values, text):
    """No underscore and no nan reaches a reader."""
    assert value_text(values) == text


def test_the_curve_shows_each_estimate_once_and_sorted(cohort, runs):
    """As many dashes as runs with an estimate, from the lowest up, and the same bytes again."""
    figure = specification_curve(runs, cohort.study, title="t", printed=PRINTED, own=0.88)
    above, below = figure.axes
    drawn = [patch for patch in above.patches if patch.get_gid() == "ratios"]
    heights = np.concatenate([patch.get_path().vertices for patch in drawn])
    heights = heights[np.argsort(heights[:, 0], kind="stable"), 1]
    known = np.sort(runs["hazard_ratio"].dropna())
    assert heights[::2] == pytest.approx(known)
    marks = [patch for patch in below.patches if patch.get_gid() == "choice"]
    rows = choice_rows(runs.dropna(subset=["hazard_ratio"]), cohort.study)
    assert len(marks) == len(rows)
    assert [len(mark.get_path().vertices) // 2 for mark in marks] == [
        int(row.marked.sum()) for row in rows
    ]
    assert [line.get_ydata()[0] for line in above.lines if line.get_gid() == "printed"] == [0.88]
    again = specification_curve(runs, cohort.study, title="t", printed=PRINTED, own=0.88)
    assert figure_bytes(figure, "a", "svg") == figure_bytes(again, "a", "svg")


def test_a_curve_of_wild_intervals_can_be_drawn(cohort):
    """An interval without an end does not stretch the plot."""
    frame = frame_of([0.5, 1.0, 3.0]).assign(ci_high=[1.0, 1e300, 5.0], ci_low=[1e-300, 0.5, 1.0])
    figure = specification_curve(frame, cohort.study, title="t")
    low, high = figure.axes[0].get_ylim()
    assert low > 0.01
    assert high < 100


def test_a_curve_of_nothing_or_of_two_outcomes_is_refused(cohort, runs):
    """One outcome at a time, and at least one estimate."""
    with pytest.raises(ParameterError, match="several outcomes"):
        specification_curve(
            runs.assign(outcome=["os", "pfs"] * (len(runs) // 2)), cohort.study, title="t"
        )
    with pytest.raises(ParameterError, match="no run with an estimate"):
        specification_curve(runs.assign(hazard_ratio=np.nan), cohort.study, title="t")


def test_the_alternative_text_tells_the_finding(runs):
    """How many, from where to where, on which side, and what is printed."""
    text = curve_alt(runs, outcome_label="OS", printed=PRINTED)
    found = shares(runs)
    assert f"{found.estimated} hazard ratios sorted from {found.lowest:.2f}" in text
    assert "The paper prints 0.88." in text
    assert f"{found.refused} specifications have no estimate" in text


def test_the_order_panel_counts_every_order(cohort):
    """Bars add up to the orders; a printed number and the study's own are lines."""
    frame = orders(cohort, seeds=20)
    study, published = cohort.study, load_published(STUDY)
    printed = {"pairs": printed_pairs(published), "pfs": None, "os": PRINTED}
    own = {"pairs": 162.0, "pfs": 0.65, "os": 0.88}
    figure = order_panel(frame, study, title="t", printed=printed, own=own)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert sum(patch.get_height() for patch in axes.patches) == 20
    lines = [[line.get_gid() for line in axes.lines] for axes in figure.axes]
    assert lines == [["printed", "own"], ["own"], ["printed", "own"]]
    text = order_alt(frame, study, printed)
    assert text.startswith("Histograms. 20 random orders give")
    assert "(printed 162," in text


def test_orders_of_a_study_without_chance_are_refused():
    """Cases and controls are matched without chance."""
    other = patients_of(load_study("myeloma_second_primary"))
    with pytest.raises(ParameterError, match="nothing in runs of myeloma"):
        orders(other, seeds=2)


def test_printed_numbers_are_those_of_the_matched_comparison():
    """The first printed hazard ratio after matching, and the number of matched patients."""
    published = load_published(STUDY)
    assert printed_pairs(published).text == "162"
    assert [printed_ratio(published, key).text for key in ("pfs", "os")] == ["0.65", "0.88"]
    assert PRINTED.count([0.8749, 0.875, 0.8849, 0.885]) == 2
    assert printed_ratio(load_published("myeloma_second_primary"), "os") is None


@pytest.fixture(scope="module")
def looked_up(cohort):
    """Make the look-up panel's data and page."""
    data = panel_data(cohort.study, panel_runs(cohort))
    return data, panel_html(cohort.study, data)


def test_the_panel_has_an_entry_for_every_choice(cohort, looked_up):
    """Outcomes, orders, ties and calipers, all combinations; random ones with their range."""
    data, _ = looked_up
    assert len(data["entries"]) == 2 * 5 * 2 * len(data["calipers"])
    ranged = {name.split("|")[1] for name, one in data["entries"].items() if "range" in one}
    assert ranged == {"random"}
    name = "|".join(["os", *(str(data["own"][key]) for key in ("order", "ties", "caliper"))])
    own, shown = own_run(cohort, "os"), data["entries"][name]
    assert data["calipers"][data["own"]["caliper"]] == 0.02
    assert {key: round(own[key], digits) for key, digits in NUMBERS.items()} == {
        key: shown[key] for key in NUMBERS
    }


def test_the_panel_is_labelled_and_holds_its_data(looked_up):
    """Each input has a label, the data can be read back, and the text stands without scripts."""
    data, html = looked_up
    inputs = set(re.findall(r'<(?:select|input)[^>]* id="([^"]+)"', html))
    assert inputs == set(re.findall(r'<label for="([^"]+)"', html))
    assert len(inputs) == 4
    held = re.search(r'<script type="application/json" class="sweep-data">(.*?)</script>', html)
    assert json.loads(held.group(1)) == data
    assert "at the study's own choices: 162 pairs" in html
    assert "<noscript>" in html
    assert 'aria-live="polite"' in html


def test_a_text_cannot_end_the_script_that_holds_it(cohort, looked_up):
    """A reason with a closing tag in it stays text."""
    data, _ = looked_up
    entries = dict(data["entries"])
    first = next(iter(entries))
    entries[first] = {**entries[first], "reason": "</script><b>"}
    html = panel_html(cohort.study, {**data, "entries": entries})
    assert "</script><b>" not in html
    assert html.count("</script>") == 1


CONFIG = 'title: x\nrepository:\n  url: "{url}"\n  branch: {branch}\nsphinx:\n  url: other\n'


@pytest.mark.parametrize(
    ("url", "branch", "link"),
    [
        ("", "main", ""),
        (
            "https://github.com/a/b",
            "main",
            "https://mybinder.org/v2/gh/a/b/main?labpath=analyses%2Fx.ipynb",
        ),
        (
            "https://git.example.org/a/b",
            "",
            "https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fb/HEAD"
            "?labpath=analyses%2Fx.ipynb",
        ),
    ],
)
def test_binder_is_offered_only_where_the_repository_has_an_address(url, branch, link):
    """Without an address in the book's configuration there is no button."""
    shown = binder_link("x", CONFIG.format(url=url, branch=branch))
    assert shown == (f"[open on Binder]({link})" if link else "")
    assert binder_link("x", "title: no repository\n") == ""


def test_downloads_name_every_study(tmp_path, monkeypatch):
    """Notebook, parameters and data of each study with a notebook."""
    kept = {}
    monkeypatch.setattr("replica.sweep.links.build_path", lambda: tmp_path)
    text = downloads().data
    for key in (STUDY, "myeloma_second_primary"):
        assert f"<../analyses/{key}.ipynb>" in text
        assert f"<../data/synthetic/{key}.csv>" in text
        path = tmp_path / "results" / "panel" / f"{key}_parameters.json"
        kept[key] = json.loads(path.read_text(encoding="utf-8"))
    assert {"name", "type", "default", "help"} == set(kept[STUDY][0])
    assert json.loads(parameters_json(notebook_path(STUDY))) == kept[STUDY]
