"""The page of referees runs where R is not installed, and shows what it is about."""

from __future__ import annotations

import json

from replica import paths
from replica.notebooks import execute


def test_the_page_runs_without_r(tmp_path, monkeypatch):
    """All cells run with an empty PATH; digits, notes, pairs and disagreements are on the page."""
    monkeypatch.setenv("PATH", "")
    repository = paths.repository()
    made = tmp_path / "referees.ipynb"
    execute(repository / "book" / "referees.ipynb", made, {}, cwd=repository / "analyses")
    cells = json.loads(made.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert [output["output_type"] for output in outputs] == ["execute_result"] * 6
    shown = "".join(
        "".join(output["data"].get("text/html", output["data"].get("text/markdown", "")))
        for output in outputs
    )
    for text in ("Gray&#x27;s test", "R 4.2.2 with survival 3.5.3", "- (a) ", "839", "0.6785"):
        assert text in shown, text
