"""A computed number is named by the words of a printed one, and is a number or says why not."""

from __future__ import annotations

from fractions import Fraction

import pandas as pd
import pytest

from replica.errors import EstimationError
from replica.estimate import Estimate, Quantity, estimate_frame, estimates
from replica.published import COLUMNS, QUANTITY, PublishedValue

QUANTITIES = Quantity(
    item="survival",
    level="l",
    outcome="os",
    arm="treated",
    comparator="control",
    subgroup="sex=male",
    stage="after",
    model="crude",
    time="6 months",
)


def test_printed_and_computed_numbers_share_their_key():
    """The key of an estimate is the key of the row in which its number is printed."""
    cells = {**dict.fromkeys(COLUMNS, "x"), **vars(QUANTITIES), "statistic": "rate"}
    estimate = Estimate(QUANTITIES, "rate", 0.5, "Kaplan-Meier")
    assert estimate.key == PublishedValue(**cells).key
    assert len(estimate.key) == len(QUANTITY)


def test_statistics_of_one_quantity_become_one_estimate_each():
    """Fractions and floats are kept as they are, in order."""
    rows = estimates(Quantity("sex"), {"n": Fraction(3), "percent": 37.5}, "3 of 8")
    assert rows == [
        Estimate(Quantity("sex"), "n", Fraction(3), "3 of 8"),
        Estimate(Quantity("sex"), "percent", 37.5, "3 of 8"),
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_what_is_no_number_is_not_estimable(value):
    """NaN and infinity become None."""
    (row,) = estimates(Quantity("sex"), {"hr": value}, "not reached")
    assert row.value is None
    assert row.exact is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_estimate_itself_refuses_what_is_no_number(value):
    """NaN cannot slip in past `estimates` either."""
    with pytest.raises(EstimationError, match=r"sex, hr: found (nan|inf); allowed: finite"):
        Estimate(Quantity("sex"), "hr", value, "Cox model")


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (Fraction(100 * 13, 27), Fraction(1300, 27)),
        (100 * 0.285, Fraction(57, 2)),
        (4.9 - 3.5, Fraction(14, 10)),
        ((4.1 + 4.2) / 2, Fraction(415, 100)),
        (1e-15, Fraction(1, 10**15)),
        (123456789.0, Fraction(123456789)),
        (0.0, Fraction(0)),
    ],
)
def test_the_exact_value_is_free_of_the_noise_of_floats(value, exact):
    """Twelve digits of a float are taken; a fraction is taken whole."""
    assert Estimate(Quantity("x"), "rate", value, "").exact == exact


def test_estimates_become_a_tidy_frame():
    """One row each; not estimable is NaN, and no rows keep the columns."""
    quantity = Quantity("survival", outcome="os", arm="treated")
    frame = estimate_frame(estimates(quantity, {"median": 4.5, "ci_high": None}, "log"))
    assert list(frame.columns) == [*vars(quantity), "statistic", "value", "method"]
    assert frame["value"].tolist()[0] == 4.5
    assert pd.isna(frame["value"].tolist()[1])
    assert frame["arm"].tolist() == ["treated", "treated"]
    empty = estimate_frame([])
    assert list(empty.columns) == list(frame.columns)
    assert empty.empty
