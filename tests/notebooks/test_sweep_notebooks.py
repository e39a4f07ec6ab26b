"""A sweep of whole notebooks gives the numbers of a sweep of functions."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from replica import cli
from replica.studies import load_study
from replica.supplied import template
from replica.sweep import read_grid, sweep
from replica.sweep.cluster import each_here
from replica.sweep.notebook_runs import sweep_notebooks
from replica.sweep.patients import patients_of
from replica.sweep.record import RESULTS
from replica.sweep.store import parts_folder, read_sweep

STUDY = "sclc_second_line"


def test_notebooks_and_functions_agree(tmp_path):
    """Both outcomes and both errors, of one executed notebook, are those of direct runs."""
    study = load_study(STUDY)
    cohort = patients_of(study)
    texts = ["caliper=0.05", "order=largest", "outcome=pfs,os", "adjustment=crude,clustered"]
    grid = read_grid(study, texts)
    out = tmp_path / "by_notebook.parquet"
    made = sweep_notebooks(cohort, None, grid, out, engine=each_here)
    assert (made.runs, made.failed) == (4, 0)
    executed = list((parts_folder(out) / "notebooks").glob("*/sclc_second_line.ipynb"))
    assert len(executed) == 1
    direct = sweep(cohort, grid, tmp_path / "direct.parquet").frame()
    found = made.frame()
    for name in RESULTS:
        if direct[name].dtype == float:
            assert found[name].tolist() == pytest.approx(direct[name].tolist(), rel=1e-9)
        else:
            assert found[name].tolist() == direct[name].tolist()
    assert sweep_notebooks(cohort, None, grid, out, engine=each_here).made == 0


def test_a_notebook_that_fails_is_kept_with_its_reason(tmp_path):
    """A file that the notebook refuses ends in a row, not in a stop."""
    study = load_study(STUDY)
    data = tmp_path / "patients.csv"
    data.write_text("patient_id,arm\n", encoding="utf-8")
    grid = read_grid(study, ["caliper=0.05"])
    out = tmp_path / "a.parquet"
    made = sweep_notebooks(patients_of(study), data, grid, out, engine=each_here)
    assert (made.runs, made.failed) == (1, 1)
    assert "failed with" in made.frame()["reason"][0]


MAPPING = """[columns]
gender = "sex"

[levels.gender]
M = "male"
F = "female"
"""


def test_notebooks_read_the_readers_own_file_through_its_mapping(tmp_path):
    """`--notebooks --map`: the numbers of `--map` alone, and no patient in what is kept."""
    study = load_study(STUDY)
    theirs = patients_of(study).patients[list(template(study).columns)]
    theirs = theirs.rename(columns={"gender": "sex"})
    theirs["sex"] = theirs["sex"].map({"male": "M", "female": "F"})
    theirs["patient_id"] = [f"qzxmark-{i:04d}" for i in range(len(theirs))]
    (tmp_path / "mine").mkdir()
    file, mapping = tmp_path / "mine" / "patients.csv", tmp_path / "mine" / "map.toml"
    theirs.to_csv(file, index=False)
    mapping.write_text(MAPPING, encoding="utf-8")
    frames = []
    for name, more in (("direct", ()), ("executed", ("--notebooks",))):
        out = tmp_path / name / "sweep.parquet"
        words = ["sweep", STUDY, "--grid", "caliper=0.05", "--grid", "outcome=pfs,os"]
        words += ["--data", str(file), "--map", str(mapping), "--out", str(out), "--no-plot"]
        result = CliRunner().invoke(cli.app, [*words, "--workers", "1", *more])
        assert result.exit_code == 0, result.output
        assert "2 runs; 0 without an estimate" in result.output
        frames.append(read_sweep(out))
    direct, executed = frames
    assert (executed["source"] == "supplied").all()
    for name in RESULTS:
        if direct[name].dtype == float:
            assert executed[name].tolist() == pytest.approx(direct[name].tolist(), rel=1e-9)
        else:
            assert executed[name].tolist() == direct[name].tolist()
    (notebook,) = (tmp_path / "executed").rglob(f"{STUDY}.ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    injected = next(cell for cell in cells if cell["id"] == "injected-parameters")
    assert f'data_map = "{mapping}"' in "".join(injected["source"])
    kept = [path for path in (tmp_path / "executed").rglob("*") if path.is_file()]
    assert [path.name for path in kept if b"qzxmark" in path.read_bytes().lower()] == []
