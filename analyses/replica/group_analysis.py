"""The results of a study of cases and matched controls: from matched sets to named estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from replica.analysis import Choices
from replica.case_control import CaseControl
from replica.cohort import Source
from replica.errors import ParameterError, ProtocolError
from replica.estimate import Estimate
from replica.group_counts import count_estimates, design_of
from replica.group_models import odds_ratio_estimates, subgroup_hazard_estimates
from replica.protocol import CaseControlPlan, Study, Ties
from replica.settings import Settings, settings

CaseOrder = Literal["hardest", "data"]


def reproduce_groups(matched: CaseControl, choices: Choices) -> tuple[Estimate, ...]:
    """Compute every number that the study's groups ask for.

    Parameters
    ----------
    matched
        Cases with their controls, from `replica.case_control.match_case_control`.
    choices
        Cox ties and convention profile.
    """
    return (
        *count_estimates(matched),
        *odds_ratio_estimates(matched),
        *subgroup_hazard_estimates(matched, choices.ties),
    )


@dataclass(frozen=True)
class CaseControlSettings(Settings):
    """A checked set of parameters of a study of cases and controls.

    `case_control` says how controls were found; the propensity score's `plan` is not used.
    """

    case_control: CaseControlPlan

    @property
    def at_paper_settings(self) -> bool:
        """Whether this run is the study as described, on the synthetic cohort."""
        own = design_of(self.study).case_control
        return super().at_paper_settings and self.case_control == own

    @property
    def at_random(self) -> bool:
        """Nothing is drawn at random."""
        return False

    def as_printed(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Settings by item and level in the ways that papers print them."""
        printed = dict(super().as_printed())
        calendar = self.study.calendar
        if calendar is not None:
            day = calendar.data_cutoff
            printed["follow_up_end", ""] = (
                f"{day.day} {day:%B %Y}",
                f"{day.day} {day:%B}, {day.year}",
            )
        printed["confidence_level", ""] = ("95",)
        return printed

    def as_parameters(self) -> dict[str, Any]:
        """The parameters as JSON holds them."""
        plan = self.case_control
        return {
            "convention": self.choices.convention.key,
            "within": dict(plan.within),
            "exact": list(plan.exact),
            "ratio": plan.ratio,
            "order": plan.order,
            "ties": self.choices.ties,
        }


def case_control_settings(
    study: Study,
    *,
    source: Source,
    ratio: int,
    age_window: float,
    year_window: float,
    same_sex: bool,
    order: CaseOrder,
    convention: str = "",
    ties: Ties | Literal[""] = "",
    min_cell: int = 0,
) -> CaseControlSettings:
    """Check a notebook's parameters and put them in the words of the protocol.

    Parameters
    ----------
    study
        A study of cases and controls.
    source, convention, ties, min_cell
        As in `replica.settings.settings`.
    ratio
        Most controls per case.
    age_window, year_window
        Largest difference in age and in calendar year of diagnosis.
    same_sex
        Whether a control has the sex of its case.
    order
        Which case chooses first: `hardest` or `data`.

    Raises
    ------
    ParameterError
        If a value is impossible; the message says which are allowed.
    """
    chosen = settings(
        study,
        source=source,
        caliper=study.matching.caliper,
        ratio=1,
        entry_p=1.0,
        seed=0,
        convention=convention,
        ties=ties,
        min_cell=min_cell,
    )
    own = design_of(study).case_control
    if not isinstance(same_sex, bool):
        raise ParameterError(f"same_sex: found {same_sex!r}; it must be True or False.")
    (age, _), (year, _) = own.within
    try:
        plan = replace(
            own,
            within=((age, age_window), (year, year_window)),
            exact=own.exact if same_sex else (),
            ratio=ratio,
            order=order,
        )
    except ProtocolError as error:
        raise ParameterError(str(error)) from None
    return CaseControlSettings(
        chosen.study,
        chosen.source,
        chosen.plan,
        chosen.choices,
        chosen.seed,
        plan,
        min_cell=min_cell,
    )
