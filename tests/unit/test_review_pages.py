"""The page of CODECHECK bundles, and tables whose cells hold sentences."""

from __future__ import annotations

import re

import pandas as pd
import pytest
import yaml

from replica.errors import NotebookError
from replica.review import page_codecheck
from replica.review.codecheck import read_hashes
from replica.review.prose import prose_table


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A build folder with outputs of one study."""
    monkeypatch.setattr(page_codecheck, "build_path", lambda: tmp_path)
    folder = tmp_path / "results" / "sclc_second_line"
    folder.mkdir(parents=True)
    for name in ("table1_before.csv", "figure1a.svg", "figure1a.png", "notes.txt"):
        (folder / name).write_text(name, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("build")
def test_outputs_are_counted_by_kind():
    """One row per study; what is no table or figure is counted too."""
    shown = page_codecheck.manifest_counts(["sclc_second_line"]).data
    assert len(re.findall(r"<td[^>]*>1</td>", shown)) == 4
    assert "doi:10.3389/fimmu.2025.1658017" in shown


def test_configuration_and_hashes_can_be_downloaded(build):
    """Both stand in a folder of the study's own and name the same files."""
    page_codecheck.manifest_counts(["sclc_second_line"])
    folder = build / "results" / "review_codecheck" / "sclc_second_line"
    text = (folder / "codecheck.yml").read_text(encoding="utf-8")
    listed = [item["file"] for item in yaml.safe_load(text)["manifest"]]
    assert listed == list(read_hashes(folder / "codecheck.sha256"))
    assert page_codecheck.configuration_text("sclc_second_line").data == f"```yaml\n{text}```"


@pytest.mark.usefixtures("build")
def test_a_study_without_outputs_is_an_error():
    """The page is never made of nothing."""
    with pytest.raises(NotebookError, match="found no output"):
        page_codecheck.manifest_counts(["myeloma_second_primary"])


def test_sentences_break_into_lines():
    """The table is marked once, and text is escaped as in any other."""
    frame = pd.DataFrame([["a", "b < c"]], columns=["One", "Two"])
    shown = prose_table(frame, "Texts", words=True).data
    assert shown.startswith('<div class="replica-table prose words"')
    assert "b &lt; c" in shown
