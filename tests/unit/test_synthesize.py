"""A small invented trial goes the whole way, from printed numbers to a file of patients."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from replica import cli
from replica.agreement import round_half_up
from replica.analysis import reproduce
from replica.cohort import Cohort
from replica.commands import synthesis
from replica.errors import SynthesisError
from replica.matching import match
from replica.protocol import (
    Arm,
    Association,
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
)
from replica.published import QUANTITY, PublishedValue
from replica.settings import default_choices
from replica.supplied import load_cohort, parse_cohort
from replica.synthesis.snapshots import read_snapshot, write_snapshot
from replica.synthesis.synthesize import better, synthesize
from replica.synthesis.targets import compile_targets
from replica.synthetic import read_report, write_synthetic

KEYS = ("sex", "smoking", "stage")
EVALUATIONS = 12_000
DECIMALS = {"n": 0, "percent": 1, "median": 2, "min": 0, "max": 0, "rate": 1, "p": 3}
YES_NO = (Level("yes", "Yes"), Level("no", "No"))


def make_trial():
    """Describe an invented trial of 40 against 60 patients with two outcomes."""
    return Study(
        key="trial",
        title="An invented trial",
        question="Does the invented treatment delay progression?",
        citation=Citation("A. Author", "A trial", "Journal", 2024, "10.0/trial", "trial2024"),
        eligibility=("Aged 18 years or older",),
        exclusions=(),
        treated=Arm("treated", "Treatment"),
        control=Arm("control", "Control"),
        covariates=(
            Covariate("sex", "Sex", (Level("male", "Male"), Level("female", "Female"))),
            Covariate("smoking", "Smoking", YES_NO),
            Covariate("stage", "Stage", (Level("iv", "IV"), Level("iii", "III"))),
        ),
        outcomes=(
            Outcome("pfs", "PFS", "PFS", "pfs_months", "pfs_event", "months", (6,), "os"),
            Outcome("os", "OS", "OS", "os_months", "os_event", "months", (12,)),
        ),
        matching=MatchingPlan(KEYS, caliper=0.05, caliper_scale="probability"),
        calendar=Calendar("start", date(2018, 1, 1), date(2020, 12, 31), date(2022, 12, 31)),
        convention="spss",
        characteristics=(
            Characteristic(
                "response",
                "Response",
                (Level("pr", "PR"), Level("sd", "SD"), Level("pd", "PD")),
                follows="pfs",
            ),
            Characteristic("rash", "Rash", YES_NO),
        ),
        measures=(Measure("cycles", "Cycles", "cycles", 1, 40, follows="pfs"),),
        models=(ModelPlan("pfs", "treated", KEYS, 0.5, "table1"),),
        curves=(CurvePlan("table1", "pfs", "before"), CurvePlan("table1", "os", "before")),
        exhibits=(Exhibit("table1", "Table 1", "Everything"),),
        associations=(Association("sex", "smoking", 0.4),),
    )


def make_patients(study):
    """Invent the patients whose results the trial prints; nobody else sees them."""
    rng = np.random.default_rng(0)
    n = 100
    treated = rng.permutation(n) < 40
    death = np.round(rng.exponential(np.where(treated, 14.0, 10.0)), 2) + 0.5
    progression = np.round(death * rng.uniform(0.2, 0.9, n), 2)
    last = np.round(rng.uniform(20.0, 40.0, n), 2)
    table = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "arm": np.where(treated, "treated", "control"),
            "sex": np.where(rng.uniform(size=n) < 0.6, "male", "female"),
            "smoking": np.where(rng.uniform(size=n) < 0.5, "yes", "no"),
            "stage": np.where(rng.uniform(size=n) < np.where(treated, 0.5, 0.7), "iv", "iii"),
            "response": pd.cut(progression, [0, 3, 8, 999], labels=["pd", "sd", "pr"]).astype(str),
            "rash": np.where(treated & (rng.uniform(size=n) < 0.3), "yes", "no"),
            "cycles": np.clip(np.round(progression), 1, 30),
            "start": pd.Timestamp("2019-01-01"),
        }
    )
    for key, time in (("pfs", progression), ("os", death)):
        table[f"{key}_months"] = np.minimum(time, last)
        table[f"{key}_event"] = (time <= last).astype(int)
    return Cohort(study, table, "supplied")


def make_published(study):
    """Print what the real analysis of the invented patients gives, rounded as papers round."""
    matched = match(make_patients(study))
    rows = []
    for i, estimate in enumerate(reproduce(matched, default_choices(study))):
        if estimate.exact is None:
            continue
        named = {**vars(estimate.quantity), "statistic": estimate.statistic}
        digits = 0 if named["item"] == "cycles" else DECIMALS.get(estimate.statistic, 2)
        rows.append(
            PublishedValue(
                **{field.name: "" for field in fields(PublishedValue)}
                | {name: named[name] for name in QUANTITY}
                | {"id": f"row{i}", "estimate_id": f"row{i}", "where": f"Row {i}"}
                | {"printed": round_half_up(estimate.exact, digits)}
            )
        )
    return tuple(rows)


@pytest.fixture(scope="module")
def study():
    """Describe the invented trial."""
    return make_trial()


@pytest.fixture(scope="module")
def published(study):
    """Print the invented trial's numbers."""
    return make_published(study)


def run(study, published, seed=1, evaluations=EVALUATIONS, **more):
    """Make a cohort and keep what was reported on the way."""
    told = []
    made = synthesize(
        study,
        published,
        np.random.default_rng(seed),
        evaluations=evaluations,
        progress=lambda *report: told.append(report),
        **more,
    )
    return made, told


@pytest.fixture(scope="module")
def made(study, published):
    """Make the trial's cohort once."""
    return run(study, published)


def test_a_cohort_is_made_that_loads_and_matches_as_printed(study, published, made):
    """The patients pass every check of a file, and counts before and after are as printed."""
    synthesis, _ = made
    cohort = parse_cohort(study, synthesis.patients, "synthetic", name="trial")
    computed = {row.key: row for row in reproduce(match(cohort), default_choices(study))}
    counted = [row for row in published if row.statistic == "n" and row.arm != "all"]
    assert len(counted) > 30
    for row in counted:
        assert computed[row.key].exact == row.value.value, row.id
    assert (cohort.patients["pfs_months"] <= cohort.patients["os_months"]).all()
    assert not ((cohort.patients["response"] == "pd") & (cohort.patients["pfs_event"] == 0)).any()


def test_the_report_says_what_the_file_gives_back(study, published, made, tmp_path):
    """Read from the file and analysed anew, every value is the one in the report."""
    synthesis, _ = made
    path, _ = write_synthetic(tmp_path, study.key, synthesis.patients, synthesis.report)
    cohort = load_cohort(study, "supplied", path)
    computed = {row.key: row.exact for row in reproduce(match(cohort), default_choices(study))}
    rows = {row.id: row for row in published}
    kinds = {"reproduced": 0, "rounding": 0, "different": 0}
    for value in synthesis.report["values"]:
        row = rows[value["id"]]
        kinds[value["verdict"]] += 1
        exact = computed[row.key]
        if exact is None:
            assert value["attained"] == "not estimable"
        else:
            assert value["attained"] == round_half_up(exact, row.value.digits)
            assert (value["verdict"] == "reproduced") == row.value.admits(exact)
    assert synthesis.report["targets"] == {"aimed_at": len(synthesis.report["values"]), **kinds}
    assert kinds["reproduced"] > 0.6 * len(synthesis.report["values"])


def test_a_longer_search_meets_more(study, published):
    """More evaluations bring the survival results closer, from the same seed."""
    met = [
        run(study, published, evaluations=evaluations)[0].report["targets"]["reproduced"]
        for evaluations in (4000, 40_000)
    ]
    assert met[1] > met[0]


def test_the_same_seed_gives_the_same_bytes(study, published, made, tmp_path):
    """Patients and report are byte-identical twice; another seed gives other patients."""
    again, _ = run(study, published)
    other, _ = run(study, published, seed=2)
    written = [
        [path.read_bytes() for path in write_synthetic(tmp_path / name, "trial", *vars(s).values())]
        for name, s in (("a", made[0]), ("b", again), ("c", other))
    ]
    assert written[0] == written[1]
    assert written[0][0] != written[2][0]


def test_progress_is_told_in_order_and_never_beyond_the_plan(made):
    """First the arm with a joint model, then covariates, then everybody; each grows to its plan."""
    _, told = made
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    assert stages[0] == "curves of an arm, coarse"
    assert stages[-1] in {"all, exact", "others, exact"}
    kinds = {}
    for stage, done, planned, _ in told:
        kind = "arm" if "an arm" in stage else stage if "draw" in stage else "all"
        kinds.setdefault(kind, []).append((done, planned))
    for reports in kinds.values():
        assert [done for done, _ in reports] == sorted(done for done, _ in reports)
        assert all(done <= planned for done, planned in reports)
        assert len({planned for _, planned in reports}) == 1
    assert kinds["arm"][-1][1] + kinds["all"][-1][1] == EVALUATIONS


@pytest.mark.parametrize(
    ("joint", "stages"),
    [(True, ["arm", "twins", "times"]), (False, ["covariates", "times"])],
    ids=["with joint models", "without"],
)
def test_a_stopped_search_goes_on_to_the_same_patients(study, published, joint, stages, tmp_path):
    """From a snapshot of each stage, read back from its file, the end is the same, to the byte."""
    rows = [row for row in published if joint or row.model != "multivariable"]
    kept = {}

    def keep(snapshot):
        kept.setdefault(snapshot.stage, []).append(snapshot)

    whole, _ = run(study, rows, keep=keep)
    assert list(kept) == stages
    plan = {"seed": 1}
    for stage, snapshots in kept.items():
        path = tmp_path / f"{stage}.npz"
        write_snapshot(path, snapshots[len(snapshots) // 2], plan)
        assert read_snapshot(path, {"seed": 2}) is None
        again, _ = run(study, rows, seed=99, resume=read_snapshot(path, plan))
        assert again.patients.equals(whole.patients), stage
        assert again.report == whole.report, stage


def test_rows_left_out_are_not_aimed_at_and_listed(study, published):
    """An excluded row is no target, and the report says why."""
    survival = [target.id for target in compile_targets(study, published).survival]
    left_out = {survival[0]: "it contradicts another"}
    assert survival[0] not in {
        target.id for target in compile_targets(study, published, left_out).survival
    }
    made = synthesize(
        study,
        published,
        np.random.default_rng(1),
        evaluations=2000,
        excluded=left_out,
        progress=lambda *_: None,
    )
    assert made.report["excluded"] == [{"id": survival[0], "why": "it contradicts another"}]
    assert survival[0] not in {value["id"] for value in made.report["values"]}


def test_counts_that_cannot_be_reached_are_an_error(study, published):
    """More pairs than the arms allow end the search with what is missing and what to try."""
    pairs = {("patients", arm, "after", "n") for arm in ("treated", "control")}
    impossible = [
        replace(row, printed="41")
        if (row.item, row.arm, row.stage, row.statistic) in pairs
        else row
        for row in published
    ]
    with pytest.raises(SynthesisError, match=r"10 draws with 800 .* off by \d+ in all.*--seed"):
        run(study, impossible, evaluations=4000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": 2}, "1:1 matching in data order"),
        ({"order": "largest"}, "1:1 matching in data order"),
        ({"caliper_scale": "sd_logit"}, "1:1 matching in data order"),
        ({"exact": ("sex",)}, "without exact strata"),
    ],
)
def test_a_plan_that_the_search_does_not_know_is_refused(study, published, changes, message):
    """Another ratio, order or scale is refused rather than replaced."""
    other = replace(study, matching=replace(study.matching, **changes))
    with pytest.raises(SynthesisError, match=message):
        run(other, published, evaluations=1)


def test_matched_arms_of_different_size_are_refused(study, published):
    """Pairs have as many treated as controls, or the printed table is wrong."""
    broken = [
        replace(row, printed="7")
        if (row.item, row.arm, row.stage, row.statistic) == ("patients", "control", "after", "n")
        else row
        for row in published
    ]
    with pytest.raises(SynthesisError, match=r"found \d+ treated and 7 control patients"):
        run(study, broken, evaluations=1)


def test_counts_of_a_covariate_must_add_up(study, published):
    """The two levels of a covariate make up the arm, or the error says what was printed."""
    wanted = ("sex", "male", "treated", "before", "n")
    broken = [
        replace(row, printed="1")
        if (row.item, row.level, row.arm, row.stage, row.statistic) == wanted
        else row
        for row in published
    ]
    with pytest.raises(SynthesisError, match=r"sex \(treated\): printed counts 1 and \d+ do not"):
        run(study, broken, evaluations=1)


def test_a_covariate_of_three_levels_is_refused(study, published):
    """The search exchanges two levels only, and says so."""
    stage = Covariate("stage", "Stage", tuple(Level(k, k) for k in ("iv", "iii", "ii")))
    other = replace(study, covariates=(*study.covariates[:2], stage))
    with pytest.raises(SynthesisError, match="stage: the search knows covariates of two levels"):
        run(other, published, evaluations=1)


def test_associations_that_contradict_each_other_are_refused(study, published):
    """Three covariates cannot pull in directions that no correlation matrix has."""
    pairs = (("sex", "smoking", 0.9), ("smoking", "stage", 0.9), ("sex", "stage", -0.9))
    other = replace(study, associations=tuple(Association(*pair) for pair in pairs))
    with pytest.raises(SynthesisError, match="trial: the associations contradict each other"):
        run(other, published, evaluations=1)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ((5, 0), None, True),
        ((5, 2), (5, 2), True),
        ((6, 0), (5, 9), True),
        ((5, 3), (5, 2), True),
        ((5, 1), (5, 2), False),
        ((4, 9), (5, 0), False),
    ],
)
def test_a_report_is_better_by_rows_met_then_by_rows_nearly_met(new, old, expected):
    """Rows met count first, rows within a unit of the last digit second; equal will do."""

    def report(met):
        return {"targets": {"reproduced": met[0], "rounding": met[1]}}

    assert better(report(new), None if old is None else report(old)) is expected


@pytest.fixture
def home(study, published, tmp_path, monkeypatch):
    """Make a repository that holds the invented trial's printed numbers and nothing else."""
    table = tmp_path / "data" / "published" / "trial.csv"
    table.parent.mkdir(parents=True)
    columns = [field.name for field in fields(PublishedValue)]
    pd.DataFrame([vars(row) for row in published])[columns].to_csv(table, index=False)
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    monkeypatch.setattr(synthesis, "load_study", {"trial": study}.__getitem__)
    return tmp_path


def synthesize_by_command(*more):
    """Run the command on the trial."""
    arguments = ["synthesize", "trial", "--seed", "1", "--evaluations", str(EVALUATIONS), *more]
    return CliRunner().invoke(cli.app, arguments)


def test_the_command_writes_what_the_function_makes(home, made):
    """Patients and report land in data/synthetic, with the seed, the effort and the versions."""
    result = synthesize_by_command()
    assert result.exit_code == 0, result.output
    folder = home / "data" / "synthetic"
    assert (folder / "trial.csv").read_text() == made[0].patients.to_csv(index=False)
    report = json.loads((folder / "trial.json").read_text())
    assert (report["seed"], report["evaluations"]) == (1, EVALUATIONS)
    assert report["versions"].keys() >= {"numpy", "numba", "replica"}
    assert {key: report[key] for key in made[0].report} == made[0].report
    number = report["targets"]
    assert f"{number['reproduced']} of {number['aimed_at']} printed numbers" in result.output


def test_the_command_keeps_a_better_cohort(home, made):
    """A cohort that meets more rows is left as it is, with exit code 2 and what to try."""
    folder = home / "data" / "synthetic"
    met = made[0].report["targets"]
    praised = {"targets": {**met, "reproduced": met["reproduced"] + 1}, "values": []}
    paths = write_synthetic(folder, "trial", pd.DataFrame({"patient_id": ["kept"]}), praised)
    before = [path.read_bytes() for path in paths]
    result = synthesize_by_command()
    assert result.exit_code == 2
    assert "meets more printed numbers than this one and was kept" in result.output
    assert [path.read_bytes() for path in paths] == before
    elsewhere = home / "elsewhere"
    assert synthesize_by_command("--out", str(elsewhere)).exit_code == 0
    assert read_report(elsewhere, "trial")["targets"] == met


def test_the_command_replaces_a_cohort_that_is_no_better(home, made):
    """A cohort that meets as many rows gives way, so that the same command may be repeated."""
    folder = home / "data" / "synthetic"
    write_synthetic(folder, "trial", pd.DataFrame({"patient_id": ["old"]}), made[0].report)
    assert synthesize_by_command().exit_code == 0
    assert (folder / "trial.csv").read_text() == made[0].patients.to_csv(index=False)
