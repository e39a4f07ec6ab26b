"""Runs of a notebook for real: what lies in the folder, readable failures, the same numbers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from replica import cli, notebooks
from replica.paths import repository
from replica.runs.perform import perform, plan_run

TOY = Path(__file__).parents[1] / "toy" / "analyses"
STUDY = "myeloma_second_primary"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a repository that holds the toy study only."""
    shutil.copytree(TOY, tmp_path / "analyses")
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    return tmp_path


def call(*args):
    """Run the command line."""
    return CliRunner().invoke(cli.app, list(args))


def record_of(folder):
    """Read the record of a run."""
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def names(folder):
    """List the files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def tables(folder):
    """Read the tables of a folder."""
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def test_a_run_writes_notebook_page_tables_figures_and_record(home):
    """Everything lies in one folder; nothing in it names a folder of this computer."""
    result = call("run", "toy", "-p", "caliper", "0.05", "--out", str(home / "out"))
    assert result.exit_code == 0, result.output
    folder = home / "out"
    assert names(folder) == [
        "cell_wide.csv",
        "figure_1.svg",
        "run.json",
        "table_1.csv",
        "toy.html",
        "toy.ipynb",
    ]
    for path in folder.iterdir():
        assert str(home).encode() not in path.read_bytes(), path.name


def test_the_record_says_what_was_run_with_what(home):
    """Parameters, versions, seed, times of the code cells, and a hash of each file."""
    assert call("run", "toy", "-p", "caliper", "0.05", "-p", "seed", "9").exit_code == 0
    folder = home / "build" / "runs" / "toy" / "synthetic-caliper-0.05-seed-9"
    record = record_of(folder)
    assert record["state"] == "finished"
    assert record["given"] == {"caliper": 0.05, "seed": 9}
    assert record["parameters"] == {"source": "synthetic", "caliper": 0.05, "seed": 9}
    assert (record["seed"], record["source"], record["data"]) == (9, "synthetic", None)
    assert record["failure"] is None
    assert {"python", "replica", "numpy", "papermill"} <= set(record["versions"])
    assert record["git"] is None
    made = json.loads((folder / "toy.ipynb").read_text(encoding="utf-8"))["cells"]
    timed = [cell["id"] for cell in record["timings"]["cells"]]
    assert timed == [cell["id"] for cell in made if cell["cell_type"] == "code"]
    assert all(cell["seconds"] >= 0 for cell in record["timings"]["cells"])
    assert sorted([*record["files"], "run.json"]) == names(folder)
    for name, digest in record["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_page_shows_results_and_no_source_of_the_book(home):
    """Citations, downloads and references are resolved, or are plain words."""
    assert call("run", "toy").exit_code == 0
    page = home / "build" / "runs" / "toy" / "synthetic" / "toy.html"
    html = page.read_text(encoding="utf-8")
    for rest in ("{cite", "{download}", "{numref}", "{glue", "```", "$$"):
        assert rest not in html
    assert "numbered and cross-referenced (Table 1)" in html
    assert 'alt="Kaplan-Meier curve of progression-free survival' in html
    assert "There are 2 rows; HR 0.46." in html
    assert "120 (60.0%)" in html


def test_a_second_run_replaces_its_own_files_and_no_others(home):
    """The same run again is not mixed with the first; a note laid beside it stops the run."""
    first = call("run", "toy")
    assert "were replaced" not in first.output
    folder = home / "build" / "runs" / "toy" / "synthetic"
    before = {path.name: path.read_bytes() for path in folder.glob("toy.*")}
    second = call("run", "toy")
    assert second.exit_code == 0
    assert "The files of the earlier run in this folder were replaced." in second.output
    assert {path.name: path.read_bytes() for path in folder.glob("toy.*")} == before
    (folder / "notes.txt").write_text("precious", encoding="utf-8")
    third = call("run", "toy")
    assert third.exit_code == 2
    assert "holds files that no run wrote: notes.txt. Nothing was touched." in third.stderr
    assert {path.name: path.read_bytes() for path in folder.glob("toy.*")} == before


def test_supplied_patients_get_a_folder_of_their_own(home):
    """The record has the file's name and hash; no file names the folder it came from."""
    patients = home / "secret_clinic" / "patients.csv"
    patients.parent.mkdir()
    patients.write_text("patient_id\nX1\n", encoding="utf-8")
    assert call("run", "toy", "--data", str(patients)).exit_code == 0
    digest = hashlib.sha256(patients.read_bytes()).hexdigest()
    folder = home / "build" / "runs" / "toy" / f"supplied-{digest[:8]}"
    record = record_of(folder)
    assert record["data"] == {"name": "patients.csv", "bytes": 14, "sha256": digest}
    assert (record["source"], record["parameters"]["source"]) == ("supplied", "supplied")
    for path in folder.iterdir():
        assert b"secret_clinic" not in path.read_bytes(), path.name
    assert "supplied, patients.csv" in (folder / "toy.html").read_text(encoding="utf-8")


def test_the_patients_file_cannot_lie_in_the_runs_folder(home):
    """A run that clears its folder never comes near the reader's data."""
    patients = home / "mine" / "patients.csv"
    patients.parent.mkdir()
    patients.write_text("x\n", encoding="utf-8")
    result = call("run", "toy", "--data", str(patients), "--out", str(patients.parent))
    assert result.exit_code == 2
    assert "holds patients.csv, which the run reads; name another folder." in result.stderr
    assert patients.read_text(encoding="utf-8") == "x\n"


def test_a_failed_run_can_be_read(home):
    """Notebook and page show the failing cell's traceback, the record says failed, code 1."""
    path = home / "analyses" / "toy.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == "table-2")
    cell["source"] = ["# divide\n", "1 / 0"]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    result = call("run", "toy", "-p", "seed", "3")
    assert result.exit_code == 1
    assert "failed with ZeroDivisionError: division by zero" in result.stderr
    folder = home / "build" / "runs" / "toy" / "synthetic-seed-3"
    record = record_of(folder)
    assert record["state"] == "failed"
    assert record["failure"]["id"] == "table-2"
    assert record["failure"]["error"] == "ZeroDivisionError: division by zero"
    assert record["timings"]["cells"][-1]["id"] == "table-2"
    assert "ZeroDivisionError" in (folder / "toy.ipynb").read_text(encoding="utf-8")
    html = (folder / "toy.html").read_text(encoding="utf-8")
    assert "This run failed in cell" in html
    shown = html[html.index('id="failed-cell"') :]
    assert "# divide" in shown
    assert "ZeroDivisionError" in shown
    assert (folder / "table_1.csv").is_file()
    # the next attempt is not hindered by the failed one
    path.write_bytes((TOY / "toy.ipynb").read_bytes())
    assert call("run", "toy", "-p", "seed", "3").exit_code == 0
    assert record_of(folder)["state"] == "finished"


def test_an_interrupted_run_says_so_and_can_be_replaced(home, monkeypatch):
    """A run stopped by hand leaves a record, so that the next one knows its files."""

    def stop(path, output, *_, **__):
        shutil.copy(path, output)
        raise KeyboardInterrupt

    planned = plan_run("toy", [], None, home / "out")
    with monkeypatch.context() as patched:
        patched.setattr(notebooks, "execute", stop)
        with pytest.raises(KeyboardInterrupt):
            perform(planned)
    assert record_of(home / "out")["state"] == "interrupted"
    assert perform(planned).replaced


def test_two_runs_are_compared(home):
    """What `replica run` writes is what `replica compare` reads."""
    for seed in ("1", "2"):
        assert call("run", "toy", "-p", "seed", seed, "--out", str(home / seed)).exit_code == 0
    result = call("compare", str(home / "1"), str(home / "2"), "--out", str(home / "changes.csv"))
    assert result.exit_code == 0
    assert "0 differences in 0 of the 2 tables that both runs have." in result.output
    assert (home / "changes.csv").read_text(encoding="utf-8").splitlines()[1:] == [
        "run.json,seed,,,1,2,"
    ]


def test_papermill_alone_gives_the_same_numbers(tmp_path):
    """Every table of a study's run is, byte by byte, the one that plain papermill writes."""
    result = call("run", STUDY, "-p", "age_window", "2", "--out", str(tmp_path / "a"))
    assert result.exit_code == 0, result.output
    notebook = repository() / "analyses" / f"{STUDY}.ipynb"
    (tmp_path / "b").mkdir()
    subprocess.run(
        [
            *(sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "b" / "out.ipynb")),
            *("-p", "age_window", "2", "-p", "results_dir", str(tmp_path / "b")),
            "--no-progress-bar",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=tmp_path,
    )
    by_papermill, by_replica = tables(tmp_path / "b"), tables(tmp_path / "a")
    assert len(by_papermill) > 5
    assert {name: by_replica.get(name) for name in by_papermill} == by_papermill
    pictures = sorted(path.name for path in (tmp_path / "a").glob("*.svg"))
    assert pictures
    assert [name.replace(".svg", ".png") for name in pictures] == sorted(
        path.name for path in (tmp_path / "a").glob("*.png")
    )


def test_a_mapping_file_belongs_to_supplied_patients(home):
    """It is handed to the notebook, recorded by name and hash, and tells folders apart."""
    path = home / "analyses" / "toy.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == "parameters")
    cell["source"] = "".join(cell["source"]) + '\ndata_map = ""  # type: str mapping file'
    path.write_text(json.dumps(notebook), encoding="utf-8")
    (home / "clinic").mkdir()
    for name in ("patients.csv", "map.toml"):
        (home / "clinic" / name).write_text("x\n", encoding="utf-8")
    patients, mapping = home / "clinic" / "patients.csv", home / "clinic" / "map.toml"
    planned = plan_run("toy", [], patients, None, data_map=mapping)
    assert planned.values["data_map"] == str(mapping)
    assert planned.map is not None
    assert planned.map["name"] == "map.toml"
    assert planned.folder.name == f"supplied-73cb3858-map-{planned.map['sha256'][:8]}"
    assert "data_map" not in planned.parameters
    alone = call("run", "toy", "--map", str(mapping))
    assert alone.exit_code == 2
    assert "data_map: found 'map.toml' with synthetic patients, who need none" in alone.stderr
