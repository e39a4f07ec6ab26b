"""How many digits this package shares with lifelines, statsmodels and R, estimate by estimate."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from replica.referee import equal_digits
from replica.referee_lifelines import lifelines_estimates
from replica.referee_replica import replica_estimates
from replica.referee_samples import (
    Estimates,
    Floats,
    Samples,
    load_samples,
    r_estimates,
)
from replica.referee_statsmodels import statsmodels_estimates

PROGRAMS = ("lifelines", "statsmodels", "R")
NO_ESTIMATE = "\N{EN DASH}"
ENOUGH = 8
"""Digits below which a difference needs a reason."""

# What is estimated, and from which data, by the key of the estimate; a line without data is a
# heading.
LINES: dict[str, tuple[str, str]] = {
    "Kaplan-Meier": ("", ""),
    "km.survival": ("survival at every time", "lung, by sex"),
    "km.std_error": ("its standard error (Greenwood)", "lung, by sex"),
    "km.interval.plain": ("interval, plain", "lung, by sex"),
    "km.interval.log": ("interval, log", "lung, by sex"),
    "km.interval.log-log": ("interval, log-log", "lung, by sex"),
    "km.median.plain": ("median and interval, plain", "lung, by sex"),
    "km.median.log": ("median and interval, log", "lung, by sex"),
    "km.median.log-log": ("median and interval, log-log", "lung, by sex"),
    "km.mean": ("restricted mean, one year", "lung, by sex"),
    "km.mean_error": ("its standard error", "lung, by sex"),
    "follow_up": ("median follow-up (reverse curve)", "lung"),
    "Log-rank test": ("", ""),
    "log_rank": ("two groups", "lung, sex"),
    "log_rank.groups": ("four groups", "veteran, cell type"),
    "log_rank.strata": ("stratified", "veteran, treatment"),
    "Cox model": ("", ""),
    "efron.coef": ("Efron ties: coefficients", "lung"),
    "efron.se": ("Efron ties: standard errors", "lung"),
    "efron.loglik": ("Efron ties: log likelihood", "lung"),
    "breslow.coef": ("Breslow ties: coefficients", "lung"),
    "breslow.se": ("Breslow ties: standard errors", "lung"),
    "breslow.loglik": ("Breslow ties: log likelihood", "lung"),
    "exact.coef": ("exact ties: coefficients", "lung"),
    "exact.se": ("exact ties: standard errors", "lung"),
    "exact.loglik": ("exact ties: log likelihood", "lung"),
    "strata.coef": ("strata: coefficients", "lung, by sex"),
    "strata.se": ("strata: standard errors", "lung, by sex"),
    "strata.loglik": ("strata: log likelihood", "lung, by sex"),
    "entry.coef": ("late entry: coefficients", "heart"),
    "entry.se": ("late entry: standard errors", "heart"),
    "entry.loglik": ("late entry: log likelihood", "heart"),
    "weights.coef": ("weights: coefficients", "lung"),
    "weights.se": ("weights: robust errors", "lung"),
    "robust": ("robust errors", "lung"),
    "robust.untied": ("robust errors, no tied times", "lung, moved apart"),
    "cluster": ("errors clustered by hospital", "lung"),
    "zph": ("proportional hazards, p per covariate", "lung"),
    "zph.global": ("proportional hazards, global p", "lung"),
    "concordance": ("concordance", "lung"),
    "concordance.se": ("its standard error", "lung"),
    "Competing risks": ("", ""),
    "incidence": ("cumulative incidence", "mgus2, by sex"),
    "incidence.untied": ("cumulative incidence, no tied times", "mgus2, moved apart"),
    "incidence.std_error": ("its standard error (Aalen)", "mgus2, by sex"),
    "incidence.greenwood": ("its standard error (multinomial)", "mgus2, by sex"),
    "gray": ("Gray's test", "mgus2, sex"),
    "fine_gray.coef": ("Fine-Gray: coefficients", "mgus2"),
    "fine_gray.se": ("Fine-Gray: standard errors", "mgus2"),
    "Logistic regression": ("", ""),
    "logistic.coef": ("coefficients", "lalonde"),
    "logistic.se": ("standard errors", "lalonde"),
    "logistic.loglik": ("log likelihood", "lalonde"),
    "conditional.coef": ("conditional: coefficients", "infert"),
    "conditional.se": ("conditional: standard errors", "infert"),
    "conditional.loglik": ("conditional: log likelihood", "infert"),
    "Tests, p values": ("", ""),
    "pearson": ("Pearson's chi-square, 2 x 2", "counts 45, 86; 46, 101"),
    "yates": ("with Yates' correction", "counts 45, 86; 46, 101"),
    "fisher": ("Fisher's exact test, 2 x 2", "counts 45, 86; 46, 101"),
    "fisher.larger": ("Fisher's exact test, 2 x 5", "counts 25, ..., 4; 17, ..., 0"),
    "student": ("Student's t test", "veteran, age"),
    "welch": ("Welch's t test", "veteran, age"),
    "mann_whitney": ("Mann-Whitney test", "veteran, age"),
}

_TIED = (
    "lifelines treats tied times otherwise in the score residuals: robust errors differ in the "
    "third digit where times are tied, and are equal where none are"
)
_ENTRY = (
    "statsmodels counts a patient who enters at the time of an event as at risk for it; here and "
    "in R follow-up begins after the time of entry"
)
REASONS: dict[tuple[str, str], str] = {
    ("lifelines", "robust"): _TIED,
    ("lifelines", "cluster"): _TIED,
    ("lifelines", "weights.se"): _TIED,
    ("lifelines", "zph"): (
        "lifelines has the approximation of 1994, which takes the covariance of the covariates to "
        "be the same at all times; R left it with survival 3.0 for the score test, used here"
    ),
    ("lifelines", "km.mean_error"): (
        "lifelines gives the spread of the restricted times among patients, not the error of "
        "their mean"
    ),
    ("lifelines", "incidence"): (
        "lifelines moves tied times apart at random; without ties the curves are equal"
    ),
    ("statsmodels", "entry.coef"): _ENTRY,
    ("statsmodels", "entry.se"): _ENTRY,
    ("statsmodels", "entry.loglik"): _ENTRY,
}
"""Why a program agrees in fewer than `ENOUGH` digits, by program and key of the estimate."""


@dataclass(frozen=True)
class Findings:
    """What each program finds, by the key of the estimate."""

    ours: Estimates
    theirs: dict[str, Estimates]
    versions: dict[str, str]


def findings() -> Findings:
    """Run this package, lifelines and statsmodels on the public data sets, and read R's answers."""
    samples: Samples = load_samples()
    r, versions = r_estimates()
    theirs = {
        "lifelines": lifelines_estimates(samples),
        "statsmodels": statsmodels_estimates(samples),
        "R": r,
    }
    here = {"Python": platform.python_version()}
    here |= {name: version(name) for name in ("lifelines", "statsmodels")}
    return Findings(replica_estimates(samples), theirs, {**here, **versions})


def shared_digits(ours: Floats, theirs: Floats) -> int:
    """Count the significant digits in which all numbers of two vectors agree, 15 at most.

    Raises
    ------
    ValueError
        If the vectors differ in length.
    """
    pairs = zip(ours, theirs, strict=True)
    return min(equal_digits(float(a), float(b)) for a, b in pairs)


def digits(found: Findings) -> pd.DataFrame:
    """Count the digits that each program shares with this package.

    Returns
    -------
    DataFrame
        One row per estimate: `key`, `estimate`, `data`, `numbers` (how many are compared) and one
        column per program, missing where the program has no such estimate.
    """
    rows = []
    for key, ours in found.ours.items():
        shared = {
            name: shared_digits(ours, theirs[key]) if key in theirs else None
            for name, theirs in found.theirs.items()
        }
        estimate, data = LINES[key]
        rows.append(
            {"key": key, "estimate": estimate, "data": data, "numbers": ours.size, **shared}
        )
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(PROGRAMS, "Int64"))


def digits_table(found: Findings, *headings: str) -> pd.DataFrame:
    """Lay the digits out for reading: headings, a dash where there is no estimate, note letters.

    Parameters
    ----------
    headings
        Of the parts of `LINES` to show; all if none is named.
    """
    counted = digits(found).set_index("key")
    letters = dict(zip(notes(), "abcdefghij", strict=False))
    rows = []
    wanted = True
    for key, (estimate, data) in LINES.items():
        if not data:
            wanted = not headings or key in headings
            if wanted:
                rows.append([key, "", "", *("" for _ in PROGRAMS)])
            continue
        if not wanted:
            continue
        row = counted.loc[key]
        cells: list[str] = []
        for name in PROGRAMS:
            reason = REASONS.get((name, key))
            mark = f" ({letters[reason]})" if reason else ""
            cells.append(NO_ESTIMATE if pd.isna(row[name]) else f"{int(row[name])}{mark}")
        rows.append([estimate, data, str(row["numbers"]), *cells])
    return pd.DataFrame(rows, columns=["Estimate", "Data", "Numbers", *PROGRAMS])


def notes() -> list[str]:
    """List the reasons for few digits, each once, in the order of the table."""
    ordered = (REASONS.get((name, key)) for key in LINES for name in PROGRAMS)
    return list(dict.fromkeys(reason for reason in ordered if reason))
