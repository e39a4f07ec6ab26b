"""A newcomer's path: the README's own commands, in its order, with nothing known beside it."""

from __future__ import annotations

import re
import shlex
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from replica import cli
from replica.paths import repository, synthetic_path
from replica.sweep.store import read_sweep

STUDY = "sclc_second_line"
README = (repository() / "README.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^\.venv/bin/replica (.+)$", re.MULTILINE)


def commands(section):
    """List the commands of a section of the README, as words."""
    part = README.split(f"## {section}\n")[1].split("\n## ")[0]
    found = [shlex.split(line) for line in COMMAND.findall(part)]
    assert found, section
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Stand in a fresh clone: nothing has been built, and no patients are supplied."""
    real = repository()
    for name in ("analyses", "book"):
        (tmp_path / name).symlink_to(real / name)
    shutil.copytree(real / "data", tmp_path / "data", ignore=shutil.ignore_patterns("supplied"))
    shutil.copy(real / "pyproject.toml", tmp_path)
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(words):
    """Run a command; leave out what would open a browser."""
    return CliRunner().invoke(cli.app, [word for word in words if word != "--open"])


def test_every_command_of_the_readme_is_one():
    """Each exists with the options shown: its help names them."""
    for line in COMMAND.findall(README):
        words = shlex.split(line)
        depth = 2 if words[0] == "data" else 1
        told = call([*words[:depth], "--help"])
        assert told.exit_code == 0, line
        for option in (word for word in words if word.startswith("-")):
            assert option in told.output, line


def test_a_study_is_run_again_with_another_caliper_and_compared(home):
    """The commands of the README in their order; the last one names what changed."""
    outputs = [call(words) for words in commands("Run a study with other parameters")]
    assert [result.exit_code for result in outputs[:-1]] == [0] * (len(outputs) - 1), [
        result.output for result in outputs
    ]
    assert "caliper" in outputs[0].output
    runs = home / "build" / "runs" / STUDY
    assert (runs / "synthetic-caliper-0.05" / "run.json").is_file()
    assert outputs[-1].exit_code in (0, 1)
    assert "caliper" in outputs[-1].output


def test_a_file_with_three_mistakes_is_mended_by_the_messages_and_run(home):
    """Template, check, mapping as the check suggests it, and a run on the reader's patients."""
    template, check, run = commands("Run a study on your own patients")
    assert call(template).exit_code == 0
    file = home / "data" / "supplied" / "patients.csv"
    header = pd.read_csv(file).columns
    table = pd.read_csv(synthetic_path(STUDY), dtype=str, keep_default_na=False)[list(header)]
    table["smoking"] = table["smoking"].map({"yes": "Ja", "no": "Nein"})
    table["os_event"] = table["os_event"].map({"1": "dead", "0": "alive"})
    table.rename(columns={"gender": "Gender "}).to_csv(file, index=False)
    told = call(check)
    assert told.exit_code == 1
    suggested = told.output.split("with yes:\n\n")[1].rpartition("\n")[0].rpartition("\n")[0]
    (home / "map.toml").write_text(suggested, encoding="utf-8")
    mapped = ["--map", "map.toml"]
    assert call([*check, *mapped]).exit_code == 0
    done = call([*run, *mapped])
    assert done.exit_code == 0, done.output
    (record,) = (home / "build" / "runs" / STUDY).glob("supplied*/run.json")
    assert record.is_file()


def test_a_sweep_ends_in_a_table_and_a_plot(home):
    """Every combination is a row of the file that the README names; a plot stands beside it."""
    (words,) = commands("Run a study many times")
    result = call(words)
    assert result.exit_code == 0, result.output
    file = home / "build" / "sweeps" / f"{STUDY}.parquet"
    assert len(read_sweep(file)) == 400
    assert list(file.parent.glob("*.svg"))
