"""What the page on second primary cancers shows beside the tables and figures of every study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pandas as pd
from IPython.display import HTML

from replica.aalen_johansen import incidence_at
from replica.analysis import Choices
from replica.cohort import Cohort
from replica.comparison import Cell, Kind, Line
from replica.competing import cumulative_incidence, gray_test
from replica.cox import cox
from replica.disclosure.cells import Disclosure
from replica.disclosure.curves import coarse, tell_of_few
from replica.disclosure.frames import masked_counts, masked_steps
from replica.estimate import Quantity
from replica.event_summaries import CAUSE, METHODS, count_tests, first_events, incidences
from replica.exposure_time import by_landmark, exposure_readings
from replica.figure_forest import forest_plot
from replica.figure_incidence import incidence_figure
from replica.figure_style import p_value
from replica.figures import Picture, kaplan_meier_alt, kaplan_meier_figure, save_figure
from replica.html_table import html_table, keep_csv, note, too_few
from replica.landmark import landmark
from replica.matching import Matched
from replica.protocol import ARM_KEYS, Study
from replica.published import PublishedValue
from replica.second_primary import EITHER, EVENT, WAIT
from replica.survival import kaplan_meier, log_rank_test

StageKey = Literal["before", "after"]

ENTRY = 6.0
"""Months that eligibility asks to live: nobody is at risk before."""

LANDMARKS = (6.0, 12.0)
SHORT = {EVENT: "Second primary", EITHER: "Second primary or death"}
TABULATED = (
    *("age_years", "sex", "charlson_index", "autoimmune_disease", "organ_transplant"),
    *("cancer_type", "prior_chemotherapy", "prior_radiotherapy", "prior_surgery"),
)


def _by_arm(study: Study, quantity: Quantity, kind: Kind) -> dict[str, Cell]:
    return {study.arm_label(arm): Cell(replace(quantity, arm=arm), kind) for arm in ARM_KEYS}


def _p(item: str, level: str, stage: str) -> dict[str, Cell]:
    return {"p": Cell(Quantity(item, level, "", "treated", "control", "", stage), "p")}


def attrition_table(cohort: Cohort, folder: Path) -> HTML:
    """List who was left out of the cohort by which rule, in the order of the rules."""
    frame = pd.DataFrame(
        [
            {
                "Step": step.label,
                "Left": step.remaining,
                "Excluded": step.excluded,
                "Why": step.reason if step.excluded else "",
            }
            for step in masked_steps(cohort.attrition, cohort.min_cell)
        ]
    )
    keep_csv(frame, folder, "attrition")
    shown = frame.map(lambda cell: f"{cell:,}" if isinstance(cell, int) else cell)
    return html_table(shown, "Eligibility, rule by rule")


def table_1_lines(study: Study, stage: StageKey) -> list[Line]:
    """Lines of Table 1: quartiles of measures, and one line per level with a test of its own."""
    measures = {measure.key: measure for measure in study.measures}
    lines: list[Line] = []
    for key in TABULATED:
        quantity = Quantity(key, stage=stage)
        if key in measures:
            cells = _by_arm(study, quantity, "quartiles") | _p(key, "", stage)
            lines.append((f"{measures[key].label}, median (quartiles)", cells))
            continue
        covariate = study.covariate(key)
        two = len(covariate.levels) == 2
        if not two:
            lines.append((covariate.label, {}))
        for level in covariate.levels[:1] if two else covariate.levels:
            cells = _by_arm(study, replace(quantity, level=level.key), "count")
            label = covariate.label if level.key == "yes" else level.label
            indent = "" if two else "\u2003"
            lines.append((f"{indent}{label}", cells | _p(key, "" if two else level.key, stage)))
    return lines


def text_lines(study: Study) -> list[Line]:
    """Lines of what the text reports of the matched cohorts."""
    lines: list[Line] = [
        ("Age, mean (SD)", _by_arm(study, Quantity("age_years", stage="after"), "mean"))
    ]
    for key in ("de_novo_metastatic", "smoking"):
        quantity = Quantity(key, "yes", stage="after")
        lines.append((study.covariate(key).label, _by_arm(study, quantity, "count")))
    for one in study.characteristics:
        quantity = Quantity(one.key, "yes", stage="after")
        lines.append((one.label, _by_arm(study, quantity, "count")))
    wait = Quantity("time_to_ici", arm="treated", stage="after")
    since = Quantity("time_ici_to_second_primary", "", EVENT, "treated", stage="after")
    treated = study.treated.label
    follow_up = _by_arm(study, Quantity("follow_up", stage="after"), "quartiles")
    return [
        *lines,
        ("Days from metastasis to first ICI", {treated: Cell(wait, "quartiles")}),
        ("Months from first ICI to second primary", {treated: Cell(since, "quartiles")}),
        ("Follow-up, months", follow_up),
    ]


def outcome_lines(study: Study) -> list[Line]:
    """Lines of what the paper reports of each arm in Figures 1 and 2."""
    share = Quantity(EVENT, "", EVENT, stage="after")
    both = {"Both": Cell(replace(share, arm="all"), "count")}
    incidence = Quantity("incidence", "", EVENT, stage="after", time="60 months")
    lines: list[Line] = [
        ("Second primaries", {**_by_arm(study, share, "count"), **both}),
        ("\u20035-year incidence, %", _by_arm(study, incidence, "rate")),
    ]
    for outcome, label in SHORT.items():
        when = _by_arm(study, Quantity("time_to_event", "", outcome, stage="after"), "quartiles")
        lines.append((f"Months to {label.lower()}, of those with it", when))
    return lines


def contrast_lines(study: Study) -> list[Line]:
    """Lines of how the paper compares the arms of Figures 1 and 2."""
    arms = f"{study.treated.label} against {study.control.label}"
    lines: list[Line] = []
    for outcome, label in SHORT.items():
        ratio = Quantity("treatment", "", outcome, "treated", "control", "", "after", "crude")
        cells = {"HR (95% CI)": Cell(ratio, "ratio"), "p": Cell(ratio, "p")}
        if outcome == EVENT:
            difference = replace(ratio, item="risk_difference", outcome=EVENT, model="")
            cells["Risk difference"] = Cell(difference, "difference")
        lines.append((f"{label}, {arms}", cells))
    return lines


def tests_table(
    matched: Matched, published: tuple[PublishedValue, ...], folder: Path, stage: StageKey
) -> HTML:
    """Set each printed p value of a count beside those of the tests that a paper may have used."""
    cohort = matched.before if stage == "before" else matched.after
    study = cohort.study
    shown = Disclosure.of(matched)
    printed = {
        (row.item, row.level): row
        for row in published
        if row.where == "Table 1" and row.statistic == "p" and row.stage == stage
    }
    names = {"pearson": "Pearson", "yates": "Yates", "fisher": "Fisher"}
    rows = []
    for found in count_tests(cohort).to_dict("records"):
        covariate = study.covariate(str(found["item"]))
        two = len(covariate.levels) == 2
        row = printed.get((covariate.key, "" if two else str(found["level"])))
        if row is None or shown.hides(covariate.key, ARM_KEYS, stage):
            continue
        label = covariate.level(str(found["level"])).label
        fitting = [
            words
            for name, words in names.items()
            if row.value.admits(Fraction(f"{float(found[name]):.12g}"))
        ]
        rows.append(
            {
                "Row": covariate.label if label == "Yes" else f"{covariate.label}: {label}",
                "printed": row.printed,
                **{words: p_value(float(found[name])) for name, words in names.items()},
                "returned by": ", ".join(fitting) or "none",
            }
        )
    frame = pd.DataFrame(rows, columns=["Row", "printed", *names.values(), "returned by"])
    keep_csv(frame, folder, f"tests_{stage}")
    return html_table(frame, f"Which test returns the printed p values, {stage} matching")


def incidence_table(matched: Matched, folder: Path) -> HTML:
    """Set the 5-year incidence by each estimator side by side."""
    study = matched.before.study
    rows = []
    if Disclosure.of(matched).hides(EVENT, ARM_KEYS, "after"):
        return too_few(matched.before.min_cell)
    for method, words in METHODS.items():
        found = incidences(matched.after, EVENT, EITHER, 60.0, method)
        treated, control = (100 * float(found[arm]) for arm in ARM_KEYS)
        rows.append(
            {
                "Estimator": words,
                study.treated.label: f"{treated:.1f}",
                study.control.label: f"{control:.1f}",
                "Difference": f"{treated - control:.1f}",
            }
        )
    frame = pd.DataFrame(rows)
    keep_csv(frame, folder, "incidence_estimators")
    return html_table(frame, "5-year incidence of second primaries after matching, percent")


def left_truncation(matched: Matched, choices: Choices, folder: Path) -> Picture | HTML:
    """Kaplan-Meier curves of second primary or death from six months on, when risk begins."""
    cohort = landmark(matched.after, EITHER, ENTRY)
    title = f"Second primary or death from {ENTRY:g} months after the diagnosis"
    return _curves(cohort, EITHER, choices, folder, "left_truncation", title)


def landmark_curves(
    matched: Matched, choices: Choices, folder: Path, *, outcome: str, time: float
) -> Picture | HTML:
    """Kaplan-Meier curves from a landmark, by treatment until then."""
    cohort = by_landmark(matched.after, outcome, WAIT, time)
    title = f"{SHORT[outcome]} from {time:g} months on, by treatment until then"
    return _curves(cohort, outcome, choices, folder, f"landmark_{time:g}_{outcome}", title)


def _labels(study: Study) -> Mapping[str, str]:
    return {arm: study.arm_label(arm) for arm in ARM_KEYS}


def _curves(
    cohort: Cohort, outcome: str, choices: Choices, folder: Path, name: str, title: str
) -> Picture | HTML:
    described = cohort.study.outcome(outcome)
    curves = kaplan_meier(cohort, outcome, interval=choices.convention.survival_interval)
    if tell_of_few(curves, cohort.min_cell):
        return too_few(cohort.min_cell)
    row = cox(cohort, outcome, ["arm"], ties=choices.ties).summary().iloc[0]
    p = log_rank_test(cohort, outcome).p
    ratio = f"{row['hazard_ratio']:.2f} ({row['ci_low']:.2f}–{row['ci_high']:.2f})"  # noqa: RUF001 - en dash
    said = f"HR {ratio}; log-rank p {p_value(p) if p < 0.001 else f'= {p:.3f}'}"
    labels, unit = _labels(cohort.study), described.unit
    figure = kaplan_meier_figure(
        curves,
        labels=labels,
        unit=unit,
        title=title,
        outcome_label=described.label,
        annotation=said,
        min_cell=cohort.min_cell,
    )
    save_figure(figure, folder, name)
    alt = kaplan_meier_alt(
        coarse(curves, cohort.min_cell),
        labels=labels,
        unit=unit,
        outcome_label=described.label,
        annotation=said,
    )
    return Picture(figure, name, alt)


def readings_figure(matched: Matched, choices: Choices, folder: Path) -> Picture:
    """Forest plot of the readings, the naive ones first; also kept as `exposure_readings.csv`."""
    frame = masked_counts(
        exposure_readings(
            matched.after, EVENT, EITHER, WAIT, ties=choices.ties, entry=ENTRY, landmarks=LANDMARKS
        ),
        matched.before.min_cell,
        within=[("n", "events")],
    )
    keep_csv(frame, folder, "exposure_readings")
    study = matched.before.study
    rows = frame.assign(label=frame["reading"], group_label=frame["outcome"].map(SHORT))
    title = "Sensitivity of the design: when treatment and risk begin"
    figure = forest_plot(
        rows,
        title=title,
        favours=(f"favours {study.treated.label}", f"favours {study.control.label}"),
        corner="Reading",
    )
    save_figure(figure, folder, "exposure_readings")
    parts = [
        f"{row['group_label']}, {row['label']}: {row['hazard_ratio']:.2f}"
        for row in rows.to_dict("records")
    ]
    return Picture(figure, "exposure_readings", f"{title}. Hazard ratios: {'; '.join(parts)}.")


def incidence_curves(matched: Matched, folder: Path) -> Picture | HTML:
    """Cumulative incidence of second primaries, with death competing and with the dead censored."""
    if matched.before.min_cell > 1:
        return note("Masked", "Not shown: every step of these curves is of one patient.")
    cohort = first_events(matched.after, EVENT, EITHER)
    competing = cumulative_incidence(cohort, EITHER, cause=CAUSE)
    first = competing[competing["cause"] == 1].assign(estimator="aalen_johansen")
    naive = kaplan_meier(cohort, EVENT).assign(
        estimator="kaplan_meier", incidence=lambda rows: 1 - rows["survival"]
    )
    kept = ["group", "estimator", "time", "incidence", "ci_low", "ci_high"]
    curves = pd.concat([first[kept], naive[kept]], ignore_index=True)
    study = cohort.study
    test = gray_test(cohort, EITHER, cause=CAUSE)
    title = f"Cumulative incidence of second primaries (Gray's test p = {test.p:.3f})"
    figure = incidence_figure(
        curves, labels=_labels(study), unit="months", title=title, what="Second primary"
    )
    if cohort.source == "synthetic":
        # Of real patients the steps of a curve are single times of single persons.
        keep_csv(curves, folder, "incidence_curves")
    save_figure(figure, folder, "incidence_curves")
    at = {
        arm: incidence_at(first[first["group"] == arm].drop(columns=["group", "estimator"]), 60.0)
        for arm in ARM_KEYS
    }
    parts = ", ".join(
        f"{study.arm_label(arm)} {100 * value.incidence:.1f}%" for arm, value in at.items()
    )
    alt = (
        f"{title}. At 60 months, with death competing: {parts}; the dashed curves, which censor "
        "the dead, lie higher."
    )
    return Picture(figure, "incidence_curves", alt)
