"""The command `replica sweep`: what it writes and what it refuses before anything runs."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from replica import cli
from replica.commands import sweep as command
from replica.studies import load_study
from replica.supplied import template
from replica.sweep.cluster import each_here
from replica.sweep.patients import patients_of
from replica.sweep.store import KEY, read_sweep

STUDY = "sclc_second_line"


@pytest.fixture
def here(monkeypatch):
    """Make runs in this process; note how many workers were asked for."""
    asked = []

    @contextmanager
    def no_cluster(workers):
        asked.append(workers)
        yield None

    monkeypatch.setattr(command, "local_cluster", no_cluster)
    monkeypatch.setattr(
        command, "each_on", lambda _client, do, shared, batches, **_: each_here(do, shared, batches)
    )
    return asked


@pytest.fixture
def nothing_runs(monkeypatch):
    """Fail if patients are read or a process is started."""

    def must_not(*_args, **_kwargs):
        pytest.fail("started before the grid was checked")

    for name in ("patients_of", "local_cluster", "scheduler_at"):
        monkeypatch.setattr(command, name, must_not)


def call(*args):
    """Run the command line."""
    return CliRunner().invoke(cli.app, ["sweep", *args])


def test_the_issue_of_a_sweep_is_a_table_and_a_plot(here, tmp_path):
    """Every combination is a row; the plot stands beside the table."""
    out = tmp_path / "made" / "a.parquet"
    grid = ("--grid", "caliper=0.01,0.02", "--grid", "order=largest,random", "--seeds", "3")
    result = call(STUDY, *grid, "--out", str(out), "--workers", "2")
    assert result.exit_code == 0, result.output
    assert here == [2]
    frame = read_sweep(out)
    assert len(frame) == 12
    assert (frame["source"] == "synthetic").all()
    assert "12 runs; 0 without an estimate" in result.output
    assert (out.parent / "a_pfs.svg").is_file()
    again = call(STUDY, *grid, "--out", str(out), "--no-plot")
    assert "12 runs, 12 of them before" in again.output


@pytest.mark.usefixtures("here")
def test_without_a_grid_the_studys_own_choices_are_swept(tmp_path):
    """The choices of the specification curve are the default."""
    out = tmp_path / "a.parquet"
    result = call("myeloma_second_primary", "--out", str(out), "--no-plot")
    assert result.exit_code == 0, result.output
    frame = read_sweep(out)
    assert len(frame) == 144
    assert set(frame["adjustment"]) == {"crude", "clustered", "stratified"}


@pytest.mark.usefixtures("here")
def test_a_readers_own_patients_are_swept(tmp_path):
    """A supplied file is read, its source noted, and small groups can be left out."""
    patients = patients_of(load_study(STUDY)).patients
    file, out = tmp_path / "mine.csv", tmp_path / "a.parquet"
    columns = template(load_study(STUDY)).columns
    patients[list(columns)].to_csv(file, index=False)
    grid = ("--grid", "order=largest,data", "--data", str(file), "--out", str(out))
    result = call(STUDY, *grid, "--no-plot")
    assert result.exit_code == 0, result.output
    frame = read_sweep(out)
    assert (frame["source"] == "supplied").all()
    assert (frame["reason"] == "").all()
    hidden = call(STUDY, *grid, "--no-plot", "--min-cell", "150")
    assert "2 without an estimate" in hidden.output
    assert read_sweep(out)["events"].isna().all()


@pytest.mark.usefixtures("here")
def test_a_file_with_other_names_and_codes_is_swept_through_its_mapping(tmp_path):
    """`--map` reads it; the runs are those of the file in the dictionary's own words."""
    study = load_study(STUDY)
    own = patients_of(study).patients[list(template(study).columns)]
    other = own.rename(columns={"gender": "sex"})
    other["sex"] = other["sex"].map({"male": "M", "female": "F"})
    told = tmp_path / "map.toml"
    told.write_text('[columns]\ngender = "sex"\n\n[levels.gender]\nM = "male"\nF = "female"\n')
    runs = []
    for frame, name, more in ((own, "own", ()), (other, "other", ("--map", str(told)))):
        file, out = tmp_path / f"{name}.csv", tmp_path / f"{name}.parquet"
        frame.to_csv(file, index=False)
        grid = ("--grid", "caliper=0.01,0.05", "--data", str(file), "--out", str(out), "--no-plot")
        result = call(STUDY, *grid, *more)
        assert result.exit_code == 0, result.output
        runs.append(read_sweep(out))
    assert runs[0].drop(columns=KEY).equals(runs[1].drop(columns=KEY))


REFUSED = [
    ([STUDY, "--map", "pyproject.toml"], "a mapping file belongs to your own patients"),
    ([STUDY, "--patience", "0"], "greater than or equal to 1"),
    (["sclc_secnd_line"], "Did you mean 'sclc_second_line'?"),
    ([STUDY, "--grid", "calliper=0.1"], "Did you mean 'caliper'?"),
    ([STUDY, "--grid", "order=bigest"], "Did you mean 'largest'?"),
    ([STUDY, "--grid", "caliper=0"], "allowed: a number above 0, or none"),
    ([STUDY, "--grid", "ratio=2", "--seeds", "0"], "seeds: found 0; at least 1 is needed"),
    ([STUDY, "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "give one of the options"),
    ([STUDY, "--notebooks", "--grid", "draw=random"], "no parameter of sclc_second_line.ipynb"),
    ([STUDY, "--notebooks", "--grid", "adjustment=adjusted"], "allowed: 'crude', 'clustered'"),
    ([STUDY, "--notebooks", "--grid", "ratio=2", "--min-cell", "5"], "notebooks mask"),
    (["myeloma_second_primary", "--notebooks", "--grid", "ratio=2"], "leave --notebooks out"),
]


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(("args", "says"), REFUSED, ids=lambda value: str(value)[-40:])
def test_wrong_sweeps_are_refused_before_they_start(args, says):
    """One message, exit code 2, nothing read and nothing started."""
    result = call(*args)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.usefixtures("here")
def test_stopping_says_how_to_go_on(tmp_path, monkeypatch):
    """A key pressed in the middle ends with a message and the usual exit code."""

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "sweep", interrupted)
    result = call(STUDY, "--grid", "ratio=1,2", "--out", str(tmp_path / "a.parquet"))
    assert result.exit_code == 130
    assert "the same command goes on" in result.output


def test_help_shows_an_example():
    """The example is the one of the book."""
    result = call("--help")
    assert result.exit_code == 0
    assert "Example: replica sweep sclc_second_line --grid caliper=0.01,0.02" in result.output
