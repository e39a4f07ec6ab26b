"""R's survival package is the referee of late entry, exact ties, zph, concordance and tests.

Answers were computed with R 4.2.2 and survival 3.5-3, converged to the last digits:
`coxph.control(eps = 1e-13, iter.max = 60, toler.chol = 1e-14)`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.concordance import concordance
from replica.cox import fit_cox
from replica.proportional_hazards import proportional_hazards_test

DATA = Path(__file__).parent / "data"
ANSWERS = pd.read_csv(DATA / "survival_known_answers.csv", dtype={"detail": str})
NAMES = ["age", "sex", "ph.ecog"]
HEART = ["age", "surgery", "transplant"]


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    """Lung cancer survival, with death as 1 and the three covariates known."""
    frame = pd.read_csv(DATA / "lung.csv").dropna(subset=NAMES)
    return frame.assign(status=frame["status"] - 1, months=np.ceil(frame["time"] / 30))


@pytest.fixture(scope="module")
def heart() -> pd.DataFrame:
    """Stanford heart transplants, an interval before and one after the transplant (R: heart)."""
    return pd.read_csv(DATA / "heart.csv")


def _intervals(heart, names, **options):
    return fit_cox(
        heart[names], heart["stop"], heart["event"], names=names, start=heart["start"], **options
    )


def test_intervals_return_what_coxph_returns(heart):
    """R: coxph(Surv(start, stop, event) ~ age + year + surgery + transplant, heart)."""
    fit = _intervals(heart, ["age", "year", "surgery", "transplant"])
    coef = [0.0271666409576767, -0.1463463456741959, -0.6372098899669668, -0.0102507724090828]
    se = [0.0137141152103185, 0.0704679795188561, 0.3672259961803245, 0.3137547983374912]
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-11)
    np.testing.assert_allclose(fit.se, se, rtol=1e-11)
    assert fit.log_likelihood_null == pytest.approx(-298.121355672984, rel=1e-13)
    assert fit.log_likelihood == pytest.approx(-290.565616218489, rel=1e-13)
    assert fit.score_statistic == pytest.approx(15.0341979130413, rel=1e-11)


@pytest.mark.parametrize(
    ("ties", "coef", "se", "robust", "values"),
    [
        (
            "efron",
            [0.0163589302666136, -0.8456828139662302, 0.2209567893172147],
            [0.00932346298745744, 0.27703594012599125, 0.21978315647500010],
            [0.0143695270348468, 0.3973654162607359, 0.3620261603442715],
            [-594.599353416728, -586.866041443423],
        ),
        (
            "breslow",
            [0.0163920451192704, -0.8432742142815293, 0.2190311674804616],
            [0.00932708145559811, 0.27705755253443776, 0.21972077771306464],
            [0.0143550416634314, 0.3966262277102999, 0.3607585225944570],
            [-594.971481664889, -587.277607765303],
        ),
    ],
)
def test_intervals_with_strata_weights_and_clusters_return_what_coxph_returns(
    heart, ties, coef, se, robust, values
):
    """R: coxph(Surv(start, stop, event) ~ age + surgery + transplant + strata(year > 2), heart,
    weights = 1 + (id %% 3), cluster = id, ties = ties), with its naive errors.
    """  # noqa: D205 - a call in two lines
    options = {"strata": heart["year"] > 2, "cluster": heart["id"], "weights": 1 + heart["id"] % 3}
    fit = _intervals(heart, HEART, ties=ties, **options)
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-11)
    np.testing.assert_allclose(fit.se, se, rtol=1e-11)
    np.testing.assert_allclose(fit.robust_se, robust, rtol=1e-11)
    found = [fit.log_likelihood_null, fit.log_likelihood]
    np.testing.assert_allclose(found, values, rtol=1e-13)


EXACT = [
    # coxph(Surv(time, d) ~ age + sex + ph.ecog, lung, ties = "exact")
    (
        "time",
        NAMES,
        None,
        [0.0110670858755196, -0.5534356129027469, 0.4643874164844977],
        [0.00928084940682083, 0.16796771512265482, 0.11377699218273263],
        [-725.647698850665, -710.401051579406, 30.4877668895791],
    ),
    # coxph(Surv(ceiling(time / 30), d) ~ age + sex + ph.ecog, lung, ties = "exact")
    (
        "months",
        NAMES,
        None,
        [0.0112498755009808, -0.6007747348639579, 0.4945741067106152],
        [0.00959918755869834, 0.17454599445556149, 0.11978012143755809],
        [-532.270478011100, -516.299874213026, 31.6586941381163],
    ),
    # coxph(Surv(ceiling(time / 30), d) ~ age + ph.ecog + strata(sex), lung, ties = "exact")
    (
        "months",
        ["age", "ph.ecog"],
        "sex",
        [0.0107564845986444, 0.4904838538995055],
        [0.00957791539198216, 0.12037747194070075],
        [-491.329158369001, -481.319719870415, 20.4059907324264],
    ),
]


@pytest.mark.parametrize(("time", "names", "strata", "coef", "se", "values"), EXACT)
def test_exact_ties_return_what_coxph_returns(lung, time, names, strata, coef, se, values):
    """Days (few ties), months (up to twenty deaths in one) and months within strata."""
    labels = None if strata is None else lung[strata]
    options = {"names": names, "ties": "exact", "strata": labels}
    fit = fit_cox(lung[names], lung[time], lung["status"], **options)
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-11)
    np.testing.assert_allclose(fit.se, se, rtol=1e-11)
    found = [fit.log_likelihood_null, fit.log_likelihood, fit.score_statistic]
    np.testing.assert_allclose(found, values, rtol=1e-11)


def test_exact_ties_with_one_time_are_conditional_logistic_regression():
    """R: clogit(case ~ spontaneous + induced + strata(stratum), infert)."""
    infert = pd.read_csv(DATA / "infert.csv")
    names = ["spontaneous", "induced"]
    fit = fit_cox(
        infert[names],
        np.ones(len(infert)),
        infert["case"],
        names=names,
        ties="exact",
        strata=infert["stratum"],
    )
    np.testing.assert_allclose(fit.coef, [1.98587551668241, 1.40901163187936], rtol=1e-11)
    np.testing.assert_allclose(fit.se, [0.352443539807847, 0.360712436249499], rtol=1e-11)
    assert fit.log_likelihood == pytest.approx(-64.2022369244310, rel=1e-13)


@pytest.mark.parametrize("transform", ["km", "identity"])
def test_zph_returns_the_known_answers(lung, transform):
    """Score tests of three covariates and all together, as in cox.zph since survival 3.0."""
    found = proportional_hazards_test(
        lung[NAMES], lung["time"], lung["status"], names=NAMES, transform=transform
    )
    rows = ANSWERS[(ANSWERS["data"] == "lung") & (ANSWERS["quantity"] == f"zph_{transform}_p")]
    assert found["term"].tolist() == rows["detail"].tolist() == [*NAMES, "GLOBAL"]
    np.testing.assert_allclose(found["p"], rows["value"], rtol=1e-9)


@pytest.mark.parametrize(
    ("transform", "statistics"),
    [
        ("rank", [0.117291506918404, 2.044694679623348, 2.544878392388537, 4.710680140719024]),
        ("log", [3.373634010897430, 2.034936878357807, 0.370496324734147, 5.389821427641357]),
    ],
)
def test_zph_with_ranks_and_logarithms_returns_what_r_returns(lung, transform, statistics):
    """R: cox.zph(coxph(Surv(time, d) ~ age + sex + ph.ecog, lung), transform)."""
    found = proportional_hazards_test(
        lung[NAMES], lung["time"], lung["status"], names=NAMES, transform=transform
    )
    np.testing.assert_allclose(found["statistic"], statistics, rtol=1e-8)


def test_zph_of_a_covariate_of_four_levels_returns_what_r_returns():
    """R: cox.zph(coxph(Surv(time, status) ~ trt + celltype + karno, veteran))."""
    veteran = pd.read_csv(DATA / "veteran.csv")
    cells = [(veteran["celltype"] == c).astype(float) for c in ("smallcell", "adeno", "large")]
    matrix = np.column_stack([veteran["trt"], *cells, veteran["karno"]])
    found = proportional_hazards_test(
        matrix,
        veteran["time"],
        veteran["status"],
        names=["trt", "smallcell", "adeno", "large", "karno"],
        terms=["trt", "celltype", "celltype", "celltype", "karno"],
    )
    expected = [0.2063074120637759, 14.5317103964116079, 12.8133255911360706, 22.8596852749608423]
    np.testing.assert_allclose(found["statistic"], expected, rtol=1e-8)
    assert found["df"].tolist() == [1, 3, 1, 5]


def test_zph_with_weights_strata_and_breslow_ties_returns_what_r_returns(lung):
    """R: cox.zph of coxph(Surv(time, d) ~ age + (ph.ecog == 1) + (ph.ecog >= 2) + strata(sex),
    lung, weights = 1 + age %% 3, ties = "breslow").
    """  # noqa: D205 - a call in two lines
    matrix = np.column_stack([lung["age"], lung["ph.ecog"] == 1, lung["ph.ecog"] >= 2])
    found = proportional_hazards_test(
        matrix.astype(float),
        lung["time"],
        lung["status"],
        names=["age", "one", "more"],
        ties="breslow",
        strata=lung["sex"],
        weights=1 + lung["age"] % 3,
    )
    expected = [0.0137881215011837, 1.2628378907459732, 6.6054810471467764, 7.2365238770663121]
    np.testing.assert_allclose(found["statistic"], expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("options", "transform", "statistics"),
    [
        # weights = 1 + (id %% 3), strata(year > 2), cox.zph(fit, "rank")
        (
            True,
            "rank",
            [6.8352682779805614, 0.1341853875634019, 0.0499442537692631, 7.9096775366426293],
        ),
        (
            False,
            "km",
            [0.8668747109154082, 0.0973950591161542, 0.2029343881530582, 3.4731022988455824],
        ),
    ],
)
def test_zph_of_intervals_returns_what_r_returns(heart, options, transform, statistics):
    """R: cox.zph(coxph(Surv(start, stop, event) ~ ..., heart)), with year where unstratified."""
    names = HEART if options else ["age", "surgery", "transplant", "year"]
    extra = {"strata": heart["year"] > 2, "weights": 1 + heart["id"] % 3} if options else {}
    found = proportional_hazards_test(
        heart[names],
        heart["stop"],
        heart["event"],
        names=names,
        start=heart["start"],
        transform=transform,
        **extra,
    ).set_index("term")
    wanted = found.loc[[*HEART, "GLOBAL"], "statistic"]
    np.testing.assert_allclose(wanted, statistics, rtol=1e-10)


def test_joint_tests_return_what_summary_returns(lung):
    """R: summary(coxph(Surv(time, d) ~ age + sex + ph.ecog, lung)); its Wald test unrounded."""
    fit = fit_cox(lung[NAMES], lung["time"], lung["status"], names=NAMES)
    found = fit.tests().set_index("test")
    expected = [30.5006687731570, 29.92925119757582, 30.4999227049491]
    np.testing.assert_allclose(found["statistic"], expected, rtol=1e-9)
    p = found.loc[["likelihood_ratio", "score"], "p"]
    np.testing.assert_allclose(p, [1.08281769919846e-06, 1.08320924769373e-06], rtol=1e-8)
    clustered = fit_cox(
        lung[NAMES], lung["time"], lung["status"], names=NAMES, cluster=lung["inst"].fillna(99)
    )
    robust = clustered.tests().set_index("test").loc["robust_wald", "statistic"]
    assert robust == pytest.approx(34.24987960460283, rel=1e-8)


def test_concordance_returns_what_r_returns(lung):
    """R: concordance(coxph(Surv(time, d) ~ age + sex + ph.ecog, lung)), plain and clustered."""
    fit = fit_cox(lung[NAMES], lung["time"], lung["status"], names=NAMES)
    risk = fit.log_hazard(lung[NAMES])
    found = concordance(lung["time"], lung["status"], risk)
    assert (found.concordant, found.discordant, found.tied_risk) == (12544, 7117, 126)
    assert found.concordance == pytest.approx(0.637135493000455, rel=1e-13)
    assert found.se == pytest.approx(0.0250679738530796, rel=1e-11)
    clusters = lung["inst"].fillna(99)
    clustered = concordance(lung["time"], lung["status"], risk, cluster=clusters)
    assert clustered.se == pytest.approx(0.02869511962933698, rel=1e-11)


def test_concordance_with_strata_and_weights_returns_what_r_returns(lung):
    """R: concordance of coxph(Surv(time, d) ~ age + (ph.ecog == 1) + (ph.ecog >= 2) +
    strata(sex), lung, weights = 1 + age %% 3, ties = "breslow").
    """  # noqa: D205 - a call in two lines
    matrix = np.column_stack([lung["age"], lung["ph.ecog"] == 1, lung["ph.ecog"] >= 2])
    options = {"strata": lung["sex"], "weights": 1 + lung["age"] % 3}
    fit = fit_cox(
        matrix, lung["time"], lung["status"], names=["a", "b", "c"], ties="breslow", **options
    )
    found = concordance(lung["time"], lung["status"], fit.log_hazard(matrix), **options)
    assert (found.concordant, found.discordant, found.tied_risk) == (25999, 17489, 601)
    assert found.concordance == pytest.approx(0.596509333393817, rel=1e-13)
    assert found.se == pytest.approx(0.0288411720335868, rel=1e-11)
