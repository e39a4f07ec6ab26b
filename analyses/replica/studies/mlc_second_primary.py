"""Checkpoint inhibitors and second primary cancers after metastatic lung cancer.

Heudel et al., JMIR Cancer 2025;11:e64900: a network of health records (TriNetX), 2,844 patients.
"""

from __future__ import annotations

from datetime import date

from replica.protocol import (
    Arm,
    Calendar,
    Characteristic,
    Citation,
    Covariate,
    CovariateSet,
    CurvePlan,
    Exhibit,
    Level,
    MatchingPlan,
    Measure,
    Outcome,
    Study,
)

YES_NO = (Level("yes", "Yes"), Level("no", "No"))

COVARIATES = (
    Covariate("sex", "Sex", (Level("female", "Female"), Level("male", "Male"))),
    Covariate("autoimmune_disease", "Autoimmune disease", YES_NO),
    Covariate("organ_transplant", "Previous organ transplant", YES_NO),
    Covariate(
        "cancer_type",
        "Cancer type",
        (
            Level("lung", "Lung"),
            Level("melanoma", "Melanoma"),
            Level("kidney", "Kidney"),
            Level("other", "Other"),
        ),
    ),
    Covariate(
        "race",
        "Race",
        (
            Level("asian", "Asian"),
            Level("black", "Black"),
            Level("unknown", "Other or unknown"),
            Level("white", "White"),
        ),
    ),
    Covariate("de_novo_metastatic", "Metastatic at first diagnosis", YES_NO),
    Covariate("smoking", "Smoker or former smoker", YES_NO),
    Covariate("dependency", "Dependent on care", YES_NO),
    Covariate("prior_chemotherapy", "Prior chemotherapy", YES_NO),
    Covariate("prior_radiotherapy", "Prior radiotherapy", YES_NO),
    Covariate("prior_surgery", "Prior surgery", YES_NO),
)

TREATMENT = (
    Characteristic("chemotherapy", "Chemotherapy after the metastasis", YES_NO),
    Characteristic("targeted_treatment", "Targeted treatment after the metastasis", YES_NO),
    Characteristic("radiotherapy", "Radiotherapy after the metastasis", YES_NO),
    Characteristic("surgery", "Surgery after the metastasis", YES_NO),
)

AS_TABULATED = (
    "age_years",
    "sex",
    "charlson_index",
    "autoimmune_disease",
    "organ_transplant",
    "cancer_type",
)
AS_STATED = ("age_years", "sex", "race", "de_novo_metastatic", "smoking", "dependency")

STUDY = Study(
    key="mlc_second_primary",
    title="Checkpoint inhibitors and second primary cancers after metastatic lung cancer",
    question=(
        "Do patients with metastatic lung cancer who are treated with an immune checkpoint "
        "inhibitor develop fewer second primary cancers than patients who never are?"
    ),
    citation=Citation(
        authors="Heudel P, Hernandez G, Denquin O, Crochet H, Blay J-Y",
        title=(
            "Impact of Immune Checkpoint Inhibitors on Second Primary Cancer Risk in Patients With "
            "Metastatic Lung Cancer Using Real-World Data From the TriNetX Network: Retrospective "
            "Cohort Study"
        ),
        journal="JMIR Cancer",
        year=2025,
        doi="10.2196/64900",
        bibkey="heudel2025mlc",
    ),
    eligibility=(
        "Aged 18 years or older",
        "Metastatic lung cancer diagnosed between 1 February 2004 and 1 February 2024",
        "A visit before the diagnosis of metastasis, and one later than 6 months after it",
        "Data on treatment after the diagnosis of metastasis",
    ),
    exclusions=(
        "Death or a diagnosis of non-lung cancer within 6 months of the diagnosis of metastasis",
        "Lung cancer as the second primary cancer",
    ),
    treated=Arm("treated", "ICI", "with an immune checkpoint inhibitor"),
    control=Arm("control", "non-ICI", "without one"),
    covariates=COVARIATES,
    outcomes=(
        Outcome(
            "second_primary",
            "Free of a second primary cancer",
            "Second primary",
            "follow_up_months",
            "second_primary",
            "months",
            (60,),
        ),
        Outcome(
            "second_primary_or_death",
            "Alive without a second primary cancer",
            "Second primary or death",
            "follow_up_months",
            "second_primary_or_death",
            "months",
            (60,),
        ),
    ),
    matching=MatchingPlan(
        covariates=AS_TABULATED,
        caliper=0.1,
        caliper_scale="sd_probability_pooled",
        ratio=1,
        order="random",
        # The paper names the platform and its matched sizes; the rest is the platform's manual.
        assumed=(
            *("covariates", "caliper", "caliper_scale", "caliper_inclusive", "ratio", "exact"),
            *("covariate_calipers", "method", "order", "draw", "replace", "discard"),
        ),
    ),
    covariate_sets=(
        CovariateSet("as_tabulated", "rows of Table 1 known at the diagnosis", AS_TABULATED),
        CovariateSet("as_stated", "list in the methods", AS_STATED),
    ),
    calendar=Calendar(
        start_column="metastasis_date",
        enrolment_start=date(2004, 2, 1),
        enrolment_end=date(2024, 2, 1),
        data_cutoff=date(2024, 2, 25),
        time_zero="diagnosis of metastasis",
    ),
    convention="trinetx",
    characteristics=TREATMENT,
    measures=(
        Measure("age_years", "Age", "years", 18, 110),
        Measure("charlson_index", "Charlson comorbidity index", "", 0, 30),
        Measure("days_to_ici", "From metastasis to first ICI", "days", 0, 3653, arms=("treated",)),
    ),
    curves=(
        CurvePlan("figure1", "second_primary", "after"),
        CurvePlan("figure2", "second_primary_or_death", "after"),
    ),
    exhibits=(
        Exhibit("table1", "Table 1", "Characteristics before and after matching"),
        Exhibit("figure1", "Figure 1", "Time to second primary cancer"),
        Exhibit("figure2", "Figure 2", "Time to second primary cancer or death"),
    ),
    assumptions=(
        "Patients are matched on the rows of Table 1 that are known at the diagnosis of "
        "metastasis: the paper prints them balanced after matching. Its methods list others, whose "
        "values it does not print by arm.",
        "The network's documented matching: greedy, 1:1, caliper 0.1 pooled standard deviations of "
        "the propensity score, the treated in random order.",
        "Rows of yes or no are compared by Fisher's exact test, as the methods say. Single cancer "
        "types, each against all others, are compared by Pearson's chi-square: of their printed p "
        "values Fisher's test returns none.",
        "The comorbidity index counts without its two cancer components, which everybody has.",
        "Follow-up is the reverse Kaplan-Meier time; whoever is followed for the whole window of "
        "ten years counts as followed for longer.",
        "The 5-year incidence is the share of patients with a second primary by then, as if "
        "everybody had been followed for five years: the printed numbers fit no estimator that "
        "allows for censoring.",
    ),
)
