"""The command line: what it prints, what it refuses and its exit codes. No notebook is run here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from replica import book, cli, notebooks

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
    ["book"],
    ["verify"],
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
    registered = [*cli.app.registered_commands, *cli.data_app.registered_commands]
    known = {c.name or c.callback.__name__ for c in registered if c.callback}
    assert named <= known
    for command in registered:
        assert str(command.epilog).startswith("Example: replica ")


@pytest.mark.usefixtures("home")
def test_studies_lists_parameters_with_types_and_defaults():
    """What `-p` may be given is shown with its default and help."""
    output = call("studies").output
    assert "toy\n" in output
    assert "caliper (float|None) = 0.02  widest distance of a pair" in output


def test_run_passes_typed_parameters_and_writes_to_the_runs_folder(home, executed):
    """`-p name value` and `-p name=value` both work; results go beside the executed notebook."""
    result = call("run", "toy", "-p", "caliper", "0.05", "-p", "seed=3")
    assert result.exit_code == 0
    folder = home / "build" / "runs" / "toy"
    assert executed == [
        (
            home / "analyses" / "toy.ipynb",
            folder / "toy.ipynb",
            {"caliper": 0.05, "seed": 3, "results_dir": str(folder)},
            home / "analyses",
        )
    ]
    assert str(folder / "toy.ipynb") in result.output


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
