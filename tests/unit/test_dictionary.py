"""The committed dictionaries are those that the studies' descriptions give."""

from __future__ import annotations

import pytest

from replica.paths import dictionary_path
from replica.studies import load_study, study_keys
from replica.supplied import dictionary


@pytest.mark.parametrize("key", study_keys())
def test_the_committed_dictionary_is_that_of_the_protocol(key):
    """`replica data dictionary <study>` gives the committed file, byte for byte."""
    committed = dictionary_path(key).read_text(encoding="utf-8")
    assert committed == dictionary(load_study(key)).to_csv(index=False)


def test_every_dictionary_belongs_to_a_study():
    """No file is left over from a study that is gone or renamed."""
    files = dictionary_path("any").parent.glob("*")
    assert sorted(file.name for file in files) == [f"{key}.csv" for key in study_keys()]
