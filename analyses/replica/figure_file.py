"""Figures as files and as notebook output: the same figure and name give the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from replica.errors import ParameterError
from replica.figure_style import in_style
from replica.output_file import output_path

_DPI = 200  # sharp on a screen with twice the usual resolution


def figure_bytes(figure: Figure, name: str, kind: Literal["svg", "png"]) -> bytes:
    """Return a figure as a file's bytes, the same for the same figure and name.

    The name salts the ids inside an SVG (two figures on one page must not share them); dates and
    program names are left out.
    """
    stream = io.BytesIO()
    strip = {"svg": ("Date", "Creator"), "png": ("Software",)}[kind]
    with in_style(**{"svg.hashsalt": name}):
        figure.savefig(stream, format=kind, dpi=_DPI, metadata=dict.fromkeys(strip))
    return stream.getvalue()


@dataclass(frozen=True)
class Picture:
    """A figure as a notebook shows it: an SVG with the same bytes on every run.

    Jupyter's own way would need pyplot and put dates and random ids into the SVG. `alt` is what a
    reader hears who cannot see the figure.
    """

    figure: Figure
    name: str
    alt: str

    def __post_init__(self) -> None:
        """Refuse a name that cannot stand in a file or an id, or an empty description."""
        _check_name(self.name)
        if not self.alt.strip():
            raise ParameterError(f"{self.name}: found no alternative text; say what it shows.")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        svg = figure_bytes(self.figure, self.name, "svg").decode("utf-8")
        return {"image/svg+xml": svg, "text/plain": self.alt}


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise ParameterError(
            f"figure name: found {name!r}; allowed: lower-case letters, digits, '_' and '-', "
            "such as 'figure_1a'."
        )


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.svg` and `<name>.png` into a folder, made if need be; return both paths.

    Raises
    ------
    ParameterError
        If the name cannot stand in a file name or an id, or a link leads out of the folder.
    """
    _check_name(name)
    paths = (output_path(folder, name, ".svg"), output_path(folder, name, ".png"))
    paths[0].write_bytes(figure_bytes(figure, name, "svg"))
    paths[1].write_bytes(figure_bytes(figure, name, "png"))
    return paths
