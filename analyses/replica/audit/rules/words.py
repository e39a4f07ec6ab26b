"""What a paper says in words against the numbers that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from replica.audit.claims import Claim
from replica.audit.finding import Checked, Severity
from replica.audit.interval import Interval, exactly
from replica.audit.naming import STATISTIC_WORDS
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import RATIOS
from replica.published import PublishedValue

_ALPHA = Fraction(1, 20)
_SUMMARIES = ("median", "mean", "percent", "rate")
_TIMES = ("min", "q1", "median")
# Ratios are of risks: only words about risk speak of their direction, words of survival reverse it.
_RISK = ("risk", "hazard", "odds", "ratio")
_MULTIPLES = {
    "half": Interval(Fraction(2, 5), Fraction(3, 5)),
    "fourfold": Interval(Fraction(7, 2), Fraction(9, 2)),
}


class WordsAgainstSignificance(Rule):
    """Words about significance agree with the p value and the interval."""

    title = "Words about significance agree with p and interval"
    needs = "a claim of (no) significance, or of balance, with a p value or a ratio's interval"
    how_to_read = (
        "The paper says significant while the p value is at least 0.05 or the interval of the "
        "ratio holds 1, or not significant while they say otherwise. That something is balanced "
        "in words beside a p value below 0.05 is a question: which covariates the word covers, "
        "and whether a p value is its measure, is a matter of reading."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every claim about significance against each estimate that it speaks of."""
        for claim in table.claims:
            balanced = claim.direction == "balanced"
            if claim.strength == "descriptive" and not balanced:
                continue
            wanted = claim.strength == "significant" and not balanced
            for name in claim.estimates:
                rows = table.estimates.get(name, {})
                yield from self._estimate(table, claim, rows, wanted=wanted)

    def _estimate(
        self, table: PrintedTable, claim: Claim, rows: dict[str, PublishedValue], *, wanted: bool
    ) -> Iterator[Checked]:
        evidence = [
            (_p_says(table, rows), [rows["p"]] if "p" in rows else []),
            (_interval_says(table, rows), _interval_rows(rows)),
        ]
        told = [(says, found) for says, found in evidence if says is not None]
        opposed = [found for says, found in told if says != wanted]
        agreeing = [row.id for says, found in told if says == wanted for row in found]
        if agreeing:
            yield self.fits([*agreeing, claim.key], "as the words say")
        if not opposed:
            return
        ids = [row.id for found in opposed for row in found]
        printed = " and ".join(_evidence(found, significant=not wanted) for found in opposed)
        balanced = claim.direction == "balanced"
        words = "balanced" if balanced else claim.strength.replace("_", " ")
        yield self.finds(
            [*ids, claim.key],
            f"{claim.where}: the words say {words}; printed for "
            f"{table.names.subject(opposed[0][0])}: {printed}.",
            certainty="model_based" if balanced else "exact",
            severity="headline" if claim.strength == "significant" else _severity(claim),
            clashes=[]
            if balanced
            else [[claim.key, *(row.id for row in found)] for found in opposed],
        )


class WordsAgainstDirection(Rule):
    """Words about a direction agree with the two numbers, or with the side of 1."""

    title = "Words about a direction agree with the numbers"
    needs = "a claim of higher or lower about two numbers of one statistic, or about a ratio's risk"
    how_to_read = (
        "The first number is not on the side of the second that the words say, or the ratio is not "
        "on that side of 1."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every claim of a direction."""
        for claim in table.claims:
            if claim.direction not in ("higher", "lower"):
                continue
            estimates = [table.estimates.get(name, {}) for name in claim.estimates]
            values = [(s, rows[s]) for rows in estimates for s in _SUMMARIES if s in rows]
            ratios = [rows[s] for rows in estimates for s in RATIOS if s in rows]
            if len(values) == 2 and values[0][0] == values[1][0]:
                yield from self._pair(table, claim, values[0][1], values[1][1])
            elif ratios and not values and any(word in claim.claim.casefold() for word in _RISK):
                for ratio in ratios:
                    if table.is_subject(claim, ratio):
                        yield from self._side(table, claim, ratio)

    def _pair(
        self, table: PrintedTable, claim: Claim, one: PublishedValue, other: PublishedValue
    ) -> Iterator[Checked]:
        first, second = table.interval(one), table.interval(other)
        if first is None or second is None or one.item != other.item:
            return
        higher = claim.direction == "higher"
        group = table.names.group
        shown = f"{one.printed} ({group(one)}) and {other.printed} ({group(other)})"
        right = second.below(first) if higher else first.below(second)
        wrong = first.below(second) if higher else second.below(first)
        yield from self._told(table, claim, [one, other], shown, right=right, wrong=wrong)

    def _side(self, table: PrintedTable, claim: Claim, ratio: PublishedValue) -> Iterator[Checked]:
        interval = table.interval(ratio)
        if interval is None:
            return
        above, below = exactly(1).below(interval), interval.below(exactly(1))
        right, wrong = (above, below) if claim.direction == "higher" else (below, above)
        shown = f"{_name(ratio)} {ratio.printed}"
        yield from self._told(table, claim, [ratio], shown, right=right, wrong=wrong)

    def _told(
        self,
        table: PrintedTable,
        claim: Claim,
        rows: Sequence[PublishedValue],
        shown: str,
        *,
        right: bool,
        wrong: bool,
    ) -> Iterator[Checked]:
        ids = [*(row.id for row in rows), claim.key]
        names = table.names
        what = names.subject(rows[0]) if len(rows) == 1 else names.item(rows[0].item, rows[0].level)
        if right:
            yield self.fits(ids, f"{shown}: {claim.direction}, as the words say")
        elif wrong:
            yield self.finds(
                ids,
                f"{claim.where}: the words say {claim.direction}; printed for {what}: {shown}.",
                certainty="exact",
                severity="headline",
                clashes=[ids],
            )


class WordsAgainstBounds(Rule):
    """No time is shorter than the words allow."""

    title = "No time is shorter than the words allow"
    needs = "a claim `at_least` about a setting in a unit of time and about times in that unit"
    how_to_read = (
        "A minimum, quartile or median lies below the least time that the paper's words allow for "
        "these patients."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the times that each such claim speaks of."""
        for claim in table.claims:
            if claim.direction != "at_least":
                continue
            estimates = [table.estimates.get(name, {}) for name in claim.estimates]
            settings = [rows["setting"] for rows in estimates if "setting" in rows]
            for setting in settings:
                yield from self._times(table, claim, setting, estimates)

    def _times(
        self,
        table: PrintedTable,
        claim: Claim,
        setting: PublishedValue,
        estimates: Sequence[dict[str, PublishedValue]],
    ) -> Iterator[Checked]:
        least = table.interval(setting)
        if least is None or setting.unit not in ("days", "weeks", "months", "years"):
            return
        times = [
            (rows[name], interval)
            for rows in estimates
            for name in _TIMES
            if name in rows
            and rows[name].unit == setting.unit
            and (interval := table.interval(rows[name])) is not None
        ]
        exact = exactly(table.printed(setting).value)
        below = [row for row, interval in times if interval.below(exact)]
        others = [row for row, interval in times if not interval.below(exact)]
        if others:
            yield self.fits([*(row.id for row in others), claim.key], f"at least {setting.printed}")
        if below:
            printed = "; ".join(
                f"{table.names.subject(row)} has {_name(row)} {row.printed} ({row.where})"
                for row in below
            )
            ids = [setting.id, *(row.id for row in below), claim.key]
            yield self.finds(
                ids,
                f"{claim.where}: the words allow no time below {setting.printed} {setting.unit}; "
                f"{printed}.",
                certainty="exact",
                severity="headline",
                clashes=[[setting.id, row.id, claim.key] for row in below],
            )


class WordsAgainstMultiples(Rule):
    """Words such as half or fourfold agree with the two numbers."""

    title = "Words such as half or fourfold agree with the numbers"
    needs = "a claim of half or fourfold about two numbers of one statistic"
    how_to_read = (
        "Half is read as 0.4 to 0.6 and fourfold as 3.5 to 4.5, the larger over the smaller number "
        "where the words do not say which; the quotient of the printed numbers is outside. What a "
        "word allows is a matter of reading: a question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every claim of a multiple."""
        for claim in table.claims:
            allowed = _MULTIPLES.get(claim.direction)
            rows = [table.estimates.get(name, {}) for name in claim.estimates]
            values = [found[s] for found in rows for s in _SUMMARIES if s in found]
            if allowed is None or len(values) != 2 or values[0].statistic != values[1].statistic:
                continue
            one, other = table.interval(values[0]), table.interval(values[1])
            if one is None or other is None or (other.low or Fraction(0)) <= 0:
                continue
            if claim.direction == "fourfold" and one.below(other):
                one, other = other, one
            if (other.low or Fraction(0)) <= 0:
                continue
            quotient = one.quotient(other)
            ids = [values[0].id, values[1].id, claim.key]
            low, high = float(quotient.low or 0), float(quotient.high or 0)
            shown = f"{values[0].printed} and {values[1].printed} are {low:.2f} to {high:.2f} apart"
            if quotient.meets(allowed):
                yield self.fits(ids, shown)
            else:
                yield self.finds(
                    ids,
                    f"{claim.where}: the words say {claim.direction}; {shown} as a quotient.",
                    certainty="model_based",
                    severity="rounding",
                )


def _p_says(table: PrintedTable, rows: dict[str, PublishedValue]) -> bool | None:
    """Return whether a p value is below 0.05; None if rounding leaves it open."""
    interval = table.interval(rows["p"]) if "p" in rows else None
    if interval is None:
        return None
    if interval.high is not None and interval.high < _ALPHA:
        return True
    # `<0.05` reaches up to 0.05 itself and means below it.
    if interval.low is None and interval.high is not None and interval.high <= _ALPHA:
        return True
    return False if interval.low is not None and interval.low > _ALPHA else None


def _interval_rows(rows: dict[str, PublishedValue]) -> list[PublishedValue]:
    if not (set(RATIOS) & set(rows) and {"ci_low", "ci_high"} <= set(rows)):
        return []
    return [rows["ci_low"], rows["ci_high"]]


def _interval_says(table: PrintedTable, rows: dict[str, PublishedValue]) -> bool | None:
    """Return whether a ratio's interval excludes 1; None if it is not printed or open."""
    ends = [table.interval(row) for row in _interval_rows(rows)]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[1].below(ends[0]):
        return None
    one = exactly(1)
    if one.below(ends[0]) or ends[1].below(one):
        return True
    return False if ends[0].below(one) and one.below(ends[1]) else None


def _evidence(rows: Sequence[PublishedValue], *, significant: bool) -> str:
    """Write a p value, or an interval, and what it says of significance."""
    if len(rows) == 1:
        return f"p {rows[0].printed}, {'' if significant else 'not '}below 0.05"
    ends = " to ".join(row.printed for row in rows)
    return f"the interval {ends}, which {'excludes' if significant else 'holds'} 1"


def _name(row: PublishedValue) -> str:
    return STATISTIC_WORDS.get(row.statistic, row.statistic)


def _severity(claim: Claim) -> Severity:
    """Grade a clash of words: in the abstract and the discussion they are what is read."""
    named = ("Abstract", "Text: Discussion", "Text: Conclusion")
    return "headline" if claim.where.startswith(named) else "table"
