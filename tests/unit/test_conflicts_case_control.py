"""Rows of the study of cases and controls that give way: each argument is gone through again."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import differential_evolution
from scipy.special import expit, logit

from replica.audit import audit, study_paper
from replica.conflicts import excluded, give_way, study_conflicts
from replica.contingency import fisher, pearson, yates
from replica.group_counts import likelihood_ratio
from replica.logistic_models import fit_unconditional
from replica.published import load_published
from replica.studies import study_keys

KEY = "myeloma_second_primary"
PUBLISHED = load_published(KEY)
PRINTED = {row.id: row.value for row in PUBLISHED}
CONFLICTS = {conflict.name: conflict for conflict in study_conflicts(KEY, PUBLISHED)}
LOST = give_way(CONFLICTS.values())
REACH = 1.959963984540054
TESTS = (pearson, yates, fisher, likelihood_ratio)
CASES, AFTER = ("second_cancer", 34), ("myeloma_first", 11)
CONTROLS = 66


def count(item, level, group, table="table2"):
    """A printed count."""
    return int(PRINTED[f"{table}.{item}.{level}.{group}.n"].value)


def bounds(name):
    """Between which values a number is printed so."""
    low, high = PRINTED[name].bounds()
    return float(low), float(high)


def ratios(a, b, c, d):
    """Odds ratio of a and b against c and d, with Woolf's interval."""
    ratio, error = a * d / (b * c), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return ratio, ratio * np.exp(-REACH * error), ratio * np.exp(REACH * error)


def tables_printed_so(estimate, size):
    """All counts of cases and controls, in either direction, with a printed ratio and interval."""
    wanted = [bounds(f"{estimate}.{name}") for name in ("or", "ci_low", "ci_high")]
    a = np.arange(1, size)[:, None]
    c = np.arange(1, CONTROLS)[None, :]
    values = ratios(a, size - a, c, CONTROLS - c)
    met = np.all(
        [(low <= v) & (v < high) for v, (low, high) in zip(values, wanted, strict=True)], 0
    )
    return {(int(i) + 1, int(j) + 1) for i, j in zip(*np.nonzero(met), strict=True)}


@pytest.mark.parametrize(
    ("item", "level", "group", "controls"),
    [
        ("gender", "female", CASES, 34),
        ("gender", "male", AFTER, 32),
        ("age_years", "ge_65", CASES, 13),
    ],
)
def test_a_ratio_follows_from_one_table_and_it_is_not_the_printed_one(item, level, group, controls):
    """Of all tables of so many cases by 66 controls; the cases in it are those printed."""
    name, size = group
    found = tables_printed_so(f"table2.{item}.{name}_vs_control", size)
    assert found == {(count(item, level, name), controls)}
    assert count(item, level, "control") != controls


def test_the_same_controls_give_the_p_of_sex_in_table_1():
    """Both comparisons of Table 2 and that of Table 1 ask for 32 men and 34 women."""
    men, women = (count("gender", level, "control") for level in ("male", "female"))
    cases = [count("gender", level, "second_cancer") for level in ("male", "female")]
    printed = PRINTED["table1.gender.second_cancer_vs_control.p"]
    assert printed.admits(Fraction(pearson([cases, [women, men]]).p))
    assert not any(printed.admits(Fraction(test([cases, [men, women]]).p)) for test in TESTS)


def test_fewer_rows_give_way_than_if_the_counts_did():
    """Counts and percentages of sex and age among controls and among all would be more rows."""
    for name, item in (("sex_of_controls", "gender"), ("age_of_controls", "age_years")):
        counts = [
            row.id
            for row in PUBLISHED
            if (row.item, row.arm) in {(item, "control"), (item, "all")} and row.level
        ]
        assert len(CONFLICTS[name].gives_way) < len(counts) == 14


def squared_error(sizes, shares, log_ratio, values):
    """Squared standard error of a log odds ratio, for some distribution of fitted logits.

    In both groups (patients at the level and others) parts of the patients have fitted
    probabilities 0 and 1 and the others two values between; the mean is the share of cases, as the
    score equations have it. With W the information w = p (1 - p) of a group, M the mean of the
    logits by w, H = W1 W0 / (W1 + W0) and V the sum of w (logit - M)^2 over both, whatever is
    adjusted for enters through one linear combination of it, and the squared error is
    1 / H + (M1 - M0 - log ratio)^2 / V or more.
    """
    information, means, spread = [], [], 0.0
    for k, (n, share) in enumerate(zip(sizes, shares, strict=True)):
        none, every, part, first = values[4 * k : 4 * k + 4]
        none, every = none * (1 - share), every * share
        left = 1 - none - every
        mean = (share - every) / left
        # the second value makes the mean right
        second = (mean - part * first) / (1 - part)
        if not 1e-9 < second < 1 - 1e-9:
            return 1e3
        p = np.array([first, second])
        w = n * left * np.array([part, 1 - part]) * p * (1 - p)
        information.append(w.sum())
        means.append(float(w @ logit(p) / w.sum()))
        spread += float(w @ (logit(p) - means[-1]) ** 2)
    harmonic = information[0] * information[1] / sum(information)
    return 1 / harmonic + (means[0] - means[1] - log_ratio) ** 2 / max(spread, 1e-12)


def least_error(item, level, group, log_ratio):
    """The least standard error that any adjusting leaves to a log odds ratio, by printed counts."""
    name, size = group
    inside, controls = count(item, level, name), count(item, level, "control")
    sizes = (inside + controls, size - inside + CONTROLS - controls)
    shares = (inside / sizes[0], (size - inside) / sizes[1])
    limits = [(0.0, 0.95), (0.0, 0.95), (0.02, 0.98), (1e-6, 1 - 1e-6)] * 2
    found = differential_evolution(
        lambda values: squared_error(sizes, shares, log_ratio, values),
        limits,
        rng=1,
        maxiter=400,
        popsize=12,
        tol=1e-8,
    )
    return float(np.sqrt(found.fun))


@pytest.mark.parametrize(
    ("item", "level", "group"),
    [
        ("gender", "female", CASES),
        ("gender", "male", AFTER),
        ("age_years", "ge_65", CASES),
    ],
)
def test_no_adjusting_gives_a_printed_ratio_so_narrow_an_interval(item, level, group):
    """Over both ends of the range of the ratio: the interval is narrower than the least error."""
    estimate = f"table2.{item}.{group[0]}_vs_control"
    (low, _), (_, high) = bounds(f"{estimate}.ci_low"), bounds(f"{estimate}.ci_high")
    for ratio in bounds(f"{estimate}.or"):
        widest = min(np.log(high / ratio), np.log(ratio / low)) / REACH
        assert least_error(item, level, group, float(np.log(ratio))) > widest


@pytest.mark.parametrize("seed", range(6))
def test_the_formula_of_the_least_error_is_that_of_the_logistic_model(seed):
    """With one covariate beside the item it is exact; with two the error is no smaller."""
    rng = np.random.default_rng(seed)
    x = rng.permutation(np.repeat([1.0, 0.0], [52, 48]))
    u = rng.normal(size=(100, 2)) + x[:, None]
    y = rng.random(100) < expit(-1 + 0.7 * x - 0.5 * u[:, 0])
    for used in (1, 2):
        matrix = np.column_stack([x, u[:, :used]])
        names = ["x", "u", "v"][: used + 1]
        fit = fit_unconditional(matrix, y, names=names, profile=False)
        fitted = expit(fit.intercept + matrix @ fit.coef)
        w, logits = fitted * (1 - fitted), fit.intercept + matrix @ fit.coef
        total = [w[x == g].sum() for g in (1, 0)]
        mean = [w[x == g] @ logits[x == g] / w[x == g].sum() for g in (1, 0)]
        inside = sum(w[x == g] @ (logits[x == g] - mean[1 - g]) ** 2 for g in (1, 0))
        away = mean[0] - mean[1] - fit.coef[0]
        least = np.sqrt(sum(total) / (total[0] * total[1]) + away**2 / inside)
        if used == 1:
            assert fit.se[0] == pytest.approx(least, rel=1e-6)
        assert fit.se[0] >= least * (1 - 1e-6)


def test_a_percentage_that_gives_way_is_cut_off():
    """Its count over its size is the printed percentage cut off, and another one rounded."""
    for name in CONFLICTS["cut_off"].gives_way:
        printed = PRINTED[name]
        n = int(PRINTED[name.removesuffix("percent") + "n"].value)
        size = CONTROLS if ".control." in name else AFTER[1]
        value = Fraction(100 * n, size)
        assert not printed.admits(value)
        assert printed.value <= value < printed.value + printed.unit


@pytest.mark.parametrize("key", study_keys())
def test_percentages_that_are_cut_off_give_way_in_every_study(key):
    """The audit names them; the rule is one for all papers, and takes percentages only."""
    paper = study_paper(key)
    cut = {
        name
        for finding in audit(paper.published, paper.study, paper.claims)
        if finding.rule == "percent_of_count" and "by truncation" in finding.message
        for name in finding.rows
        if name.endswith(".percent")
    }
    assert cut <= set(excluded(paper, study_conflicts(key, paper.published)))
    assert (len(cut) > 0) == (key == KEY)


@pytest.mark.parametrize(("item", "levels"), [("isotype", 5), ("ldh", 2)])
def test_no_test_of_the_printed_counts_gives_the_printed_p(item, levels):
    """Pearson's, Yates' in two by two tables, Fisher's and the likelihood-ratio test."""
    keys = list(dict.fromkeys(row.level for row in PUBLISHED if row.item == item and row.level))
    assert len(keys) == levels
    table = [
        [count(item, level, group, "table1") for level in keys]
        for group in ("second_cancer", "control")
    ]
    printed = PRINTED[f"table1.{item}.second_cancer_vs_control.p"]
    for test in TESTS:
        if test is not yates or levels == 2:
            assert not printed.admits(Fraction(test(table).p))


def test_beside_the_list_the_audit_finds_three_more():
    """A percentage that neither rounding gives, printed twice, and an end below its ratio."""
    paper = study_paper(KEY)
    every = excluded(paper, tuple(CONFLICTS.values()))
    assert set(every) - set(LOST) == {
        "table1.beta2_mg.high.myeloma_first.percent",
        "table2.beta2_mg.high.myeloma_first.percent",
        "table2.beta2_mg.myeloma_first_vs_control.ci_high",
    }
    assert all(why for why in every.values())
