"""How SPSS, TriNetX and R each do a thing, as named profiles.

The same words ("caliper 0.02", "95% CI of the median", "chi-square") mean different numbers in
different programs. A profile fixes them; every notebook prints the one it uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from replica.errors import ParameterError, one_of
from replica.protocol import CaliperScale, Draw, Order, Ties

MedianInterval = Literal["plain", "log", "log-log", "spss"]
SurvivalInterval = Literal["plain", "log", "log-log"]
SmdDenominator = Literal["treated", "control", "pooled"]


@dataclass(frozen=True)
class Convention:
    """One program's choices, each with the source that states it.

    `draw`: how a control is chosen among those free within the caliper. `fisher_below`: Fisher's
    exact test replaces Pearson's when an expected count is below this number. `smd_denominator`:
    whose standard deviation, before matching, divides a difference of means. `assumed` names the
    choices that no source states.
    """

    key: str
    label: str
    caliper_scale: CaliperScale
    caliper_inclusive: bool
    order: Order
    draw: Draw
    ties: Ties
    median_interval: MedianInterval
    survival_interval: SurvivalInterval
    continuity_correction: bool
    fisher_below: float
    smd_denominator: SmdDenominator
    assumed: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]

    @property
    def chi_square_rule(self) -> str:
        """The test of a table of counts, in words."""
        name = "Yates in 2 x 2 tables" if self.continuity_correction else "Pearson"
        exact = (
            f", Fisher if fewer than {self.fisher_below:g} expected" if self.fisher_below else ""
        )
        return f"{name}{exact}"


SPSS = Convention(
    key="spss",
    label="IBM SPSS Statistics 25",
    caliper_scale="probability",
    caliper_inclusive=True,
    order="data",
    draw="exact_then_random",
    ties="breslow",
    median_interval="spss",
    survival_interval="plain",
    continuity_correction=False,
    fisher_below=5.0,
    smd_denominator="pooled",
    assumed=("survival_interval", "smd_denominator"),
    sources=(
        (
            "caliper_scale",
            "the FUZZY extension behind SPSS's matching dialog takes a raw tolerance on the "
            "0-1 score",
        ),
        ("caliper_inclusive", "FUZZY accepts a control at exactly the tolerance"),
        ("order", "FUZZY takes the treated in the order of the file, unless asked to shuffle"),
        (
            "draw",
            "before its version 2.0.0 of 2023 FUZZY drew a control at random, by default among "
            "those of the very same score first and then among all within the tolerance; since "
            "then it can take the nearest",
        ),
        ("ties", "COXREG maximises Breslow's partial likelihood"),
        (
            "median_interval",
            "median -/+ 1.96 SE with SE = se(S)/f, the textbook formula; no SPSS output was at "
            "hand to confirm it",
        ),
        (
            "continuity_correction",
            "CROSSTABS prints Pearson's chi-square first, and the corrected one apart from it",
        ),
        (
            "fisher_below",
            "CROSSTABS prints Pearson's chi-square without correction beside Fisher's exact test; "
            "the exact test is read when an expected count is below 5",
        ),
    ),
)

TRINETX = Convention(
    key="trinetx",
    label="TriNetX Live",
    caliper_scale="sd_probability_pooled",
    caliper_inclusive=True,
    order="random",
    draw="nearest",
    ties="efron",
    median_interval="log",
    survival_interval="log",
    continuity_correction=False,
    fisher_below=0.0,
    smd_denominator="pooled",
    assumed=(
        "caliper_inclusive",
        "ties",
        "median_interval",
        "survival_interval",
        "continuity_correction",
        "fisher_below",
        "smd_denominator",
    ),
    sources=(
        ("caliper_scale", "TriNetX documents a caliper of 0.10 pooled standard deviations"),
        (
            "order",
            "TriNetX documents greedy nearest neighbour, 1:1, without replacement, caliper 0.10 "
            "pooled standard deviations, cohorts shuffled first",
        ),
        ("draw", "TriNetX documents greedy nearest neighbour"),
    ),
)

R_MATCHIT_SURVIVAL = Convention(
    key="r_matchit_survival",
    label="R: MatchIt and survival",
    caliper_scale="sd_probability",
    caliper_inclusive=True,
    order="largest",
    draw="nearest",
    ties="efron",
    median_interval="log",
    survival_interval="log",
    continuity_correction=True,
    fisher_below=0.0,
    smd_denominator="treated",
    assumed=("caliper_inclusive", "fisher_below"),
    sources=(
        ("caliper_scale", "MatchIt: std.caliper = TRUE, SD over all units"),
        ("order", "MatchIt: m.order = 'largest' for propensity scores"),
        ("draw", "MatchIt: method = 'nearest'"),
        ("ties", "coxph: ties = 'efron'"),
        ("median_interval", "survfit: conf.type = 'log', Brookmeyer-Crowley"),
        ("survival_interval", "survfit: conf.type = 'log'"),
        ("continuity_correction", "chisq.test: Yates for 2x2 tables"),
        ("smd_denominator", "MatchIt summary: SD of the treated for the ATT"),
    ),
)

CONVENTIONS: dict[str, Convention] = {
    profile.key: profile for profile in (SPSS, TRINETX, R_MATCHIT_SURVIVAL)
}


def convention(key: str) -> Convention:
    """Return the profile with this key.

    Raises
    ------
    ParameterError
        If there is no such profile; the message lists them.
    """
    try:
        return CONVENTIONS[key]
    except KeyError:
        raise ParameterError(f"unknown convention, {one_of(key, CONVENTIONS)}") from None
