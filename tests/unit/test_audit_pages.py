"""The audit in words, as Markdown and as marked tables: everything is shown, nothing unescaped."""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser

import pytest
from audit_rows import claim, counts, estimate, sizes

from replica import book, page_audit, page_audit_map
from replica.audit import audit_paper, contradictions, record, study_paper
from replica.audit.finding import Finding
from replica.audit.markdown import markdown
from replica.audit.marks import MARKS
from replica.audit.paper import Paper
from replica.audit.rules import all_rules
from replica.audit.wording import MARK_WORDS, plain, row_words, slip, summary, title
from replica.page_audit_grid import grids
from replica.page_audit_map import SIGNS
from replica.paths import repository

KEYS = ("mlc_second_primary", "myeloma_second_primary", "sclc_second_line")


def slipped(*, study=None):
    """Make a paper with one wrong percent, a ratio outside its interval and words against a p."""
    rows = [
        *sizes(100, 200),
        *counts("sex", {"male": ("40 (40.0)", "90 (45.0)"), "female": ("60 (61.0)", "110 (55.0)")}),
        *estimate(
            "hazard",
            {"hr": "0.74", "ci_low": "0.80", "ci_high": "0.90", "p": "0.20"},
            where="Abstract",
            item="treatment",
            outcome="os",
            arm="treated",
            comparator="control",
            model="crude",
        ),
    ]
    said = claim(["hazard"], "lower", "significant", words="<b>risk</b> & _so_ on")
    return Paper("a_paper", tuple(rows), (said,), study)


@pytest.fixture(scope="module")
def audited():
    """Audit the paper above, slips searched."""
    return audit_paper(slipped())


class Reader(HTMLParser):
    """Reads ids, tags and text, and fails on a tag that is closed out of order."""

    def __init__(self, html):
        """Read at once."""
        super().__init__()
        self.open, self.ids, self.targets, self.text, self.cells = [], [], [], [], []
        self.feed(html.data)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Remember what is open."""
        self.open.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.targets += [found[key] for key in ("popovertarget", "href") if key in found]
        if (found.get("class") or "").startswith("audit-cell"):
            self.cells.append((tag, found["class"].split()[1]))

    def handle_endtag(self, tag):
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Collect what is shown."""
        self.text.append(data)


def test_an_audit_keeps_its_parts_apart(audited):
    """Exact findings are ordered by severity, questions come last, and all are numbered once."""
    assert next(f.rule for f in audited.exact("headline")) == "estimate_in_interval"
    assert {f.certainty for f in audited.questions} <= {"model_based"}
    assert sorted(audited.shown, key=repr) == sorted(audited.findings, key=repr)
    assert [audited.number(f) for f in audited.shown] == list(range(1, len(audited.shown) + 1))


def test_contradictions_are_those_of_the_audit(audited):
    """The short way for verdicts and synthesis gives the same rows and evidence."""
    paper = slipped()
    assert contradictions(paper.published, paper.study, paper.claims) == audited.contradicted
    assert paper.contradictions() == audited.contradicted
    assert set(audited.contradicted) == {n for n, m in audited.marks.items() if m == "contradicted"}
    assert audited.contradicted["Table 1.sex.female.treated.before.percent"].startswith(
        "percent_of_count: 60 of 100 is 60"
    )


def test_claims_are_optional():
    """Without words the numbers still contradict each other."""
    rows = slipped().published
    assert "Table 1.sex.female.treated.before.percent" in contradictions(rows)


def test_progress_is_told_for_what_is_searched():
    """Findings of a unit of the last digit are not searched; the last call says all are done."""
    calls = []
    found = audit_paper(slipped(), progress=lambda done, total: calls.append((done, total)))
    worth = sum(f.severity != "rounding" for f in found.findings)
    assert calls == [(done, worth) for done in range(worth + 1)]


def test_without_a_search_nothing_is_said_of_slips():
    """An audit that did not look for slips does not claim that there is none."""
    found = audit_paper(slipped(), explain=False)
    assert not found.searched
    assert [slip(found, f) for f in found.findings] == [()] * len(found.findings)
    assert "Possible slip" not in markdown(found)


def test_a_slip_states_how_many_edits_were_tried(audited):
    """The best edit stands with the runner-up, what it would change and the number tried."""
    (finding,) = [f for f in audited.exact("table") if f.rule == "percent_of_count"]
    told = dict(slip(audited, finding))
    tried = finding.explanation.tried
    assert "61.0 for 60.0" in told["Possible slip"]
    assert told["What would change"].startswith("60.0 instead: ")
    assert told["Searched"].startswith(f"{tried} small edits were tried; ")


def test_a_fit_among_many_is_not_offered_as_an_explanation(audited):
    """Where more edits do equally well, the reader is told that none stands out."""
    (finding,) = [f for f in audited.exact("table") if f.rule == "percent_of_count"]
    lucky = finding.explanation.__class__("digit changed", "x; agrees with 3 rows.", "1", 200, 0.06)
    told = slip(audited, Finding(**{**finding.__dict__, "explanation": lucky}))
    assert told == (
        (
            "Possible slip",
            "200 small edits were tried; 12 of them do equally well, so that no single slip "
            "stands out.",
        ),
    )


def test_keys_become_words():
    """Underscores and bounds of levels are written out; arithmetic is left as it is."""
    assert plain("cancer_type: ge_65 5/6, lt_3 a_b") == "cancer type: ≥ 65 5/6, < 3 a b"
    assert plain("60 - 3.6 is -0.021 _x") == "60 - 3.6 is -0.021 _x"


def test_a_row_in_words_uses_the_labels_of_the_protocol(toy_study):
    """With a protocol its labels stand; without one the keys are written as words."""
    row = slipped().published[2]
    assert row_words(slipped(), row) == "count, sex: male, treated, before matching"
    assert (
        row_words(slipped(study=toy_study), row) == "count, Sex: Male, Treatment, before matching"
    )


def test_the_title_says_what_is_not_met_and_of_what(audited):
    """Group sizes are part of many findings, but not what they are about."""
    (finding,) = [f for f in audited.exact("table") if f.rule == "percent_of_count"]
    assert title(finding, audited.paper) == (
        "Not met: A percent follows from its count and denominator: sex: female"
    )


def test_the_counts_add_up(audited):
    """Every number has one mark, every finding one class."""
    number = {name: int(text) for name, text in summary(audited)}
    assert sum(number[f"Numbers {words}"] for words in MARK_WORDS.values()) == 14
    findings = sum(n for name, n in number.items() if name.startswith("Exact findings"))
    assert findings + number["Questions that rest on an assumption"] == len(audited.findings)
    assert number["Printed numbers"] == 14


def test_the_report_can_be_pasted(audited):
    """Headline findings come first, questions last; texts of the table cannot become markup."""
    text = markdown(audited)
    headings = re.findall(r"^## (\w+)", text, re.MULTILINE)
    assert headings == ["Headline", "Findings", "Rounding", "Questions"]
    assert r"\<b\>risk\</b\> & \_so\_ on" in text
    assert "Printed: 0.74 as hazard ratio, treatment, os, treated against control, crude" in text
    assert [int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)] == [
        *range(1, len(audited.findings) + 1)
    ]


def test_every_finding_is_listed_once_with_a_place_to_link_to(audited):
    """The three lists and the questions hold all findings, each under its number, escaped."""
    lists = [page_audit.findings_list(audited, s) for s in ("headline", "table", "rounding")]
    pages = [Reader(html) for html in (*lists, page_audit.questions_list(audited))]
    ids = [name for page in pages for name in page.ids]
    assert ids == [f"finding-{audited.number(f)}" for f in audited.shown]
    assert "Text: Results, in words: <b>risk</b> & _so_ on" in "".join(pages[0].text)


def test_nothing_found_is_said():
    """An empty list is a sentence, not a gap."""
    clean = audit_paper(Paper("clean", tuple(sizes(10, 20))))
    assert "There is none." in page_audit.findings_list(clean, "headline").data


def test_every_number_is_a_marked_cell_with_a_sign(audited):
    """Tables and text together hold each number once, in its colour, with sign and spoken word."""
    pages = [Reader(page_audit_map.tables_map(audited)), Reader(page_audit_map.text_map(audited))]
    cells = [mark for page in pages for _, mark in page.cells]
    assert sorted(cells) == sorted(audited.marks.values())
    text = "".join("".join(page.text) for page in pages)
    assert text.count(SIGNS["contradicted"]) == cells.count("contradicted") > 0
    assert text.count(f"({MARK_WORDS['confirmed']})") == cells.count("confirmed") > 0
    assert len(set(SIGNS.values())) == len(MARKS) == len(MARK_WORDS)


def test_a_number_in_a_finding_opens_it_by_keyboard_and_leads_to_it(audited):
    """It is a button with a text of its own that links to the finding; others are no button."""
    lists = [page_audit.findings_list(audited, s) for s in ("headline", "table", "rounding")]
    known = {n for h in (*lists, page_audit.questions_list(audited)) for n in Reader(h).ids}
    for html in (page_audit_map.tables_map(audited), page_audit_map.text_map(audited)):
        page = Reader(html)
        assert len(set(page.ids)) == len(page.ids)
        assert {t for t in page.targets if not t.startswith("#")} == set(page.ids)
        assert {t[1:] for t in page.targets if t.startswith("#")} <= known
    named = {name for finding in audited.findings for name in finding.rows}
    tags = [
        tag
        for html in (page_audit_map.tables_map(audited), page_audit_map.text_map(audited))
        for tag, _ in Reader(html).cells
    ]
    assert tags.count("button") == len(named)


def test_a_table_is_laid_out_as_printed():
    """Arms are columns, levels rows, p values in a column of their own on the item's line."""
    rows = [
        *sizes(100, 200),
        *counts("sex", {"male": ("40 (40.0)", "90 (45.0)"), "female": ("60 (60.0)", "110 (55.0)")}),
        *estimate(
            "sex",
            {"p": "0.41"},
            item="sex",
            arm="treated",
            comparator="control",
            stage="before",
        ),
    ]
    (grid,) = grids(Paper("a_paper", tuple(rows)))
    assert grid.heads == (
        ("Before matching", "treated"),
        ("Before matching", "control"),
        ("Before matching", "p"),
    )
    shown = [
        (
            line.kind,
            line.label,
            *("".join(text or row.printed for text, row in cell.pieces()) for cell in line.cells),
        )
        for line in grid.lines
    ]
    assert shown == [
        ("", "Patients", "100", "200", ""),
        ("item", "Sex", "", "", "0.41"),
        ("level", "Male", "40 (40.0%)", "90 (45.0%)", ""),
        ("level", "Female", "60 (60.0%)", "110 (55.0%)", ""),
    ]


def test_an_effect_within_a_subgroup_stands_in_its_line():
    """As in a forest plot: counts and ratio of a level side by side."""
    rows = [
        *counts("sex", {"male": ("40", "90")}, where="Figure 2"),
        *estimate(
            "effect",
            {"hr": "0.70", "ci_low": "0.50", "ci_high": "0.98"},
            where="Figure 2",
            item="treatment",
            outcome="os",
            arm="treated",
            comparator="control",
            subgroup="sex=male",
            stage="before",
            model="crude",
        ),
    ]
    (grid,) = grids(Paper("a_paper", tuple(rows)))
    (line,) = grid.lines
    assert line.label == "Sex: male"
    assert grid.heads[-1] == ("Before matching, crude", "HR (CI)")
    last = "".join(text or row.printed for text, row in line.cells[-1].pieces())
    assert last == "0.70 (0.50–0.98)"  # noqa: RUF001 - en dash


@pytest.mark.parametrize("key", KEYS)
def test_no_number_of_a_paper_is_lost_in_its_tables(key):
    """Every printed number stands in exactly one cell."""
    paper = study_paper(key)
    shown = [
        row.id
        for grid in grids(paper)
        for line in grid.lines
        for cell in line.cells
        for _, row in cell.pieces()
        if row is not None
    ]
    assert sorted(shown) == sorted(row.id for row in paper.published)


@pytest.mark.parametrize("key", KEYS)
def test_pages_of_the_papers_are_sound(key):
    """Each list and map is well-formed HTML, also for a study without notebook."""
    audit = audit_paper(study_paper(key), explain=False)
    for html in (
        page_audit.what_it_is(),
        page_audit.counts_table(audit),
        page_audit.findings_list(audit, "headline"),
        page_audit.questions_list(audit),
        page_audit_map.legend(),
        page_audit_map.tables_map(audit),
        page_audit_map.text_map(audit),
    ):
        assert "".join(Reader(html).text).strip()


def test_an_audit_is_kept_for_the_book(audited, tmp_path):
    """Findings go to build/audit and, with report and marks, to the folder of downloads."""
    page_audit.keep(audited, tmp_path)
    made = json.loads((tmp_path / "audit" / "a_paper.json").read_text(encoding="utf-8"))
    assert made == json.loads(json.dumps([record(f) for f in audited.findings]))
    folder = tmp_path / "results" / "audit_a_paper"
    assert (folder / "report.md").read_text(encoding="utf-8") == markdown(audited)
    lines = (folder / "marks.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,where,printed,mark"
    assert len(lines) == 1 + len(audited.marks)
    assert {record["study"] for record in made} == {"a_paper"}


def test_the_book_merges_the_audits(tmp_path):
    """build/audit.json is one list of the findings of all studies; without audits it is empty."""
    (tmp_path / "build").mkdir()
    assert json.loads(book.merge_audits(tmp_path).read_text(encoding="utf-8")) == []
    for name in ("b", "a"):
        path = tmp_path / "build" / "audit" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([{"study": name}]), encoding="utf-8")
    merged = json.loads(book.merge_audits(tmp_path).read_text(encoding="utf-8"))
    assert merged == [{"study": "a"}, {"study": "b"}]


def _luminance(colour):
    if len(colour) == 4:
        colour = "#" + "".join(2 * digit for digit in colour[1:])
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("mark", MARKS)
def test_marked_cells_can_be_read(mark, theme):
    """Text on each mark's ground has a contrast of at least 4.5 (WCAG 2, level AA)."""
    css = (repository() / "book" / "_static" / "audit.css").read_text(encoding="utf-8")
    block = re.findall(r"\{([^}]*--audit-[^}]*-text:[^}]*)\}", css)[theme]
    colours = dict(re.findall(r"--audit-([a-z-]+): (#[0-9a-f]+);", block))
    ground, text = sorted(_luminance(colours[name]) for name in (mark, f"{mark}-text"))
    assert (text + 0.05) / (ground + 0.05) >= 4.5


def test_every_rule_stands_in_the_table_of_rules():
    """Title, needs and how to read of each rule, in one row each."""
    text = page_audit.rules_table().data
    assert text.count("<tr>") == len(all_rules()) + 1
    for rule in all_rules():
        assert escape(rule.title) in text
        assert escape(rule.how_to_read) in text
