"""What a cohort agrees with, by the public estimators: the judge of every cohort of a range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from replica.agreement import Verdict, VerdictKind, agreement
from replica.analysis import outcome_estimates
from replica.audit.paper import Paper
from replica.cohort import Cohort
from replica.conflicts import excluded, study_conflicts
from replica.errors import SynthesisError
from replica.estimate import Estimate
from replica.events.facts import rules_of
from replica.matching import Matched, match
from replica.protocol import Study
from replica.published import PublishedValue
from replica.second_primary import is_second_primary, second_primary_estimates
from replica.settings import Settings, settings

_ORDER: tuple[VerdictKind, ...] = ("reproduced", "rounding", "different")


def paper_settings(study: Study) -> Settings:
    """Return the settings of a study as described."""
    plan = study.matching
    return settings(
        study,
        source="synthetic",
        caliper=plan.caliper,
        ratio=plan.ratio,
        entry_p=study.models[0].entry_p if study.models else 1.0,
        seed=1,
    )


def matched_as_printed(cohort: Cohort) -> Matched:
    """Match a cohort by the settings of its study.

    Raises
    ------
    SynthesisError
        If the study compares no two arms by matching on a score.
    """
    if cohort.study.groups is not None:
        raise SynthesisError(
            f"{cohort.study.key}: found a study of cases and matched controls; ranges are made "
            "for studies of two arms."
        )
    chosen = paper_settings(cohort.study)
    return match(cohort, chosen.plan, rng=chosen.generator())


def with_follow_up(matched: Matched, cohort: Cohort) -> Matched:
    """Return matched patients with the follow-up of a cohort of the same patients.

    Covariates, arms and ids are those of the matched cohort, so the pairs are.
    """
    patients = cohort.patients.set_index("patient_id")
    after = patients.loc[matched.after.patients["patient_id"]].reset_index()
    if "pair" in matched.after.patients:
        after["pair"] = matched.after.patients["pair"].to_numpy()
    return replace(
        matched,
        before=cohort,
        after=replace(cohort, patients=after[matched.after.patients.columns]),
    )


def verdicts_on(
    matched: Matched, published: Sequence[PublishedValue], contradicted: Mapping[str, str]
) -> dict[str, Verdict]:
    """Compare with the paper what follow-up decides, at the paper's own settings.

    Parameters
    ----------
    matched
        Matched patients.
    published, contradicted
        Printed rows, and those that cannot hold beside others, with the evidence.

    Returns
    -------
    dict
        By id: verdicts on results that could be computed. Counts and summaries of covariates are
        left to a study without a function of its own: no move changes them.
    """
    study = matched.before.study
    choices = paper_settings(study).choices
    if is_second_primary(study):
        window = float(rules_of(study).window_months)
        computed: Iterable[Estimate] = second_primary_estimates(matched, choices, window=window)
    else:
        computed = outcome_estimates(matched, choices)
    found = agreement(computed, published, contradicted=contradicted)
    return {
        verdict.published.id: verdict
        for verdict in found
        if verdict.role != "input" and verdict.outcome in _ORDER
    }


def contradicted_rows(paper: Paper) -> dict[str, str]:
    """Printed rows of a study that cannot hold beside others, with the evidence."""
    return excluded(paper, study_conflicts(paper.name, paper.published))


def lost(begun: Mapping[str, Verdict], found: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Ids of rows that compare worse than they did, as `verdicts_on` gives both."""
    return tuple(
        id_
        for id_, verdict in begun.items()
        if _ORDER.index(found[id_].outcome) > _ORDER.index(verdict.outcome)
    )
