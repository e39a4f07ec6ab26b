"""Figures read when a reader comes near them; their room is kept, so that nothing moves."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_IMAGE = re.compile(r'<img (?P<rest>[^>]*src="[^"]*/(?P<name>[^"/]+\.svg)"[^>]*?)\s*/?>')
_SIZE = re.compile(r'<svg\b[^>]*?\b(width|height)="([\d.]+)pt"[^>]*?\b(width|height)="([\d.]+)pt"')
_PIXELS = 4 / 3  # of a point


def _be_lazy(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:  # noqa: ARG001 - Sphinx calls it so
    if "body" not in context or app.builder.format != "html":
        return
    files = {name: Path(app.srcdir) / uri for uri, name in app.builder.images.items()}

    def lazy(match: re.Match[str]) -> str:
        path = files.get(match["name"])
        size = _size(path) if path is not None and path.is_file() else ""
        return f'<img {match["rest"]} {size}loading="lazy" />'

    context["body"] = _IMAGE.sub(lazy, context["body"])


def _size(path: Path) -> str:
    found = _SIZE.search(path.read_text(encoding="utf-8")[:2000])
    if found is None:
        return ""
    size = {found[1]: float(found[2]), found[3]: float(found[4])}
    return "".join(f'{side}="{size[side] * _PIXELS:.0f}" ' for side in ("width", "height"))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pictures of each page anew before it is written."""
    app.connect("html-page-context", _be_lazy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
