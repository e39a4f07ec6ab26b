"""Lists of references as browsers and screen readers expect them."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

# docutils calls the box a list and its entries bibliography entries: a list may not hold those
_WRITTEN = '<div role="list" class="citation-list">'
_MEANT = '<div class="citation-list">'


def _mend(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:  # noqa: ARG001 - Sphinx calls it so
    if "body" in context:
        context["body"] = context["body"].replace(_WRITTEN, _MEANT)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Mend each page before it is written."""
    app.connect("html-page-context", _mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
