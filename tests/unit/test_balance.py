"""Standardized mean differences and the balance table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replica.balance import balance, smd, variance
from replica.cohort import Cohort
from replica.errors import EstimationError, ParameterError
from replica.matching import Matched, match


@pytest.fixture
def matched(toy_cohort: Cohort) -> Matched:
    """Match the toy patients with a caliper that leaves some out."""
    plan = replace(toy_cohort.study.matching, caliper=0.01)
    return match(toy_cohort, plan)


def test_indicator_by_hand() -> None:
    """Shares of 1/2 and 1/5 have variances 1/4 and 4/25 and a pooled difference of 0.6626."""
    treated, control = [1, 0, 1, 0], [1, 0, 0, 0, 0]
    pooled = 0.3 / math.sqrt((0.25 + 0.16) / 2)
    assert smd(treated, control) == pytest.approx(pooled, rel=1e-14)
    assert smd(treated, control, denominator="treated") == pytest.approx(0.3 / 0.5, rel=1e-14)
    assert smd(treated, control, denominator="control") == pytest.approx(0.3 / 0.4, rel=1e-14)


def test_number_by_hand() -> None:
    """Variances of numbers have n - 1 below: 1, 2, 3 against 2, 4, 6 gives -2 / sqrt(2.5)."""
    assert smd([1, 2, 3], [2, 4, 6]) == pytest.approx(-2 / math.sqrt((1 + 4) / 2), rel=1e-14)


def test_denominator_can_come_from_before_matching() -> None:
    """The spread before matching divides, so equal differences stay equal when spread shrinks."""
    assert smd([2, 2], [3, 3], before=([1, 2, 3], [2, 4, 6])) == pytest.approx(
        -1 / math.sqrt(2.5), rel=1e-14
    )


def test_weights_of_controls_count() -> None:
    """A control of weight 1/2 counts half in the mean."""
    value = smd([1, 0], [1, 0, 0], before=([1, 0], [1, 0]), control_weights=[1, 0.5, 0.5])
    assert value == pytest.approx(0.0, abs=1e-15)


def test_no_spread_gives_zero_or_an_error_and_never_infinity() -> None:
    """Without spread equal means differ by 0, and unequal means have no standardized difference."""
    assert smd([1, 1], [1, 1]) == 0.0
    with pytest.raises(EstimationError, match=r"standard deviation \(pooled\) is 0"):
        smd([1, 1], [0, 0])
    with pytest.raises(EstimationError, match="found 1 values; at least 2"):
        variance(np.array([3.0]))


def test_impossible_settings_are_refused(matched: Matched) -> None:
    """An unknown denominator, an empty arm or a missing value is refused."""
    with pytest.raises(ParameterError, match="Did you mean 'pooled'"):
        smd([1, 0], [1, 0], denominator="poled")
    with pytest.raises(ParameterError, match="Did you mean 'treated'"):
        balance(matched, denominator="treatd")
    with pytest.raises(ParameterError, match="found 0 values"):
        smd([], [1, 0])
    with pytest.raises(ParameterError, match="1 missing or infinite"):
        smd([1, math.nan], [1, 0])


def test_table_has_a_row_per_level_and_stage(matched: Matched) -> None:
    """Two levels give one row, three give three, the score gives one; each before and after."""
    table = balance(matched)
    rows = [
        ("sex", "male"),
        ("smoking", "yes"),
        ("stage", "i"),
        ("stage", "ii"),
        ("stage", "iii"),
        ("propensity_score", ""),
    ]
    found = list(table[["covariate", "level", "stage"]].itertuples(index=False, name=None))
    assert found == [(*row, stage) for row in rows for stage in ("before", "after")]
    assert set(table["denominator"]) == {"pooled"}


@pytest.mark.parametrize("denominator", ["treated", "control", "pooled"])
def test_table_agrees_with_a_direct_computation(matched: Matched, denominator: str) -> None:
    """Every mean and difference is recomputed from the patients with pandas alone."""
    table = balance(matched, denominator=denominator).set_index(["covariate", "level", "stage"])
    for stage, cohort in (("before", matched.before), ("after", matched.after)):
        for covariate, level in (("sex", "male"), ("stage", "ii")):
            share = (cohort.patients[covariate] == level).groupby(cohort.patients["arm"]).mean()
            all_patients = matched.before.patients
            first = (all_patients[covariate] == level).groupby(all_patients["arm"]).mean()
            spread = first * (1 - first)
            divisor = spread.mean() if denominator == "pooled" else spread[denominator]
            row = table.loc[(covariate, level, stage)]
            assert row["mean_treated"] == pytest.approx(share["treated"], rel=1e-14)
            assert row["mean_control"] == pytest.approx(share["control"], rel=1e-14)
            assert row["smd"] == pytest.approx(
                (share["treated"] - share["control"]) / math.sqrt(divisor), rel=1e-12, abs=1e-14
            )
            assert math.isnan(row["variance_ratio"])


def test_variance_ratio_of_the_score(matched: Matched) -> None:
    """The score's variance ratio is that of the arms, before and after, with n - 1 below."""
    table = balance(matched, covariates=["age"]).set_index(["covariate", "stage"])
    for stage, cohort in (("before", matched.before), ("after", matched.after)):
        score = matched.propensity_score.reindex(cohort.patients["patient_id"]).to_numpy()
        arms = pd.Series(score).groupby(cohort.patients["arm"].to_numpy()).var()
        assert table.loc[("propensity_score", stage), "variance_ratio"] == pytest.approx(
            arms["treated"] / arms["control"], rel=1e-12
        )


def test_measures_can_be_compared(matched: Matched) -> None:
    """A numeric column named as covariate has one row per stage with its means."""
    table = balance(matched, covariates=["age"]).set_index(["covariate", "stage"])
    ages = matched.before.patients.groupby("arm")["age"].mean()
    assert table.loc[("age", "before"), "mean_treated"] == pytest.approx(ages["treated"])
    assert table.loc[("age", "before"), "variance_ratio"] > 0


def test_controls_of_larger_sets_count_less(toy_cohort: Cohort) -> None:
    """With up to two controls per treated each set counts once in the mean of the controls."""
    plan = replace(toy_cohort.study.matching, ratio=2, caliper=0.01)
    matched = match(toy_cohort, plan)
    assert matched.pairs.groupby("pair").size().nunique() == 2
    patients = matched.after.patients
    controls = patients[patients["arm"] == "control"]
    by_set = (controls["sex"] == "male").groupby(controls["pair"]).mean().mean()
    table = balance(matched, covariates=["sex"]).set_index(["covariate", "stage"])
    assert table.loc[("sex", "after"), "mean_control"] == pytest.approx(by_set, rel=1e-14)
