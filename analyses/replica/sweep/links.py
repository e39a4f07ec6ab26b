"""Links of a book page: each study's notebook, parameters and data, and where to run them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

from IPython.display import Markdown

from replica.notebooks import inspect
from replica.paths import build_path, notebook_path, repository
from replica.studies import load_study, study_keys

_ENTRY = r"^repository:\n(?:[ \t]+.*\n)*?[ \t]+{name}:[ \t]*[\"']?([^\"'#\s]*)"
_GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?/?\Z")


def downloads() -> Markdown:
    """List for every study with a notebook what can be downloaded.

    The parameters, with their defaults, types and meaning, are written to `build/results` as JSON
    by this call.
    """
    parts = []
    for key in study_keys():
        path = notebook_path(key)
        if not path.is_file():
            continue
        kept = build_path() / "results" / "panel" / f"{key}_parameters.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(parameters_json(path), encoding="utf-8")
        files = ", ".join(_download(name, f"../{where}") for name, where in _data(key))
        button = binder_link(key)
        parts.append(
            f"- **{load_study(key).title}**: "
            f"{_download('notebook', f'../analyses/{key}.ipynb')}, "
            f"{_download('parameters (JSON)', f'../results/panel/{kept.name}')}; "
            f"synthetic patients: {files}{f'; {button}' if button else ''}."
        )
    return Markdown("\n".join(parts))  # type: ignore[no-untyped-call]  # IPython has no types


def _download(words: str, path: str) -> str:
    return f"{{download}}`{words} <{path}>`"


def _data(key: str) -> list[tuple[str, str]]:
    """Name a study's data files: the table analysed, then event tables, then the dictionary."""
    root = repository()
    folder = root / "data" / "synthetic"
    events = sorted((folder / key).glob("*.parquet"))
    named = [("table", folder / f"{key}.csv")]
    named += [(path.stem, path) for path in events]
    named.append(("dictionary", root / "data" / "dictionary" / f"{key}.csv"))
    return [(name, path.relative_to(root).as_posix()) for name, path in named if path.is_file()]


def parameters_json(path: Path) -> str:
    """Write a notebook's parameters as JSON: name, type, default and meaning of each."""
    listed = [
        {"name": one.name, "type": one.type, "default": one.default, "help": one.help}
        for one in inspect(path)
    ]
    return json.dumps(listed, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def binder_link(key: str, config: str | None = None) -> str:
    """Return a link that opens a study's notebook on Binder; empty without a repository address.

    Parameters
    ----------
    key
        Key of the study.
    config
        Text of `_config.yml`; default: the repository's own. Its `repository` names address and
        branch.
    """
    if config is None:
        path = repository() / "_config.yml"
        config = path.read_text(encoding="utf-8") if path.is_file() else ""
    address, branch = _entry(config, "url"), _entry(config, "branch") or "HEAD"
    if not address:
        return ""
    github = _GITHUB.match(address)
    where = f"gh/{github[1]}/{github[2]}" if github else f"git/{quote(address, safe='')}"
    opened = quote(f"analyses/{key}.ipynb", safe="")
    return f"[open on Binder](https://mybinder.org/v2/{where}/{branch}?labpath={opened})"


def _entry(config: str, name: str) -> str:
    found = re.search(_ENTRY.replace("{name}", name), config, re.MULTILINE)
    return found.group(1) if found else ""
