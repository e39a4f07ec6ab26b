"""The commands `replica data ...`, as typed."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from replica.cli import app
from replica.paths import synthetic_path
from replica.studies import load_study
from replica.supplied import template

STUDY = "sclc_second_line"


def call(*args):
    """Run the command line with these words."""
    return CliRunner().invoke(app, ["data", *map(str, args)])


@pytest.fixture
def patients():
    """Some of the synthetic patients, as text."""
    table = pd.read_csv(synthetic_path(STUDY), dtype=str, keep_default_na=False)
    return table.groupby("arm").head(30).reset_index(drop=True)


def test_a_template_comes_with_dictionary_and_mapping(tmp_path):
    """Three files are written beside each other, none over an existing one."""
    result = call("template", STUDY, "--out", tmp_path / "new" / "mine.csv")
    assert result.exit_code == 0
    header = (tmp_path / "new" / "mine.csv").read_text(encoding="utf-8").strip().split(",")
    described = pd.read_csv(tmp_path / "new" / "mine_dictionary.csv")
    assert header == list(template(load_study(STUDY)).columns) == list(described["column"])
    assert "os_months" in (tmp_path / "new" / "mine_map.toml").read_text(encoding="utf-8")
    again = call("template", STUDY, "--out", tmp_path / "new" / "mine.csv")
    assert again.exit_code == 2
    assert "exists; choose another name" in again.stderr


def test_a_template_writes_nothing_if_one_of_its_files_exists(tmp_path):
    """The reader's dictionary or mapping is not replaced either."""
    (tmp_path / "mine_map.toml").write_text("# mine\n", encoding="utf-8")
    assert call("template", STUDY, "--out", tmp_path / "mine.csv").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine_map.toml"]


def test_a_file_that_fits_ends_with_0(patients, tmp_path):
    """Nothing to correct: said in words, with the number of patients."""
    patients.to_csv(tmp_path / "p.csv", index=False)
    result = call("check", STUDY, tmp_path / "p.csv")
    assert result.exit_code == 0
    assert f"p.csv fits the study {STUDY}: 60 patients." in result.output


def test_three_mistakes_are_mended_from_the_messages_alone(patients, tmp_path):
    """The check says all three at once, and the mapping that it suggests mends them."""
    spoilt = patients.rename(columns={"gender": "Gender "})
    spoilt["smoking"] = spoilt["smoking"].map({"yes": "Ja", "no": "Nein"})
    spoilt["os_event"] = spoilt["os_event"].map({"1": "dead", "0": "alive"})
    spoilt.to_csv(tmp_path / "p.csv", index=False)
    result = call("check", STUDY, tmp_path / "p.csv")
    assert result.exit_code == 1
    for said in ("Rename the column", "Did you mean 'yes'?", "[levels.os_event]", "p.csv: 5 prob"):
        assert said in result.output
    suggested = result.output.split("with yes:\n\n")[1].rpartition("\n")[0].rpartition("\n")[0]
    (tmp_path / "map.toml").write_text(suggested, encoding="utf-8")
    mended = call("check", STUDY, tmp_path / "p.csv", "--map", tmp_path / "map.toml")
    assert (mended.exit_code, mended.stderr) == (0, "")


def test_json_says_the_same_to_a_script(patients, tmp_path):
    """Every column with what is expected and found, problems with rows, and the exit code."""
    patients.loc[[4, 7], "gender"] = "mal"
    patients.to_excel(tmp_path / "p.xlsx", index=False, sheet_name="P")
    result = call("check", STUDY, tmp_path / "p.xlsx", "--sheet", "P", "--json")
    assert result.exit_code == 1
    said = json.loads(result.output)
    assert (said["study"], said["file"], said["rows"]) == (STUDY, "p.xlsx", 60)
    assert (said["fits"], said["problems"]) == (False, 1)
    columns = {column["column"]: column for column in said["columns"]}
    assert list(columns) == list(template(load_study(STUDY)).columns)
    assert columns["gender"]["expected"] == "category: male, female"
    assert columns["gender"]["problems"] == [
        {
            "what": "unknown level",
            "found": "'mal'",
            "allowed": "male;female",
            "rows": [6, 9],
            "hint": "Did you mean 'male'?",
            "count": 2,
            "given": "mal",
            "meant": "male",
        }
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["check", "sclc_secondline", "p.csv"], "Did you mean 'sclc_second_line'?"),
        (["check", STUDY, "absent.csv"], "no file 'absent.csv'"),
        (["check", STUDY, "p.doc"], "formats read: .csv"),
        (["check", STUDY, "p.csv", "--map", "absent.toml"], "no mapping file 'absent.toml'"),
    ],
)
def test_what_cannot_be_read_ends_with_2(args, message):
    """A script can tell a bad file from a slip of the command."""
    result = call(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["template", "dictionary", "check"])
def test_help_shows_an_example(command):
    """Each command's help ends with a line to copy."""
    result = call(command, "--help")
    assert f"Example: replica data {command} {STUDY}" in " ".join(result.output.split())
