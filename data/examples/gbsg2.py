"""German Breast Cancer Study Group 2, described as a study of its own: hormonal therapy or none.

The patients in `gbsg2.csv` beside this file are those of `lifelines.datasets.load_gbsg2`, with the
columns and levels renamed as below and an id for each row.
"""  # noqa: INP001 - a reader's own file, no part of a package

from __future__ import annotations

from replica.protocol import (
    Arm,
    Citation,
    Covariate,
    CurvePlan,
    Exhibit,
    Level,
    MatchingPlan,
    Measure,
    Outcome,
    Study,
)

STUDY = Study(
    key="gbsg2",
    title="Hormonal therapy in node-positive breast cancer",
    question="How is hormonal therapy associated with recurrence-free survival?",
    citation=Citation(
        authors="Schumacher M, Bastert G, Bojar H, et al.",
        title="Randomized 2 x 2 trial evaluating hormonal treatment and the duration of "
        "chemotherapy in node-positive breast cancer patients",
        journal="Journal of Clinical Oncology",
        year=1994,
        doi="10.1200/JCO.1994.12.10.2086",
        bibkey="schumacher1994",
    ),
    eligibility=("Node-positive breast cancer", "Complete data in the public file"),
    exclusions=(),
    treated=Arm("treated", "Hormonal therapy"),
    control=Arm("control", "No hormonal therapy"),
    covariates=(
        Covariate(
            "menopausal_status",
            "Menopausal status",
            (Level("post", "Postmenopausal"), Level("pre", "Premenopausal")),
        ),
        Covariate(
            "tumor_grade",
            "Tumor grade",
            (Level("iii", "III"), Level("ii", "II"), Level("i", "I")),
        ),
    ),
    measures=(
        Measure("age", "Age", "years", 18, 100),
        Measure("tumor_size", "Tumor size", "mm", 1, 200),
        Measure("positive_nodes", "Positive lymph nodes", "nodes", 1, 60),
        Measure("progesterone_receptor", "Progesterone receptor", "fmol", 0, 3000),
        Measure("estrogen_receptor", "Estrogen receptor", "fmol", 0, 3000),
    ),
    outcomes=(
        Outcome(
            key="rfs",
            label="Recurrence-free survival",
            short="RFS",
            duration="rfs_days",
            event="rfs_event",
            unit="days",
            rate_times=(365, 730, 1095, 1826),
        ),
    ),
    matching=MatchingPlan(
        covariates=(
            "menopausal_status",
            "tumor_grade",
            "age",
            "tumor_size",
            "positive_nodes",
            "progesterone_receptor",
            "estrogen_receptor",
        ),
        caliper=0.2,
        caliper_scale="sd_logit_pooled",
        order="largest",
    ),
    convention="r_matchit_survival",
    curves=(
        CurvePlan("before_matching", "rfs", "before"),
        CurvePlan("after_matching", "rfs", "after"),
    ),
    exhibits=(
        Exhibit("before_matching", "Before matching", "Recurrence-free survival by arm"),
        Exhibit("after_matching", "After matching", "Recurrence-free survival by arm"),
    ),
)
