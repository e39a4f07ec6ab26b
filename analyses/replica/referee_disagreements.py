"""Where other programs are known to differ from this package, with the numbers of both."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

from replica.contingency import pearson
from replica.product_limit import product_limit
from replica.referee_samples import COUNTS
from replica.referee_table import REASONS, Findings
from replica.survival import median_survival


def disagreements(found: Findings) -> pd.DataFrame:
    """Show one number of each known disagreement, computed here and by the other program.

    Returns
    -------
    DataFrame
        `what`, `here`, `program`, `there`, `why`.
    """
    picked = (
        ("p of proportional hazards (lung, age)", "lifelines", "zph"),
        ("robust error of a log hazard ratio (lung, age)", "lifelines", "robust"),
        ("error of a restricted mean (lung, men, days)", "lifelines", "km.mean_error"),
        ("cumulative incidence (mgus2, women, 5 years)", "lifelines", "incidence"),
        ("log hazard ratio with late entry (heart, age)", "statsmodels", "entry.coef"),
    )
    rows = [
        {
            "what": what,
            "here": f"{found.ours[key][0]:.4g}",
            "program": program,
            "there": f"{found.theirs[program][key][0]:.4g}",
            "why": REASONS[program, key],
        }
        for what, program, key in picked
    ]
    rows += [*_conventions(found), *_four_deaths()]
    return pd.DataFrame(rows)


def _conventions(found: Findings) -> list[dict[str, str]]:
    return [
        {
            "what": "chi-square test of a 2 x 2 table, p (45, 86; 46, 101)",
            "here": f"{pearson(COUNTS).p:.4g}",
            "program": "R",
            "there": f"{found.theirs['R']['yates'][0]:.4g}",
            "why": "R corrects 2 x 2 tables for continuity unless told not to; SPSS and this "
            "package give Pearson's test, and Yates' under its own name",
        },
        {
            "what": "error of a cumulative incidence (mgus2, women, 5 years)",
            "here": f"{found.ours['incidence.std_error'][0]:.4g}",
            "program": "statsmodels",
            "there": f"{found.theirs['statsmodels']['incidence.greenwood'][0]:.4g}",
            "why": "statsmodels and R's survival have the multinomial variance, R's cmprsk and "
            "this package Aalen's; the other is an option here, and agrees",
        },
    ]


def _four_deaths() -> list[dict[str, str]]:
    """Compare curves of deaths at 1, 2, 3 and 4: a plateau at one half, and an end at zero."""
    times, events = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, dtype=np.int64)
    ours = product_limit(times, events, interval="log-log")
    lifelines = KaplanMeierFitter().fit(times, events)
    other = SurvfuncRight(times, events)
    ends = lifelines.confidence_interval_.iloc[-1]
    last = ours.iloc[-1]
    reached = not math.isnan(last["ci_high"])
    median = f"{median_survival(ours, interval='log-log').median:g}"
    plateau = "median where survival is one half from 2 to 3"
    return [
        {
            "what": "interval where survival has reached 0",
            "here": f"{last['ci_low']:g} to {last['ci_high']:g}" if reached else "none",
            "program": "lifelines",
            "there": f"{ends.iloc[0]:g} to {ends.iloc[1]:g}",
            "why": "Greenwood's error does not exist at 0; R and this package give no interval, "
            "lifelines one without width",
        },
        {
            "what": plateau,
            "here": median,
            "program": "lifelines",
            "there": f"{lifelines.median_survival_time_:g}",
            "why": "the first such time; R and this package take the middle of the plateau",
        },
        {
            "what": plateau,
            "here": median,
            "program": "statsmodels",
            "there": f"{other.quantile(0.5):g}",
            "why": "the first time at which survival is below one half",
        },
    ]
