"""The tables and notes of a study's notebook, one call each; each table is also kept as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.agreement import (
    VERDICT_KINDS,
    Verdict,
    agreement_frame,
    counts,
    verification,
    write_verification,
)
from replica.analysis import Choices
from replica.cohort import Cohort
from replica.convention import Convention
from replica.cox import cox
from replica.figure_style import p_value
from replica.html_table import html_table, keep_csv, note
from replica.matching import Matched
from replica.paths import build_path
from replica.protocol import Study
from replica.settings import Settings
from replica.tables import Comparison, Line, side_by_side

SYNTHETIC_BANNER = (
    "Source: synthetic patients. No patient on this page is real. The patients were made so "
    "that their analysis returns printed numbers: agreement is attained by construction. Where "
    "numbers agree, it shows that they can hold together under the stated method; it is no "
    "evidence about any treatment."
)
SUPPLIED_BANNER = (
    "Source: patients supplied by the reader. Numbers under “reproduced” come from that file; "
    "none of its rows is copied, but small counts and the steps of a survival curve can tell of "
    "single patients. The printed numbers describe other patients."
)

VERDICT_WORDS = {
    # Verdicts are only given on synthetic patients, who were made from the printed numbers.
    "reproduced": "attained by construction",
    "rounding": "rounding",
    "different": "different",
    "contradicted": "contradicted",
    "not_computable": "not computable",
}


@dataclass(frozen=True)
class Report:
    """Where the results of one run go, and the numbers that its tables compare."""

    comparison: Comparison
    folder: Path

    @property
    def study(self) -> Study:
        """The study that the report is about."""
        return self.comparison.study


def results_folder(chosen: Settings, results_dir: str) -> Path:
    """Folder for tables and figures: the one named, or one under `build/`.

    Only a run at the paper's own settings on the synthetic cohort writes where the book looks.
    """
    if results_dir:
        return Path(results_dir).expanduser().resolve()
    return build_path() / ("results" if chosen.at_paper_settings else "runs") / chosen.study.key


def banner(cohort: Cohort) -> HTML:
    """Say where the patients come from and what the page therefore shows."""
    text = SYNTHETIC_BANNER if cohort.source == "synthetic" else SUPPLIED_BANNER
    title = f"{len(cohort)} patients"
    return note(title, text)


def settings_table(chosen: Settings) -> HTML:
    """List the settings of this run, marking what the paper does not state."""
    plan, choices = chosen.plan, chosen.choices
    profile = choices.convention
    rows = [
        ("Caliper", "none" if plan.caliper is None else f"{plan.caliper:g}", "caliper"),
        ("Scale of the caliper", plan.caliper_scale, "caliper_scale"),
        ("Controls per treated patient", str(plan.ratio), "ratio"),
        ("Order of the treated", plan.order, "order"),
        ("Draw of a control", "nearest", "draw"),
        ("Covariates of the propensity score", str(len(plan.covariates)), "covariates"),
        ("Cox ties", choices.ties, "ties"),
        ("Entry p of the multivariable model", f"below {choices.entry_p:g}", "entry_p"),
        ("Interval of a median", profile.median_interval, "median_interval"),
        ("Chi-square", _chi_square(profile), "continuity_correction"),
        ("Convention profile", profile.label, "convention"),
    ]
    assumed = {*plan.assumed}
    frame = pd.DataFrame(
        [(name, value, "assumed" if key in assumed else "") for name, value, key in rows],
        columns=["Setting", "This run", "Not stated in the paper"],
    )
    return html_table(frame, "Settings of this run", words=True)


def _chi_square(profile: Convention) -> str:
    correction = "with" if profile.continuity_correction else "without"
    exact = f"; Fisher below an expected {profile.fisher_below:g}" if profile.fisher_below else ""
    return f"{correction} continuity correction{exact}"


def table(report: Report, lines: Sequence[Line], name: str, caption: str, *, label: str) -> HTML:
    """Show printed beside reproduced numbers; `<name>.csv` also names the test of each row."""
    frame = side_by_side(report.comparison, lines, label=label)
    flat = frame.copy()
    flat.columns = pd.Index([" ".join(part for part in column if part) for column in frame.columns])
    tests = [report.comparison.test(cells) for _, cells in lines]
    if any(tests):
        flat["test"] = tests
    keep_csv(flat, report.folder, name)
    return html_table(frame, caption)


def clustered(matched: Matched, choices: Choices, folder: Path) -> HTML:
    """Treatment effect after matching with model-based and with pair-clustered errors."""
    rows = []
    for outcome in matched.before.study.outcomes:
        fit = cox(matched.after, outcome.key, ["arm"], ties=choices.ties, cluster="pair")
        row = fit.summary().iloc[0]
        rows.append(
            {
                "Outcome": outcome.label,
                "HR": f"{row['hazard_ratio']:.3f}",
                "95% CI, model-based": f"{row['ci_low']:.3f}–{row['ci_high']:.3f}",  # noqa: RUF001 - en dash
                "p, model-based": p_value(row["p"]),
                "95% CI, pair-clustered": f"{row['robust_ci_low']:.3f}–{row['robust_ci_high']:.3f}",  # noqa: RUF001 - en dash
                "p, pair-clustered": p_value(row["robust_p"]),
            }
        )
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "after_matching_clustered")
    return html_table(frame, "Hazard ratios after matching, with two kinds of standard error")


def conclude(verdicts: Sequence[Verdict], chosen: Settings) -> HTML:
    """Say how many printed results agree, and keep the verdicts for the book and for checks.

    Verdicts belong to the study as described: another run says so instead.
    """
    if not chosen.at_paper_settings:
        return no_verdicts()
    summary = verification(verdicts, source=chosen.source, parameters=chosen.as_parameters())
    write_verification(chosen.study.key, summary, build_path() / "verification")
    number = counts(verdicts)
    attained, attainable, results = number["reproduced"], number["attainable"], number["results"]
    text = (
        f"Of {results} printed results, {attainable} can be computed from patients of this kind. "
        f"{attained} of them are attained at the printed precision "
        f"({100 * attained / attainable:.1f}% of those computable, "
        f"{100 * attained / results:.1f}% of all), {number['rounding']} within a unit of the last "
        f"digit; {number['different']} differ by more. {number['inputs']} further printed numbers "
        "are settings and sizes: the analysis takes them over, or they only describe the paper's "
        "methods. Agreement is attained by construction."
    )
    return note("Agreement with the paper", text)


def no_verdicts() -> HTML:
    """Say why a run shows no verdicts."""
    return note(
        "No verdicts in this run",
        "Verdicts are given only for the synthetic cohort at the paper's own settings. The tables "
        "above still show the printed numbers beside those of this run.",
    )


def verdict_summary(verdicts: Sequence[Verdict], chosen: Settings) -> HTML:
    """Count the verdicts by the place where the numbers are printed."""
    if not chosen.at_paper_settings:
        return no_verdicts()
    frame = agreement_frame(verdicts)
    results = frame[frame["role"] != "input"]
    table = pd.crosstab(results["where"], results["verdict"])
    seen = [kind for kind in VERDICT_KINDS if kind in table]
    table = table.reindex(index=list(dict.fromkeys(results["where"])), columns=seen)
    table = table.rename(columns=VERDICT_WORDS)
    table["all"] = table.sum(axis=1)
    return html_table(table.reset_index(names="Place").astype(str), "Verdicts by place")


def verdict_table(verdicts: Sequence[Verdict], chosen: Settings, folder: Path) -> HTML:
    """Show every printed number with its verdict, and keep the table as `agreement.csv`."""
    if not chosen.at_paper_settings:
        return no_verdicts()
    frame = agreement_frame(verdicts)
    keep_csv(frame, folder, "agreement")
    words = frame["verdict"].map(VERDICT_WORDS)
    taken_over = (frame["role"] == "input") & (frame["verdict"] == "reproduced")
    frame["verdict"] = words.mask(taken_over, "taken over")
    return html_table(frame, "Every printed number of the paper", words=True)
