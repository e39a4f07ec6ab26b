"""The package depends one way only, and the notebooks hold analyses and nothing else."""

from __future__ import annotations

import ast
import json
import re
from fnmatch import fnmatch
from graphlib import TopologicalSorter

import pytest

from replica.paths import repository

ROOT = repository()
PACKAGE = ROOT / "analyses" / "replica"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
NOTEBOOKS = sorted(
    path
    for folder in ("analyses", "book")
    for path in (ROOT / folder).rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
MAX_LINES = 350

# From the ground up: a module imports its own layer and those above it in this list, no other.
# A new module takes its place here; `*` stands for any name.
LAYERS = (
    ("errors",),
    # what estimators are given, as arrays or refused
    ("arrays",),
    # what a study is described in, what papers print, where files are
    (
        *("vocabulary", "leeway", "matching_plan", "groups", "protocol", "convention"),
        *("paths", "output_file", "text_table", "published", "estimate"),
    ),
    ("studies", "studies.*"),
    # patients
    ("cohort", "dictionary", "supplied", "supplied.*"),
    # patients selected from events
    ("events", "events.*"),
    # estimators: kernels that know arrays only, then those that know cohorts
    (
        *("risk_sets", "product_limit", "partial_likelihood"),
        *("logistic_kernel", "large_logistic", "logistic", "matching_input", "greedy"),
    ),
    (
        *("counting_process", "exact_ties", "large_samples", "third_moments", "concordance"),
        *("newton", "penalised_likelihood", "cox_fit", "cox_rows"),
    ),
    ("reach", "pairing", "optimal", "overlap", "weights", "distribution", "matched"),
    (
        *("log_rank", "survival", "cox", "competing", "propensity", "matching", "contingency"),
        *("log_rank_trend", "restricted_mean", "landmark", "two_samples", "logistic_models"),
        *("aalen_johansen", "gray", "subdistribution", "model_matrix"),
        *("firth", "proportional_hazards", "interaction"),
    ),
    ("case_control", "weighting", "matched_hazard"),
    ("resampling",),
    ("bootstrap",),
    ("balance", "balance_detail", "selection", "descriptives", "referee", "referee_*"),
    ("group_counts", "group_models", "guarantee_time"),
    # a whole study
    ("analysis", "settings", "profiles", "group_analysis"),
    ("event_summaries", "exposure_time", "second_primary"),
    # small counts masked in all that is shown
    ("disclosure", "disclosure.*"),
    # comparison, synthesis, audit and what pages show
    ("agreement", "baseline", "synthetic", "several_cohorts", "unprinted", "plausibility"),
    ("comparison",),
    (
        *("synthesis", "synthesis.*", "audit", "audit.*", "tables", "group_tables"),
        *("html_table", "figures", "figure_*", "conflicts"),
    ),
    # how far what is not printed can lie
    ("ranges", "ranges.*"),
    ("pages", "page_*", "book_pages", "book_pages.*", "review", "review.*"),
    # input and output
    ("notebooks", "notebook_parameters", "book", "book_notebooks"),
    ("runs", "runs.*"),
    # many runs
    ("sweep", "sweep.*"),
    ("commands", "commands.*"),
    ("cli",),
)
# Sorted arrays and nothing else: no study, no file, no frame of patients
KERNELS = {
    "arrays": {"errors"},
    "matching_input": {"arrays", "errors", "protocol"},
    "greedy": {"arrays", "errors", "matching_input", "protocol"},
    "reach": {"arrays", "errors", "greedy", "matching_input"},
    "pairing": {"arrays", "errors", "greedy", "matching_input", "protocol", "reach"},
    "optimal": {"errors", "greedy", "reach"},
    "weights": {"arrays", "errors"},
    "distribution": {"arrays", "errors"},
    "logistic_kernel": set(),
    "large_logistic": {"logistic_kernel"},
    "logistic": {"arrays", "errors", "large_logistic", "logistic_kernel"},
    "partial_likelihood": {"risk_sets"},
    "counting_process": {"risk_sets"},
    "exact_ties": {"risk_sets"},
    "large_samples": {"risk_sets"},
    "third_moments": {"risk_sets"},
    "newton": {"partial_likelihood", "risk_sets"},
    "penalised_likelihood": {"errors", "risk_sets"},
    "risk_sets": {"arrays", "cohort", "errors"},
    "product_limit": {"arrays", "convention", "errors", "risk_sets"},
}


def layer(module):
    """Find the layer of a module: the most exact pattern counts."""
    found = [i for i, names in enumerate(LAYERS) if any(fnmatch(module, name) for name in names)]
    assert len(found) == 1, f"{module}: give it a place in LAYERS; found {len(found)} places"
    return found[0]


def imports(module):
    """List the package's modules that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; write `from replica...`"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.removeprefix("replica.") for name in names if name.startswith("replica.")}
    return {owner for name in found if (owner := owning_module(name)) and owner != module}


def owning_module(name):
    """Find the module that a dotted name lives in: itself or the longest part that is one."""
    while name and name not in MODULES and f"{name}.__init__" not in MODULES:
        name = name.rpartition(".")[0]
    return name


def place(module):
    """Name a package by its folder."""
    return module.removesuffix(".__init__")


INNER = [module for module in MODULES if module != "__init__"]


@pytest.mark.parametrize("module", INNER)
def test_modules_import_downwards_only(module):
    """A module imports its own layer or lower ones."""
    own = layer(place(module))
    above = {other for other in imports(module) if layer(place(other)) > own}
    assert above == set()


def test_there_is_no_circle():
    """Modules of one layer do not import each other in a circle."""
    graph = {place(module): {place(other) for other in imports(module)} for module in INNER}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(INNER)


@pytest.mark.parametrize("module", sorted(KERNELS))
def test_kernels_know_arrays_only(module):
    """A kernel imports no more than is listed for it."""
    assert imports(module) <= KERNELS[module]


@pytest.mark.parametrize("module", [name for name in INNER if name.startswith("studies.")])
def test_studies_are_data(module):
    """A study imports the protocol's words and, like the folder's index, nothing above them."""
    allowed = {"protocol"} | ({"errors"} if module.endswith("__init__") else set())
    assert imports(module) <= allowed
    if not module.endswith("__init__"):
        tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_the_audit_needs_no_patients():
    """Printed numbers are held against each other without a cohort."""
    allowed = {"errors", "paths", "published", "protocol", "convention", "contingency", "studies"}
    for module in INNER:
        if module.startswith("audit"):
            others = {other for other in imports(module) if not other.startswith("audit")}
            assert others <= allowed, module


def test_nothing_is_called_utils():
    """A module is named after what it does."""
    names = {part for module in MODULES for part in module.split(".")}
    assert not names & {"utils", "util", "common", "helpers", "misc", "shared", "tools"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_are_short(module):
    """No module is longer than the limit; there is no exception."""
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_committed_without_results(path):
    """No outputs, counts or traces of a run: what a page shows is made when the book is."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "papermill" not in notebook["metadata"]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        assert not {"papermill", "execution"} & set(cell["metadata"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_define_nothing(path):
    """Functions and classes live in the package, where tests reach them."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for source in code:
        lines = [line for line in source.splitlines() if not line.startswith(("%", "!"))]
        tree = ast.parse("\n".join(lines))
        assert not [node for node in ast.walk(tree) if isinstance(node, defined)], source


FOLDERS = (".ci", "analyses", "book", "data", "tests", "benchmarks")
TEXT = {".py", ".ipynb", ".md", ".yml", ".yaml", ".toml", ".csv", ".json", ".bib", ".css", ".cff"}
REGISTRIES = re.compile(
    r"\b(pypi|pythonhosted|anaconda|prefix|npmjs|cran\.r-project|bioconductor|crates)\.(org|com|io|dev)\b"
)
MACHINE = re.compile(r"(?<![\w.\-/])/(work|root|home|tmp|Users|opt|mnt)/\w")


def committed_text():
    """Yield the text files of the repository, except what is generated or the reader's own."""
    yield from (p for p in ROOT.iterdir() if p.is_file() and (p.suffix in TEXT or not p.suffix))
    yield ROOT / "requirements.lock"
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            named = path.suffix in TEXT or (folder == ".ci" and path.is_file())
            hidden = any(part.startswith((".ipynb_", ".mypy")) for part in path.parts)
            own = ROOT / "data" / "supplied" in path.parents and path.name != "README.md"
            if named and not hidden and not own and path.is_file():
                yield path


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE], ids=["registries", "machine paths"])
def test_files_name_no_registry_and_no_machine(pattern):
    """Nothing ties the repository to where packages come from or to one computer's folders."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in committed_text()
        if (match := pattern.search(path.read_text(encoding="utf-8")))
    ]
    assert found == []
