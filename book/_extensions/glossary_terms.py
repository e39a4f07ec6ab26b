"""Words of the glossary: the first of each on a page becomes a link that carries its definition."""  # noqa: INP001 - a folder of Sphinx extensions, no package

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

GLOSSARY = "book/glossary"
# A term inside one of these is a name, a heading or a link already
_NOT_IN = (
    nodes.reference,
    nodes.literal,
    nodes.title,
    nodes.caption,
    nodes.math,
    nodes.term,
    nodes.raw,
    nodes.literal_block,
    addnodes.download_reference,
)
_TEXTS = (nodes.paragraph,)


@dataclass(frozen=True)
class _Term:
    words: str
    anchor: str
    definition: str

    @property
    def pattern(self) -> str:
        return rf"{re.escape(self.words)}s?"


def _terms(app: Sphinx) -> tuple[_Term, ...]:
    """Read the glossary's terms, the longest first: a hazard ratio is no ratio of hazards."""
    if GLOSSARY not in app.env.all_docs:
        return ()
    found: list[_Term] = []
    for item in app.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        definition = next(item.findall(nodes.definition)).astext().replace("\n", " ")
        words = item.findall(nodes.term)
        found += [_Term(term.astext(), term["ids"][0], definition) for term in words]
    return tuple(sorted(found, key=lambda term: (-len(term.words), term.words)))


def _link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if app.builder.format != "html" or docname == GLOSSARY:
        return
    terms = _terms(app)
    if not terms:
        return
    address = app.builder.get_relative_uri(docname, GLOSSARY)
    by_anchor = {term.anchor: term for term in terms}
    seen = set(_explain(doctree, by_anchor))
    by_words = {term.words.casefold(): term for term in terms}
    pattern = re.compile(
        rf"(?<![\w-])(?:{'|'.join(term.pattern for term in terms)})(?![\w-])", re.IGNORECASE
    )
    for text in [text for text in doctree.findall(nodes.Text) if _is_prose(text)]:
        pieces = list(_pieces(str(text), pattern, by_words, seen, address))
        if len(pieces) > 1:
            text.parent.replace(text, pieces)


def _explain(doctree: nodes.document, terms: Mapping[str, _Term]) -> Iterator[str]:
    """Give links to the glossary that a page made itself their definition."""
    for link in doctree.findall(nodes.reference):
        anchor = link.get("refuri", "").rpartition("#")[2]
        if anchor in terms:
            link["reftitle"] = terms[anchor].definition
            link["classes"].append("term")
            yield anchor


def _is_prose(text: nodes.Text) -> bool:
    node: nodes.Element | None = text.parent
    inside = False
    while node is not None:
        if isinstance(node, _NOT_IN):
            return False
        inside = inside or isinstance(node, _TEXTS)
        node = node.parent
    return inside


def _pieces(
    text: str,
    pattern: re.Pattern[str],
    terms: Mapping[str, _Term],
    seen: set[str],
    address: str,
) -> Iterator[nodes.Node]:
    end = 0
    for match in pattern.finditer(text):
        words = match[0].casefold()
        term = terms.get(words) or terms[words.removesuffix("s")]
        if term.anchor in seen:
            continue
        seen.add(term.anchor)
        yield nodes.Text(text[end : match.start()])
        yield nodes.reference(
            "",
            match[0],
            internal=True,
            refuri=f"{address}#{term.anchor}",
            reftitle=term.definition,
            classes=["term"],
        )
        end = match.end()
    yield nodes.Text(text[end:])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Link words once every reference of a page is known."""
    app.connect("doctree-resolved", _link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
