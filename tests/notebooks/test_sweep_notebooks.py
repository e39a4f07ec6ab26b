"""A sweep of whole notebooks gives the numbers of a sweep of functions."""

from __future__ import annotations

import pytest

from replica.studies import load_study
from replica.sweep import read_grid, sweep
from replica.sweep.cluster import each_here
from replica.sweep.notebook_runs import sweep_notebooks
from replica.sweep.patients import patients_of
from replica.sweep.record import RESULTS
from replica.sweep.store import parts_folder

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
