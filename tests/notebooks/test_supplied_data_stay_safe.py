"""Whatever a run on supplied patients writes holds none of them: every output byte is searched."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib

import pandas as pd
import pytest

from replica.paths import synthetic_path
from replica.runs.perform import perform, plan_run
from replica.studies import load_study, study_keys

STUDY = "sclc_second_line"
MARK = "qzxmark"


def patients(study=STUDY):
    """Synthetic patients with marked ids, names and dates of birth, in the dictionary's columns."""
    table = pd.read_csv(synthetic_path(study), dtype=str, keep_default_na=False)
    table["patient_id"] = [f"{MARK}-id-{i:04d}" for i in range(len(table))]
    table["surname"] = [f"{MARK.title()}name{i:04d}" for i in range(len(table))]
    table["date_of_birth"] = [f"19{20 + i % 60}-02-{1 + i % 28:02d}" for i in range(len(table))]
    return table


def secrets(table, study=STUDY):
    """Everything that must not be found: ids, names, all dates in several spellings, the mark."""
    calendar = load_study(study).calendar
    printed = {calendar.enrolment_start, calendar.enrolment_end, calendar.data_cutoff}
    texts = {MARK, *table["patient_id"].str.lower(), *table["surname"].str.lower()}
    for day in {*table[calendar.start_column], *table["date_of_birth"]}:
        year, month, date = day.split("-")
        if pd.Timestamp(day).date() in printed:
            continue
        texts |= {day, f"{date}.{month}.{year}", f"{date}/{month}/{year}", f"{month}/{date}/{year}"}
    return texts


def contents(path):
    """Yield a file's bytes, and what is packed inside: pictures in pages, texts in pictures."""
    raw = path.read_bytes()
    yield raw
    for packed in re.findall(rb"base64,([A-Za-z0-9+/=]{40,})", raw):
        yield base64.b64decode(packed)
    if path.suffix == ".ipynb":
        yield json.dumps(json.loads(raw), ensure_ascii=False).encode()
    if raw.startswith(b"\x89PNG"):
        at = 8
        while at < len(raw):
            (length,) = struct.unpack(">I", raw[at : at + 4])
            kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
            if kind in (b"zTXt", b"iTXt"):
                yield zlib.decompressobj().decompress(body.split(b"\0", 2)[-1][0:])
            at += 12 + length


DATES = re.compile(rb"\d{1,4}([-./])\d{2}\1\d{2,4}")


def found(folder, texts):
    """List the files of a folder that hold one of the texts, in whatever case."""
    dates = {text.encode() for text in texts if DATES.fullmatch(text.encode())}
    marks = {text.encode() for text in texts} - dates
    # Every id and name holds the mark: one search finds them all.
    marks = {MARK.encode()} if MARK.encode() in marks else marks
    listed = set()
    for path in folder.rglob("*"):
        for content in contents(path) if path.is_file() else ():
            seen = {match.group() for match in DATES.finditer(content)} & dates
            seen |= {mark for mark in marks if mark in content.lower()}
            listed |= {f"{path.name}: {text.decode()}" for text in seen}
    return sorted(listed)


@pytest.fixture(scope="module", params=study_keys())
def supplied(request, tmp_path_factory):
    """Run each study's notebook once on its marked patients, small counts masked."""
    study = request.param
    folder = tmp_path_factory.mktemp("supplied")
    table = patients(study)
    file = folder / "mine" / "patients.csv"
    file.parent.mkdir()
    table.to_csv(file, index=False)
    before = file.read_bytes()
    done = perform(plan_run(study, [("min_cell", "5")], file, folder / "out"))
    return study, table, file, before, done


def test_the_run_succeeds_and_writes_every_kind_of_file(supplied):
    """The search below is about something: a notebook, a page, tables, figures, a record."""
    *_, done = supplied
    assert done.failure is None
    endings = {path.suffix for path in done.folder.rglob("*") if path.is_file()}
    assert {".ipynb", ".html", ".csv", ".json", ".svg", ".png"} <= endings


def test_no_output_byte_is_a_patients(supplied):
    """No id, name or date in a notebook, page, table, record or picture, metadata included."""
    study, table, *_, done = supplied
    assert found(done.folder, secrets(table, study)) == []


def test_the_search_finds_what_is_planted(tmp_path):
    """An id in a page's picture, in a notebook's text or a date in a table would be found."""
    hidden = base64.b64encode(
        b"<svg>QZXMARK-id-0007 and more text to be long enough</svg>"
    ).decode()
    (tmp_path / "a.html").write_text(f'<img src="data:image/svg+xml;base64,{hidden}">')
    (tmp_path / "b.csv").write_text("start\n2020-05-17\n")
    (tmp_path / "c.ipynb").write_text(json.dumps({"cells": ["Qzxmarkname0003"]}))
    assert [line[:6] for line in found(tmp_path, {MARK, "2020-05-17"})] == [
        "a.html",
        "b.csv:",
        "c.ipyn",
    ]


def test_the_supplied_file_is_read_and_nothing_else(supplied):
    """Not a byte of it changes, and nothing is written beside it."""
    *_, file, before, _ = supplied
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_no_small_count_is_in_any_table(supplied):
    """In every CSV of the run, `n (percent)` under `reproduced` is masked or at least 5."""
    *_, done = supplied
    seen = masked = 0
    for path in done.folder.rglob("*.csv"):
        for row in pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records"):
            for column, cell in row.items():
                if not str(column).endswith("reproduced"):
                    continue
                masked += cell == "masked"
                count = re.fullmatch(r"(\d+) \([\d.,]+\).*", cell)
                if count:
                    seen += 1
                    assert not 0 < int(count.group(1)) < 5, (path.name, row)
    assert seen > 20
    assert masked > 0


def test_a_failed_run_tells_no_patient_either(tmp_path):
    """Where the file does not fit, neither the message nor the notebook's traceback quotes it."""
    table = patients().head(40)
    table.loc[3, "gender"] = table.loc[5, "surname"]
    table.loc[4, "age_years"] = table.loc[6, "patient_id"]
    table.loc[7, "second_line_start"] = table.loc[7, "date_of_birth"]
    file = tmp_path / "mine" / "patients.csv"
    file.parent.mkdir()
    table.to_csv(file, index=False)
    done = perform(plan_run(STUDY, [], file, tmp_path / "out"))
    assert "problems to correct" in str(done.failure)
    assert found(done.folder, secrets(table)) == []
    assert not [text for text in secrets(table) if text in str(done.failure).lower()]
