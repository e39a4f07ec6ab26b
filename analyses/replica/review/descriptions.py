"""What each output of a study's notebook is: read from the protocol and from the notebook."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from replica.protocol import Study

STANDARD = {
    "after_matching_clustered": "Hazard ratios after matching with two kinds of standard error",
    "after_matching_effects": "Effects of treatment after matching",
    "agreement": "Verdict on every printed number",
    "attrition": "Flow of patients",
    "balance": "Standardized mean differences before and after matching",
    "equipoise": "Share of patients in equipoise, by preference score",
    "guarantee_time": "Hazard ratio of exposure under each reading of time zero",
    "exposure_readings": "Hazard ratio of exposure under each reading of time zero",
    "incidence_curves": "Cumulative incidence, with death as a competing event and without",
    "incidence_estimators": "Cumulative incidence by several estimators",
    "intervals": "Medians in the text",
    "landmark": "Survival from a landmark on",
    "left_truncation": "Survival counted from the end of the months without events",
    "love_plot": "Standardized mean differences before and after matching",
    "odds_models": "Printed odds ratios beside those of several models",
    "overlap": "Propensity score by arm, before and after matching",
    "preference": "Preference score by arm",
    "set_sizes": "Cases by number of controls",
    "settings_of_this_run": "Every setting, and who gives it",
    "small_numbers": "Cox models in subgroups, plain and with Firth's penalty",
    "tests_after": "Printed p values beside those of several tests, after matching",
    "tests_before": "Printed p values beside those of several tests, before matching",
    "tests_behind": "Printed p values beside those of several tests",
}
"""What outputs are that no table or figure of a paper is named after, by the stem of their file."""

_SPACES = re.compile(r"\s+")


def describe(output: str, study: Study, told: dict[str, str]) -> str:
    """Say what an output file holds.

    Parameters
    ----------
    output
        Name of the file, such as `figure1a.svg`.
    study
        Its tables and figures name files of the same key, and files whose names begin with it.
    told
        What the notebook says of its outputs, as `told_by` reads it.
    """
    stem = PurePosixPath(output).stem
    exhibits = {exhibit.key: exhibit for exhibit in study.exhibits}
    if stem in exhibits:
        return f"{exhibits[stem].where} of the paper: {exhibits[stem].title}"
    for texts in (told, STANDARD):
        if stem in texts:
            return texts[stem]
    for key, exhibit in exhibits.items():
        if stem.startswith(f"{key}_"):
            rest = stem.removeprefix(f"{key}_").replace("_", " ")
            return f"{exhibit.where} of the paper: {exhibit.title}, {rest}"
    for key, text in STANDARD.items():
        if stem.startswith(f"{key}_"):
            return f"{text}: {stem.removeprefix(f'{key}_').replace('_', ' ')}"
    words = stem.replace("_", " ")
    return words[:1].upper() + words[1:]


def told_by(notebook: Path) -> dict[str, str]:
    """Read what a notebook says of the files that it writes, by the stem of their names.

    A figure's caption, else the text that follows the name in the call that writes the file.
    """
    told: dict[str, str] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for stem, text in _of_code(cell):
                told.setdefault(stem, _SPACES.sub(" ", text))
    return told


def _of_code(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    source = "".join(cell["source"])
    caption = cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", "")
    code = "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        texts = [
            part.value
            for part in (*call.args, *(keyword.value for keyword in call.keywords))
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        for i, text in enumerate(texts):
            if not re.fullmatch(r"[a-z0-9_]+", text):
                continue
            after = texts[i + 1] if i + 1 < len(texts) else ""
            if caption or " " in after:
                yield text, caption or after
