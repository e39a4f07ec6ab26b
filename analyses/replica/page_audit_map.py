"""The printed tables of a paper laid out again, each number marked with how it stands."""

from __future__ import annotations

from html import escape

from IPython.display import HTML

from replica.audit.finding import Checked, Finding
from replica.audit.marks import Mark
from replica.audit.paper import PaperAudit
from replica.audit.wording import MARK_WORDS, message, plain, row_words, title
from replica.page_audit_grid import DASH, Cell, Grid, grids
from replica.published import PublishedValue

SIGNS: dict[Mark, str] = {
    "confirmed": "✓",
    "unchecked": "·",
    "rounding": "≈",
    "questioned": "?",
    "involved": "!",
    "contradicted": "✗",
}
"""A sign for each mark, so that a table reads without colour."""


def legend() -> HTML:
    """Explain colours and signs of the marked tables."""
    entries = "".join(
        f'<li><span class="audit-cell {mark}">{SIGNS[mark]}</span> {escape(words)}</li>'
        for mark, words in MARK_WORDS.items()
    )
    return _html(f'<ul class="audit-legend">{entries}</ul>')


def tables_map(audit: PaperAudit) -> HTML:
    """Lay out tables and figures again, each number marked.

    A number that a finding names tells it when pointed at, clicked or reached by keyboard.
    """
    return _map(audit, exhibits=True)


def text_map(audit: PaperAudit) -> HTML:
    """Lay out the numbers printed in the abstract and the text, each marked likewise."""
    return _map(audit, exhibits=False)


def _map(audit: PaperAudit, *, exhibits: bool) -> HTML:
    maps = _Maps(audit)
    chosen = [grid for grid in grids(audit.paper) if grid.is_exhibit == exhibits]
    return _html("".join(maps.table(grid) for grid in chosen))


class _Maps:
    """Writes grids as HTML; finds what is known of each number once."""

    def __init__(self, audit: PaperAudit) -> None:
        self.audit = audit
        self.paper = audit.paper
        self.findings: dict[str, list[Finding]] = {}
        for finding in audit.shown:
            for name in finding.rows:
                self.findings.setdefault(name, []).append(finding)
        self.confirming: dict[str, Checked] = {}
        for check in audit.checks:
            if check.fits:
                for name in check.ids:
                    self.confirming.setdefault(name, check)
        self.order = {row.id: i for i, row in enumerate(self.paper.published)}

    def table(self, grid: Grid) -> str:
        shared = any(top for top, _ in grid.heads)
        upper = f"<tr><td></td>{self._shared(grid)}</tr>" if shared else ""
        names = "".join(f'<th scope="col">{escape(name)}</th>' for _, name in grid.heads)
        body = "".join(
            f'<tr class="audit-{line.kind or "line"}"><th scope="row">{escape(line.label)}</th>'
            + "".join(f"<td>{self._cell(cell)}</td>" for cell in line.cells)
            + "</tr>"
            for line in grid.lines
        )
        where = escape(grid.where)
        return (
            f'<div class="audit-map" tabindex="0" role="region" aria-label="{where}">'
            f"<table><caption>{where}</caption>"
            f"<thead>{upper}<tr><td></td>{names}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def _shared(self, grid: Grid) -> str:
        spans: list[tuple[str, int]] = []
        for top, _ in grid.heads:
            if spans and spans[-1][0] == top:
                spans[-1] = (top, spans[-1][1] + 1)
            else:
                spans.append((top, 1))
        return "".join(
            f'<th scope="colgroup" colspan="{width}">{escape(top)}</th>'
            if top
            else f'<td colspan="{width}"></td>'
            for top, width in spans
        )

    def _cell(self, cell: Cell) -> str:
        written = []
        for text, row in cell.pieces():
            if row is not None:
                written.append(self._number(row))
            elif text.endswith(("(", "[")):
                written.append(f' <span class="audit-together">{escape(text.lstrip())}')
            elif text.endswith((")", "]")):
                written.append(f"{escape(text)}</span>")
            else:
                written.append(escape(text))
        return "".join(written)

    def _number(self, row: PublishedValue) -> str:
        mark = self.audit.marks[row.id]
        words = MARK_WORDS[mark]
        inner = (
            f"{escape(row.printed or DASH)}"
            f'<span class="audit-sign" aria-hidden="true">{SIGNS[mark]}</span>'
            f'<span class="audit-spoken"> ({escape(words)})</span>'
        )
        found = self.findings.get(row.id, [])
        if not found:
            why = escape(self._why(row))
            return f'<span class="audit-cell {mark}" title="{why}">{inner}</span>'
        name = f"audit-cell-{self.order[row.id]}"
        told = "".join(
            f"<p>{escape(title(finding, self.paper))}. {escape(message(finding))} "
            f'<a href="#finding-{self.audit.number(finding)}">'
            f"Finding {self.audit.number(finding)}</a></p>"
            for finding in found
        )
        return (
            f'<button type="button" class="audit-cell {mark}" popovertarget="{name}">{inner}'
            f'</button><div class="audit-told" popover id="{name}">'
            f"<p><strong>{escape(row.printed or DASH)}</strong>: "
            f"{escape(row_words(self.paper, row))}; {escape(words)}.</p>{told}</div>"
        )

    def _why(self, row: PublishedValue) -> str:
        check = self.confirming.get(row.id)
        why = "No rule relates this number to another." if check is None else plain(check.note)
        return f"{row_words(self.paper, row)}. {why} {row.note}".strip()


def _html(text: str) -> HTML:
    return HTML(text)  # type: ignore[no-untyped-call]  # IPython has no types here
