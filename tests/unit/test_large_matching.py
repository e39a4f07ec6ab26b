"""What matching does to save memory leaves the pairs alone."""

from __future__ import annotations

import numpy as np
import pytest

from replica.errors import ParameterError
from replica.greedy import nearest_neighbour
from replica.matching_input import ascending, place_kind
from replica.protocol import ORDERS

N = 3000


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("strata", [1, 4])
def test_keys_in_order_take_no_other_pairs(order, strata):
    """Rows sorted by key, unsorted rows, and texts for keys give the same pairs of keys."""
    rng = np.random.default_rng(1)
    # coarse scores, so that ties go by the key
    score, treated = np.round(rng.normal(size=N), 2), rng.random(N) < 0.3
    exact = rng.integers(0, strata, N)
    names = np.array([f"p{i:05d}" for i in range(N)], dtype=object)
    found = []
    for rows in (np.arange(N), rng.permutation(N)):
        for key in (rows, names[rows]):
            pairs = nearest_neighbour(
                score[rows],
                treated[rows],
                key,
                caliper=0.1,
                order=order,
                exact=None if strata == 1 else exact[rows],
                # one pass over the treated by key: the permutation falls on the same units
                rng=np.random.default_rng(2),
            )
            found.append((rows[pairs.treated].tolist(), rows[pairs.control].tolist()))
            assert pairs.treated.dtype == pairs.control.dtype == np.int64
    assert len(found[0][0]) > 500
    assert all(other == found[0] for other in found[1:])


def test_one_stratum_is_no_stratum():
    """A constant stratum, which is sorted by, gives the pairs of none, which is not."""
    rng = np.random.default_rng(3)
    score, treated = np.round(rng.normal(size=N), 2), rng.random(N) < 0.3
    plain = nearest_neighbour(score, treated, np.arange(N))
    within = nearest_neighbour(score, treated, np.arange(N), exact=np.full(N, "all"))
    np.testing.assert_array_equal(plain.treated, within.treated)
    np.testing.assert_array_equal(plain.control, within.control)


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ([1, 2, 5], True),
        (["a", "b"], True),
        ([1, 1, 2], False),
        ([2, 1], False),
        ([1.0, np.nan, 3.0], False),
        (np.array(["a", None, "c"], dtype=object), False),
        (np.array([1, "b"], dtype=object), False),
        ([np.nan], False),
        ([[1, 2], [3, 4]], False),
    ],
)
def test_only_strictly_ascending_keys_go_unranked(key, known):
    """Equal, missing, unordered and nested keys are left to the ranks, which refuse or sort."""
    assert ascending(np.asarray(key)) is known


def test_a_key_that_is_there_twice_in_a_row_is_refused():
    """Keys in order, but for two that are equal, are refused as everywhere."""
    with pytest.raises(ParameterError, match="found 2 more than once"):
        nearest_neighbour(np.arange(4.0), [1, 0, 1, 0], [1, 2, 2, 3])


def test_places_have_4_bytes_as_long_as_these_do():
    """More units than 4 bytes can number are numbered by 8."""
    assert place_kind(10**6) is np.int32
    assert place_kind(2**31 - 2) is np.int32
    assert place_kind(2**31 - 1) is np.int64
