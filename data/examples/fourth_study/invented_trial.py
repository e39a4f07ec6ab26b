"""An invented trial, described as a fourth study: it exists for the tutorial alone.

No such trial was run. Its printed numbers were computed from invented patients, and one of them was
then misprinted on purpose.
"""  # noqa: INP001 - copied into the package by whoever follows the tutorial

from __future__ import annotations

from datetime import date

from replica.protocol import (
    Arm,
    Calendar,
    Characteristic,
    Citation,
    Covariate,
    CurvePlan,
    Exhibit,
    Level,
    MatchingPlan,
    Outcome,
    Study,
)

YES_NO = (Level("yes", "Yes"), Level("no", "No"))
COVARIATES = ("sex", "smoking", "stage")

STUDY = Study(
    key="invented_trial",
    title="An invented treatment",
    question="Do patients live longer with the invented treatment?",
    citation=Citation(
        authors="Nobody N",
        title="An invented trial",
        journal="Not published",
        year=2024,
        doi="10.0000/invented",
        bibkey="",
    ),
    eligibility=("Invented for a tutorial",),
    exclusions=(),
    treated=Arm("treated", "Treatment"),
    control=Arm("control", "Control"),
    covariates=(
        Covariate("sex", "Sex", (Level("male", "Male"), Level("female", "Female"))),
        Covariate("smoking", "Smoking", YES_NO),
        Covariate("stage", "Stage", (Level("iv", "IV"), Level("iii", "III"))),
    ),
    characteristics=(Characteristic("rash", "Rash", YES_NO),),
    outcomes=(
        Outcome(
            key="os",
            label="Overall survival",
            short="OS",
            duration="os_months",
            event="os_event",
            unit="months",
            rate_times=(12,),
        ),
    ),
    matching=MatchingPlan(COVARIATES, caliper=0.05, caliper_scale="probability"),
    calendar=Calendar("start", date(2018, 1, 1), date(2020, 12, 31), date(2022, 12, 31)),
    convention="spss",
    curves=(CurvePlan("figure1a", "os", "before"), CurvePlan("figure1b", "os", "after")),
    exhibits=(
        Exhibit("table1", "Table 1", "Patients before and after matching"),
        Exhibit("figure1a", "Figure 1A", "Overall survival before matching"),
        Exhibit("figure1b", "Figure 1B", "Overall survival after matching"),
    ),
)
