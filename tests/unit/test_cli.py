"""The command line: what it prints, what it refuses and its exit codes. No notebook is run here."""

from __future__ import annotations

import json
import shutil
import webbrowser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from replica import book, cli, notebooks
from replica.commands.data import data_app
from replica.studies import load_study

TOY = Path(__file__).parents[1] / "toy"
STUDY = "sclc_second_line"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a repository that holds the toy study only."""
    shutil.copytree(TOY / "analyses", tmp_path / "analyses")
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def executed(monkeypatch):
    """Record calls of `execute` instead of running notebooks."""
    calls = []

    def record(path, output, parameters, *, cwd, progress):
        progress(1, 1)
        calls.append((path, output, parameters, cwd))

    monkeypatch.setattr(notebooks, "execute", record)
    return calls


def call(*args: str):
    """Run the command line; the result holds exit code, output and error output."""
    return CliRunner().invoke(cli.app, list(args))


COMMANDS = [
    ["studies"],
    ["run"],
    ["compare"],
    ["sweep"],
    ["verify"],
    ["audit"],
    ["codecheck"],
    ["synthesize"],
    ["ranges"],
    ["book"],
    ["pdf"],
    ["data"],
    ["data", "template"],
    ["data", "dictionary"],
    ["data", "check"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_shows_an_example_of_the_command(command):
    """A reader can copy a whole working line from each help text."""
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert f"Example: replica {' '.join(command)}" in " ".join(result.output.split())


def test_no_command_is_left_out_of_the_test_above():
    """A new command without an example is noticed."""
    named = {command[-1] for command in COMMANDS} - {"data"}
    registered = [*cli.app.registered_commands, *data_app.registered_commands]
    known = {c.name or c.callback.__name__ for c in registered if c.callback}
    assert named == known
    for command in registered:
        assert str(command.epilog).startswith("Example: replica ")


@pytest.mark.parametrize("group", [[], ["data"]], ids=["replica", "data"])
def test_a_list_of_commands_says_what_each_does_on_one_line(group):
    """No summary is cut off on a screen of the usual width."""
    output = call(*group, "--help").output
    assert "Commands:" in output
    assert "..." not in output.replace("[ARGS]...", "")


@pytest.mark.usefixtures("home")
def test_studies_lists_parameters_with_types_and_defaults():
    """What `-p` may be given is shown with its type, default, meaning and allowed values."""
    output = call("studies").output
    assert "toy\n" in output
    row = next(line for line in output.splitlines() if "caliper" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        "caliper",
        "float|None",
        "0.02",
        "widest distance of a pair",
        "a number or None",
    ]


def test_studies_shows_title_question_and_what_the_checks_allow():
    """Allowed values are those of the checks that a run goes through."""
    output = call("studies").output
    assert load_study(STUDY).title in output
    assert load_study(STUDY).question[:60] in output
    assert "above 0, or None for no limit" in output
    assert "'hardest', 'data'" in output


def test_run_passes_typed_parameters_and_writes_to_the_runs_folder(home, executed):
    """`-p name value` and `-p name=value` both work; results go beside the executed notebook."""
    result = call("run", "toy", "-p", "caliper", "0.05", "-p", "seed=3")
    assert result.exit_code == 0, result.output
    folder = home / "build" / "runs" / "toy" / "synthetic-caliper-0.05-seed-3"
    assert executed == [
        (
            home / "analyses" / "toy.ipynb",
            folder / "toy.ipynb",
            {"caliper": 0.05, "seed": 3, "results_dir": str(folder)},
            home / "analyses",
        )
    ]
    assert str(folder) in result.output


def test_run_with_data_sets_source_and_absolute_path(home, executed, monkeypatch):
    """The reader's file is found although the notebook runs in another folder."""
    (home / "mine.csv").write_text("x\n", encoding="utf-8")
    monkeypatch.chdir(home)
    assert call("run", "toy", "--data", "mine.csv", "--out", "here").exit_code == 0
    (_, output, parameters, _) = executed[0]
    assert parameters["source"] == "supplied"
    assert parameters["data_path"] == str(home / "mine.csv")
    assert output == home / "here" / "toy.ipynb"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["toyy"], "no notebook for this study, found 'toyy'; allowed: 'toy'."),
        (["toy", "-p", "calipr", "1"], "Did you mean 'caliper'?"),
        (["toy", "-p", "seed", "x"], "'seed' found 'x'; allowed: a whole number"),
        (["toy", "-p", "seed"], "-p seed: found no value; write -p NAME VALUE."),
        (["toy", "-p", "seed", "1", "-p", "seed", "2"], "'seed' was given twice; give it once."),
        (["toy", "-p", "results_dir", "x"], "the folder of a run is named by --out"),
        (
            ["toy", "-p", "source", "supplied"],
            "source: found 'supplied' without a file; give --data",
        ),
        (["toy", "-p", "data_path", "a/b.csv"], "data_path: found 'b.csv' with synthetic patients"),
    ],
)
def test_run_refuses_with_one_clean_message_and_code_2(executed, args, message):
    """Nothing runs, nothing but one message is printed."""
    result = call("run", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert executed == []


def test_run_refuses_a_source_beside_data(home, executed):
    """Two statements about the patients' source cannot both hold."""
    (home / "mine.csv").write_text("x\n", encoding="utf-8")
    result = call("run", "toy", "--data", str(home / "mine.csv"), "-p", "source", "synthetic")
    assert result.exit_code == 2
    assert "--data sets source itself" in result.stderr
    assert executed == []


def test_a_failed_run_ends_with_1_and_names_the_cell(home, monkeypatch):
    """The message says which cell failed; the run's files are named all the same."""

    def fail(*_, **__):
        raise notebooks.FailedCellError("cell 1 of 1 failed", cell=1, total=1, error="E")

    monkeypatch.setattr(notebooks, "execute", fail)
    result = call("run", "toy")
    assert result.exit_code == 1
    assert "Error: cell 1 of 1 failed" in result.stderr
    assert str(home / "build" / "runs" / "toy" / "synthetic") in result.output


def test_open_shows_the_page_of_the_run(home, executed, monkeypatch):
    """`--open` hands the page's address to the browser, once the run has ended."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert call("run", "toy", "--open").exit_code == 0
    assert len(executed) == 1
    assert opened == [(home / "build" / "runs" / "toy" / "synthetic" / "toy.html").as_uri()]


def write_run(folder: Path, caliper: float, cell: str) -> Path:
    """Pretend that a run with one table ended."""
    folder.mkdir()
    (folder / "table1.csv").write_text(f"Arm,HR\ntreated,{cell}\n", encoding="utf-8")
    record = {
        "format": 1,
        "state": "finished",
        "parameters": {"caliper": caliper},
        "files": {"table1.csv": ""},
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_compare_shows_changes_and_writes_them(tmp_path):
    """Differences are no error; the file holds one row for each number."""
    a = write_run(tmp_path / "a", 0.02, "0.87 (0.70-1.08)")
    b = write_run(tmp_path / "b", 0.05, "0.91 (0.70-1.10)")
    target = tmp_path / "changes.csv"
    result = call("compare", str(a), str(b), "--out", str(target))
    assert result.exit_code == 0
    assert "2 differences in 1 of the 1 tables that both runs have." in result.output
    assert target.read_text(encoding="utf-8").splitlines() == [
        "table,row,column,part,a,b,difference",
        "run.json,caliper,,,0.02,0.05,",
        "table1.csv,treated,HR,estimate,0.87,0.91,+0.04",
        "table1.csv,treated,HR,upper end,1.08,1.10,+0.02",
    ]


def test_compare_of_a_folder_without_record_says_what_to_give(tmp_path):
    """A folder that no run wrote is refused, and named."""
    a = write_run(tmp_path / "a", 0.02, "1")
    result = call("compare", str(a), str(tmp_path))
    assert result.exit_code == 2
    assert f"{tmp_path} holds no run.json, so it is no run's folder." in result.stderr


def write_book(home: Path, verdict: str) -> None:
    """Pretend that a book was built, with one printed number of this verdict."""
    (home / "build" / "html").mkdir(parents=True, exist_ok=True)
    (home / "build" / "html" / "index.html").write_text("", encoding="utf-8")
    (home / "build" / "html.sha256").write_text(book.fingerprint(home), encoding="utf-8")
    made = {"studies": {"toy": {"values": [{"id": "a", "verdict": verdict}]}}}
    (home / "build" / "verification.json").write_text(json.dumps(made), encoding="utf-8")
    (home / "data").mkdir(exist_ok=True)


def test_verify_holds_a_run_against_the_baseline(home):
    """Updated, equal and better runs pass with code 0, a worse one ends with 1 and its id."""
    write_book(home, "rounding")
    assert call("verify", "--update").exit_code == 0
    assert call("verify").exit_code == 0
    write_book(home, "reproduced")
    assert call("verify").exit_code == 0
    write_book(home, "different")
    result = call("verify")
    assert result.exit_code == 1
    assert "toy: a was rounding, is different" in result.output


def test_verify_without_baseline_says_how_to_write_one(home):
    """A missing baseline is an error, not a pass."""
    write_book(home, "reproduced")
    result = call("verify")
    assert result.exit_code == 2
    assert "replica verify --update" in result.stderr


def test_verify_refuses_a_book_made_from_other_files(home):
    """Counts of an outdated run are not shown."""
    write_book(home, "reproduced")
    (home / "analyses" / "new.py").write_text("", encoding="utf-8")
    result = call("verify")
    assert result.exit_code == 2
    assert "run `replica book`" in result.stderr


def test_verify_can_run_the_studies_itself(home, monkeypatch):
    """With `--run` each notebook runs at its own settings, and old verdicts do not count."""
    (home / "data").mkdir()
    written = home / "build" / "verification" / "toy.json"
    ran = []

    def run_toy(path, output, parameters, *, cwd, progress):
        ran.append((path, output.parent, cwd))
        assert set(parameters) == {"results_dir"}
        assert not written.exists()
        progress(1, 1)
        summary = {"source": "synthetic", "parameters": {}, "counts": {}}
        values = [{"id": "a", "verdict": "rounding"}]
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(summary | {"values": values}), encoding="utf-8")

    monkeypatch.setattr(notebooks, "execute", run_toy)
    result = call("verify", "--run", "--update")
    assert result.exit_code == 0, result.output
    assert call("verify", "--run").exit_code == 0
    assert [folder for _, folder, _ in ran] == [home / "build" / "verify" / "toy"] * 2


def test_verify_stops_at_a_study_that_fails(home, monkeypatch):
    """A study without verdicts is no study with good ones."""
    (home / "data").mkdir()

    def fail(*_, **__):
        raise notebooks.FailedCellError("cell 1 of 1 failed", cell=1, total=1, error="E")

    monkeypatch.setattr(notebooks, "execute", fail)
    result = call("verify", "--run")
    assert result.exit_code == 2
    assert "Error: cell 1 of 1 failed" in result.stderr


def test_the_template_is_the_header_of_the_dictionary(tmp_path):
    """Template and dictionary name the same columns, printed or written."""
    header = call("data", "template", STUDY).output.splitlines()
    assert len(header) == 1
    columns = header[0].split(",")
    target = tmp_path / "columns.csv"
    assert call("data", "dictionary", STUDY, "--out", str(target)).exit_code == 0
    described = target.read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in described] == columns


def test_a_template_never_overwrites_a_file(tmp_path):
    """The reader's patients are safe from a slip of the command line."""
    target = tmp_path / "patients.csv"
    target.write_text("precious", encoding="utf-8")
    assert call("data", "template", STUDY, "--out", str(target)).exit_code == 2
    assert target.read_text(encoding="utf-8") == "precious"


def test_data_check_lists_problems_and_ends_with_1(tmp_path):
    """An empty template is not a cohort; the command says so."""
    target = tmp_path / "patients.csv"
    call("data", "template", STUDY, "--out", str(target))
    result = call("data", "check", STUDY, str(target))
    assert result.exit_code == 1
    assert "no patients" in result.output


def test_data_check_of_an_unknown_study_names_the_known_ones(tmp_path):
    """A misspelt study is answered with the nearest key."""
    result = call("data", "check", "sclc_second_lin", str(tmp_path / "x.csv"))
    assert result.exit_code == 2
    assert f"Did you mean '{STUDY}'?" in result.stderr
