"""The pipeline on a public study it was not made for, held to R's survival and to lifelines.

R's answers come from R 4.2.2 with survival 3.5.3, on the rows of `data/examples/gbsg2.csv` and on
the matched rows: `coxph(Surv(rfs_days, rfs_event) ~ ..., ties = "efron", control =
coxph.control(eps = 1e-14, iter.max = 100))`, `treated` being 1 for hormonal therapy.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_gbsg2

from replica import paths
from replica.balance import balance
from replica.cohort import Cohort
from replica.cox import cox
from replica.matching import Matched, match
from replica.propensity import propensity_model
from replica.referee import cox_against_lifelines, curves_against_lifelines
from replica.studies import study_from_file
from replica.supplied import load_cohort
from replica.survival import kaplan_meier, log_rank_test, median_survival

# glm(treated ~ ..., binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
R_PROPENSITY = {
    "intercept": -2.235072597,
    "menopausal_status": 0.8387373363,
    "tumor_grade=iii": -0.3212474905,
    "tumor_grade=ii": -0.1542233177,
    "age": 0.02274569884,
    "tumor_size": -0.001885625610,
    "positive_nodes": 0.008799266257,
    "progesterone_receptor": 0.0001667069655,
    "estrogen_receptor": 0.0006829331872,
}
# coxph(... ~ treated + post + g3 + g2 + age + ...) on all rows: coef, se(coef)
R_ADJUSTED = {
    "arm": (-0.3462784276, 0.1290747352),
    "menopausal_status": (0.2584448409, 0.1834764517),
    "tumor_grade=iii": (0.7796542429, 0.2684801473),
    "tumor_grade=ii": (0.6361117046, 0.2492024920),
    "age": (-0.009459238913, 0.009300594797),
    "tumor_size": (0.007796083852, 0.003939017735),
    "positive_nodes": (0.04878860035, 0.007447089520),
    "progesterone_receptor": (-0.002217235681, 0.0005735285570),
    "estrogen_receptor": (0.0001973107109, 0.0004503679268),
}
FOLDER = paths.repository() / "data" / "examples"


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Load the study as a reader loads one of their own."""
    return load_cohort(study_from_file(FOLDER / "gbsg2.py"), "supplied", FOLDER / "gbsg2.csv")


@pytest.fixture(scope="module")
def matched(cohort) -> Matched:
    """Match as the study's protocol says."""
    return match(cohort)


def test_the_file_holds_the_public_data_set(cohort):
    """Every value of lifelines' copy is there, in its order, under the names of the protocol."""
    public = load_gbsg2()
    patients = cohort.patients
    assert len(patients) == len(public) == 686
    assert (patients["arm"] == np.where(public["horTh"] == "yes", "treated", "control")).all()
    assert (patients["menopausal_status"] == public["menostat"].str.lower()).all()
    assert (patients["tumor_grade"] == public["tgrade"].str.lower()).all()
    renamed = {
        "age": "age",
        "tumor_size": "tsize",
        "positive_nodes": "pnodes",
        "progesterone_receptor": "progrec",
        "estrogen_receptor": "estrec",
        "rfs_days": "time",
        "rfs_event": "cens",
    }
    for ours, theirs in renamed.items():
        assert (patients[ours] == public[theirs]).all(), ours


def test_the_propensity_model_is_that_of_glm(cohort):
    """Two categorical covariates and five measures, as R's logistic regression has them."""
    fit = propensity_model(cohort).fit
    assert dict(zip(fit.names, fit.coef, strict=True)) == pytest.approx(R_PROPENSITY, rel=1e-8)


def test_pairs_are_valid(matched):
    """One treated to one control, nobody twice, none further apart than R's 0.2 pooled SD."""
    assert matched.width == pytest.approx(0.1265332706, rel=1e-8)
    pairs = matched.pairs
    assert len(pairs) == 243
    assert pairs["treated"].is_unique
    assert pairs["control"].is_unique
    assert pairs["distance"].max() <= matched.width
    arms = matched.after.patients.groupby("pair")["arm"].agg(sorted)
    assert all(arm == ["control", "treated"] for arm in arms)


def test_matching_balances_every_covariate(cohort, matched):
    """Five rows, the score's among them, exceed 0.1 before matching; none does afterwards."""
    differences = balance(matched, denominator="treated").set_index(["covariate", "level"])
    smd = {stage: rows["smd"].abs() for stage, rows in differences.groupby("stage")}
    assert set(smd["before"].index.get_level_values(0)) == {
        *cohort.study.matching.covariates,
        "propensity_score",
    }
    unbalanced = smd["before"] > 0.1
    assert unbalanced.sum() == 5
    assert (smd["after"][unbalanced] < smd["before"][unbalanced]).all()
    assert (smd["after"] < 0.1).all()


def test_cox_after_matching_is_that_of_coxph(matched):
    """Efron's and Breslow's ties; model-based error, and `coxph(..., cluster = pair)`."""
    fit = cox(matched.after, "rfs", ["arm"], ties="efron", cluster="pair")
    assert fit.coef[0] == pytest.approx(-0.4053820596, rel=1e-8)
    assert fit.se[0] == pytest.approx(0.1378952221, rel=1e-8)
    assert fit.robust_se is not None
    assert fit.robust_se[0] == pytest.approx(0.1380368889, rel=1e-8)
    assert fit.log_likelihood == pytest.approx(-1210.493425528, rel=1e-11)
    assert (fit.n, fit.n_events, fit.clusters) == (486, 216, 243)
    breslow = cox(matched.after, "rfs", ["arm"], ties="breslow")
    assert breslow.coef[0] == pytest.approx(-0.4052230392, rel=1e-8)
    assert breslow.se[0] == pytest.approx(0.1378937575, rel=1e-8)


def test_cox_before_matching_is_that_of_coxph(cohort):
    """Treatment alone, and beside seven covariates, two of them categorical."""
    crude = cox(cohort, "rfs", ["arm"], ties="efron")
    assert crude.coef[0] == pytest.approx(-0.3640098837, rel=1e-8)
    assert crude.se[0] == pytest.approx(0.1250445704, rel=1e-8)
    fit = cox(cohort, "rfs", ["arm", *cohort.study.matching.covariates], ties="efron")
    assert fit.names == tuple(R_ADJUSTED)
    found = np.column_stack([fit.coef, fit.se])
    assert found == pytest.approx(np.array(list(R_ADJUSTED.values())), rel=1e-8)
    assert fit.log_likelihood == pytest.approx(-1735.732104258, rel=1e-11)


def test_cox_is_that_of_lifelines(cohort, matched):
    """Coefficients and errors to 1e-6, with and without covariates, before and after matching."""
    covariates = ["arm", *cohort.study.matching.covariates]
    models = {
        "crude": (cohort, ["arm"]),
        "adjusted": (cohort, covariates),
        "matched": (matched.after, ["arm"]),
        "matched and adjusted": (matched.after, covariates),
    }
    frame = cox_against_lifelines(models, "rfs")
    assert frame["model"].value_counts().to_dict() == {
        "crude": 1,
        "adjusted": 9,
        "matched": 1,
        "matched and adjusted": 9,
    }
    for name in ("coef", "se"):
        assert frame[name].to_numpy() == pytest.approx(frame[f"{name}_lifelines"], rel=1e-6)
    assert (frame["digits"] >= 6).all()


def test_curves_are_those_of_lifelines(cohort, matched):
    """Survival at every time of both arms, before and after matching, and all four medians."""
    frame = curves_against_lifelines({"before": cohort, "after": matched.after}, "rfs")
    assert frame[["stage", "group", "median"]].to_numpy().tolist() == [
        ["before", "treated", 2018.0],
        ["before", "control", 1528.0],
        ["after", "treated", 2018.0],
        ["after", "control", 1460.0],
    ]
    assert (frame["median"] == frame["median_lifelines"]).all()
    assert (frame["largest_difference"] < 1e-12).all()
    assert (frame["times"] > 200).all()


def test_medians_have_the_intervals_of_survfit(matched):
    """`survfit(..., conf.type = "log")` gives 1280 to 1814, and 1918 to no end, in days."""
    curves = kaplan_meier(matched.after, "rfs", interval="log")
    ends = {
        group: median_survival(curve, interval="log") for group, curve in curves.groupby("group")
    }
    assert (ends["control"].ci_low, ends["control"].ci_high) == (1280.0, 1814.0)
    assert (ends["treated"].ci_low, ends["treated"].ci_high) == (1918.0, None)


def test_log_rank_is_that_of_survdiff(cohort, matched):
    """The statistic before and after matching."""
    assert log_rank_test(cohort, "rfs").statistic == pytest.approx(8.564780854, rel=1e-8)
    assert log_rank_test(matched.after, "rfs").statistic == pytest.approx(8.756153372, rel=1e-8)


def test_the_order_of_the_file_does_not_matter(cohort, tmp_path):
    """The same patients in another order give the same pairs."""
    shuffled = pd.read_csv(FOLDER / "gbsg2.csv").sample(frac=1, random_state=7)
    path = tmp_path / "shuffled.csv"
    shuffled.to_csv(path, index=False)
    again = match(load_cohort(cohort.study, "supplied", path))
    pd.testing.assert_frame_equal(again.pairs, match(cohort).pairs)
