"""The tables and notes of a study's notebook, one call each; each table is also kept as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.agreement import (
    VERDICT_KINDS,
    Verdict,
    agreement_frame,
    counts,
    shares,
    verification,
    write_verification,
)
from replica.analysis import Choices
from replica.cox import cox
from replica.figure_style import p_value
from replica.html_table import SENTENCE, html_table, keep_csv, note
from replica.matching import Matched
from replica.paths import build_path
from replica.protocol import MatchingPlan, Study
from replica.selection import univariable_to_multivariable
from replica.settings import Settings, default_choices
from replica.tables import Comparison, Line, side_by_side
from replica.vocabulary import SCALE_WORDS

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


def settings_table(chosen: Settings) -> HTML:
    """List every setting of this run, and who gives it.

    The study (what its paper states), the program named in its convention profile, this run (a
    parameter that differs from the study's), or nobody: what neither the paper nor a source of the
    profile states is assumed.
    """
    rows = [*_plan_rows(chosen), *_model_rows(chosen)]
    frame = pd.DataFrame(rows, columns=["Setting", "This run", "Given by"])
    return html_table(frame, "Settings of this run", words=True)


Shown = tuple[str, str, str]


def _plan_rows(chosen: Settings) -> Iterator[Shown]:
    plan, own = chosen.plan, chosen.study.matching
    edge = "allowed" if plan.caliper_inclusive else "not allowed"
    left_out = {"none": "kept", "both": "left out"}.get(plan.discard, f"{plan.discard} left out")
    again = ", score fitted again" if plan.reestimate else ""
    for key, name, value in (
        ("covariates", "Covariates of the propensity score", str(len(plan.covariates))),
        ("discard", "Outside common support", f"{left_out}{again}"),
        ("method", "Method", _METHODS[plan.method]),
        ("caliper", "Caliper", "none" if plan.caliper is None else f"{plan.caliper:g}"),
        ("caliper_scale", "Scale of the caliper", SCALE_WORDS[plan.caliper_scale]),
        ("caliper_inclusive", "A pair exactly at the caliper", edge),
        ("covariate_calipers", "Calipers on measures", _calipers(plan)),
        ("exact", "Matched exactly", ", ".join(plan.exact) or "nothing"),
        ("ratio", "Controls per treated patient", str(plan.ratio)),
        ("replace", "A control used more than once", "yes" if plan.replace else "no"),
        ("order", "Order of the treated", plan.order),
        ("draw", "Draw of a control", plan.draw),
    ):
        if getattr(plan, key) != getattr(own, key):
            giver = "this run"
        else:
            giver = "assumed" if key in own.assumed else "the study"
        yield name, value, giver
    seed = f"{chosen.seed}" if chosen.at_random else "without effect"
    yield "Seed of order and draw", seed, "this run" if chosen.at_random else ""


_METHODS = {"nearest": "greedy, nearest neighbour", "optimal": "optimal pairs"}


def _calipers(plan: MatchingPlan) -> str:
    return ", ".join(f"{key} {width:g}" for key, width in plan.covariate_calipers) or "none"


def _model_rows(chosen: Settings) -> Iterator[Shown]:
    choices, own = chosen.choices, default_choices(chosen.study)
    profile = choices.convention
    entered = "the study" if choices.entry_p == own.entry_p else "this run"
    if chosen.study.models:
        yield "Entry p of the multivariable model", f"below {choices.entry_p:g}", entered
    for key, name, value in (
        ("ties", "Tied events in Cox models", choices.ties),
        ("median_interval", "Interval of a median", profile.median_interval),
        ("survival_interval", "Interval of a survival curve", profile.survival_interval),
        ("continuity_correction", "Chi-square", profile.chi_square_rule),
        ("smd_denominator", "Denominator of an SMD", profile.smd_denominator),
    ):
        giver = "assumed" if key in profile.assumed else "the program"
        if key == "ties" and choices.ties != profile.ties:
            giver = "this run"
        yield name, value, giver
    named = "the study" if profile.key == chosen.study.convention else "this run"
    yield "Convention profile", profile.label, named


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
    """Treatment effect after matching with model-based and with pair-clustered errors.

    The unrounded numbers, from which a sweep of notebooks reads, stand in a file of their own.
    """
    rows: list[dict[str, str]] = []
    unrounded: list[dict[str, object]] = []
    for outcome in matched.before.study.outcomes:
        fit = cox(matched.after, outcome.key, ["arm"], ties=choices.ties, cluster="pair")
        row = fit.summary().iloc[0]
        unrounded += _effects(matched, outcome.key, row, fit.n_events)
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
    if matched.before.min_cell < 2:
        # it holds counts of events, which may have to be masked
        keep_csv(pd.DataFrame(unrounded), folder, "after_matching_effects")
    return html_table(frame, "Hazard ratios after matching, with two kinds of standard error")


def _effects(
    matched: Matched, outcome: str, row: pd.Series[float], events: int
) -> Iterator[dict[str, object]]:
    """Sizes and hazard ratio of an outcome with each kind of error."""
    treated = int(matched.after.treated.sum())
    sizes = {"pairs": len(matched.pairs), "treated": treated}
    sizes |= {"control": len(matched.after) - treated, "events": events}
    for adjustment, prefix, errors in (
        ("crude", "", "model-based"),
        ("clustered", "robust_", "clustered on sets"),
    ):
        ends = {name: float(row[f"{prefix}{name}"]) for name in ("ci_low", "ci_high", "p")}
        named = {"outcome": outcome, "adjustment": adjustment, "errors": errors}
        yield {**named, **sizes, "hazard_ratio": float(row["hazard_ratio"]), **ends}


ENOUGH_EVENTS = 10
"""Events per coefficient below which Cox coefficients may be unreliable."""


def selection(matched: Matched, outcome: str, choices: Choices) -> HTML:
    """Say how covariates entered an outcome's joint model, and how many events each rests on.

    Notes
    -----
    Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510: below 10 events per variable estimates are
    biased and intervals too short or too long.
    """
    study = matched.before.study
    plan = next(plan for plan in study.models if plan.outcome == outcome)
    found = univariable_to_multivariable(
        matched.before, plan, ties=choices.ties, entry_p=choices.entry_p
    )
    cases = {
        "available": "Available cases: each model has everybody whose covariates in it are known.",
        "complete": "Complete cases: every model leaves out the same "
        f"{found.n_excluded} patients, those with any covariate missing.",
    }[found.missing]
    judged = {
        "global": "joint over the levels of a covariate",
        "level": "the smallest of a covariate's levels",
    }[found.entry]
    rule = (
        f"{cases} Each covariate is tested alone; those with a Wald p value ({judged}) below "
        f"{choices.entry_p:g} enter the joint model, in which nothing is removed."
    )
    if not found.entered:
        return _remarks({"Selection": f"{rule} None of the {len(plan.covariates)} does."})
    names = ", ".join(study.covariate(key).label for key in found.entered)
    rule += f" {len(found.entered)} of {len(plan.covariates)} do: {names}."
    events, coefficients = int(found.multivariable["events"].iloc[0]), len(found.multivariable)
    tested, all_events = len(found.univariable), int(found.univariable["events"].max())
    said = (
        f"{events} events and {coefficients} coefficients in the joint model: "
        f"{events / coefficients:.1f}. Counting all {tested} coefficients tested, since the "
        f"selection looked at each: {all_events / tested:.1f}."
    )
    if min(events / coefficients, all_events / tested) < ENOUGH_EVENTS:
        said += (
            f" Below {ENOUGH_EVENTS} events per variable, coefficients may be biased and their "
            "intervals misleading (Peduzzi and others, 1995)."
        )
    return _remarks({"Selection": rule, "Events per variable": said})


def _remarks(texts: Mapping[str, str]) -> HTML:
    paragraphs = (f"<p><strong>{key}.</strong> {escape(text)}</p>" for key, text in texts.items())
    return HTML("".join(paragraphs))  # type: ignore[no-untyped-call]  # IPython has no types here


def conclude(verdicts: Sequence[Verdict], chosen: Settings) -> HTML:
    """Say how many printed results agree, and keep the verdicts for the book and for checks.

    Verdicts belong to the study as described: another run says so instead.
    """
    if not chosen.at_paper_settings:
        return no_verdicts()
    summary = verification(verdicts, source=chosen.source, parameters=chosen.as_parameters())
    write_verification(chosen.study.key, summary, build_path() / "verification")
    number = counts(verdicts)
    share = shares(number)
    text = (
        f"Of {number['results']} printed results, {number['contradicted']} cannot hold beside "
        f"others of the paper and {number['not_computable']} cannot be computed from patients of "
        f"this kind. {number['reproduced']} of the other {number['attainable']} are attained at "
        f"the printed precision ({share['attainable']} of those attainable, {share['results']} of "
        f"all), {number['rounding']} within a unit of the last digit; {number['different']} differ "
        f"by more. {number['inputs']} further printed numbers "
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
    for of, heading in (("attainable", "attained, of attainable"), ("results", "attained, of all")):
        table[heading] = [
            shares(counts(v for v in verdicts if v.published.where == place))[of]
            for place in table.index
        ]
    return html_table(table.reset_index(names="Place").astype(str), "Verdicts by place")


def verdict_table(verdicts: Sequence[Verdict], chosen: Settings, folder: Path) -> HTML:
    """Show every printed number with its verdict, and keep the table as `agreement.csv`."""
    if not chosen.at_paper_settings:
        return no_verdicts()
    frame = agreement_frame(verdicts)
    keep_csv(frame, folder, "agreement")
    words = frame["verdict"].map(VERDICT_WORDS)
    taken_over = (frame["role"] == "input") & (frame["verdict"] == "reproduced")
    # What contradicts a number begins with the name of a rule, which readers need not know
    told = frame["evidence"].str.replace(r"^\w+: ", "", regex=True)
    frame["evidence"] = frame["evidence"].mask(frame["verdict"] == "contradicted", told)
    # An argument about many numbers is read once
    again = frame.duplicated("evidence") & (frame["evidence"].str.len() > SENTENCE)
    first = frame.drop_duplicates("evidence").set_index("evidence")["id"]
    frame["evidence"] = frame["evidence"].mask(again, "as under " + frame["evidence"].map(first))
    frame["verdict"] = words.mask(taken_over, "taken over")
    return html_table(frame, "Every printed number of the paper", words=True)
