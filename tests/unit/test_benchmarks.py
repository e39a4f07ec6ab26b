"""The benchmarks run, compare equal answers, and write every row; no test looks at a timing."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from replica.paths import repository

sys.path.insert(0, str(repository() / "benchmarks"))

from measuring import arrays, processes, report
from measuring.plan import NO_R
from measuring.processes import Effort, Measured
from measuring.rows import OURS, QUESTIONS, Findings, Peers, Requirement, Row, difference

ROOT = repository()
SIZES = (200, 400)
COX = {
    *(OURS, "of it: sorting", "of it: sorting, checks, standardising", "of it: Newton's method"),
    *("NumPy: one weighted Gram matrix", "R coxph", "R coxph.fit"),
    *("lifelines", "statsmodels", "scikit-survival"),
}
MATCHING = {
    *("NumPy: stable argsort of the scores", "R glm", "R MatchIt on the given score"),
    *(f"{OURS}: order {order}" for order in ("largest", "data", "closest")),
    *(f"{OURS}: logistic fit and match", f"{OURS}: logistic fit"),
}
EXPECTED = {
    **{("cox", n): COX for n in SIZES},
    **{("matching", n): MATCHING for n in SIZES},
    **{("survival", n): {OURS, "R survfit and survdiff"} for n in SIZES},
    ("bootstrap", 496): {f"{OURS}: 40 replications", "R: 40 replications"},
    ("first_call", 496): {
        "import, match and fit arrays",
        "import, read a study, match and fit it",
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run everything at tiny sizes, without R, and give the folder of the results."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [
        sys.executable,
        "benchmarks/run.py",
        "--quick",
        "--without-r",
        "--date",
        "2001-02-03",
    ]
    run = subprocess.run(
        [*command, "--out", str(folder)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "R is left out" in run.stdout
    return folder


@pytest.fixture(scope="module")
def found(made):
    """Read the rows of that run, by question, size and what was measured."""
    with (made / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["question"], int(row["n"]), row["what"]): row for row in rows}


def test_every_row_is_there(found):
    """Each question has a row for each thing at each size, measured or with the reason why not."""
    names: dict[tuple[str, int], set[str]] = {}
    for question, n, what in found:
        names.setdefault((question, n), set()).add(what)
    assert names == EXPECTED
    for row in found.values():
        assert bool(row["seconds"]) != bool(row["stopped"]), row


def test_rows_of_r_say_that_it_was_not_measured(found):
    """Without R nothing is invented: its rows hold the reason and no number."""
    of_r = [row for (_, _, what), row in found.items() if what.startswith("R")]
    assert len(of_r) == 4 * 2 + 2 + 1
    assert {row["stopped"] for row in of_r} == {NO_R}
    assert {row["ratio"] for row in of_r} == {""}


@pytest.mark.parametrize("n", SIZES)
def test_times_are_compared_for_equal_answers(found, n):
    """Coefficients and errors of statsmodels agree with ours to 1e-6, those of lifelines to 1e-5.

    Lifelines stops its iterations earlier.
    """
    for name, most in (("statsmodels", 1e-6), ("lifelines", 1e-5)):
        assert 0.0 <= float(found["cox", n, name]["difference"]) < most
    sksurv = found["cox", n, "scikit-survival"]
    assert sksurv["stopped"] or float(sksurv["difference"]) < 1e-5


def test_ratios_are_of_the_seconds_shown(found):
    """A ratio is the row's shortest time over that of what it names."""
    for n in SIZES:
        for name in ("lifelines", "statsmodels"):
            row, ours = found["cox", n, name], found["cox", n, OURS]
            assert row["versus"] == OURS
            assert_quotient(row, float(ours["seconds"]))
        sort = found["matching", n, "NumPy: stable argsort of the scores"]
        assert_quotient(found["matching", n, f"{OURS}: order data"], float(sort["seconds"]))
        newton = found["cox", n, "of it: Newton's method"]
        count = float(newton["versus"].removesuffix(" Gram matrices"))
        gram = found["cox", n, "NumPy: one weighted Gram matrix"]
        assert_quotient(newton, count * float(gram["seconds"]))


def assert_quotient(row, below):
    """Six digits are kept in the file."""
    assert float(row["ratio"]) == pytest.approx(float(row["seconds"]) / below, rel=1e-4)


def test_memory_is_taken_for_each_of_ours(found):
    """Every row of ours at a given size has its peak memory, at least the input itself."""
    for (question, n, what), row in found.items():
        ours = question in ("cox", "matching", "survival") and what.startswith(OURS)
        if ours and what != f"{OURS}: logistic fit":
            assert float(row["memory"]) >= 1.0, (question, n, what)


def test_the_results_say_what_they_are(made):
    """The Markdown names date, machine and versions, and that tiny sizes mean nothing."""
    text = (made / "results.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Benchmarks: {report.QUICK}")
    assert "date 2001-02-03, processor " in text
    assert f"numpy {np.__version__}" in text
    assert "R not installed or left out" in text
    for title in QUESTIONS.values():
        assert f"\n## {title}\n" in text


def test_the_tables_of_the_book_have_one_width(made):
    """Each CSV file that the page shows is rectangular."""
    for name in (*QUESTIONS, "required", "machine"):
        with (made / f"{name}.csv").open(encoding="utf-8") as file:
            widths = {len(cells) for cells in csv.reader(file)}
        assert len(widths) == 1, name


def test_the_committed_tables_are_of_one_run():
    """The book's tables and the repository's hold the same requirements and rows."""
    text = (ROOT / "benchmarks" / "results.md").read_text(encoding="utf-8")
    pages = ROOT / "book" / "benchmarks"
    for name in (*QUESTIONS, "required"):
        with (pages / f"{name}.csv").open(encoding="utf-8") as file:
            for cells in csv.reader(file):
                assert f"| {' | '.join(cells)} |" in text, name


def test_an_unknown_question_is_refused():
    """A misspelt question names those that exist."""
    command = [sys.executable, "benchmarks/run.py", "--only", "coks"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "coks" in run.stderr
    assert "first_call" in run.stderr


def test_patients_are_as_described():
    """A share of 0.24 is treated, times are whole days with ties, and a seed draws them again."""
    drawn = arrays.draw(20_000, 3)
    assert drawn.treated.mean() == pytest.approx(0.24, abs=0.01)
    assert np.array_equal(drawn.time, np.round(drawn.time))
    assert np.unique(drawn.time).size < drawn.n / 5
    assert 0.5 < drawn.event.mean() < 0.9
    assert np.array_equal(arrays.draw(20_000, 3).X, drawn.X)


def test_r_and_python_read_the_same_bytes(tmp_path):
    """Arrays come back from their files bit by bit; the matrix stands by column."""
    drawn = arrays.draw(50, 1)
    arrays.save(drawn, tmp_path)
    read = arrays.load(tmp_path)
    for name in ("X", "time", "event", "score", "treated"):
        assert np.array_equal(getattr(read, name), getattr(drawn, name))
    assert np.array_equal(np.fromfile(tmp_path / "X.bin")[:50], drawn.X[:, 0])


@pytest.mark.parametrize("mode", ["time", "memory"])
def test_a_task_runs_in_a_process_of_its_own(tmp_path, mode):
    """A fresh interpreter reports times with answers, or memory."""
    arrays.save(arrays.draw(300, 1), tmp_path)
    measured = processes.in_python("match_data", tmp_path, Effort(repeats=2), mode=mode)
    assert measured.stopped == ""
    if mode == "memory":
        assert measured.peak is not None
        assert measured.peak >= 1.0
    else:
        assert len(measured.runs) == 2
        assert measured.answers["pairs"][0] > 0


def test_a_process_that_takes_too_long_is_stopped(tmp_path):
    """After its limit a process is ended, and the row says so."""
    arrays.save(arrays.draw(300, 1), tmp_path)
    measured = processes.in_python("match_data", tmp_path, Effort(limit=0.05))
    assert measured == Measured(stopped="stopped after 0.05 s")


def test_a_process_that_fails_is_an_error(tmp_path):
    """A crash is not mistaken for a slow peer: its last words are shown."""
    arrays.save(arrays.draw(50, 1), tmp_path)
    with pytest.raises(processes.MeasuringError, match="KeyError"):
        processes.in_python("no_such_task", tmp_path, Effort())


def test_a_stopped_process_keeps_the_runs_it_finished():
    """Runs reported before the limit count; the process is then not called stopped."""
    said = "seconds 2.0\nanswer coef 0.5 -1.0\nseconds 3.0\n"
    measured = processes.read(said, "stopped after 4 s")
    assert measured == Measured((2.0, 3.0), {"coef": (0.5, -1.0)})
    assert (measured.least, measured.median) == (2.0, 2.5)


def test_memory_is_input_plus_what_was_needed():
    """100 bytes on top of 50 make a peak of three times the input."""
    assert processes.read("memory 50 100").peak == 3.0


def test_a_stopped_peer_is_not_tried_at_larger_sizes():
    """What does not end at one size is left out above it, with the size named."""
    peers = Peers()
    assert peers.measure("slow", 100, lambda: Measured(stopped="stopped after 1 s")).runs == ()
    later = peers.measure("slow", 1000, lambda: pytest.fail("tried again"))
    assert later.stopped == "not tried: stopped after 1 s at 100"
    assert peers.measure("fast", 1000, lambda: Measured((1.0,))).runs == (1.0,)


def test_a_difference_is_a_share_of_the_largest_answer():
    """Answers that both gave are compared; unlike lengths are refused."""
    ours = {"coef": [2.0, -4.0], "se": [1.0]}
    assert difference(ours, {"coef": [2.0, -3.0], "pairs": [7.0]}) == 0.25
    assert difference(ours, {}) is None
    with pytest.raises(ValueError, match="cannot be compared"):
        difference(ours, {"se": [1.0, 1.0]})


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [
        *[(2.0, False, "yes"), (2.1, False, "no"), (2.0, True, "yes"), (1.9, True, "no")],
        *[(None, True, "not measured"), (math.nan, False, "no"), (math.nan, True, "no")],
    ],
)
def test_a_requirement_is_met_up_to_its_limit(measured, at_least, met):
    """The limit itself is allowed; nothing measured is neither met nor missed."""
    assert Requirement("cox", "twice", measured, 2.0, at_least=at_least).met == met


def test_numbers_stay_readable(tmp_path):
    """Three figures, thousands marked, tiny ones in powers of ten."""
    rows = tuple(
        Row("cox", 1_000_000, name, Measured((seconds,)))
        for name, seconds in (("a", 0.012345), ("b", 14.71), ("c", 12345.6), ("d", 1.5e-7))
    )
    report.write(Findings(rows, ()), {"cores": "2"}, results=tmp_path, pages=tmp_path)
    with (tmp_path / "cox.csv").open(encoding="utf-8") as file:
        shown = [(row["n"], row["seconds"]) for row in csv.DictReader(file)]
    assert [seconds for _, seconds in shown] == ["0.0123", "14.7", "12,346", "1.5e-07"]
    assert {n for n, _ in shown} == {"1,000,000"}
