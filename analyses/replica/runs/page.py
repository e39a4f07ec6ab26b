"""The page of one run: its notebook as a single HTML file that needs no other and no network.

Markdown is parsed by markdown-it with the plugins that the book itself uses; only what belongs to a
page that stands alone is written here. nbconvert is no substitute: it does not know MyST, so that
figures, numbered tables, citations, glued numbers and cross-references would stand there as their
source; it ignores the captions and alternative texts in a cell's `mystnb` metadata; its template
loads MathJax and require.js from other sites; and links for download would lead nowhere.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from replica.paths import repository
from replica.runs.citations import Citations
from replica.runs.directives import figure, on_one_line
from replica.runs.myst import as_html
from replica.runs.place import Place, formula

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
_NAMED = re.compile(
    r"^(?:```+|:::+)\{(?P<kind>figure|table|csv-table)\}.*\n(?:^:(?!name)[\w-]+:.*\n)*"
    r"^:name:\s*(?P<name>\S+)",
    re.MULTILINE,
)
_LABELLED = re.compile(r"^\$\$\s*\((?P<name>[^)\s]+)\)\s*$", re.MULTILINE)
_GLUED = "application/papermill.record/"
_MARKER = "papermill-error-cell-tag"


def write_page(notebook: Path, record: Mapping[str, Any], folder: Path) -> Path:
    """Write an executed notebook as `<name>.html` beside it.

    Pictures, tables for download and styles are inside the page. Cells tagged `remove-input`,
    `remove-output` or `remove-cell` are treated as in the book, `hide-...` folds them. A traceback
    is shown below its cell, whatever the cell's tags are.

    Parameters
    ----------
    notebook
        The executed notebook; if there is none, the page says that nothing was run.
    record
        What the run was, for the box at the top of the page.
    folder
        The run's files, which download links may name.
    """
    content = json.loads(notebook.read_text(encoding="utf-8")) if notebook.is_file() else {}
    cells: list[dict[str, Any]] = content.get("cells", [])
    place = Place(
        folder,
        Citations(repository() / "book" / "references.bib"),
        numbers=_numbers(cells),
        glued=_glued(cells),
        titles=_titles(repository()),
    )
    body = "\n".join(_cell(cell, place) for cell in cells)
    found = _HEADING.search("\n".join(_source(c) for c in cells if c["cell_type"] == "markdown"))
    title = f"{found.group(1) if found else notebook.stem} ({record['state']} run)"
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    page = notebook.with_suffix(".html")
    page.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<main>\n{_about(record)}\n{body}\n{_references(place.citations)}</main>\n"
        "</body>\n</html>\n",
        encoding="utf-8",
    )
    return page


def _about(record: Mapping[str, Any]) -> str:
    """Say what was run, so that a page passed on is not taken for the book's."""
    data = record["data"]
    given = ", ".join(f"{name} = {value!r}" for name, value in record["given"].items())
    mapped = f", mapped by {record['map']['name']}" if record["map"] else ""
    lines = {
        "Notebook": record["notebook"],
        "Patients": "synthetic" if data is None else f"supplied, {data['name']}{mapped}",
        "Parameters": given or "the notebook's own",
        "Record": "run.json, beside this page",
    }
    terms = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in lines.items())
    failure = record.get("failure")
    said = ""
    if failure:
        said = (
            f'<p class="admonition-title">This run failed in cell {failure["cell"]} of '
            f"{failure['of']}</p><p>{escape(failure['error'])}</p>"
        )
        said += '<p><a href="#failed-cell">To the failing cell and its traceback</a></p>'
    elif record["state"] != "finished":
        said = f'<p class="admonition-title">This run was {escape(record["state"])}.</p>'
    kind = "about failed" if said else "about"
    return f'<div class="{kind}" role="note">{said}<dl>{terms}</dl></div>'


def _references(citations: Citations) -> str:
    works = citations.works()
    if not works:
        return ""
    listed = "".join(f'<li id="cited-{escape(key)}">{text}</li>\n' for key, text in works)
    return f"<h2>References</h2>\n<ul>\n{listed}</ul>\n"


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def _tags(cell: Mapping[str, Any]) -> set[str]:
    return set(cell.get("metadata", {}).get("tags", []))


def _cell(cell: Mapping[str, Any], place: Place) -> str:
    tags = _tags(cell)
    outputs = cell.get("outputs", [])
    broken = any(output["output_type"] == "error" for output in outputs)
    # papermill's own marks repeat what the box above and the failing cell say
    if _MARKER in tags or ("remove-cell" in tags and not broken):
        return ""
    if cell["cell_type"] == "markdown":
        return as_html(_source(cell), place)
    if cell["cell_type"] != "code":
        return ""
    if broken:  # whatever the tags hide, a traceback is read beside its code
        tags = set()
    code = "" if "remove-input" in tags else _code(cell, tags)
    written = "" if "remove-output" in tags else "".join(_output(o, cell, place) for o in outputs)
    if "hide-output" in tags and written:
        written = f"<details><summary>Show the output</summary>{written}</details>"
    whole = f'{code}<div class="output">{written}</div>' if written else code
    return f'<div id="failed-cell">{whole}</div>' if broken else whole


def _code(cell: Mapping[str, Any], tags: set[str]) -> str:
    code = f"<pre><code>{escape(_source(cell))}</code></pre>"
    if "hide-input" in tags:
        return f"<details><summary>Show the code</summary>{code}</details>"
    return code


def _output(output: Mapping[str, Any], cell: Mapping[str, Any], place: Place) -> str:
    if output["output_type"] == "stream":
        return f"<pre>{escape(_plain(output['text']))}</pre>"
    if output["output_type"] == "error":
        lines = output["traceback"] or [f"{output['ename']}: {output['evalue']}"]
        return f'<pre class="traceback">{escape(_plain(chr(10).join(lines)))}</pre>'
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    return "" if any(kind.startswith(_GLUED) for kind in data) else _display(data, cell, place)


def _display(data: Mapping[str, str], cell: Mapping[str, Any], place: Place) -> str:
    """Show the richest of the forms that an output has."""
    picture = _picture(data, cell)
    if picture:
        return _captioned(picture, cell, place)
    if "text/html" in data:
        return data["text/html"]
    if "text/markdown" in data:
        return as_html(data["text/markdown"], place)
    if "text/latex" in data:
        return formula(data["text/latex"].strip("$"), block=True)
    return f"<pre>{escape(_plain(data.get('text/plain', '')))}</pre>"


def _plain(text: str | Iterable[str]) -> str:
    return _COLOUR.sub("", "".join(text))


def _picture(data: Mapping[str, str], cell: Mapping[str, Any]) -> str:
    described = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
    alt = escape(described or data.get("text/plain", ""), quote=True)
    if "image/svg+xml" in data:
        drawn = base64.b64encode(data["image/svg+xml"].encode()).decode("ascii")
        source = f"data:image/svg+xml;base64,{drawn}"
    elif "image/png" in data:
        source = f"data:image/png;base64,{data['image/png'].strip()}"
    else:
        return ""
    return f'<img src="{source}" alt="{alt}">'


def _captioned(picture: str, cell: Mapping[str, Any], place: Place) -> str:
    about = cell["metadata"].get("mystnb", {}).get("figure")
    if not about:
        return picture
    caption = on_one_line(as_html(str(about.get("caption", "")), place))
    return figure(picture, caption, place.numbers.get(str(about.get("name", ""))))


def _numbers(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Number the figures, tables and formulas that have names, in their order on the page."""
    found: dict[str, str] = {}
    counts = {"Figure": 0, "Table": 0, "": 0}

    def add(kind: str, name: str) -> None:
        counts[kind] += 1
        found[name] = f"{kind} {counts[kind]}".strip()

    for cell in cells:
        about = cell["metadata"].get("mystnb", {}).get("figure", {})
        if "name" in about:
            add("Figure", str(about["name"]))
        written = [_source(cell)] if cell["cell_type"] == "markdown" else []
        outputs = (output.get("data", {}) for output in cell.get("outputs", []))
        written += ["".join(data.get("text/markdown", "")) for data in outputs]
        for text in written:
            for named in _NAMED.finditer(text):
                add("Figure" if named["kind"] == "figure" else "Table", named["name"])
            for label in _LABELLED.finditer(text):
                add("", label["name"])
    return found


def _glued(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Collect the values that cells hand to the text."""
    found: dict[str, str] = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            for kind, value in output.get("data", {}).items():
                if name and kind.endswith("text/plain"):
                    found[str(name)] = "".join(value).strip("'\"")
    return found


def _titles(root: Path) -> dict[str, str]:
    """Titles of the book's pages by file name, for links that name no words themselves."""
    found: dict[str, str] = {}
    pages = [*(root / "book").glob("*.*"), *(root / "analyses").glob("*.ipynb")]
    for path in sorted(pages):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
        elif path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            text = "\n".join(_source(c) for c in cells if c["cell_type"] == "markdown")
        else:
            continue
        if heading := _HEADING.search(text):
            found[path.stem] = heading.group(1).strip()
    return found
