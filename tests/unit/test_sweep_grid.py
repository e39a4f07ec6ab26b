"""Grids: all combinations, in one order, refused before anything runs."""

from __future__ import annotations

import pytest

from replica.errors import ParameterError
from replica.studies import load_study
from replica.sweep import make_grid, read_grid
from replica.sweep.declared import covariate_sets, declared, specification_axes
from replica.sweep.grid import run_key
from replica.sweep.parameters import parameters

SCLC, MYELOMA, MLC = "sclc_second_line", "myeloma_second_primary", "mlc_second_primary"


@pytest.fixture(scope="module")
def study():
    """Return the small-cell study."""
    return load_study(SCLC)


def test_every_combination_is_made_once(study):
    """Four calipers, two orders and fifty seeds are four hundred runs."""
    grid = read_grid(study, ["caliper=0.01,0.02,0.05,0.1", "order=largest,random"], seeds=50)
    runs = list(grid)
    assert len(grid) == len(runs) == 400
    assert len({(run["caliper"], run["order"], run["seed"]) for run in runs}) == 400
    assert grid.varied == ("caliper", "order", "seed")


def test_everything_else_is_the_studys_own(study):
    """A run has a value for each parameter."""
    (run,) = read_grid(study, ["ratio=2"])
    assert run == {name: one.default for name, one in parameters(study).items()} | {"ratio": 2}


def test_the_order_of_typing_is_immaterial(study):
    """Combinations come in the order of the parameters, matching first."""
    one = read_grid(study, ["ties=efron,breslow", "caliper=0.1,0.2"])
    other = read_grid(study, ["caliper=0.1,0.2", "ties=efron,breslow"])
    assert list(one) == list(other)
    assert [run["caliper"] for run in one] == [0.1, 0.1, 0.2, 0.2]


def test_values_of_one_axis_go_together(study):
    """A caliper and its scale are one choice."""
    grid = make_grid(
        study,
        [
            [
                {"caliper": 0.2, "caliper_scale": "sd_logit"},
                {"caliper": 0.02, "caliper_scale": "probability"},
            ],
            [{"ratio": 1}, {"ratio": 2}],
        ],
    )
    assert len(grid) == 4
    assert {(run["caliper"], run["caliper_scale"]) for run in grid} == {
        (0.2, "sd_logit"),
        (0.02, "probability"),
    }


def test_none_is_no_caliper(study):
    """A caliper may be none, and yes/no is understood."""
    runs = list(read_grid(study, ["caliper=none,0.1", "replace=yes,false"]))
    assert [(run["caliper"], run["replace"]) for run in runs] == [
        (None, True),
        (None, False),
        (0.1, True),
        (0.1, False),
    ]


REFUSED = [
    (["calipre=0.1"], {}, "Did you mean 'caliper'?"),
    (["order=lagrest"], {}, "Did you mean 'largest'?"),
    (["caliper=-0.1"], {}, "caliper: found '-0.1'; allowed: a number above 0, or none."),
    (["caliper=wide"], {}, "caliper: found 'wide'"),
    (["caliper=inf"], {}, "caliper: found 'inf'"),
    (["ratio=0"], {}, "ratio: found '0'; allowed: a whole number of at least 1."),
    (["ratio=1.5"], {}, "ratio: found '1.5'"),
    (["seed=-1"], {}, "seed: found '-1'"),
    (["replace=perhaps"], {}, "replace: found 'perhaps'"),
    (["caliper"], {}, "write caliper=VALUE,VALUE"),
    (["caliper="], {}, "write caliper=VALUE,VALUE"),
    (["caliper=0.1", "caliper=0.2"], {}, "caliper is given twice"),
    (["caliper=0.1,0.10"], {}, "caliper=0.1 is given twice"),
    (["outcome=dfs"], {}, "outcome: found 'dfs'; allowed: 'pfs', 'os'."),
    (["ties=exact"], {}, "ties: found 'exact'"),
    (["adjustment=ajusted"], {}, "Did you mean 'adjusted'?"),
    (["matching_covariates=all"], {}, "matching_covariates: found 'all'"),
    (["caliper=0.1"], {"seeds": 0}, "at least 1 is needed"),
    (["seed=1,2"], {"seeds": 5}, "--seeds beside a grid of seed"),
]


@pytest.mark.parametrize(("texts", "options", "says"), REFUSED, ids=lambda value: str(value)[:40])
def test_wrong_grids_are_refused_before_anything_runs(study, texts, options, says):
    """The message says what was found, what is allowed, and the nearest spelling."""
    with pytest.raises(ParameterError) as error:
        read_grid(study, texts, **options)
    assert says in str(error.value)


def test_a_study_of_cases_and_controls_has_choices_of_its_own():
    """No caliper and no seed there: the message lists what there is."""
    study = load_study(MYELOMA)
    assert len(read_grid(study, ["age_window=1,2,5", "ratio=1,2,3"])) == 9
    with pytest.raises(ParameterError, match="allowed: 'convention', 'ratio', 'age_window'"):
        read_grid(study, ["caliper=0.1"])
    with pytest.raises(ParameterError, match="nothing in runs of myeloma_second_primary"):
        read_grid(study, [], seeds=3)


@pytest.mark.parametrize("axes", [[[]], [[{}]]])
def test_an_empty_axis_is_refused(study, axes):
    """There is nothing to combine."""
    with pytest.raises(ParameterError, match="axis without values"):
        make_grid(study, axes)


def test_axes_that_overlap_or_are_uneven_are_refused(study):
    """A parameter has one axis, and every entry of an axis the same parameters."""
    with pytest.raises(ParameterError, match="stands in two axes"):
        make_grid(study, [[{"ratio": 1}], [{"ratio": 2, "replace": True}]])
    with pytest.raises(ParameterError, match="needs all of"):
        make_grid(study, [[{"ratio": 1}, {"ratio": 2, "replace": True}]])


@pytest.mark.parametrize("key", [SCLC, MYELOMA, MLC])
def test_the_declared_choices_hold_the_studys_own(key):
    """A specification curve's grid is valid and has the study's own settings in it."""
    study = load_study(key)
    assert declared(key)
    grid = make_grid(study, specification_axes(study))
    assert len(grid) >= 100
    own = {name: one.default for name, one in parameters(study).items()}
    plan = study.matching
    # what is left to the convention is written out in a declaration
    written = {"caliper_scale": plan.caliper_scale, "order": plan.order, "draw": plan.draw}
    blank = {name: value for name, value in own.items() if value == ""}
    filled = [
        {name: own[name] if value == written.get(name) else value for name, value in run.items()}
        for run in grid
    ]
    assert any(all(run[name] == own[name] for name in run if name != "ties") for run in filled)
    assert set(blank) <= {"caliper_scale", "order", "draw", "ties"}


def test_a_study_without_a_declaration_gets_choices_from_its_protocol(study, monkeypatch, tmp_path):
    """Half and twice the caliper, every order, both ties, every outcome and adjustment."""
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    assert declared(SCLC) == {}
    grid = make_grid(study, specification_axes(study))
    assert {run["caliper"] for run in grid} == {0.01, 0.02, 0.04}
    assert {run["outcome"] for run in grid} == {"pfs", "os"}
    assert covariate_sets(study) == {"own": study.matching.covariates}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[specification", "not readable as TOML"),
        ("[specifications]\n", "Did you mean 'specification'?"),
        ('[covariate_sets]\nx = ["gendre"]\n', "Did you mean 'gender'?"),
    ],
)
def test_a_wrong_declaration_is_refused(study, monkeypatch, tmp_path, text, says):
    """The file's name and the nearest spelling are in the message."""
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    (tmp_path / "data" / "sweeps").mkdir(parents=True)
    (tmp_path / "data" / "sweeps" / f"{SCLC}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError) as error:
        covariate_sets(study)
    assert says in str(error.value)


def test_a_key_names_a_run(study):
    """The same values of the same sweep have the same key, whatever their order."""
    one, other = list(read_grid(study, ["ratio=1,2"]))
    turned = dict(reversed(one.items()))
    assert run_key(one, "a") == run_key(turned, "a")
    assert len({run_key(one, "a"), run_key(other, "a"), run_key(one, "b")}) == 3
