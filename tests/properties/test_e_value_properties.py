"""What must hold of every E-value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.review.e_values import MEASURES, OCCURRENCES, e_value

RATIOS = st.floats(1e-6, 1e6)
KINDS = {"measure": st.sampled_from(MEASURES), "occurrence": st.sampled_from(OCCURRENCES)}


@given(ratio=RATIOS, **KINDS)
def test_a_ratio_and_its_inverse_have_the_same_e_value(ratio, measure, occurrence):
    """Exchanging the groups changes nothing."""
    one = e_value(ratio, measure=measure, occurrence=occurrence)
    other = e_value(1 / ratio, measure=measure, occurrence=occurrence)
    assert one.point == pytest.approx(other.point, rel=1e-6)


@given(ratio=RATIOS, **KINDS)
def test_a_confounder_of_that_strength_just_explains_the_ratio(ratio, measure, occurrence):
    """The bias of a confounder with both risk ratios E is E x E / (E + E - 1): the ratio itself."""
    found = e_value(ratio, measure=measure, occurrence=occurrence)
    away = max(found.risk_ratio, 1 / found.risk_ratio)
    assert found.point**2 / (2 * found.point - 1) == pytest.approx(away, rel=1e-9)


@given(ends=st.tuples(RATIOS, RATIOS, RATIOS), **KINDS)
def test_the_interval_never_needs_a_stronger_confounder(ends, measure, occurrence):
    """The end nearer 1 is nearer 1 than the estimate, and 1 if the interval holds 1."""
    low, ratio, high = sorted(ends)
    found = e_value(ratio, low, high, measure=measure, occurrence=occurrence)
    assert 1 <= found.interval <= found.point * (1 + 1e-12)
    assert (found.interval == 1) == (low <= 1 <= high) or math.isclose(found.interval, 1)
    assert found.risk_low <= found.risk_ratio <= found.risk_high


@given(pair=st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), **KINDS)
def test_a_larger_ratio_needs_a_stronger_confounder(pair, measure, occurrence):
    """Above 1 the E-value grows with the ratio."""
    small, large = (
        e_value(ratio, measure=measure, occurrence=occurrence).point for ratio in sorted(pair)
    )
    assert small <= large * (1 + 1e-12)
