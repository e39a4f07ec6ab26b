"""The questions, each measured side by side on the same arrays."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import time
from pathlib import Path

from measuring import cohort, processes
from measuring.plan import NO_R, Plan
from measuring.processes import Effort, Measured
from measuring.rows import OURS, Findings, Requirement, Row, compared, ratio

MEMORY = "Peak memory with the input, as a multiple of the input"
# R's MatchIt 4.7.2 and glm on 10^6 patients, measured once on the project's reference machine;
# Debian has MatchIt 4.5.1 only, which ignores calipers
MATCHIT_SECONDS, GLM_SECONDS = 2.1, 6.5
# What a decade more of patients may cost, beside the growth of n log n: caches are left behind
GROWTH = 2.0


def cox(plan: Plan) -> Findings:
    """Cox models of ours, of R and of three Python packages, and NumPy's Gram matrix."""
    rows: list[Row] = []
    needs: list[Requirement] = []
    peers = {"lifelines": "cox_lifelines", "statsmodels": "cox_statsmodels"}
    for n in plan.sizes:
        ours = plan.memory("cox_replica", n)
        forms = [plan.python(task, n) for task in ("gram", "gram_of_roots")]
        gram = min(forms, key=lambda form: form.least or math.inf)
        newton = plan.python("cox_likelihood", n)
        sorting, before = plan.python("cox_sorting", n), plan.python("cox_preparation", n)
        grams = newton.answers["evaluations"][0]
        named = f"{grams:g} Gram matrices"
        per_gram = ratio(newton.least, gram.least, grams)
        unsorted = ratio(_less(ours.least, sorting.least), gram.least, grams)
        rows += [
            Row("cox", n, OURS, ours, note="whole fit from unsorted rows"),
            Row("cox", n, "of it: sorting", sorting, note="order of the rows, and copying them"),
            Row("cox", n, "of it: sorting, checks, standardising", before),
            Row("cox", n, "of it: Newton's method", newton, named, per_gram),
            Row(
                *("cox", n, "NumPy: one weighted Gram matrix", gram),
                note="the faster of X'(wX) and Y'Y with Y = sqrt(w) X; one thread",
            ),
        ]
        r = plan.r("cox", n)
        others = {"R coxph": r, "R coxph.fit": plan.r("cox_bare", n)}
        others |= {name: plan.peer(task, n) for name, task in peers.items()}
        if importlib.util.find_spec("sksurv") is None:
            others["scikit-survival"] = Measured(stopped="not installed: not measured")
        else:
            others["scikit-survival"] = plan.peer("cox_sksurv", n)
        bare = {"R coxph.fit": "without formula, model frame and concordance"}
        rows += [
            compared(Row("cox", n, name, found, note=bare.get(name, "")), ours)
            for name, found in others.items()
        ]
        if n == plan.largest:
            needs += [
                Requirement(
                    "cox",
                    f"R coxph takes at least 10 times as long, n = {n:,}",
                    ratio(r.least, ours.least),
                    10.0,
                    at_least=True,
                ),
                Requirement(
                    "cox",
                    "Newton's method takes at most 3 times NumPy's weighted Gram matrices, one for "
                    f"each evaluation of the likelihood, n = {n:,}",
                    per_gram,
                    3.0,
                    note=f"with checks and standardising, without sorting: {unsorted or 0:.2f}",
                ),
                Requirement("cox", f"{MEMORY}, n = {n:,}", ours.peak, 3.0),
            ]
    return Findings(tuple(rows), tuple(needs))


def _less(whole: float | None, part: float | None) -> float | None:
    return None if whole is None or part is None else whole - part


def matching(plan: Plan) -> Findings:
    """Match beside NumPy's stable sort; the propensity model and matching beside R's."""
    rows: list[Row] = []
    needs: list[Requirement] = []
    matched: dict[tuple[str, int], Measured] = {}
    sorts: dict[int, Measured] = {}
    for n in plan.sizes:
        sort = sorts[n] = plan.python("argsort", n)
        rows.append(Row("matching", n, "NumPy: stable argsort of the scores", sort))
        for order in ("largest", "data", "closest"):
            found = matched[order, n] = plan.memory(f"match_{order}", n)
            times = ratio(found.least, sort.least)
            pairs, mean = (found.answers[name][0] for name in ("pairs", "mean_distance"))
            note = f"{pairs:,.0f} pairs, mean distance {mean:.2g}"
            rows.append(
                Row("matching", n, f"{OURS}: order {order}", found, "argsort", times, None, note)
            )
            if n == plan.largest:
                needs.append(_at_most_sorts(order, n, times))
        both, fit = plan.memory("fit_and_match", n), plan.python("logistic", n)
        glm, matchit = plan.r("glm", n), plan.r("matchit", n)
        rows += [
            Row("matching", n, f"{OURS}: logistic fit and match", both, note="order largest"),
            Row("matching", n, f"{OURS}: logistic fit", fit),
            compared(Row("matching", n, "R glm", glm), fit),
            Row(
                *("matching", n, "R MatchIt on the given score", matchit, f"{OURS}: order largest"),
                ratio(matchit.least, matched["largest", n].least),
            ),
        ]
        if n == plan.largest:
            needs += [_as_fast_as_r(n, both, glm, matchit)]
            needs += [
                Requirement("matching", f"{MEMORY} (fit and match), n = {n:,}", both.peak, 3.0)
            ]
            given = matched["largest", n].peak
            needs += [Requirement("matching", f"{MEMORY} (given score), n = {n:,}", given, 3.0)]
    small, large = plan.sizes[-2:]
    grown = ratio(matched["largest", large].least, matched["largest", small].least)
    expected = large * math.log(large) / (small * math.log(small))
    sorting = ratio(sorts[large].least, sorts[small].least)
    needs.append(
        Requirement(
            "matching",
            f"From {small:,} to {large:,} patients at most {GROWTH:g} times the growth of n log n",
            ratio(grown, expected),
            GROWTH,
            note=f"order largest; argsort itself: {ratio(sorting, expected) or 0.0:.2f}",
        )
    )
    return Findings(tuple(rows), tuple(needs))


def _at_most_sorts(order: str, n: int, times: float | None) -> Requirement:
    text = f"Matching, order {order}, takes at most 5 stable argsorts, n = {n:,}"
    return Requirement("matching", text, times, 5.0)


def _as_fast_as_r(n: int, both: Measured, glm: Measured, matchit: Measured) -> Requirement:
    if glm.least is None:
        seconds, note = None, NO_R
    elif matchit.least is None:
        seconds = glm.least * (GLM_SECONDS + MATCHIT_SECONDS) / GLM_SECONDS
        note = (
            f"MatchIt {matchit.stopped.removeprefix('MatchIt ')}; its time is the cited "
            f"{MATCHIT_SECONDS} s beside glm's {GLM_SECONDS} s at 1,000,000, in proportion; glm "
            f"alone is {ratio(glm.least, both.least):.1f} times ours"
        )
    else:
        seconds, note = glm.least + matchit.least, ""
    text = f"R glm and MatchIt take at least 5 times as long as fit and match, n = {n:,}"
    return Requirement("matching", text, ratio(seconds, both.least), 5.0, at_least=True, note=note)


def survival(plan: Plan) -> Findings:
    """Curves and test beside R's survfit and survdiff."""
    rows: list[Row] = []
    needs: list[Requirement] = []
    for n in plan.sizes:
        ours, r = plan.memory("kaplan_meier", n), plan.r("kaplan_meier", n)
        rows += [
            Row("survival", n, OURS, ours),
            compared(Row("survival", n, "R survfit and survdiff", r), ours),
        ]
        if n == plan.largest:
            times = ratio(r.least, ours.least)
            text = f"R survfit and survdiff take at least 5 times as long, n = {n:,}"
            needs += [
                Requirement("survival", text, times, 5.0, at_least=True),
                Requirement("survival", f"{MEMORY}, n = {n:,}", ours.peak, 3.0),
            ]
    return Findings(tuple(rows), tuple(needs))


def bootstrap(plan: Plan) -> Findings:
    """The logistic fit, matching and clustered Cox model, again and again, here and in R."""
    n = len(cohort.cohort())
    few = Effort(min(3, plan.effort.repeats), plan.effort.enough, plan.effort.limit)
    folder = cohort.write(plan.folder / "bootstrap", plan.replications, plan.workers)
    processes_used = f"{plan.workers} processes, their start included"
    with plan.step(f"bootstrap, {plan.replications:,} replications"):
        ours = processes.in_python("bootstrap", folder, few)
    r = Measured(stopped=NO_R)
    if plan.with_r:
        cohort.write(folder, plan.replications_in_r, 1)
        with plan.step(f"R: bootstrap, {plan.replications_in_r} replications"):
            made = processes.in_r("bootstrap", folder, few)
        # the ordinary analysis belongs to both
        scale = (plan.replications + 1) / (plan.replications_in_r + 1)
        r = Measured(tuple(scale * run for run in made.runs), made.answers, made.stopped)
    scaled = f"one process, {plan.replications_in_r} replications, scaled up to these"
    what = f"{plan.replications:,} replications"
    rows = (
        Row("bootstrap", n, f"{OURS}: {what}", ours, note=processes_used),
        compared(Row("bootstrap", n, f"R: {what}", r, note=scaled), ours),
    )
    # fewer replications, as in a quick run, have a limit in proportion
    limit = 10.0 * plan.replications / 1000.0
    need = Requirement("bootstrap", f"{what} in at most {limit:g} s", ours.least, limit)
    return Findings(rows, (need,))


_FIRST = {
    "arrays": "import, match and fit arrays",
    "study": "import, read a study, match and fit it",
}


def first_call(plan: Plan) -> Findings:
    """Import, first matching and first Cox model, from the start of the interpreter."""
    n = len(cohort.cohort())
    rows: list[Row] = []
    needs: list[Requirement] = []
    changes: dict[str, str] = {}
    if plan.cold:
        cache = plan.folder / "numba"
        cache.mkdir()
        changes = {"NUMBA_CACHE_DIR": str(cache)}
        with plan.step("first call, nothing compiled yet"):
            cold = _started("study", changes)
        what = f"{_FIRST['study']}, nothing compiled yet"
        rows.append(Row("first_call", n, what, cold, note="once per installation"))
    for kind, what in _FIRST.items():
        with plan.step(f"first call: {what}"):
            _started(kind, changes)  # everything compiled, whatever was on disk before
            runs = [_started(kind, changes) for _ in range(plan.effort.repeats)]
        fastest = min(runs, key=lambda run: run.runs[0])
        note = ", ".join(f"{step} {at[0]:.2f} s" for step, at in fastest.answers.items())
        warm = Measured(tuple(run.runs[0] for run in runs))
        rows.append(Row("first_call", n, what, warm, note=note))
        text = f"A fresh process, compiled code on disk: {what} in at most 2 s"
        needs.append(Requirement("first_call", text, warm.least, 2.0))
    return Findings(tuple(rows), tuple(needs))


def _started(kind: str, changes: dict[str, str]) -> Measured:
    """Start an interpreter, let it do what comes first, and time it until that is done."""
    script = Path(__file__).with_name("first_call.py")
    began = time.time()
    run = subprocess.run(  # noqa: S603 - our own script, no shell
        [sys.executable, str(script), kind],
        capture_output=True,
        text=True,
        env=processes.environment(**changes),
        check=False,
    )
    if run.returncode != 0:
        raise processes.MeasuringError(f"first_call.py failed:\n{run.stderr[-3000:]}")
    answers = processes.read(run.stdout).answers
    after = {step: (at[0] - began,) for step, at in answers.items()}
    return Measured(after["fitted"], after)


ALL = {
    "cox": cox,
    "matching": matching,
    "survival": survival,
    "bootstrap": bootstrap,
    "first_call": first_call,
}
