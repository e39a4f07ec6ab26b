"""The tables that the page of a study of cases and controls shows: quantities to look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from replica.comparison import Cell, Line
from replica.estimate import Quantity
from replica.group_counts import categorical, design_of
from replica.group_models import EXPOSURE
from replica.protocol import Study

__all__ = ["group_lines", "incidence_lines", "interval_lines", "odds_lines", "subgroup_lines"]


def group_lines(study: Study, columns: Sequence[str], groups: Sequence[str]) -> list[Line]:
    """Counts of every level by group, with the p value of every comparison of two of them."""
    design = design_of(study)
    lines: list[Line] = []
    for key in columns:
        column = categorical(study, key)
        tests = {
            f"p, {design.group(pair.first).label} against {design.group(pair.second).label}": Cell(
                Quantity(key, arm=pair.first, comparator=pair.second), "p"
            )
            for pair in design.comparisons
            if key in pair.columns and {pair.first, pair.second} <= set(groups)
        }
        yes_no = column.level_keys == ("yes", "no")
        if not yes_no:
            lines.append((column.label, tests))
        for level in column.levels[:1] if yes_no else column.levels:
            cells = {
                design.group(group).label: Cell(Quantity(key, level.key, arm=group), "count")
                for group in groups
            }
            lines.append((column.label if yes_no else f"\u2003{level.label}", cells))
    return lines


def odds_lines(study: Study, first: str) -> list[Line]:
    """Odds ratios printed for the cases of one group, each with the direction it is read in."""
    design = design_of(study)
    lines: list[Line] = []
    for plan in design.odds_ratios:
        if plan.first != first:
            continue
        column = categorical(study, plan.item)
        of = " or ".join(column.level(level).label for level in plan.levels)
        quantity = Quantity(
            plan.item, outcome=design.exposed, arm=plan.first, comparator=plan.second
        )
        cells = {"OR (95% CI)": Cell(quantity, "odds"), "p": Cell(quantity, "p")}
        how = "per level" if plan.trend else f"odds of {of}"
        joint = ", adjusted" if plan.adjusted_for else ""
        lines.append((f"{column.label}: {how}{joint}", cells))
    return lines


def subgroup_lines(study: Study, outcome: str) -> list[Line]:
    """Hazard ratios of the exposed within each subgroup."""
    design = design_of(study)
    base = Quantity(EXPOSURE, outcome=outcome, arm=design.exposed, comparator=design.unexposed)
    lines: list[Line] = []
    for key, levels in design.subgroups:
        column = categorical(study, key)
        for level in levels:
            cells = {
                design.group(group).label: Cell(Quantity(key, level, arm=group), "count")
                for group in (design.unexposed, design.exposed)
            }
            within = replace(base, subgroup=f"{key}={level}")
            cells["HR (95% CI)"] = Cell(within, "ratio")
            name = column.label if column.level_keys == ("yes", "no") else column.level(level).label
            lines.append((f"{column.label}: {name}" if name != column.label else name, cells))
    return lines


def incidence_lines(study: Study) -> list[Line]:
    """How many of the enrolled have a second cancer, and which cancer came first."""
    design = design_of(study)
    enrolled = [group for group in design.groups if group.stage == "enrolled"]
    lines: list[Line] = []
    for group in enrolled:
        quantity = Quantity(design.exposed, outcome=design.exposed, arm=group.key)
        lines.append(
            (
                f"{design.group(design.exposed).label} among all",
                {"Patients": Cell(quantity, "count")},
            )
        )
    order = categorical(study, design.order)
    for level in order.levels:
        quantity = Quantity(design.order, level.key, arm=design.exposed)
        lines.append((f"\u2003{level.label}", {"Patients": Cell(quantity, "count")}))
    return lines


def interval_lines(study: Study) -> list[Line]:
    """Median time between the two cancers, by which of them came first."""
    design = design_of(study)
    order = categorical(study, design.order)
    measure = next(measure for measure in study.measures if measure.key == design.interval)
    cells = {
        level.label: Cell(Quantity(measure.key, arm=level.key), "median") for level in order.levels
    }
    age = Quantity("age_years", arm=design.exposed)
    return [
        (f"Median {measure.label.lower()}, {measure.unit}", cells),
        ("Median age, years", {design.group(design.exposed).label: Cell(age, "median")}),
    ]
