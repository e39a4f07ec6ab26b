"""Optimal pair matching: as many pairs as there can be, at the least total distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replica.errors import MatchingError
from replica.greedy import Pairs
from replica.reach import Units, count_edges, fill_edges, units_of

__all__ = ["MAX_EDGES", "assign", "edges_of", "optimal_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# About 1 GB of memory for SciPy's solver.
MAX_EDGES = 10_000_000


def optimal_pairs(
    distance: ArrayLike,
    treated: ArrayLike,
    key: ArrayLike,
    *,
    caliper: float | None = None,
    exact: ArrayLike | None = None,
    inclusive: bool = True,
    covariates: ArrayLike | None = None,
    covariate_calipers: ArrayLike = (),
) -> Pairs:
    """Match treated units 1:1 so that most are matched, and then at the least total distance.

    Greedy matching gives each treated unit what is best for it alone; here all pairs are chosen
    together. The first aim is the number of pairs: among all sets of pairs that keep the calipers
    and strata, those with the most pairs; the second, among these, the sum of the distances on the
    score. So more units can be matched than by greedy matching, at a larger mean distance.

    Parameters
    ----------
    distance, treated, key, caliper, exact, inclusive, covariates, covariate_calipers
        As in `replica.pairing.pair_units`.

    Returns
    -------
    Pairs
        In the order of the treated units' keys; none if no two units may be paired. Between
        solutions of one total distance the solver's order of work decides, which follows the keys
        and not the rows.

    Raises
    ------
    ParameterError
        As in `replica.pairing.pair_units`.
    MatchingError
        If an arm is empty, or if more than `MAX_EDGES` pairs are within the calipers, so that the
        problem does not fit in memory.

    Notes
    -----
    Rosenbaum, J Am Stat Assoc 1989;84:1024-1032; solved by SciPy's
    `min_weight_full_bipartite_matching` (Jonker and Volgenant, Computing 1987;38:325-340).
    """
    units = units_of(
        distance,
        treated,
        key,
        caliper=caliper,
        exact=exact,
        inclusive=inclusive,
        covariates=covariates,
        covariate_calipers=covariate_calipers,
    )
    rows = units.by_key
    begins, controls, gaps = edges_of(units, rows)
    if not controls.size:
        return Pairs(rows[:0], controls, gaps)
    # Controls are numbered by their keys for the solver, so that rows cannot break its ties.
    chosen = assign(begins, units.rank[controls], gaps)
    matched = chosen >= 0
    first, second = rows[matched], np.argsort(units.rank)[chosen[matched]]
    return Pairs(first, second, np.abs(units.score[first] - units.score[second]))


def edges_of(units: Units, rows: Ints) -> tuple[Ints, Ints, Floats]:
    """List where each row's controls in reach begin, the controls (as rows) and their distances.

    Raises
    ------
    MatchingError
        If the list would be longer than `MAX_EDGES`.
    """
    counts = count_edges(units.reach, rows)
    total = int(counts.sum())
    if total > MAX_EDGES:
        raise MatchingError(
            f"found {total} pairs within the calipers; at most {MAX_EDGES} fit in memory. Use a "
            "narrower caliper, more exact strata, or (on a score) greedy matching."
        )
    begins, places, gaps = fill_edges(units.reach, rows, counts)
    return begins, units.reach.line.controls[places], gaps


def assign(begins: Ints, controls: Ints, gaps: Floats) -> Ints:
    """Choose one control or none for each row of a sparse list of allowed pairs.

    Parameters
    ----------
    begins, controls, gaps
        Row i may have the controls `controls[begins[i]:begins[i + 1]]` at the distances in `gaps`.

    Returns
    -------
    array
        The control of each row, or -1.

    Notes
    -----
    Each row also has a place of its own that stands for "unmatched", so that a full assignment
    always exists. Distances are scaled to 1 .. 2 (adding 1 to all changes no comparison between
    assignments, all of which have one entry per row, and SciPy takes no zeros); "unmatched" costs
    more than all pairs together can save by one pair fewer, pairs + 2, so the number of pairs comes
    first.
    """
    # Imported here: graphs take a while to load, and every matching would wait for them.
    from scipy.sparse import csr_array  # noqa: PLC0415
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching  # noqa: PLC0415

    rows = begins.size - 1
    used, column = np.unique(controls, return_inverse=True)
    largest = float(gaps.max())
    cost = 1.0 + (gaps / largest if largest > 0.0 else gaps)
    unmatched = 2.0 + min(rows, used.size)
    own = np.arange(rows)
    row = np.concatenate([np.repeat(own, np.diff(begins)), own])
    place = np.concatenate([column, used.size + own])
    weight = np.concatenate([cost, np.full(rows, unmatched)])
    graph = csr_array((weight, (row, place)), shape=(rows, used.size + rows))
    found, partner = min_weight_full_bipartite_matching(graph)
    chosen = np.full(rows, -1, dtype=np.int64)
    real = partner < used.size
    chosen[found[real]] = used[partner[real]]
    return chosen
