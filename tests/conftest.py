"""A small study and its patients, for tests that need one and not a published one."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import settings
from sharing_cores import GroupScheduling, group_of, turn_of
from xdist.remote import Producer

from replica.cohort import Cohort
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
    Measure,
    ModelPlan,
    Outcome,
    Study,
    SubgroupPlan,
)
from replica.supplied import load_cohort

# A loaded machine is slow: how long one example takes says nothing about the code
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

TOY_COVARIATES = ("sex", "smoking", "stage")
TOY_PATIENTS = 60


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Share tests among processes by group, in the order that the processes collected them in."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long groups first where several processes share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(group_of(item.nodeid)))


def make_toy_study() -> Study:
    """Describe a study of two arms, three covariates, a regimen, an age and one outcome."""
    return Study(
        key="toy",
        title="A toy study",
        question="Does the toy treatment prolong survival?",
        citation=Citation(
            "A. Author", "A toy study", "Journal of Toys", 2024, "10.0/toy", "toy2024"
        ),
        eligibility=("Aged 18 years or older",),
        exclusions=(),
        treated=Arm("treated", "Treatment"),
        control=Arm("control", "Control"),
        covariates=(
            Covariate("sex", "Sex", (Level("male", "Male"), Level("female", "Female"))),
            Covariate("smoking", "Smoking", (Level("yes", "Yes"), Level("no", "No"))),
            Covariate(
                "stage",
                "Disease stage",
                (Level("i", "Stage I"), Level("ii", "Stage II"), Level("iii", "Stage III")),
            ),
        ),
        outcomes=(
            Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", (6, 12)),
        ),
        matching=MatchingPlan(TOY_COVARIATES, caliper=0.2, caliper_scale="probability"),
        calendar=Calendar("start", date(2019, 1, 1), date(2020, 12, 31), date(2022, 12, 31)),
        convention="spss",
        characteristics=(
            Characteristic(
                "regimen",
                "Regimen",
                (Level("alone", "Alone"), Level("combined", "Combined")),
                arms=("treated",),
            ),
        ),
        measures=(Measure("age", "Age", "years", 18, 100),),
        models=(ModelPlan("os", "treated", TOY_COVARIATES, 0.15, "table2"),),
        subgroups=(SubgroupPlan("os", TOY_COVARIATES, "figure2"),),
        curves=(CurvePlan("figure1", "os", "before"),),
        exhibits=(
            Exhibit("table1", "Table 1", "Baseline characteristics"),
            Exhibit("table2", "Table 2", "Cox models"),
            Exhibit("figure1", "Figure 1", "Overall survival"),
            Exhibit("figure2", "Figure 2", "Subgroups"),
        ),
    )


def make_toy_table() -> pd.DataFrame:
    """Lay out the toy patients as a file's text: both arms, every level, times with ties."""
    rows = []
    for i in range(TOY_PATIENTS):
        treated = i % 5 < 2
        rows.append(
            {
                "patient_id": f"T{i + 1:03d}",
                "arm": "treated" if treated else "control",
                "sex": "male" if i * 7 % 10 < 6 else "female",
                "smoking": "yes" if i * 3 % 8 < 5 else "no",
                "stage": ("i", "ii", "iii")[i * i % 7 % 3],
                "regimen": ("combined" if i % 3 else "alone") if treated else "",
                "age": str(40 + i * 13 % 45),
                "start": (date(2019, 1, 1) + timedelta(days=11 * i)).isoformat(),
                "os_months": f"{1 + i * 37 % 53 * 0.35:.2f}",
                "os_event": "0" if i % 4 == 3 else "1",
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def toy_study() -> Study:
    """Study `toy`, shared by all tests (it cannot be changed)."""
    return make_toy_study()


@pytest.fixture
def toy_table() -> pd.DataFrame:
    """Toy patients as text, fresh for each test, which may spoil them."""
    return make_toy_table()


@pytest.fixture(scope="session")
def toy_cohort(toy_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Toy patients as a validated cohort, shared by all tests: do not change it in place."""
    path = tmp_path_factory.mktemp("toy") / "toy.csv"
    make_toy_table().to_csv(path, index=False)
    return load_cohort(toy_study, "supplied", path)
