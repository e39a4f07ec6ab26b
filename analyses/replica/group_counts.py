"""Counts by group in a study of cases and controls, and the test behind each printed p value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from replica.case_control import CaseControl
from replica.cohort import Cohort
from replica.contingency import TableTest, fisher, pearson, yates
from replica.errors import EstimationError, ProtocolError
from replica.estimate import Estimate, Quantity, Value, estimates
from replica.groups import ENROLLED, Group, GroupComparison, GroupDesign
from replica.protocol import Categorical, Study
from replica.published import PublishedValue

LIKELIHOOD_RATIO = "likelihood ratio chi-square"
ENOUGH_EXPECTED = 5.0


def design_of(study: Study) -> GroupDesign:
    """Return the study's design of cases and controls.

    Raises
    ------
    ProtocolError
        If the study has none.
    """
    if study.groups is None:
        raise ProtocolError(f"{study.key}: no study of cases and controls; it describes no groups.")
    return study.groups


def categorical(study: Study, key: str) -> Categorical:
    """Return the cut measure, covariate or characteristic with this key."""
    cuts = {cut.key: cut for cut in design_of(study).cuts}
    if key in cuts:
        return cuts[key]
    covariates = {covariate.key: covariate for covariate in study.covariates}
    return covariates[key] if key in covariates else study.characteristic(key)


def levels(cohort: Cohort, key: str) -> pd.Series[Any]:
    """Return everybody's level of a column, a measure being cut where its study says so."""
    cuts = {cut.key: cut for cut in design_of(cohort.study).cuts}
    values = cohort.column(key)
    if key not in cuts:
        return values
    below, above = cuts[key].level_keys
    cut = pd.Series(np.where(values < cuts[key].at, below, above), index=values.index)
    return cut.where(values.notna())


def members(matched: CaseControl, key: str) -> Cohort:
    """Return the patients of a group, among the matched or, if it says so, all enrolled."""
    group = design_of(matched.before.study).group(key)
    return part_of(matched.before if group.stage == ENROLLED else matched.after, group)


def part_of(cohort: Cohort, group: Group) -> Cohort:
    """Restrict a cohort to a group, whatever its stage."""
    kept = np.ones(len(cohort), dtype=np.bool_)
    if group.arm is not None:
        kept &= (cohort.column("arm") == group.arm).to_numpy()
    if group.column:
        kept &= (levels(cohort, group.column) == group.level).to_numpy()
    return cohort.where(kept)


def counts_of(cohort: Cohort, key: str) -> list[int]:
    """Count the patients at each level of a column."""
    values = levels(cohort, key)
    return [int((values == level).sum()) for level in categorical(cohort.study, key).level_keys]


def likelihood_ratio(table: Sequence[Sequence[int]]) -> TableTest:
    """Test independence by the likelihood ratio, G squared, without correction.

    Notes
    -----
    The line "Likelihood Ratio" of SPSS's CROSSTABS.
    """
    plain = pearson(table)
    result = stats.chi2_contingency(
        np.array(plain.table), correction=False, lambda_="log-likelihood"
    )
    return TableTest(
        LIKELIHOOD_RATIO,
        float(result.statistic),
        int(result.dof),
        float(result.pvalue),
        plain.expected_min,
        plain.table,
    )


def by_expected_count(table: Sequence[Sequence[int]]) -> TableTest:
    """Choose the test by size and expected counts, the rule that returns most printed p values.

    Two by two tables are tested by Pearson's chi-square, with Yates' correction where an expected
    count is below 5; larger ones by the likelihood ratio. Levels that nobody has are left out.
    """
    kept = [list(row) for row in zip(*_filled(table), strict=True)]
    if len(kept[0]) > 2:
        return likelihood_ratio(kept)
    plain = pearson(kept)
    return plain if plain.expected_min >= ENOUGH_EXPECTED else yates(kept)


def all_tests(table: Sequence[Sequence[int]]) -> list[TableTest]:
    """Test a table of counts in every usual way."""
    kept = [list(row) for row in zip(*_filled(table), strict=True)]
    corrected = [yates(kept)] if len(kept) == len(kept[0]) == 2 else []
    return [pearson(kept), *corrected, fisher(kept), likelihood_ratio(kept)]


def _filled(table: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    return [column for column in zip(*table, strict=True) if any(column)]


def count_estimates(matched: CaseControl) -> list[Estimate]:
    """Sizes, counts and shares of every group, and the tests of every comparison."""
    study = matched.before.study
    design = design_of(study)
    rows = list(_incidence(matched, design))
    columns = [*design.cuts, *study.covariates, *study.characteristics]
    for group in design.groups:
        cohort = members(matched, group.key)
        n = Fraction(len(cohort))
        quantity = Quantity("group_size", arm=group.key)
        rows.append(Estimate(quantity, "n", n, "count of patients"))
        for column in columns:
            rows += _levels(cohort, column, group.key)
        for measure in study.measures:
            values = cohort.column(measure.key).dropna().to_numpy(dtype=np.float64)
            if values.size:
                quantity = Quantity(measure.key, arm=group.key)
                rows += estimates(quantity, {"median": float(np.median(values))}, "sample median")
    for comparison in design.comparisons:
        rows += [_tested(matched, comparison, column) for column in comparison.columns]
    return rows


def _incidence(matched: CaseControl, design: GroupDesign) -> Iterator[Estimate]:
    """The share of the enrolled who have a second cancer."""
    whole = [group for group in design.groups if group.stage == ENROLLED]
    for group in whole:
        cohort = members(matched, group.key)
        cases = int(cohort.treated.sum())
        quantity = Quantity(design.exposed, outcome=design.exposed, arm=group.key)
        yield from _share(cases, len(cohort), quantity)


def _levels(cohort: Cohort, column: Categorical, group: str) -> Iterator[Estimate]:
    known = levels(cohort, column.key).notna()
    if not known.any():
        return
    counts = counts_of(cohort, column.key)
    for level, n in zip(column.level_keys, counts, strict=True):
        yield from _share(n, int(known.sum()), Quantity(column.key, level, arm=group))


def _share(n: int, total: int, quantity: Quantity) -> list[Estimate]:
    values: dict[str, Value] = {
        "n": Fraction(n),
        "count_total": Fraction(total),
        "percent": Fraction(100 * n, total) if total else None,
    }
    return estimates(quantity, values, f"{n} of {total}")


def comparison_table(matched: CaseControl, first: str, second: str, key: str) -> list[list[int]]:
    """Count the levels of a column in two groups, one row each."""
    return [counts_of(members(matched, group), key) for group in (first, second)]


def _tested(matched: CaseControl, comparison: GroupComparison, column: str) -> Estimate:
    quantity = Quantity(column, arm=comparison.first, comparator=comparison.second)
    table = comparison_table(matched, comparison.first, comparison.second, column)
    try:
        test = by_expected_count(table)
    except EstimationError as error:
        return Estimate(quantity, "p", None, str(error))
    return Estimate(quantity, "p", test.p, test.name)


def which_tests(matched: CaseControl, published: Sequence[PublishedValue]) -> pd.DataFrame:
    """List every comparison with each test's p value, and which tests round to the printed one.

    Returns
    -------
    DataFrame
        `exhibit`, `item`, `first`, `second`, `printed`, one column per test (missing where it does
        not exist), `expected_min`, `rule` (the test that `by_expected_count` takes), `returned_by`
        (tests whose p value is printed so; empty for none).
    """
    printed = {row.key: row for row in published if row.statistic == "p"}
    rows = []
    for comparison in design_of(matched.before.study).comparisons:
        for column in comparison.columns:
            first, second = comparison.first, comparison.second
            table = comparison_table(matched, first, second, column)
            wanted = Estimate(Quantity(column, arm=first, comparator=second), "p", None, "")
            row = printed.get(wanted.key)
            tests = all_tests(table)
            found = [
                test.name
                for test in tests
                if row is not None and row.value.admits(Fraction(f"{test.p:.12g}"))
            ]
            rows.append(
                {
                    "exhibit": comparison.exhibit,
                    "item": column,
                    "first": first,
                    "second": second,
                    "printed": "" if row is None else row.printed,
                    **{test.name: test.p for test in tests},
                    "expected_min": tests[0].expected_min,
                    "rule": by_expected_count(table).name,
                    "returned_by": ", ".join(found),
                }
            )
    return pd.DataFrame(rows)
