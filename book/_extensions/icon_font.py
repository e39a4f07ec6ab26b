"""Icons from the theme's font alone: its script, which draws them a second time, weighs 1.5 MB."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_SCRIPT = "_static/scripts/fontawesome.js"


def _empty(app: Sphinx, _: Exception | None) -> None:
    """Leave an empty script where every page looks for it: the theme's template is not ours."""
    script = Path(app.outdir) / _SCRIPT
    if app.builder.format == "html" and script.is_file():
        script.write_text("// The style sheet draws the icons.\n", encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Empty the script once the theme's files are copied."""
    app.connect("build-finished", _empty)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
