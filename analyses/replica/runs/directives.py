"""The directives of MyST, such as a figure or a note, as HTML that stands alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from replica.runs.place import Place, embedded, formula

Render = Callable[[str, Place], str]

_DIRECTIVE = re.compile(r"\{(?P<name>[\w:.-]+)\}\s*(?P<argument>.*)")
_OPTION = re.compile(r":(?P<name>[\w-]+):\s*(?P<value>.*)")
_NOTES = ("attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning")
_CODE = ("code", "code-block", "code-cell", "sourcecode", "literalinclude")


@dataclass(frozen=True)
class Directive:
    """A fenced part of a text: its name, what stands beside the name, options and body."""

    name: str
    argument: str
    options: Mapping[str, str]
    body: str

    def number(self, place: Place) -> str | None:
        """How the page numbers it, such as "Figure 2"; None without a name."""
        return place.numbers.get(self.options.get("name", ""))


def fence(info: str, content: str, place: Place, render: Render) -> str:
    """Write a fence as HTML: a directive by its name, anything else as code."""
    found = _DIRECTIVE.fullmatch(info.strip())
    if found is None:
        return _preformatted(content)
    lines = content.splitlines()
    options: dict[str, str] = {}
    while lines and (option := _OPTION.fullmatch(lines[0].strip())):
        options[option["name"]] = option["value"]
        lines.pop(0)
    body = "\n".join(lines).strip("\n")
    directive = Directive(found["name"], found["argument"], options, body)
    return _DIRECTIVES.get(directive.name, _titled)(directive, place, render)


def figure(picture: str, caption: str, number: str | None) -> str:
    """Set a picture with its caption, which is HTML, and its number."""
    lead = f"<strong>{escape(number)}.</strong> " if number else ""
    return f"<figure>{picture}<figcaption>{lead}{caption}</figcaption></figure>"


def on_one_line(html: str) -> str:
    """Take the paragraph off a line of text."""
    return html.strip().removeprefix("<p>").removesuffix("</p>")


def _preformatted(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>\n"


def _note(directive: Directive, place: Place, render: Render) -> str:
    named = directive.argument or directive.name.capitalize()
    title = on_one_line(render(named, place))
    body = render(directive.body, place)
    return f'<div class="admonition"><p class="admonition-title">{title}</p>{body}</div>\n'


def _see_also(directive: Directive, place: Place, render: Render) -> str:
    named = directive.argument or "See also"
    return _note(Directive("", named, directive.options, directive.body), place, render)


def _figure(directive: Directive, place: Place, render: Render) -> str:
    found = place.file(directive.argument)
    alt = escape(directive.options.get("alt", ""), quote=True)
    picture = f'<img src="{embedded(found)}" alt="{alt}">' if found else ""
    caption = on_one_line(render(directive.body, place))
    return figure(picture, caption, directive.number(place))


def _csv_table(directive: Directive, place: Place, render: Render) -> str:
    found = place.file(directive.options.get("file", ""))
    text = found.read_text(encoding="utf-8") if found else directive.body
    caption = on_one_line(render(directive.argument, place))
    return _table(list(csv.reader(text.splitlines())), caption, directive.number(place))


def _table(rows: Sequence[Sequence[str]], caption: str, number: str | None) -> str:
    if not rows:
        return ""
    lead = f"{escape(number)}. " if number else ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return (
        f'<div class="replica-table" tabindex="0"><table><caption><span>{lead}{caption}</span>'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )


def _formula(directive: Directive, place: Place, render: Render) -> str:
    del place, render
    return f'<div class="math">{formula(directive.body, block=True)}</div>\n'


def _code(directive: Directive, place: Place, render: Render) -> str:
    del place, render
    return _preformatted(directive.body)


def _titled(directive: Directive, place: Place, render: Render) -> str:
    """Show what the page cannot lay out as the book does: a title and its text."""
    number = directive.number(place)
    lead = f"{escape(number)}. " if number else ""
    title = on_one_line(render(directive.argument, place))
    heading = f"<p><strong>{lead}{title}</strong></p>" if title else ""
    return f"{heading}{render(directive.body, place)}"


_DIRECTIVES: Mapping[str, Callable[[Directive, Place, Render], str]] = {
    **dict.fromkeys((*_NOTES, "admonition"), _note),
    "seealso": _see_also,
    "figure": _figure,
    "image": _figure,
    "csv-table": _csv_table,
    "math": _formula,
    **dict.fromkeys(_CODE, _code),
}
