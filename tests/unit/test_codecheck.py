"""CODECHECK bundles: the manifest of a study's outputs, and what is said when one changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from replica import book, cli, notebooks
from replica.errors import NotebookError, ParameterError
from replica.paths import repository
from replica.protocol import Exhibit
from replica.review import bundle as bundles
from replica.review.bundle import INPUTS, describe_outputs, input_files, write_bundle
from replica.review.codecheck import (
    HASHES,
    authors,
    compare,
    configuration,
    corresponding_author,
    hash_lines,
    hashes_of,
    manifest_path,
    read_hashes,
)
from replica.review.descriptions import describe, told_by
from replica.studies import load_study, study_keys


def notebook_of(*cells: dict[str, object]) -> str:
    """Write a notebook of these cells."""
    return json.dumps({"cells": list(cells)})


def code(source: str, caption: str = "") -> dict[str, object]:
    """Write a cell of code, of a figure if there is a caption."""
    metadata = {"mystnb": {"figure": {"caption": caption}}} if caption else {}
    return {"cell_type": "code", "source": [source], "metadata": metadata}


@pytest.fixture
def outputs(tmp_path):
    """Write three outputs of the toy study."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "table1.csv").write_text("a,b\n", encoding="utf-8")
    (folder / "figure1.svg").write_text("<svg/>\n", encoding="utf-8")
    (folder / "weights.csv").write_text("1\n", encoding="utf-8")
    return folder


def test_hashes_are_those_of_the_bytes(outputs):
    """Paths are those of the bundle, in order."""
    found = hashes_of(outputs)
    assert list(found) == ["outputs/figure1.svg", "outputs/table1.csv", "outputs/weights.csv"]
    assert found["outputs/weights.csv"] == hashlib.sha256(b"1\n").hexdigest()


def test_no_output_is_an_error(tmp_path):
    """A missing or empty folder never counts as agreement."""
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(NotebookError, match="found no output in"):
            hashes_of(folder)


def test_hashes_are_read_as_written(outputs, tmp_path):
    """The file is that of `sha256sum`."""
    path = tmp_path / "toy.sha256"
    path.write_text(hash_lines(hashes_of(outputs)), encoding="utf-8")
    assert read_hashes(path) == hashes_of(outputs)
    assert path.read_text(encoding="utf-8").splitlines()[0].endswith("  outputs/figure1.svg")


@pytest.mark.parametrize("text", ["abc  outputs/a.csv\n", f"{'0' * 64}  a\n" * 2, f"{'0' * 64}\n"])
def test_damaged_hashes_are_refused(tmp_path, text):
    """A line that is no hash, or a path twice, is named with its number."""
    path = tmp_path / "toy.sha256"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"toy\.sha256, line [12]: found"):
        read_hashes(path)


def test_missing_hashes_say_how_to_write_them(tmp_path):
    """The message names the command."""
    with pytest.raises(ParameterError, match="replica codecheck --update"):
        read_hashes(tmp_path / "gone.sha256")


def test_outputs_are_told_apart_by_what_became_of_them():
    """Same, changed, missing and new; only the first of them is agreement."""
    found = compare({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert (found.same, found.changed, found.missing, found.new) == (("a",), ("b",), ("c",), ("d",))
    assert not found.agrees
    assert compare({"a": "1"}, {"a": "1"}).agrees
    assert not compare({"a": "1"}, {"a": "1", "b": "2"}).agrees


def test_outputs_are_described_by_protocol_and_notebook(toy_study, tmp_path):
    """An exhibit's key first, then the notebook's words, then the exhibit it begins with."""
    study = replace(
        toy_study, exhibits=(*toy_study.exhibits, Exhibit("table3", "Table 3", "Events"))
    )
    path = tmp_path / "toy.ipynb"
    path.write_text(
        notebook_of(
            {"cell_type": "markdown", "source": ["# Toy"], "metadata": {}},
            code('%matplotlib inline\npages.table(report, lines, "sizes", "Sizes of the arms")'),
            code('pages.curve(matched, "subgroup_curve", folder)', "Survival of\nsubgroups"),
            code('x = load("toy")'),
        ),
        encoding="utf-8",
    )
    told = told_by(path)
    assert told == {"sizes": "Sizes of the arms", "subgroup_curve": "Survival of subgroups"}
    for name, words in (
        ("table3.csv", "Table 3 of the paper: Events"),
        ("sizes.csv", "Sizes of the arms"),
        ("subgroup_curve.svg", "Survival of subgroups"),
        ("table3_both_arms.csv", "Table 3 of the paper: Events, both arms"),
        ("balance.csv", "Standardized mean differences before and after matching"),
        ("landmark_6_os.svg", "Survival from a landmark on: 6 os"),
        ("my_own_table.csv", "My own table"),
    ):
        assert describe(name, study, told) == words


def test_the_corresponding_author_comes_first(toy_study):
    """If known; a name that is no author's is refused."""
    cited = replace(toy_study.citation, authors="One A, Two B, Three C")
    assert authors(cited) == ("One A", "Two B", "Three C")
    assert authors(cited, "Three C") == ("Three C", "One A", "Two B")
    with pytest.raises(ParameterError, match="found 'Four D'; allowed: one of One A"):
        authors(cited, "Four D")


@pytest.mark.parametrize("key", study_keys())
def test_the_configuration_is_the_authors_part(key, outputs):
    """YAML of the specification's shape, with manifest and paper, without checker or report."""
    study = load_study(key)
    listed = describe_outputs(study, outputs)
    text = configuration(study, listed, corresponding_author(key))
    assert text.startswith("%YAML 1.1\n---\n")
    read = yaml.safe_load(text)
    assert read["version"] == "https://codecheck.org.uk/spec/config/1.0/"
    assert [item["file"] for item in read["manifest"]] == list(listed)
    assert all(item["comment"] for item in read["manifest"])
    assert read["paper"]["title"] == study.citation.title
    assert read["paper"]["reference"] == f"https://doi.org/{study.citation.doi}"
    names = [author["name"] for author in read["paper"]["authors"]]
    assert sorted(names) == sorted(study.citation.authors.split(", "))
    assert set(read) == {"version", "source", "manifest", "paper", "replica"}
    assert "no patient is real" in read["source"]


def test_quotation_marks_and_colons_stay_text(toy_study):
    """A comment is read back as it was."""
    comment = 'a "quoted": part - with é # and \\'
    read = yaml.safe_load(configuration(toy_study, {"outputs/a.csv": comment}))
    assert read["manifest"] == [{"file": "outputs/a.csv", "comment": comment}]


def test_corresponding_authors_are_authors():
    """The table names the corresponding author as the citation does, or leaves the cell empty."""
    assert corresponding_author("myeloma_second_primary") == "Li Z"
    assert corresponding_author("unknown") == ""
    for key in study_keys():
        assert authors(load_study(key).citation, corresponding_author(key))


def test_a_bundle_holds_outputs_hashes_inputs_and_configuration(outputs, tmp_path):
    """The hashes are those of the files beside them; what lay there before is gone."""
    study = load_study("sclc_second_line")
    bundle = tmp_path / "bundle"
    (bundle / "outputs").mkdir(parents=True)
    (bundle / "outputs" / "old.csv").write_text("old", encoding="utf-8")
    made = write_bundle(study, outputs, bundle)
    assert read_hashes(bundle / HASHES) == made
    for name, digest in made.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert not (bundle / "outputs" / "old.csv").exists()
    inputs = read_hashes(bundle / INPUTS)
    assert {"requirements.lock", "analyses/sclc_second_line.ipynb"} <= set(inputs)
    assert {"data/published/sclc_second_line.csv", "data/synthetic/sclc_second_line.csv"} <= set(
        inputs
    )
    readme = (bundle / "README.md").read_text(encoding="utf-8")
    assert "make codecheck" in readme
    assert study.citation.doi in readme
    assert write_bundle(study, outputs, tmp_path / "again") == made
    assert (tmp_path / "again" / "codecheck.yml").read_bytes() == (
        bundle / "codecheck.yml"
    ).read_bytes()


def test_inputs_are_those_of_one_study():
    """No file of another study, and every event table of the one that has some."""
    names = [path.name for path in input_files("sclc_second_line", repository())]
    assert not [name for name in names if "myeloma" in name or "mlc" in name]
    assert len(names) == len(set(input_files("sclc_second_line", repository())))


@pytest.mark.parametrize("key", study_keys())
def test_committed_hashes_belong_to_outputs_with_a_description(key):
    """Every study has hashes, of tables as CSV and of figures as SVG and PNG."""
    names = read_hashes(manifest_path(key))
    assert {name.rsplit(".", 1)[1] for name in names} <= {"csv", "json", "svg", "png"}
    drawn = {name.removesuffix(".svg") for name in names if name.endswith(".svg")}
    assert drawn == {name.removesuffix(".png") for name in names if name.endswith(".png")}
    assert "outputs/agreement.csv" in names


@pytest.fixture
def toy_repository(tmp_path, monkeypatch):
    """A repository of one study whose book is up to date, to be checked."""
    real = repository()
    results = tmp_path / "build" / "results" / "sclc_second_line"
    results.mkdir(parents=True)
    (results / "table1_before.csv").write_text("a\n", encoding="utf-8")
    (results / "figure1a.svg").write_text("<svg/>\n", encoding="utf-8")
    (tmp_path / "analyses").mkdir()
    notebook = (real / "analyses" / "sclc_second_line.ipynb").read_bytes()
    (tmp_path / "analyses" / "sclc_second_line.ipynb").write_bytes(notebook)
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    monkeypatch.setattr(book, "is_current", lambda _: True)
    return tmp_path


def call(*args: str):
    """Run the command; the result holds exit code and output."""
    return CliRunner().invoke(cli.app, ["codecheck", *args])


def test_the_command_names_what_changed(toy_repository):
    """Agreement ends with 0; a changed, a missing and a new output are named and end with 1."""
    assert call("sclc_second_line").exit_code == 2  # no hashes yet
    assert "2 hashes written" in call("sclc_second_line", "--update").output
    agreeing = call("sclc_second_line")
    assert agreeing.exit_code == 0, agreeing.output
    assert "2 of 2 committed outputs are the same" in agreeing.output
    assert (toy_repository / "build/codecheck/sclc_second_line/codecheck.yml").is_file()
    results = toy_repository / "build" / "results" / "sclc_second_line"
    (results / "figure1a.svg").write_text("<svg></svg>\n", encoding="utf-8")
    (results / "table1_before.csv").rename(results / "table9.csv")
    different = call("sclc_second_line")
    assert different.exit_code == 1
    assert "changed: outputs/figure1a.svg (Figure 1A of the paper: " in different.output
    assert "missing: outputs/table1_before.csv" in different.output
    assert "new: outputs/table9.csv" in different.output
    assert "0 of 2 committed outputs" in different.output


def test_the_command_runs_the_notebook_when_asked(toy_repository, monkeypatch):
    """With --run, or with an outdated book, outputs come from a run of their own."""
    runs = []

    def execute(path, output, parameters, *, cwd):
        runs.append((path.name, output.name, cwd.name))
        folder = output.parent / "outputs"
        assert parameters == {"results_dir": str(folder)}
        folder.mkdir()
        (folder / "run.csv").write_text("1\n", encoding="utf-8")

    monkeypatch.setattr(notebooks, "execute", execute)
    out = toy_repository / "elsewhere"
    assert call("sclc_second_line", "--run", "--update", "--out", str(out)).exit_code == 0
    assert (out / "sclc_second_line" / "outputs" / "run.csv").is_file()
    monkeypatch.setattr(book, "is_current", lambda _: False)
    assert call("sclc_second_line").exit_code == 0
    assert runs == [("sclc_second_line.ipynb", "sclc_second_line.ipynb", "analyses")] * 2


def test_an_unknown_study_is_refused():
    """The message lists those there are."""
    result = call("sclc")
    assert result.exit_code == 2
    assert "sclc_second_line" in result.output


def test_the_hashes_do_not_make_the_book_outdated(tmp_path):
    """They are written from the book, not into it."""
    (tmp_path / "data" / "codecheck").mkdir(parents=True)
    before = book.fingerprint(tmp_path)
    (tmp_path / "data" / "codecheck" / "toy.sha256").write_text("x", encoding="utf-8")
    assert book.fingerprint(tmp_path) == before
    (tmp_path / "data" / "other.csv").write_text("x", encoding="utf-8")
    assert book.fingerprint(tmp_path) != before


def test_the_bundle_module_names_its_files():
    """Names inside a bundle are fixed: the README and the configuration mention them."""
    assert (bundles.INPUTS, HASHES) == ("inputs.sha256", "codecheck.sha256")
