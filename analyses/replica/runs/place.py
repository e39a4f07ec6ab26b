"""Where the text of a run's page stands: the files it may show and what its names refer to."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

from replica.runs.citations import Citations


@dataclass
class Place:
    """The run's folder, its citations, the numbers and values of names, the titles of pages."""

    folder: Path
    citations: Citations
    numbers: Mapping[str, str] = field(default_factory=dict)
    glued: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def file(self, target: str) -> Path | None:
        """Find the run's own file that a link means; the page can reach no other."""
        path = self.folder / Path(target).name
        return path if path.is_file() and not path.is_symlink() else None

    def title(self, target: str) -> str:
        """Title of the page that a link means, or else its name."""
        name = Path(target).stem
        return self.titles.get(name, name)


def embedded(path: Path) -> str:
    """Put a file into an address, so that a page needs no file beside it."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def formula(latex: str, *, block: bool) -> str:
    """Write a formula as MathML, or as its source where docutils cannot draw it."""
    try:
        return str(tex2mathml(latex.strip(), as_block=block))
    except MathError:
        return f"<code>{escape(latex.strip())}</code>"
