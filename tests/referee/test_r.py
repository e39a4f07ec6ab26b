"""R, run now on random data sets, is the referee of every estimator that it has as well."""

from __future__ import annotations

import numpy as np
import pytest
from our_analyses import ANALYSES, counts_tested
from r_session import known_answers, what_is_missing

from replica.errors import EstimationError
from replica.referee_samples import r_estimates

missing = what_is_missing()
if missing:
    pytest.skip(missing, allow_module_level=True)


@pytest.mark.parametrize("name", ANALYSES)
def test_every_number_is_that_of_r(name, patients, r, judge):
    """All data sets: the same quantities, equal to one part in 10^8, and the same refusals."""
    for data, frame in patients.items():
        try:
            ours = ANALYSES[name](frame)
        except EstimationError as refusal:
            ours = str(refusal)
        theirs = r.complaints.get((data, name)) or r.numbers.get((data, name))
        judge.analysis(name, data, ours, theirs)
    judge.verdict()


def test_tables_of_counts(tables, r, judge):
    """P values of Pearson's, Yates' and Fisher's tests, of 2 x 2 tables and larger ones."""
    for data, counts in tables.items():
        judge.analysis("tables", data, counts_tested(counts), r.numbers[data, "tables"])
    judge.verdict()


def test_every_analysis_of_r_is_compared(r):
    """R is asked for nothing that the package's numbers are not held against."""
    asked = {analysis for _, analysis in r.numbers} | {analysis for _, analysis in r.complaints}
    assert asked == {*ANALYSES, "tables"}
    assert len({data for data, _ in r.numbers}) >= 200


def test_the_committed_answers_are_those_of_r(tmp_path):
    """What the page of referees calls R's is what R finds in the same data sets now."""
    found = known_answers(tmp_path)
    committed, _ = r_estimates()
    assert set(found) == set(committed)
    for key, values in committed.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-9, err_msg=key)
