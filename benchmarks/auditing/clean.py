"""Clean papers: real analyses of public data sets, printed at usual precision."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from auditing.analysing import (
    Estimate,
    hazard_ratio,
    matched,
    odds_ratio,
    p_of_counts,
    survival,
)
from auditing.printing import Style, p_text, rounded, rows
from auditing.sources import MAKERS, Source, source
from replica.audit import Claim
from replica.audit.paper import Paper
from replica.published import PublishedValue

ARMS = {"treated": True, "control": False}
AGAINST = {"arm": "treated", "comparator": "control"}
TEST_WORDS = {
    "pearson": "Counts are compared by Pearson's chi-square test",
    "yates": "Counts are compared by the chi-square test with Yates' continuity correction",
    "fisher": "Counts are compared by Fisher's exact test",
}
STYLES = (
    Style(),
    Style(percent=1, ratio=2, p=2, test="fisher", spread="median"),
    Style(percent=2, ratio=3, p=3, test="yates", named=False),
    Style(percent=0, ratio=2, p=3, test="pearson", spread="median"),
)


@dataclass
class _Writer:
    """Collects the rows of one paper."""

    source: Source
    style: Style
    rows: list[PublishedValue] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)

    def add(self, name: str, printed: dict[str, str], **columns: str) -> None:
        self.rows += rows(name, printed, **columns)

    def percent(self, count: int, total: int) -> str:
        return rounded(Fraction(100 * count, total), self.style.percent)

    def ratio(self, found: Estimate) -> dict[str, str]:
        digits = self.style.ratio
        ends = {"ci_low": rounded(found.low, digits), "ci_high": rounded(found.high, digits)}
        return {"": rounded(found.ratio, digits)} | ends | {"p": p_text(found.p, self.style.p)}


@cache
def paper(key: str, *, matching: bool, style: Style, seed: int) -> Paper:
    """Analyse a public data set and print the result as a paper would."""
    data = source(key)
    stages = {"before": data.frame}
    if matching:
        stages["after"] = matched(data.frame, np.random.default_rng(seed))
    writer = _Writer(data, style)
    last = "after" if matching else "before"
    _sizes(writer, stages, "Abstract")
    _headline(writer, stages[last], last, "Abstract", short=True)
    _sizes(writer, stages, "Table 1", arms_only=True)
    for stage, frame in stages.items():
        _characteristics(writer, frame, stage)
    if not matching:
        _odds(writer, data.frame)
    _headline(writer, stages[last], last, "Figure 1", short=False)
    claims = _claims(writer)
    name = f"{key}_{'matched' if matching else 'all'}"
    return Paper(name, tuple(writer.rows), claims)


@cache
def clean_papers(seed: int) -> tuple[Paper, ...]:
    """Return every clean paper: each data set as it is, and matched where it is large enough."""
    papers = []
    for place, key in enumerate(MAKERS):
        data = source(key)
        smaller = min(data.frame["treated"].sum(), (~data.frame["treated"]).sum())
        designs = [False, True] if data.levels and 40 <= smaller <= 3000 else [False]
        for matching in designs:
            style = STYLES[(place + matching) % len(STYLES)]
            papers.append(paper(key, matching=matching, style=style, seed=seed))
    return tuple(papers)


def _sizes(
    writer: _Writer, stages: dict[str, pd.DataFrame], where: str, *, arms_only: bool = False
) -> None:
    place = where.lower().replace(" ", "")
    for stage, frame in stages.items():
        columns = {"where": where, "item": "patients", "stage": stage}
        for arm, treated in ARMS.items():
            if stage == "before" or arms_only:
                size = str(int((frame["treated"] == treated).sum()))
                writer.add(f"{place}.patients.{arm}.{stage}", {"n": size}, arm=arm, **columns)
        if arms_only:
            continue
        if stage == "before":
            writer.add(f"{place}.patients.all.before", {"n": str(len(frame))}, arm="all", **columns)
        else:
            each = {"n": str(len(frame) // 2)}
            writer.add(f"{place}.patients.each.after", each, arm="all", level="each_arm", **columns)


def _characteristics(writer: _Writer, frame: pd.DataFrame, stage: str) -> None:
    at = {"where": "Table 1", "stage": stage}
    for item, levels in writer.source.levels.items():
        table = pd.crosstab(frame[item], frame["treated"]).reindex(
            index=list(levels), columns=[True, False], fill_value=0
        )
        name = f"table1.{item}.{stage}"
        nonempty = table.to_numpy()[table.to_numpy().sum(axis=1) > 0]
        if len(nonempty) > 1:
            p = p_of_counts(nonempty, writer.style.test)
            writer.add(name, {"p": p_text(p, writer.style.p)}, item=item, **AGAINST, **at)
            if writer.style.test != "fisher" or nonempty.shape == (2, 2):
                writer.compared.append(name)
        for level in levels:
            for arm, treated in ARMS.items():
                count, total = int(table.loc[level, treated]), int(table[treated].sum())
                printed = {"n": str(count), "percent": writer.percent(count, total)}
                cell = f"table1.{item}.{level}.{arm}.{stage}"
                writer.add(cell, printed, item=item, level=level, arm=arm, **at)
    for item, digits in writer.source.numbers.items():
        groups = [frame.loc[frame["treated"] == treated, item] for treated in ARMS.values()]
        for arm, values in zip(ARMS, groups, strict=True):
            found = _summary(values, writer.style.spread, digits)
            writer.add(f"table1.{item}.{arm}.{stage}", found, item=item, arm=arm, **at)
        test = stats.ttest_ind if writer.style.spread == "mean" else stats.mannwhitneyu
        p = p_text(float(test(*groups).pvalue), writer.style.p)
        writer.add(f"table1.{item}.{stage}", {"p": p}, item=item, **AGAINST, **at)


def _summary(values: pd.Series, spread: str, digits: int) -> dict[str, str]:
    if spread == "mean":
        return {"mean": rounded(values.mean(), digits), "sd": rounded(values.std(), digits)}
    ends = {"min": 0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1}
    return {name: rounded(float(values.quantile(at)), digits) for name, at in ends.items()}


def _odds(writer: _Writer, frame: pd.DataFrame) -> None:
    """Print crude odds ratios of each level against the rest, treated over control."""
    for item, levels in writer.source.levels.items():
        shown = levels[1:] if len(levels) == 2 else levels
        for level in shown:
            has = frame[item] == level
            cells = [
                int((side & (frame["treated"] == treated)).sum())
                for treated in ARMS.values()
                for side in (has, ~has)
            ]
            if min(cells) == 0:
                continue
            a, b, c, d = cells
            printed = writer.ratio(odds_ratio(a, b, c, d))
            printed = {"or": printed.pop("")} | printed
            columns = {"where": "Table 2", "item": item, "level": level, "stage": "before"}
            writer.add(f"table2.{item}.{level}", printed, model="crude", **AGAINST, **columns)


def _headline(writer: _Writer, frame: pd.DataFrame, stage: str, where: str, *, short: bool) -> None:
    """Print events, curves and the effect, in the abstract only the most important."""
    if not writer.source.outcome:
        return
    place = where.lower().replace(" ", "")
    at = {"where": where, "stage": stage, "outcome": "event"}
    groups = {arm: frame[frame["treated"] == treated] for arm, treated in ARMS.items()}
    events = {arm: int(group["event"].sum()) for arm, group in groups.items()}
    for arm, group in groups.items():
        printed = {"n": str(events[arm]), "count_total": str(len(group))}
        printed |= {"percent": writer.percent(events[arm], len(group))}
        if short:
            del printed["count_total"]
        writer.add(f"{place}.event.{arm}", printed, item="event", arm=arm, **at)
    if not short:
        total = sum(events.values())
        writer.add(f"{place}.event.all", {"n": str(total)}, item="event", arm="all", **at)
        shares = [Fraction(100 * events[arm], len(group)) for arm, group in groups.items()]
        difference = rounded(shares[0] - shares[1], writer.style.percent)
        unit = {"item": "risk_difference", "unit": "percent"}
        writer.add(f"{place}.difference", {"risk_difference": difference}, **unit, **AGAINST, **at)
    if writer.source.timed:
        _curves(writer, groups, at, short=short)
        statistic, effect = "hr", hazard_ratio(frame)
    else:
        sizes = {arm: len(group) for arm, group in groups.items()}
        cells = [n for arm in ARMS for n in (events[arm], sizes[arm] - events[arm])]
        if min(cells) == 0:
            return
        a, b, c, d = cells
        statistic, effect = "or", odds_ratio(a, b, c, d)
    if not math.isfinite(effect.high):
        return
    printed = writer.ratio(effect)
    printed = {statistic: printed.pop("")} | printed
    item = "treatment" if statistic == "hr" else "event"
    writer.add(f"{place}.effect", printed, item=item, model="crude", **AGAINST, **at)


def _curves(
    writer: _Writer, groups: dict[str, pd.DataFrame], at: dict[str, str], *, short: bool
) -> None:
    place = at["where"].lower().replace(" ", "")
    unit = writer.source.unit
    for arm, group in groups.items():
        curve = survival(group)
        columns = {"item": "survival", "arm": arm} | at
        median = float(curve.median_survival_time_)
        text = rounded(median, 1) if math.isfinite(median) else "not reached"
        writer.add(f"{place}.survival.{arm}", {"median": text}, unit=unit, **columns)
        if short:
            continue
        for time in writer.source.times:
            if time > group["duration"].max():
                continue
            rate = rounded(100 * float(curve.predict(time)), writer.style.percent)
            name = f"{place}.survival.{arm}.{time}"
            writer.add(name, {"rate": rate}, unit="percent", time=f"{time} {unit}", **columns)


def _claims(writer: _Writer) -> tuple[Claim, ...]:
    claims = []
    if writer.style.named and writer.compared:
        about = ";".join(writer.compared)
        words = TEST_WORDS[writer.style.test]
        claims.append(Claim("methods", "Text: Methods", words, about, "method", "descriptive"))
    for name in dict.fromkeys(row.estimate_id for row in writer.rows):
        if not name.endswith(".effect"):
            continue
        found = {row.statistic: row.value for row in writer.rows if row.estimate_id == name}
        ratio = found.get("hr") or found["or"]
        p = found["p"]
        significant = p.kind == "below" or p.value < Fraction(1, 20)
        if not significant:
            continue
        direction = "higher" if ratio.value > 1 else "lower"
        place = next(row.where for row in writer.rows if row.estimate_id == name)
        words = f"The risk of the event is {direction} in the treated"
        claims.append(Claim(f"{name}.said", place, words, name, direction, "significant"))
    return tuple(claims)
