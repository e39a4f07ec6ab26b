"""The pairs that R's MatchIt makes, beside those that this package makes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from replica import paths
from replica.matching import nearest_neighbour
from replica.protocol import Order

ORDERS: tuple[Order, ...] = ("data", "largest", "smallest", "closest")


def pairs_against_matchit() -> pd.DataFrame:
    """Match the lalonde data by every caliper and order that MatchIt's answers hold.

    Returns
    -------
    DataFrame
        One row per order: `order`, `calipers` (how many), `pairs` made by MatchIt, and `identical`,
        how many of them this package makes as well.

    Raises
    ------
    ParameterError
        If the repository is not found.

    Notes
    -----
    MatchIt 4.7.2 (Ho, Imai, King and Stuart 2011), `method = "nearest"`. Of equally near controls
    it takes one by its row, which is passed as the key here.
    """
    lalonde, counts, pairs = (
        pd.read_csv(paths.known_answers_path(name), keep_default_na=False)
        for name in ("lalonde", "lalonde_nearest_counts", "lalonde_nearest_pairs")
    )
    treated = lalonde["treat"].to_numpy() == 1
    ids = lalonde["id"].to_numpy()
    widths = counts.drop_duplicates("caliper").set_index("caliper")["width"]
    rows = []
    for order in ORDERS:
        wanted = pairs[pairs["order"] == order]
        identical = 0
        for caliper, made in wanted.groupby("caliper"):
            width = widths[caliper]
            found = nearest_neighbour(
                lalonde["logit_ps" if str(caliper).startswith("logit") else "ps"],
                treated,
                np.arange(len(lalonde)),
                caliper=None if width == "NA" else float(width),
                order=order,
            )
            ours = set(zip(ids[found.treated], ids[found.control], strict=True))
            identical += len(ours & set(zip(made["treated"], made["control"], strict=True)))
        rows.append((order, wanted["caliper"].nunique(), len(wanted), identical))
    return pd.DataFrame(rows, columns=["order", "calipers", "pairs", "identical"])
