"""R's answers once per session, and the count of comparisons at the end of the run."""

from __future__ import annotations

import pytest
from our_analyses import MODELS
from r_session import Answers, ask_r
from random_patients import make_patients, make_tables
from tally import Judge, Tally

TALLY = pytest.StashKey[Tally]()


def pytest_terminal_summary(terminalreporter, config):
    """Print how many numbers were compared with R, by estimator."""
    tally = config.stash.get(TALLY, None)
    if tally is not None:
        terminalreporter.section("comparisons with R")
        for line in tally.lines():
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def patients():
    """Make all data sets, by their number as text."""
    return {str(key): frame for key, frame in make_patients().groupby("data")}


@pytest.fixture(scope="session")
def tables():
    """Make all tables of counts, by the name that R's answers give them."""
    return {
        f"t{key}": frame.pivot_table("count", "row", "column").to_numpy(dtype=int)
        for key, frame in make_tables().groupby("data")
    }


@pytest.fixture(scope="session")
def r(tmp_path_factory) -> Answers:
    """Return R's answers to all data sets, from one process."""
    return ask_r(tmp_path_factory.mktemp("referee"), make_patients(), make_tables(), MODELS)


@pytest.fixture
def judge(request, r):
    """Hold numbers against R's, counting them for the summary."""
    return Judge(request.config.stash.setdefault(TALLY, Tally(r.versions)))
