"""The roles of MyST, such as a citation or a download, as HTML that stands alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from replica.runs.place import Place, embedded, formula

_TITLED = re.compile(r"(?P<title>.*?)\s*<(?P<target>[^<>]+)>\s*", re.DOTALL)


def role(name: str, content: str, place: Place) -> str:
    """Resolve one role; what cannot be resolved is shown as its words."""
    known = _ROLES.get(name)
    return known(content, place) if known else f"<span>{escape(_parts(content)[0])}</span>"


def _parts(content: str) -> tuple[str, str, bool]:
    """Title, target and whether the title was given: "words <target>", or the target alone."""
    titled = _TITLED.fullmatch(content)
    if titled is None:
        return content, content, False
    return titled["title"], titled["target"], True


def _cite(content: str, place: Place) -> str:
    return place.citations.cite(content, in_text=False)


def _cite_in_text(content: str, place: Place) -> str:
    return place.citations.cite(content, in_text=True)


def _download(content: str, place: Place) -> str:
    title, target, _ = _parts(content)
    found = place.file(target)
    if found is None:
        return f"{escape(title)} (not made in this run)"
    return f'<a href="{embedded(found)}" download="{escape(found.name)}">{escape(title)}</a>'


def _number(content: str, place: Place) -> str:
    title, target, titled = _parts(content)
    number = place.numbers.get(target)
    if titled:
        return escape(title if number is None else title.replace("%s", number.split()[-1]))
    return escape(number or target)


def _equation(content: str, place: Place) -> str:
    number = place.numbers.get(content)
    return escape(f"({number})" if number else content)


def _page(content: str, place: Place) -> str:
    title, target, titled = _parts(content)
    return escape(title if titled else place.title(target))


def _glued(content: str, place: Place) -> str:
    name, _, how = content.partition(":")
    return escape(_formatted(place.glued, name, how))


def _formatted(glued: Mapping[str, str], name: str, how: str) -> str:
    value = glued.get(name, name)
    try:
        return format(float(value), how) if how else value
    except ValueError:
        return value


def _formula(content: str, place: Place) -> str:
    del place
    return formula(content, block=False)


def _in_tag(tag: str) -> Callable[[str, Place], str]:
    def write(content: str, place: Place) -> str:
        del place
        return f"<{tag}>{escape(content)}</{tag}>"

    return write


_ROLES: Mapping[str, Callable[[str, Place], str]] = {
    "cite": _cite,
    "cite:p": _cite,
    "cite:ps": _cite,
    "cite:t": _cite_in_text,
    "cite:ts": _cite_in_text,
    "download": _download,
    "numref": _number,
    "ref": _number,
    "eq": _equation,
    "doc": _page,
    "glue": _glued,
    "glue:text": _glued,
    "math": _formula,
    **{tag: _in_tag(tag) for tag in ("sub", "sup", "code", "kbd", "abbr")},
}
