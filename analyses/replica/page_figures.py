"""The figures of a study's notebook, one call each; each is also kept as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.agreement import VERDICT_KINDS, Verdict, counts
from replica.analysis import Choices
from replica.balance import balance
from replica.cohort import AttritionStep, Cohort
from replica.convention import convention
from replica.cox import cox
from replica.disclosure.cells import Disclosure
from replica.disclosure.curves import coarse, tell_of_few
from replica.disclosure.frames import masked_balance, masked_counts, masked_parts, masked_steps
from replica.errors import ParameterError
from replica.estimate import MASKED
from replica.figure_balance import percent, preference_plot
from replica.figures import (
    Picture,
    agreement_figure,
    attrition_figure,
    cox_forest,
    forest_alt,
    forest_plot,
    kaplan_meier_alt,
    kaplan_meier_figure,
    love_alt,
    love_plot,
    overlap_plot,
    save_figure,
)
from replica.html_table import keep_csv, too_few
from replica.matching import Matched
from replica.overlap import equipoise, preference_score
from replica.page_tables import VERDICT_WORDS, Report, no_verdicts
from replica.protocol import Covariate, CurvePlan, Measure, Study
from replica.selection import subgroup_effects, univariable_to_multivariable
from replica.settings import Settings
from replica.survival import kaplan_meier, log_rank_test, median_survival
from replica.tables import subgroup_frame


def attrition(matched: Matched, folder: Path) -> Picture:
    """Flow of patients from the table to the matched pairs."""
    n, kept = len(matched.before), len(matched.after)
    pairs = matched.pairs["pair"].nunique()
    label = f"Matched patients, {pairs} pairs" if matched.plan.ratio == 1 else "Matched patients"
    reasons = _reasons(matched)
    last = AttritionStep(label, kept, n - kept, f"Left unmatched: {reasons}")
    steps = masked_steps((*matched.before.attrition, last), matched.before.min_cell)
    figure = attrition_figure(steps, title="Flow of patients")
    left = f"{n - kept} left unmatched" + (f" ({reasons})" if reasons else "")
    alt = f"Flow of patients: {n} in the table, {kept} in matched pairs, {left}."
    return _kept(Picture(figure, "attrition", alt), folder)


def _reasons(matched: Matched) -> str:
    """Say how many of each arm were left unmatched, and why."""
    parts: list[str] = []
    for arm in ("treated", "control"):
        reasons = matched.unmatched.loc[matched.unmatched["arm"] == arm, "reason"]
        numbers = {str(key): int(n) for key, n in reasons.value_counts().sort_index().items()}
        shown = masked_parts(numbers, matched.before.min_cell)
        parts += [
            f"{'some' if number is None else number} {arm}, {reason}"
            for reason, number in shown.items()
        ]
    return "; ".join(parts)


def love(matched: Matched, folder: Path, choices: Choices | None = None) -> Picture:
    """Standardized mean differences before and after matching, also kept as `balance.csv`.

    The denominator is that of the choices' convention profile; without choices, of the study's own.
    """
    study = matched.before.study
    profile = convention(study.convention) if choices is None else choices.convention
    frame = masked_balance(balance(matched, denominator=profile.smd_denominator), matched)
    keep_csv(frame, folder, "balance")
    columns: list[Covariate | Measure] = [*study.covariates, *study.measures]
    labels = {column.key: column.label for column in columns}
    for covariate in study.covariates:
        labels |= {f"{covariate.key}={level.key}": level.label for level in covariate.levels}
    missing = f"not estimable, or {MASKED}" if matched.before.min_cell > 1 else "not estimable"
    figure = love_plot(
        frame, labels=labels, title="Balance before and after matching", missing=missing
    )
    return _kept(Picture(figure, "love_plot", love_alt(frame, labels=labels)), folder)


def overlap(matched: Matched, folder: Path) -> Picture:
    """Distribution of the propensity score by arm, before and after matching."""
    scores = pd.concat(
        [
            pd.DataFrame(
                {
                    "arm": cohort.patients["arm"].to_numpy(),
                    "stage": stage,
                    "propensity_score": matched.propensity_score.loc[
                        cohort.patients["patient_id"]
                    ].to_numpy(),
                }
            )
            for stage, cohort in (("before", matched.before), ("after", matched.after))
        ],
        ignore_index=True,
    )
    study = matched.before.study
    labels = _arm_labels(study)
    min_cell = matched.before.min_cell
    figure = overlap_plot(scores, labels=labels, min_cell=min_cell)
    low, high = scores["propensity_score"].min(), scores["propensity_score"].max()
    alt = (
        "Histograms of the propensity score, treated above and control below, before and after "
        "matching"
    )
    if min_cell > 1:
        alt += f"; bars of fewer than {min_cell} patients are left out."
    else:
        alt += f"; scores run from {low:.2f} to {high:.2f}."
    return _kept(Picture(figure, "overlap", alt), folder)


def preference(matched: Matched, folder: Path) -> Picture:
    """Preference scores by arm before matching, with the share of each arm in equipoise.

    The shares are also kept as `equipoise.csv`.
    """
    cohort = matched.before
    score = matched.propensity_score.loc[cohort.patients["patient_id"]]
    scores = preference_score(score, cohort.treated)
    shares = _masked_shares(equipoise(scores), cohort.min_cell)
    keep_csv(shares, folder, "equipoise")
    labels = _arm_labels(cohort.study)
    figure = preference_plot(
        scores.drop(columns="patient_id"), shares, labels=labels, min_cell=cohort.min_cell
    )
    whose = [labels.get(str(arm), "in both arms") for arm in shares["arm"]]
    parts = [
        f"{percent(float(share))} of {n} {who}"
        for share, n, who in zip(shares["share"], shares["n"], whose, strict=True)
    ]
    low, high = shares["low"].iloc[0], shares["high"].iloc[0]
    alt = (
        "Histograms of the preference score before matching, treated above and control below. In "
        f"equipoise, with a score from {low:g} to {high:g}: {'; '.join(parts)}."
    )
    return _kept(Picture(figure, "preference", alt), folder)


def _masked_shares(shares: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Mask shares of few patients, and those from which they follow."""
    if min_cell < 2:
        return shares
    arms = shares.assign(group=["arms" if arm != "all" else "all" for arm in shares["arm"]])
    masked = masked_counts(arms, min_cell, within=[("n", "in_equipoise")], by="group")
    masked["share"] = masked["share"].mask(masked["in_equipoise"].isna())
    return masked.drop(columns="group")


def curve(matched: Matched, exhibit: str, choices: Choices, folder: Path) -> Picture | HTML:
    """Kaplan-Meier curves of one figure of the paper, with numbers at risk, medians and tests."""
    study = matched.before.study
    plan = _plan(study, exhibit)
    cohort = matched.before if plan.stage == "before" else matched.after
    shown = cohort if plan.within is None else cohort.within(plan.within)
    outcome = study.outcome(plan.outcome)
    interval = choices.convention.survival_interval
    curves = kaplan_meier(shown, outcome.key, by=plan.by, interval=interval)
    if tell_of_few(curves, cohort.min_cell):
        return too_few(cohort.min_cell)
    medians = {
        str(group): median_survival(rows, interval=choices.convention.median_interval)
        for group, rows in curves.groupby("group", sort=False)
    }
    if plan.by == "arm":
        labels = _arm_labels(study)
    else:
        covariate = study.covariate(plan.by)
        labels = {level.key: f"{covariate.label}: {level.label}" for level in covariate.levels}
    annotation = _annotation(shown, plan, choices)
    where = study.exhibit(exhibit)
    figure = kaplan_meier_figure(
        curves,
        labels=labels,
        unit=outcome.unit,
        title=f"{where.where}. {where.title}",
        outcome_label=outcome.label,
        medians=medians,
        annotation=annotation,
        min_cell=cohort.min_cell,
    )
    alt = kaplan_meier_alt(
        coarse(curves, cohort.min_cell),
        labels=labels,
        unit=outcome.unit,
        outcome_label=outcome.label,
        medians=medians,
        annotation=annotation,
    )
    if cohort.source == "synthetic" and not cohort.min_cell:
        # Of real patients the steps of a curve are single times of single persons.
        keep_csv(curves, folder, f"{exhibit}_curves")
    return _kept(Picture(figure, exhibit, alt), folder)


def _arm_labels(study: Study) -> dict[str, str]:
    return {arm.key: arm.label for arm in (study.treated, study.control)}


def _plan(study: Study, exhibit: str) -> CurvePlan:
    for plan in study.curves:
        if plan.exhibit == exhibit:
            return plan
    known = ", ".join(plan.exhibit for plan in study.curves)
    raise ParameterError(f"curves: found {exhibit!r}; the protocol has {known}.")


def _annotation(shown: Cohort, plan: CurvePlan, choices: Choices) -> str:
    p = log_rank_test(shown, plan.outcome, by=plan.by).p
    test = "log-rank p < 0.001" if p < 0.001 else f"log-rank p = {p:.3f}"
    if plan.by != "arm":
        return test
    row = cox(shown, plan.outcome, ["arm"], ties=choices.ties).summary().iloc[0]
    ratio = f"{row['hazard_ratio']:.2f} ({row['ci_low']:.2f}–{row['ci_high']:.2f})"  # noqa: RUF001 - en dash
    return f"HR {ratio}; {test}"


def subgroups(
    matched: Matched, report: Report, outcome: str, exhibit: str, choices: Choices
) -> Picture:
    """Forest plot of the treatment effect by subgroup.

    On synthetic patients rows without a printed result are grey: nothing printed holds them.
    """
    study = report.study
    plan = next(plan for plan in study.subgroups if plan.outcome == outcome)
    effects = subgroup_effects(matched.before, plan, ties=choices.ties)
    shown = Disclosure.of(matched)
    levels = zip(effects["covariate"], effects["level"], strict=True)
    frame = masked_counts(
        subgroup_frame(report.comparison, effects, outcome),
        shown.min_cell,
        within=[("n", "events")],
        by="group_label",
        hidden=[
            (i, "n")
            for i, (key, level) in enumerate(levels)
            if shown.hides(str(key), {"all"}, "before", str(level))
        ],
    )
    keep_csv(frame, report.folder, exhibit)
    where = study.exhibit(exhibit)
    title = f"{where.where}. {where.title}"
    printed = frame[frame["constrained"]]
    published = printed[["label", "group_label"]].assign(
        hazard_ratio=printed["printed_hazard_ratio"]
    )
    if matched.before.source == "supplied":
        # Every row is then an estimate from patients; what is printed holds none of them.
        frame["constrained"] = True
    figure = forest_plot(
        frame,
        title=title,
        favours=(f"favours {study.treated.label}", f"favours {study.control.label}"),
        published=published if len(published) else None,
    )
    return _kept(Picture(figure, exhibit, forest_alt(frame, title=title)), report.folder)


def models(
    matched: Matched, report: Report, outcome: str, exhibit: str, choices: Choices
) -> Picture:
    """Forest plot of the univariable and multivariable models of one outcome."""
    study = report.study
    plan = next(plan for plan in study.models if plan.outcome == outcome)
    selection = univariable_to_multivariable(
        matched.before, plan, ties=choices.ties, entry_p=choices.entry_p
    )
    frame = pd.concat(
        [
            selection.univariable.assign(model="univariable"),
            selection.multivariable.assign(model="multivariable"),
        ],
        ignore_index=True,
    )
    covariates = [study.covariate(str(key)) for key in frame["covariate"]]
    frame["group_label"] = [covariate.label for covariate in covariates]
    frame["label"] = [
        f"{covariate.level(covariate.contrast).label} against "
        f"{covariate.level(covariate.reference).label}"
        for covariate in covariates
    ]
    where = study.exhibit(exhibit)
    title = f"{where.where}. {where.title}"
    figure = cox_forest(frame, title=title)
    strongest = selection.univariable.dropna(subset=["p"]).nsmallest(1, "p").iloc[0]
    alt = (
        f"{title}: hazard ratios with intervals of {len(selection.univariable)} covariates alone "
        f"and of the {len(selection.entered)} that enter the joint model; alone, the smallest p "
        f"value is that of {study.covariate(str(strongest['covariate'])).label}, hazard ratio "
        f"{strongest['hazard_ratio']:.2f}."
    )
    return _kept(Picture(figure, f"{exhibit}_forest", alt), report.folder)


def verdict_figure(verdicts: Sequence[Verdict], chosen: Settings, folder: Path) -> Picture | HTML:
    """Bar of the verdicts on the printed numbers."""
    if not chosen.at_paper_settings:
        return no_verdicts()
    number = counts(verdicts)
    figure = agreement_figure({"This study": number}, source=chosen.source)
    parts = ", ".join(f"{number[outcome]} {VERDICT_WORDS[outcome]}" for outcome in VERDICT_KINDS)
    alt = f"Verdicts on {number['results']} printed results: {parts}."
    return _kept(Picture(figure, "agreement", alt), folder)


def _kept(picture: Picture, folder: Path) -> Picture:
    save_figure(picture.figure, folder, picture.name)
    return picture
