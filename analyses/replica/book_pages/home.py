"""The home page: a card per study with its verdicts drawn, and the doors into the book."""

from __future__ import annotations

from urllib.parse import urlencode

from IPython.display import Markdown

from replica.agreement import shares
from replica.book_pages.papers import BookPaper, book_papers, design, pages_named
from replica.book_pages.words import VERDICT_MARKS, verdict_bar, verdict_key
from replica.paths import repository


def cards() -> Markdown:
    """Write one card per paper: question, design, and a bar of the verdicts on its numbers."""
    papers = book_papers()
    inner = "\n".join(_card(paper) for paper in papers)
    columns = min(3, len(papers))
    return _markdown(f":::::{{grid}} 1 1 {columns} {columns}\n:gutter: 3\n\n{inner}\n:::::")


def _card(paper: BookPaper) -> str:
    page = paper.page or paper.audit_page
    title = f"[{paper.title}](/{page}.ipynb)" if page else paper.title
    question = paper.study.question if paper.study else ""
    parts = [f"::::{{grid-item-card}} {title}", ":class-card: study-card", ""]
    if question:
        parts += [question, ""]
    if made := design(paper):
        parts += [f"*{made}*", ""]
    parts += [_verdicts(paper), "::::"]
    return "\n".join(parts)


def _verdicts(paper: BookPaper) -> str:
    if paper.verification is None:
        return (
            f"{len(paper.published)} printed numbers are transcribed; their analysis is not part "
            "of this edition.\n"
        )
    counts = paper.verification["counts"]
    share = shares(counts)["results"]
    links = {mark.key: verification_link(paper.key, mark.key) for mark in VERDICT_MARKS}
    head = f'<p class="verdict-head">{counts["results"]} printed results, {share} attained</p>'
    drawn = head + verdict_bar(counts) + verdict_key(counts, links)
    return f"```{{raw}} html\n{drawn}\n```\n"


def verification_link(study_key: str, verdict: str) -> str:
    """Return the address of the results of one verdict, from a page in the same folder."""
    asked = urlencode({"study": study_key, "verdict": verdict, "kind": "result"})
    return f"verification.html?{asked}"


def doors() -> Markdown:
    """Write the two ways into the book, for those who read and those who review.

    Pages about single papers are found by their names, so that a new one has its link here.
    """
    papers = book_papers()
    studies = [f"[{p.short}](/{p.page}.ipynb)" for p in papers if p.page]
    audits = [f"[{p.short}](/{p.audit_page}.ipynb)" for p in papers if p.audit_page]
    kit = [f"[](/book/{path.name})" for path in pages_named("review", repository())]
    reading = (
        f"A page per study follows its paper, printed beside reproduced: {', '.join(studies)}. "
        "Words are explained in the [glossary](/book/glossary.md), methods "
        "[with their formulas](/book/methods.ipynb)."
    )
    reviewing = (
        "Every printed number with its verdict stands in [one table](/book/verification.ipynb). "
        f"An audit holds the numbers of a paper against each other: {', '.join(audits)}."
    )
    if kit:
        reviewing += f" To work from: {', '.join(kit)}."
    return _markdown(
        "::::{grid} 1 1 2 2\n:gutter: 3\n\n"
        f":::{{grid-item-card}} I read\n:class-card: door\n\n{reading}\n:::\n"
        f":::{{grid-item-card}} I review\n:class-card: door\n\n{reviewing}\n:::\n::::"
    )


def _markdown(text: str) -> Markdown:
    return Markdown(text)  # type: ignore[no-untyped-call]  # IPython has no types here
