"""Files that notebooks made for the pages: published beside the book's own, loaded by one page."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_FOLDER = "results/page_assets"
_PUBLISHED = "_static/page_assets"


def _publish(app: Sphinx, _: Exception | None) -> None:
    """Copy the folder; what lies in `_static` itself would be loaded by every page."""
    made = Path(app.srcdir) / _FOLDER
    target = Path(app.outdir) / _PUBLISHED
    if not made.is_dir() or app.builder.format != "html":
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(made.iterdir()):
        (target / path.name).write_bytes(path.read_bytes())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Copy once the pages are written."""
    app.connect("build-finished", _publish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
