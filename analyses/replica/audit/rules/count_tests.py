"""P values against the tests that their counts allow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from replica.audit.counts import CountTable, count_table, explaining, p_values
from replica.audit.finding import Checked, Severity
from replica.audit.interval import Interval, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.contingency import FISHER, PEARSON, YATES
from replica.published import PublishedValue

_ALPHA = Fraction(1, 20)
# With fewer p values a table does not tell which test it uses.
_ENOUGH = 3
# What a paper's methods call the tests, in the words of a claim about them.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "fisher": (FISHER,),
    "yates": (YATES,),
    "continuity": (YATES,),
    "pearson": (PEARSON,),
}
# A chi-square test of which neither name is given may be with the correction or without.
_CHI_SQUARE = ("chi-square", "chi square")


@dataclass(frozen=True)
class _Case:
    """A printed p value, the counts it compares and the p of each test on them."""

    row: PublishedValue
    interval: Interval
    counts: CountTable
    values: Mapping[str, float]
    names: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return (*self.counts.ids, self.row.id)


class PFromCounts(Rule):
    """A p value follows from its counts by a usual test."""

    title = "A p value follows from its counts"
    reads = frozenset(["n", "percent", "p"])
    needs = "a p value of two groups, and the counts of one item in both"
    how_to_read = (
        "None of Pearson's, Yates', Fisher's, the likelihood-ratio or the trend test on the "
        "printed counts gives the printed p. It is exact where the paper names the test for these "
        "rows, there are two levels, and nobody can be missing; otherwise another test, levels "
        "joined, or patients without data could explain it. Where "
        "no test gives at least half of a table's p values, it is graded as rounding at most."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every p value that has counts, one table of the paper at a time."""
        places: dict[str, list[_Case]] = defaultdict(list)
        for row in table.with_statistic("p"):
            case = _case(table, row)
            if case is not None:
                places[row.where].append(case)
        for cases in places.values():
            fits = Counter(name for case in cases for name in case.names)
            usual = max(fits, key=lambda name: (fits[name], name == PEARSON)) if fits else ""
            for case in cases:
                yield self._check(table, case, usual, fits, len(cases))

    def _check(
        self, table: PrintedTable, case: _Case, usual: str, fits: Counter[str], of: int
    ) -> Checked:
        times = fits[usual]
        computed = ", ".join(f"{name} {_show_p(value)}" for name, value in case.values.items())
        shown = f"{case.counts.shown(table.names)}: {computed}; printed {case.row.printed}"
        stated = _stated(table, case.row)
        if case.names:
            if stated and not set(stated) & set(case.names):
                message = f"{shown}, which is {' or '.join(case.names)}; the methods name another."
                return self.finds(case.ids, message, certainty="model_based", severity="rounding")
            return self.fits(case.ids, f"{shown}: {case.names[0]}")
        message = f"{shown}. No test on the counts as printed gives it"
        telling = 2 * times >= of
        if telling:
            message += f", while {usual} gives {times} of the {of} p values there"
        if stated and of >= _ENOUGH and not (telling and usual in stated):
            own = max(stated, key=lambda name: fits[name])
            message += f"; {own}, which the methods name, gives {fits[own]} of the {of}"
            message += "" if telling else " p values there"
        known = bool(stated) and set(stated) <= set(case.values) and case.counts.whole
        # of more than two levels some could have been joined before the test
        exact = known and len(case.counts.counts) == 2
        names = stated or ((usual,) if usual else tuple(case.values))
        unknown = not stated and not telling and of >= _ENOUGH
        return self.finds(
            case.ids,
            f"{message}.",
            certainty="exact" if exact else "model_based",
            severity="rounding" if unknown else _severity(table, case, names),
            clashes=[table.open(case.ids)] if exact else (),
        )


class WordsFromCounts(Rule):
    """Words about significance agree with every test on the counts."""

    title = "Words about significance agree with the counts"
    needs = "a claim of (no) significant difference about counts of two arms without a p value"
    how_to_read = (
        "The paper says that two groups do (not) differ significantly, prints no p value for it, "
        "and every usual two-sided test on its counts says otherwise at 0.05. An adjusted test "
        "could differ."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the claims about pairs of counts of one item and level."""
        for claim in table.claims:
            if claim.strength == "descriptive":
                continue
            rows = [table.estimates.get(name, {}).get("n") for name in claim.estimates]
            pairs: dict[tuple[str, str, str], list[PublishedValue]] = defaultdict(list)
            for row in rows:
                if row is not None and not table.is_size(row):
                    pairs[row.item, row.level, row.stage].append(row)
            for pair in pairs.values():
                if len({row.arm for row in pair}) != 2 or len(pair) != 2:
                    continue
                compared = _comparison(pair[0], pair[1])
                counts = count_table(table, compared)
                if counts is None:
                    continue
                values = p_values(counts)
                significant = [value < float(_ALPHA) for value in values.values()]
                if not values or len(set(significant)) != 1:
                    continue
                computed = ", ".join(f"{name} {_show_p(p)}" for name, p in values.items())
                shown = f"{counts.shown(table.names)} give {computed}"
                if significant[0] == (claim.strength == "significant"):
                    yield self.fits(counts.ids, f"{shown}, as the words say")
                    continue
                words = claim.strength.replace("_", " ")
                yield self.finds(
                    (*counts.ids, claim.key),
                    f"{shown}; the words say {words}.",
                    certainty="model_based",
                    severity=table.severity(counts.ids, flips=True),
                )


def _case(table: PrintedTable, row: PublishedValue) -> _Case | None:
    interval = table.interval(row)
    if interval is None or row.model or row.outcome:
        return None
    counts = count_table(table, row)
    if counts is None:
        return None
    values = p_values(counts)
    if not values:
        return None
    return _Case(row, interval, counts, values, explaining(interval, values))


def _comparison(one: PublishedValue, other: PublishedValue) -> PublishedValue:
    return PublishedValue(
        **{
            **{name: getattr(one, name) for name in one.__dataclass_fields__},
            "comparator": other.arm,
            "statistic": "p",
        }
    )


def _stated(table: PrintedTable, row: PublishedValue) -> tuple[str, ...]:
    """Name the tests that the paper's methods state for a p value, from claims about methods."""
    found: dict[str, None] = {}
    for claim in table.claims_about.get(row.estimate_id, ()):
        if claim.direction == "method":
            words = claim.claim.casefold()
            named = [name for word, names in _WORDS.items() if word in words for name in names]
            if any(word in words for word in _CHI_SQUARE) and not {PEARSON, YATES} & set(named):
                named += [PEARSON, YATES]
            found.update(dict.fromkeys(named))
    return tuple(found)


def _severity(table: PrintedTable, case: _Case, names: tuple[str, ...]) -> Severity:
    values = [case.values[name] for name in names if name in case.values]
    values = values or list(case.values.values())
    alpha = Interval(_ALPHA, _ALPHA)
    flips = False
    if not alpha.meets(case.interval):
        printed_significant = case.interval.high is not None and case.interval.high < _ALPHA
        flips = all((value < float(_ALPHA)) != printed_significant for value in values)
    printed = table.printed(case.row)
    near = printed.kind == "number" and any(
        printed.within_a_unit(Fraction(value)) for value in values
    )
    return table.severity([case.row.id], flips=flips, within_a_unit=near)


def _show_p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else show(value, 4)
