"""Solid cancers before and after multiple myeloma, as a study of cases and matched controls.

Ji et al., Frontiers in Immunology 2025;16:1516471: one hospital in China, 2,167 patients.
"""

from __future__ import annotations

from datetime import date

from replica.protocol import (
    Arm,
    Calendar,
    CaseControlPlan,
    Characteristic,
    Citation,
    Covariate,
    Cut,
    Exhibit,
    Group,
    GroupComparison,
    GroupCurve,
    GroupDesign,
    Level,
    MatchingPlan,
    Measure,
    OddsRatioPlan,
    Outcome,
    Study,
)

YES_NO = (Level("yes", "Yes"), Level("no", "No"))

COVARIATES = (
    Covariate("gender", "Gender", (Level("male", "Male"), Level("female", "Female"))),
    Covariate(
        "isotype",
        "Immunoglobulin isotype",
        (
            Level("igg", "IgG"),
            Level("iga", "IgA"),
            Level("igd", "IgD"),
            Level("light_chain", "Light chain"),
            Level("non_secretory", "Non-secretory"),
        ),
    ),
    Covariate(
        "iss_stage",
        "ISS stage at study entry",
        (Level("i", "I"), Level("ii", "II"), Level("iii", "III")),
    ),
    Covariate("beta2_mg", "β2-microglobulin", (Level("normal", "Normal"), Level("high", "High"))),
    Covariate("ldh", "LDH", (Level("normal", "Normal"), Level("high", "High"))),
)

THERAPIES = (
    Characteristic("treatment_imid", "Immunomodulator", YES_NO),
    Characteristic("treatment_pi", "Protease inhibitor", YES_NO),
    Characteristic("treatment_chemotherapy", "Chemotherapy", YES_NO),
    Characteristic("treatment_asct", "Autologous transplantation", YES_NO),
    Characteristic("treatment_car_t", "CAR-T cell therapy", YES_NO),
)

CHARACTERISTICS = (
    Characteristic(
        "cancer_order",
        "Order of the two cancers",
        (
            Level("solid_cancer_first", "Solid cancer before myeloma"),
            Level("myeloma_first", "Solid cancer after myeloma"),
        ),
        arms=("treated",),
    ),
    Characteristic(
        "cancer_site",
        "Site of the solid cancer",
        (
            Level("lung", "Lung"),
            Level("thyroid", "Thyroid"),
            Level("breast", "Breast"),
            Level("prostate", "Prostate"),
            Level("gastric", "Stomach"),
            Level("bladder", "Bladder"),
        ),
        arms=("treated",),
    ),
    Characteristic("tp53_mutation", "TP53 mutation", YES_NO, arms=("treated",)),
    *THERAPIES,
)

THERAPY_KEYS = tuple(therapy.key for therapy in THERAPIES)
JOINT = ("gender", "age_years", "iss_stage")

# The printed columns state neither a direction nor what was adjusted for. Each ratio is named here
# by the direction in which the printed number follows, or comes nearest to following, from the
# printed counts. One ratio of all cases is read as adjusted, because the crude ratio of the
# printed counts is another: assumed. So is the test of one p value.
ODDS_RATIOS = (
    OddsRatioPlan("gender", "second_cancer", "control", ("female",)),
    OddsRatioPlan("age_years", "second_cancer", "control", ("ge_65",)),
    OddsRatioPlan("iss_stage", "second_cancer", "control", ("ii", "iii")),
    OddsRatioPlan("beta2_mg", "second_cancer", "control", ("high",), adjusted_for=JOINT),
    OddsRatioPlan("gender", "myeloma_first", "control", ("male",)),
    OddsRatioPlan("age_years", "myeloma_first", "control", ("lt_65",), p="pearson"),
    OddsRatioPlan("iss_stage", "myeloma_first", "control", trend=True),
    OddsRatioPlan("beta2_mg", "myeloma_first", "control", ("normal",)),
    *(OddsRatioPlan(key, "myeloma_first", "control", ("no",)) for key in THERAPY_KEYS[:-1]),
    OddsRatioPlan("treatment_car_t", "myeloma_first", "control", ("no",), cases="second_cancer"),
)

CHARACTERISTICS_OF_TABLE_1 = ("gender", "age_years", "isotype", "iss_stage", "beta2_mg", "ldh")

GROUPS = GroupDesign(
    # Sex, age and year of diagnosis are the paper's; how close, how many controls and in which
    # order are not stated. With two controls of the same sex for each case there would be at most
    # 28 women among the controls, and 32 are printed.
    case_control=CaseControlPlan(
        within=(("age_years", 1.0), ("myeloma_diagnosis", 0.0)),
        exact=("gender",),
        ratio=3,
    ),
    groups=(
        Group("enrolled", "All patients with myeloma", stage="enrolled"),
        Group("all", "Matched patients"),
        Group("control", "MM", arm="control"),
        Group("second_cancer", "MM with MPMST", arm="treated"),
        Group(
            "solid_cancer_first",
            "MPMST before MM",
            arm="treated",
            column="cancer_order",
            level="solid_cancer_first",
        ),
        Group(
            "myeloma_first",
            "MPMST after MM",
            arm="treated",
            column="cancer_order",
            level="myeloma_first",
        ),
    ),
    exposed="second_cancer",
    unexposed="control",
    cuts=(
        Cut("age_years", "Age (years)", (Level("lt_65", "<65"), Level("ge_65", "≥65")), at=65),
        Cut("tf2t_months", "TF2T (months)", (Level("lt_36", "<36"), Level("ge_36", "≥36")), at=36),
    ),
    comparisons=(
        GroupComparison("table1", "second_cancer", "control", CHARACTERISTICS_OF_TABLE_1),
        GroupComparison(
            "table1",
            "myeloma_first",
            "solid_cancer_first",
            (*CHARACTERISTICS_OF_TABLE_1, "tf2t_months"),
        ),
    ),
    odds_ratios=ODDS_RATIOS,
    subgroups=(
        ("gender", ("male", "female")),
        ("age_years", ("lt_65", "ge_65")),
        ("iss_stage", ("i", "ii", "iii")),
        ("beta2_mg", ("normal", "high")),
        *((key, ("yes",)) for key in THERAPY_KEYS),
    ),
    curves=(
        GroupCurve("figure4a", "os", "second_cancer", "control"),
        GroupCurve("figure4b", "os", "second_cancer", "control", "gender", "male"),
        GroupCurve("figure4c", "os", "second_cancer", "control", "age_years", "ge_65"),
        GroupCurve("figure4d", "os", "second_cancer", "control", "iss_stage", "iii"),
        GroupCurve("figure4e", "os", "myeloma_first", "control"),
        GroupCurve("figure4f", "os", "solid_cancer_first", "control"),
    ),
    interval="tf2t_months",
    order="cancer_order",
    exposed_later="myeloma_first",
)

STUDY = Study(
    key="myeloma_second_primary",
    title="Solid cancers before and after multiple myeloma",
    question=(
        "Which patients with multiple myeloma have a solid cancer too, before or after it, and do "
        "they live shorter than those without one?"
    ),
    citation=Citation(
        authors="Ji Y, Li H, Zhang H, Cheng H, Wang Y, Xu K, Li Z",
        title=(
            "Effect of metachronous primary and secondary solid cancers in patients with multiple "
            "myeloma: a retrospective study from a single-center"
        ),
        journal="Frontiers in Immunology",
        year=2025,
        doi="10.3389/fimmu.2025.1516471",
        bibkey="ji2025myeloma",
    ),
    eligibility=(
        "Multiple myeloma by the criteria of the International Myeloma Working Group",
        "Confirmed by histology at one hospital between July 2015 and December 2023",
        "For cases: a solid cancer, confirmed by histology, more than two months apart",
    ),
    exclusions=(
        "Another haematological malignancy",
        "Solid cancer diagnosed within two months of the myeloma",
        "Metastatic malignancy",
    ),
    treated=Arm("treated", "MM with MPMST", "with myeloma and a solid cancer"),
    control=Arm("control", "MM", "with myeloma alone"),
    covariates=COVARIATES,
    outcomes=(
        Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", (12, 36, 60)),
    ),
    # The paper uses no propensity score; its controls are found as `groups.case_control` says.
    matching=MatchingPlan(
        covariates=("gender", "age_years"),
        caliper=None,
        caliper_scale="probability",
        assumed=("covariates", "caliper", "caliper_scale", "method", "order", "draw", "replace"),
    ),
    calendar=Calendar(
        start_column="myeloma_diagnosis",
        enrolment_start=date(2015, 7, 1),
        enrolment_end=date(2023, 12, 31),
        data_cutoff=date(2023, 12, 31),
        time_zero="diagnosis of multiple myeloma",
    ),
    convention="spss",
    characteristics=CHARACTERISTICS,
    measures=(
        Measure("age_years", "Age at diagnosis of myeloma", "years", 18, 110),
        Measure(
            "tf2t_months",
            "Time between the two cancers",
            "months",
            2,
            600,
            arms=("treated",),
            whole=False,
        ),
    ),
    exhibits=(
        Exhibit("table1", "Table 1", "Characteristics of patients with and without a solid cancer"),
        Exhibit("table2", "Table 2", "Odds ratios of a solid cancer"),
        Exhibit("figure1", "Figure 1", "Flow of patients and incidence"),
        Exhibit("figure3", "Figure 3", "Hazard ratio of death by subgroup"),
        Exhibit("figure4a", "Figure 4A", "Survival with and without a solid cancer"),
        Exhibit("figure4b", "Figure 4B", "Survival with and without a solid cancer, men"),
        Exhibit("figure4c", "Figure 4C", "Survival with and without a solid cancer, 65 or older"),
        Exhibit("figure4d", "Figure 4D", "Survival with and without a solid cancer, ISS stage III"),
        Exhibit("figure4e", "Figure 4E", "Survival with a solid cancer after myeloma and without"),
        Exhibit("figure4f", "Figure 4F", "Survival with a solid cancer before myeloma and without"),
        Exhibit("figure5a", "Figure 5A", "Sites of the solid cancers"),
    ),
    groups=GROUPS,
)
