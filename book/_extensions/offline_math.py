"""Formulas as MathML, which browsers draw themselves: no script, no font, no network."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

_LOG = logging.getLogger(__name__)

# What docutils sets otherwise than LaTeX does: an index of a letter with a hat goes below the
# letter, and a logarithm stands close to its neighbours
_TIDIED = (
    (re.compile(r"(\\hat\s*(?:\{\w\}|\w))_"), r"\1{}_"),
    (re.compile(r"(?<=[\w}])\s*\\log\b"), r"\\,\\log"),
    (re.compile(r"\\log(?=\s*(?:\w|\\(?!left\b)))"), r"\\log\\,"),
)


def _mathml(node: nodes.Element, *, block: bool) -> str:
    text = node.astext().strip()
    for pattern, replacement in _TIDIED:
        text = pattern.sub(replacement, text)
    try:
        return str(tex2mathml(text, as_block=block))
    except MathError as error:
        # A warning fails the build: a formula is never shown as its source.
        _LOG.warning("formula cannot be drawn: %s (%s)", node.astext(), error, location=node)
        return ""


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{_mathml(node, block=False)}</span>')
    raise nodes.SkipNode


def _display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f"{_mathml(node, block=True)}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Offer the renderer under the name `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
