"""The analyses behind the clean tables, by lifelines, SciPy and statsmodels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from scipy import stats

Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Estimate:
    """A ratio with its 95% interval and p value."""

    ratio: float
    low: float
    high: float
    p: float


def matched(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Match the smaller group 1:1 to the other on ranked covariates; some stay unmatched.

    Every subject gets a score, the sum of the ranks of its covariates; pairs are the nearest scores
    left, of a tenth of the smaller group at random none.
    """
    known = frame.drop(columns=[c for c in ("duration", "event") if c in frame])
    covariates = known.drop(columns="treated")
    score = sum(
        (pd.factorize(covariates[c], sort=True)[0].astype(float) for c in covariates),
        np.zeros(len(frame)),
    )
    groups = [frame.index[frame["treated"] == arm].to_numpy() for arm in (True, False)]
    small, large = sorted(groups, key=len)
    chosen = rng.permutation(small)[: max(2, int(0.9 * len(small)))]
    free = list(large)
    pairs: list[int] = []
    for subject in chosen:
        nearest = int(np.argmin([abs(score[other] - score[subject]) for other in free]))
        pairs += [int(subject), int(free.pop(nearest))]
    return frame.loc[sorted(pairs)].reset_index(drop=True)


def p_of_counts(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], test: str) -> float:
    """Test independence of levels (rows) and groups (columns)."""
    if counts.shape == (2, 2) and test == "fisher":
        return min(float(stats.fisher_exact(counts).pvalue), 1.0)
    return float(stats.chi2_contingency(counts, correction=test == "yates").pvalue)


def odds_ratio(a: int, b: int, c: int, d: int) -> Estimate:
    """Return (a d) / (b c) with Woolf's interval and Wald's p."""
    log = math.log(a * d / (b * c))
    error = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    p = float(2 * stats.norm.sf(abs(log) / error))
    return Estimate(math.exp(log), math.exp(log - Z * error), math.exp(log + Z * error), p)


def hazard_ratio(frame: pd.DataFrame) -> Estimate:
    """Fit a Cox model of treatment alone; the p value is the log-rank test's."""
    data = frame[["duration", "event"]].assign(arm=frame["treated"].astype(float))
    fitted = CoxPHFitter().fit(data.astype(float), "duration", "event")
    low, high = np.exp(fitted.confidence_intervals_.loc["arm"])
    one, other = frame[frame["treated"]], frame[~frame["treated"]]
    test = logrank_test(one["duration"], other["duration"], one["event"], other["event"])
    return Estimate(float(fitted.hazard_ratios_["arm"]), float(low), float(high), test.p_value)


def survival(frame: pd.DataFrame) -> KaplanMeierFitter:
    """Estimate a Kaplan-Meier curve."""
    return KaplanMeierFitter().fit(frame["duration"], frame["event"])
