"""The text of a notebook as HTML: Markdown with the roles and directives that the book uses.

In the book, Sphinx resolves citations, downloads and cross-references. The page of a single run
stands alone, so that they are resolved here: what cannot be, is shown as plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

from replica.runs.directives import fence
from replica.runs.place import Place, embedded, formula
from replica.runs.roles import role

_PLUGINS = (
    dollarmath_plugin,
    myst_role_plugin,
    colon_fence_plugin,
    myst_block_plugin,
    deflist_plugin,
)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)


def as_html(text: str, place: Place) -> str:
    """Turn MyST Markdown into HTML that stands alone."""
    parser = MarkdownIt("commonmark").enable("table")
    for plugin in _PLUGINS:
        parser.use(plugin)
    tokens = parser.parse(text)
    for token in tokens:
        if token.children:
            token.children = _own_links(token.children, place)
    for name, write in _RULES.items():
        parser.add_render_rule(name, _rule(write, place))
    return str(parser.renderer.render(tokens, parser.options, {}))


def _rule(write: Callable[[Token, Place], str], place: Place) -> Callable[..., str]:
    def rule(renderer: object, tokens: Sequence[Token], index: int, *_: object) -> str:
        del renderer
        return write(tokens[index], place)

    return rule


def _own_links(tokens: Sequence[Token], place: Place) -> list[Token]:
    """Point links at files of the run; a link to a page of the book becomes words."""
    kept: list[Token] = []
    dropped = False
    for position, token in enumerate(tokens):
        if token.type == "link_open":
            target = str(token.attrs.get("href", ""))
            found = place.file(target)
            dropped = found is None and not _ELSEWHERE.match(target)
            if found is not None:
                token.attrs |= {"href": embedded(found), "download": found.name}
            if dropped and tokens[position + 1].type == "link_close":
                kept.append(Token("text", "", 0, content=place.title(target)))
        elif token.type == "image" and (picture := place.file(str(token.attrs.get("src", "")))):
            token.attrs["src"] = embedded(picture)
        if not (dropped and token.type in {"link_open", "link_close"}):
            kept.append(token)
    return kept


def _nothing(token: Token, place: Place) -> str:
    del token, place
    return ""


def _role(token: Token, place: Place) -> str:
    return role(str(token.meta["name"]), token.content, place)


def _fence(token: Token, place: Place) -> str:
    return fence(token.info, token.content, place, as_html)


def _inline_formula(token: Token, place: Place) -> str:
    del place
    return formula(token.content, block=False)


def _formula(token: Token, place: Place) -> str:
    number = place.numbers.get(token.info) if token.type == "math_block_label" else None
    shown = f'<span class="eqno">({escape(number)})</span>' if number else ""
    return f'<div class="math">{shown}{formula(token.content, block=True)}</div>\n'


_RULES: dict[str, Callable[[Token, Place], str]] = {
    "myst_role": _role,
    "fence": _fence,
    "colon_fence": _fence,
    "math_inline": _inline_formula,
    "math_inline_double": _formula,
    "math_block": _formula,
    "math_block_label": _formula,
    "myst_target": _nothing,
    "myst_line_comment": _nothing,
    "myst_block_break": _nothing,
}
