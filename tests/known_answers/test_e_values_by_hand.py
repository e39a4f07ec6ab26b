"""E-values worked by hand from the formulas of VanderWeele and Ding (2017)."""

from __future__ import annotations

import pytest

from replica.review.e_values import as_risk_ratio, e_value


def test_the_example_of_the_paper():
    """A risk ratio of 3.9 (1.8 to 8.7) has the E-values 7.26 and 3.00, as the paper prints."""
    found = e_value(3.9, 1.8, 8.7, measure="risk_ratio", occurrence="common")
    # 3.9 + sqrt(3.9 x 2.9) = 3.9 + sqrt(11.31); 1.8 + sqrt(1.8 x 0.8) = 1.8 + 1.2, exactly
    assert found.point == pytest.approx(3.9 + 11.31**0.5, rel=1e-15)
    assert f"{found.point:.2f}" == "7.26"
    assert found.interval == pytest.approx(3.0, rel=1e-15)


def test_a_protective_risk_ratio_is_inverted():
    """0.80 (0.71 to 0.91) gives the E-values of 1.25 and of 1 / 0.91, the end nearer 1."""
    found = e_value(0.80, 0.71, 0.91, measure="risk_ratio", occurrence="rare")
    # 1.25 + sqrt(1.25 x 0.25) = 1.25 + 0.559017; 1.098901 + sqrt(1.098901 x 0.098901) = 1.42857
    assert found.point == pytest.approx(1.809017, abs=5e-7)
    assert found.interval == pytest.approx(1.428571, abs=5e-7)


def test_a_common_hazard_ratio_is_converted():
    """For HR 4, sqrt is 2 and 1/2: (1 - 1/4) / (1 - sqrt(1/2)) = 0.75 / 0.292893 = 2.560660."""
    assert as_risk_ratio(4.0, "hazard_ratio", "common") == pytest.approx(
        0.75 / (1 - 0.5**0.5), rel=1e-15
    )
    found = e_value(4.0, 1.0, 16.0, measure="hazard_ratio", occurrence="common")
    # 2.560660 + sqrt(2.560660 x 1.560660) = 2.560660 + 1.999080
    assert found.point == pytest.approx(4.559740, abs=5e-7)
    assert found.interval == 1.0
    # for the upper end sqrt is 4 and 1/4: (1 - 1/16) / (1 - 0.840896) = 0.9375 / 0.159104
    assert found.risk_high == pytest.approx(5.892392, abs=5e-6)


def test_a_hazard_ratio_below_one_is_converted_and_inverted():
    """HR 0.56: (1 - 0.595290) / (1 - 0.396040) = 0.670093; its inverse 1.492330 gives 2.3494."""
    found = e_value(0.56, measure="hazard_ratio", occurrence="common")
    assert found.risk_ratio == pytest.approx(0.67009, abs=5e-5)
    assert found.point == pytest.approx(2.3494, abs=5e-4)
    assert found.interval is None


def test_a_rare_hazard_ratio_is_taken_as_it_is():
    """HR 2 of a rare outcome: 2 + sqrt(2 x 1) = 3.414214."""
    found = e_value(2.0, measure="hazard_ratio", occurrence="rare")
    assert found.point == pytest.approx(3.414213562373095, rel=1e-15)


def test_the_square_root_of_a_common_odds_ratio():
    """OR 9 of a common outcome counts as RR 3: 3 + sqrt(6); of a rare one as RR 9: 9 + sqrt(72)."""
    common = e_value(9.0, 4.0, 20.25, measure="odds_ratio", occurrence="common")
    assert common.point == pytest.approx(3 + 6**0.5, rel=1e-15)
    # the lower end counts as RR 2: 2 + sqrt(2)
    assert common.interval == pytest.approx(2 + 2**0.5, rel=1e-15)
    rare = e_value(9.0, measure="odds_ratio", occurrence="rare")
    assert rare.point == pytest.approx(9 + 72**0.5, rel=1e-15)
