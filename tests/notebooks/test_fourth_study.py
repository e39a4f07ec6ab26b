"""The tutorial on a fourth study: its commands, run as they stand, in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from replica import cli, paths
from replica.agreement import VERDICT_KINDS
from replica.published import read_published
from replica.studies import study_from_file

KEY = "invented_trial"
REPOSITORY = paths.repository()
PAGE = REPOSITORY / "book" / "fourth_study.md"
EXAMPLE = REPOSITORY / "data" / "examples" / "fourth_study"


def commands() -> list[list[str]]:
    """Read the commands of the page: the blocks without a language."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copy what a fourth study is added to: the package, and folders without the other studies."""
    root = tmp_path_factory.mktemp("fourth")
    # Links share the compiled kernels, which would take longer to make than everything else here;
    # the folder that a study is added to is a copy.
    package = root / "analyses" / "replica"
    package.mkdir(parents=True)
    for path in (REPOSITORY / "analyses" / "replica").iterdir():
        if path.name != "studies":
            (package / path.name).symlink_to(path)
    shutil.copytree(REPOSITORY / "analyses" / "replica" / "studies", package / "studies")
    shutil.copytree(EXAMPLE, root / "data" / "examples" / "fourth_study")
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    for name in ("published", "claims", "dictionary", "synthetic"):
        (root / "data" / name).mkdir()
    return root


@pytest.fixture(scope="module")
def said(folder):
    """Follow the page; return what each command said, by the command."""
    environment = os.environ | {
        "REPLICA_HOME": str(folder),
        "PYTHONPATH": str(folder / "analyses"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }
    told = {}
    for command in commands():
        if command[0] == "cp":
            shutil.copy(folder / command[1], folder / command[2])
            continue
        started = [sys.executable, "-c", "from replica.cli import app; app()", *command[1:]]
        run = subprocess.run(
            started, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{shlex.join(command)}\n{run.stdout}\n{run.stderr}"
        told[shlex.join(command)] = " ".join(run.stdout.split())
    return told


def test_the_page_names_copies_and_commands():
    """Nothing else stands in its blocks, and each of the four files is put in its place."""
    assert {command[0] for command in commands()} == {"cp", "replica"}
    copied = {Path(command[1]).name for command in commands() if command[0] == "cp"}
    assert copied == {path.name for path in EXAMPLE.iterdir() if path.is_file()}


def test_the_commands_with_a_language_exist():
    """Those that take too long here are at least commands with these options."""
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for line in "".join(blocks).splitlines():
        _, command, *options = shlex.split(line)
        shown = CliRunner().invoke(cli.app, [command, "--help"]).output
        for option in options:
            assert not option.startswith("--") or option in shown, line


def test_the_misprint_is_found_with_its_slip(said):
    """The numbers alone show it: two digits exchanged."""
    first = said[f"replica audit data/published/{KEY}.csv"]
    assert "23 of 40 is 57.500%; printed 75.5." in first
    assert "digits swapped" in first
    assert "1 Exact findings, tables" in said[f"replica audit {KEY}"]


def test_the_study_is_found(said):
    """Without an edit of any shared file."""
    assert KEY in said["replica studies"]
    assert "An invented treatment" in said["replica studies"]


def test_patients_are_made_from_the_numbers(said, folder):
    """Most of the numbers aimed at are met; the misprint is not aimed at."""
    command = next(text for text in said if text.startswith("replica synthesize"))
    met, aimed_at = map(int, re.search(r"(\d+) of (\d+) printed numbers", said[command]).groups())
    assert met >= 0.7 * aimed_at
    report = json.loads((folder / "data" / "synthetic" / f"{KEY}.json").read_text("utf-8"))
    assert "table1.smoking.no.treated.before.percent" not in {v["id"] for v in report["values"]}
    assert (folder / "data" / "dictionary" / f"{KEY}.csv").is_file()


def test_the_notebook_gives_every_number_a_verdict(said, folder):
    """The misprint is contradicted; what was met comes out again."""
    assert any(text.startswith(f"replica run {KEY}") for text in said)
    made = json.loads((folder / "build" / "verification" / f"{KEY}.json").read_text("utf-8"))
    verdicts = {value["id"]: value["verdict"] for value in made["values"]}
    assert set(verdicts) == {row.id for row in read_published(EXAMPLE / "published.csv")}
    assert verdicts["table1.smoking.no.treated.before.percent"] == "contradicted"
    number = {kind: list(verdicts.values()).count(kind) for kind in VERDICT_KINDS}
    assert number["contradicted"] == 1
    assert number["not_computable"] == 0
    assert number["reproduced"] > 0.8 * len(verdicts)


def test_the_example_is_a_study_of_its_own():
    """Its file describes a study; its notebook has neither outputs nor a function."""
    study = study_from_file(EXAMPLE / f"{KEY}.py")
    assert study.key == KEY
    cells = json.loads((EXAMPLE / f"{KEY}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not [cell for cell in code if "def " in "".join(cell["source"])]
