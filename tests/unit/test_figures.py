"""Figures show the frames they were built from, whole, legibly, with the same bytes each time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from replica import figure_style, figures, survival
from replica.balance import balance as balance_of
from replica.cohort import AttritionStep, Cohort
from replica.errors import ParameterError
from replica.matching import match
from replica.survival import MedianSurvival

LABELS = {"treated": "2L-ICIs", "control": "2L-non-ICIs"}
LONG = {
    "treated": "Second primary malignancy after multiple myeloma",
    "control": "Multiple myeloma only",
}
COVARIATES = {"liver": "Liver metastases", "ecog": "ECOG PS ≥2", "stage": "Stage"}


def simulated(group: str, n: int, median: float, follow_up: float, seed: int) -> pd.DataFrame:
    """Kaplan-Meier frame of exponential times with uniform censoring."""
    rng = np.random.default_rng(seed)
    time = rng.exponential(median / math.log(2), n).round(1) + 0.1
    end = rng.uniform(follow_up / 4, follow_up, n).round(1)
    duration, event = np.minimum(time, end), time <= end
    rows = [(group, 0.0, n, 0, 0, 1.0, 0.0, 1.0, 1.0)]
    survival, variance = 1.0, 0.0
    for t in np.unique(duration):
        at_risk = int((duration >= t).sum())
        events = int(((duration == t) & event).sum())
        censored = int(((duration == t) & ~event).sum())
        survival *= 1 - events / at_risk
        variance += events / (at_risk * max(at_risk - events, 1))
        half = 1.96 * survival * math.sqrt(variance)
        ends = (max(survival - half, 0), min(survival + half, 1))
        rows.append((group, t, at_risk, events, censored, survival, half / 1.96, *ends))
    columns = "group time at_risk events censored survival std_error ci_low ci_high"
    return pd.DataFrame(rows, columns=columns.split())


def curves(median: float = 4.0, follow_up: float = 30.0) -> pd.DataFrame:
    """Two arms, the treated one with the longer median."""
    treated = simulated("treated", 120, 1.5 * median, follow_up, 1)
    return pd.concat([treated, simulated("control", 150, median, follow_up, 2)])


MEDIANS = {
    "treated": MedianSurvival(6.1, 4.9, None, "log"),
    "control": MedianSurvival(3.9, 3.4, 4.6, "log"),
}


def kaplan_meier(**changed: object) -> Figure:
    """Kaplan-Meier figure of the simulated arms, with some arguments changed."""
    arguments: dict[str, object] = {
        "curves": curves(),
        "labels": LABELS,
        "unit": "months",
        "title": "Progression-free survival before matching",
        "outcome_label": "Progression-free survival",
        "medians": MEDIANS,
        "annotation": "HR 0.62 (95% CI 0.51 to 0.75); log-rank p <0.001",
        **changed,
    }
    return figures.kaplan_meier_figure(arguments.pop("curves"), **arguments)


def crowded_curves() -> pd.DataFrame:
    """Two groups whose bands leave no corner of the plot free."""
    step = pd.DataFrame({"time": np.linspace(0, 24, 25)}).assign(at_risk=9, events=0, censored=0)
    wide = step.assign(survival=1 - step["time"] / 26, ci_low=0.0, ci_high=1.0, std_error=0.1)
    return pd.concat([wide.assign(group="treated"), wide.assign(group="control")])


def balance() -> pd.DataFrame:
    """Two covariates with one row and one with two levels, before and after matching."""
    before = {("liver", "yes"): 0.09, ("ecog", "yes"): -0.41, ("stage", "ii"): 0.2}
    before[("stage", "iii")] = -0.15
    return pd.DataFrame(
        [
            {"covariate": c, "level": x, "stage": stage, "smd": d, "denominator": "pooled"}
            for (c, x), smd in before.items()
            for stage, d in (("before", smd), ("after", smd / 5))
        ]
    )


def scores() -> pd.DataFrame:
    """Scores of two arms; the first 60 patients of each are the matched ones."""
    rng = np.random.default_rng(3)
    frames = [
        pd.DataFrame({"arm": arm, "stage": stage, "propensity_score": score[:n]})
        for arm, score in (("treated", rng.beta(4, 5, 90)), ("control", rng.beta(3, 6, 140)))
        for stage, n in (("before", None), ("after", 60))
    ]
    return pd.concat(frames)


def subgroups() -> pd.DataFrame:
    """Subgroup estimates: all patients, two covariates, one row not estimable, one illustrative."""
    columns = "group_label label n events hazard_ratio ci_low ci_high p constrained"
    nan = math.nan
    lesions = "Number of metastatic lesions at the start of treatment"
    rows = [
        ("", "All patients", 496, 451, 0.62, 0.51, 0.75, 0.00001, True),
        ("Liver metastases", "Yes", 100, 96, 0.9, 0.6, 1.35, 0.61, True),
        ("Liver metastases", "No", 396, 355, 0.55, 0.44, 0.69, 0.0002, True),
        (lesions, "≥3", 1, 0, nan, nan, nan, nan, True),
        (lesions, "<3", 90, 60, 1.4, 0.002, 90, 0.04, False),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns.split())


def models() -> pd.DataFrame:
    """Univariable and multivariable estimates; one covariate did not enter the joint model."""
    columns = "group_label label model hazard_ratio ci_low ci_high p"
    rows = [
        ("Liver metastases", "Yes vs no", "univariable", 2.0, 1.4, 2.9, 0.0001),
        ("Liver metastases", "Yes vs no", "multivariable", 1.8, 1.2, 2.7, 0.003),
        ("Gender", "Male vs female", "univariable", 0.95, 0.66, 1.37, 0.78),
    ]
    return pd.DataFrame(rows, columns=columns.split())


STEPS = [
    AttritionStep("Patients with extensive-stage disease who received second-line therapy", 520, 0),
    AttritionStep("Complete records", 500, 20),
    AttritionStep("Follow-up above zero", 500, 0),
]
VERDICTS = {
    "reproduced": 210,
    "rounding": 3,
    "different": 2,
    "contradicted": 6,
    "not_computable": 9,
    "all": 500,
}

DRAWINGS: dict[str, Callable[[], Figure]] = {
    "kaplan_meier": kaplan_meier,
    "kaplan_meier_long_labels": lambda: kaplan_meier(labels=LONG, curves=curves(90, 60)),
    "kaplan_meier_long_texts": lambda: kaplan_meier(
        outcome_label="Survival from the start of second-line therapy to death from any cause",
        annotation="Hazard ratio 0.62 (95% CI 0.51 to 0.75) from a Cox model; " * 3,
        title="Overall survival of all patients from the start of second-line therapy " * 2,
    ),
    "kaplan_meier_crowded": lambda: kaplan_meier(curves=crowded_curves()),
    "love": lambda: figures.love_plot(balance(), labels=COVARIATES, title="Balance"),
    "overlap": lambda: figures.overlap_plot(scores(), labels=LABELS),
    "forest": lambda: figures.forest_plot(
        subgroups(),
        title="PFS in subgroups",
        favours=("favours 2L-ICIs", "favours 2L-non-ICIs"),
        published=subgroups().iloc[1:3],
    ),
    "forest_long_texts": lambda: figures.forest_plot(
        subgroups().dropna().assign(constrained=True),
        title="Progression-free survival in subgroups of all patients of both arms " * 2,
        favours=("favours a second primary malignancy", "favours no second primary malignancy"),
    ),
    "cox": lambda: figures.cox_forest(models(), title="Factors associated with PFS"),
    "attrition": lambda: figures.attrition_figure(STEPS),
    "agreement": lambda: figures.agreement_figure(
        {"Targets": VERDICTS, "Derived numbers, which nobody aimed at": VERDICTS},
        source="synthetic",
    ),
    "agreement_small_parts": lambda: figures.agreement_figure(
        {"All": {**dict.fromkeys(VERDICTS, 12), "reproduced": 1100}}, source="supplied"
    ),
}


@pytest.fixture(params=DRAWINGS, scope="module")
def drawn(request: pytest.FixtureRequest) -> Figure:
    """Each figure in turn, laid out."""
    figure = DRAWINGS[request.param]()
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[Text]:
    """Every visible piece of text in a figure that has letters in it."""
    found = figure.findobj(Text)
    shown = [text for text in found if text.get_visible() and text.get_text().strip()]
    # Tick labels beyond the limits of an axis exist but are not drawn.
    beyond: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            drawn_ticks = {id(tick) for tick in axis._update_ticks()}  # noqa: SLF001 - no public way
            every = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            idle = [tick for tick in every if id(tick) not in drawn_ticks or not axes.axison]
            beyond |= {label for tick in idle for label in (tick.label1, tick.label2)}
        if not axes.axison:
            beyond |= {axes.xaxis.label, axes.yaxis.label}
    return [text for text in shown if text not in beyond]


def by_gid(axes: Axes, gid: str) -> list[np.ndarray]:
    """Points of every line with a group id."""
    return [np.asarray(line.get_xydata()) for line in axes.lines if line.get_gid() == gid]


def words(figure: Figure) -> list[str]:
    """Every piece of visible text."""
    return [text.get_text() for text in texts(figure)]


def test_nothing_is_cut_off(drawn: Figure) -> None:
    """Every text lies inside its figure, and no figure is wider than a page column."""
    for text in texts(drawn):
        box = text.get_window_extent()
        inside = (
            min(box.x0, box.y0) >= -0.5
            and box.x1 <= drawn.bbox.x1 + 0.5
            and box.y1 <= drawn.bbox.y1 + 0.5
        )
        assert inside, f"{text.get_text()!r} at {box}"
    assert drawn.get_figwidth() <= 7.5


def test_no_text_lies_on_another(drawn: Figure) -> None:
    """No two pieces of text overlap."""
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts(drawn)]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r}"


def test_text_is_legible_on_any_page(drawn: Figure) -> None:
    """Text has at least 8 points and enough contrast (WCAG AA, 4.5) with an opaque white face."""
    assert drawn.get_facecolor() == (1, 1, 1, 1)
    for text in texts(drawn):
        assert text.get_size() >= 8
        channels = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in to_rgb(text.get_color())
        ]
        luminance = float(np.dot(channels, (0.2126, 0.7152, 0.0722)))
        assert 1.05 / (luminance + 0.05) >= 4.5, text.get_text()


@pytest.mark.parametrize("name", ["kaplan_meier", "agreement"])
def test_saving_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Two figures drawn from the same data are the same SVG and PNG, without date or program."""
    once, again = (
        [path.read_bytes() for path in figures.save_figure(DRAWINGS[name](), tmp_path / part, name)]
        for part in ("a", "b")
    )
    assert once == again
    assert b"dc:date" not in once[0]
    assert b"Matplotlib" not in once[0] + once[1]


def test_the_name_salts_the_ids() -> None:
    """Two figures on one page share no clip-path id."""
    figure = kaplan_meier()
    one, other = (figures.figure_bytes(figure, name, "svg") for name in ("one", "other"))
    ids = [
        {part.split(b'"')[0] for part in svg.split(b'clipPath id="')[1:]} for svg in (one, other)
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_picture_is_svg_with_words() -> None:
    """A notebook gets the deterministic SVG and the alternative text."""
    shown = figures.Picture(kaplan_meier(), "figure_1a", "Two curves.")._repr_mimebundle_()
    assert shown["image/svg+xml"].startswith("<?xml")
    assert shown["text/plain"] == "Two curves."


@pytest.mark.parametrize("name", ["Figure 1", "../x", ""])
def test_a_figure_name_must_fit_a_file(name: str, tmp_path: Path) -> None:
    """A name that cannot be a file name is refused."""
    with pytest.raises(ParameterError, match="figure name"):
        figures.save_figure(kaplan_meier(), tmp_path, name)


def test_drawing_leaves_global_settings_alone() -> None:
    """The shared style does not leak, and the reader's own settings do not change a figure."""
    before = dict(mpl.rcParams)
    expected = figures.figure_bytes(kaplan_meier(), "x", "png")
    assert dict(mpl.rcParams) == before
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.grid": True}):
        assert figures.figure_bytes(kaplan_meier(), "x", "png") == expected


def test_curves_are_the_frame() -> None:
    """Each step line and each censoring tick has the times and survivals of the frame."""
    axes = kaplan_meier().axes[0]
    lines = by_gid(axes, "curve")
    for (_, frame), line in zip(curves().groupby("group", sort=False), lines, strict=True):
        assert np.array_equal(line, frame[["time", "survival"]].to_numpy())
    for (_, frame), ticks in zip(
        curves().groupby("group", sort=False), by_gid(axes, "censored"), strict=True
    ):
        gone = frame[frame["censored"] > 0]
        assert np.array_equal(ticks, gone[["time", "survival"]].to_numpy())


def test_numbers_at_risk_stand_under_their_ticks() -> None:
    """Each number is the count followed to that time and is centred under the tick, as drawn."""
    times = [0.0, 5.0, 10.0, 25.0]
    figure = kaplan_meier(at_risk_times=times, x_max=28)
    figure.draw_without_rendering()
    plot, table = figure.axes
    shown = [text for text in table.texts if text.get_gid() == "at-risk"]
    frames = [frame for _, frame in curves().groupby("group", sort=False)]
    expected = [
        int((frame["events"] + frame["censored"])[frame["time"] >= time].sum())
        for frame in frames
        for time in times
    ]
    assert [int(text.get_text()) for text in shown] == expected
    ticks = [plot.transData.transform((time, 0))[0] for time in times]
    centres = [(box.x0 + box.x1) / 2 for box in (text.get_window_extent() for text in shown)]
    assert centres == pytest.approx(ticks * 2, abs=1)
    assert list(plot.get_xticks()) == times


def test_arms_keep_colour_and_line_style() -> None:
    """Treated is blue and solid, control vermilion and dashed, whatever their order."""
    for order in (LABELS, dict(reversed(LABELS.items()))):
        lines = [line for line in kaplan_meier(labels=order).axes[0].lines if line.get_gid()]
        look = {(line.get_color(), line.is_dashed()) for line in lines if line.get_gid() == "curve"}
        assert look == {("#0072B2", False), ("#D55E00", True)}


@pytest.mark.parametrize("data", [curves(), curves(90, 60), crowded_curves()])
def test_the_legend_hides_no_curve(data: pd.DataFrame) -> None:
    """Medians and annotation stand where no curve passes, above the plot if need be."""
    figure = kaplan_meier(curves=data)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    box = legend.get_window_extent().padded(-2)
    for line in by_gid(axes, "curve"):
        points = axes.transData.transform(np.repeat(line, 2, axis=0))
        stairs = np.column_stack([points[1:, 0], points[:-1, 1]])
        assert not box.count_contains(stairs)
    assert "2L-ICIs: median 6.10 months (95% CI 4.90–NR)" in words(figure)  # noqa: RUF001 - en dash


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": {"treated": "x"}}, "no label"),
        ({"curves": curves().drop(columns="ci_low")}, "ci_low"),
        ({"curves": curves().iloc[:0]}, "no rows"),
        ({"at_risk_times": [0, 99], "x_max": 20}, "time axis"),
        ({"at_risk_times": [5, 0]}, "time axis"),
        ({"x_max": 0}, "time axis"),
        ({"medians": {"treated": MEDIANS["treated"]}}, "no median"),
        ({"colors": {"treated": "red"}}, "no label"),
    ],
)
def test_kaplan_meier_refuses(changed: dict[str, object], message: str) -> None:
    """Missing columns, labels, medians or impossible times raise an error that names them."""
    with pytest.raises(ParameterError, match=message):
        kaplan_meier(**changed)


def test_love_plot_shows_the_balance_frame() -> None:
    """Dots stand at the differences, with the largest before matching on top."""
    figure = figures.love_plot(balance(), labels=COVARIATES, threshold=0.2, title="Balance")
    axes = figure.axes[0]
    assert np.allclose(by_gid(axes, "before")[0][:, 0], [0.09, -0.15, 0.2, -0.41])
    assert np.allclose(by_gid(axes, "after")[0][:, 0], [0.018, -0.03, 0.04, -0.082])
    assert [label.get_text() for label in axes.get_yticklabels()][::-1] == [
        "ECOG PS ≥2",
        "Stage: ii",
        "Stage: iii",
        "Liver metastases",
    ]
    assert "pooled SD" in axes.get_xlabel()
    verticals = {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert {-0.2, 0.2} <= verticals


def test_love_plot_says_what_cannot_be_estimated() -> None:
    """A difference that is not a number is written, not left out."""
    frame = balance()
    frame.loc[frame["covariate"] == "liver", "smd"] = math.nan
    figure = figures.love_plot(frame, labels=COVARIATES, title="Balance")
    assert words(figure).count("not estimable") == 1
    assert "Liver metastases" in words(figure)


def test_love_plot_refuses_mixed_denominators() -> None:
    """Differences on two scales cannot share one axis."""
    frame = balance()
    frame.loc[0, "denominator"] = "treated"
    with pytest.raises(ParameterError, match="denominators"):
        figures.love_plot(frame, labels=COVARIATES, title="Balance")


def test_overlap_counts_every_patient() -> None:
    """The bars of each arm and stage add up to its patients, treated up and control down."""
    axes = figures.overlap_plot(scores(), labels=LABELS).axes[0]
    total = {patch.get_gid(): float(np.sum(patch.get_data()[0])) for patch in axes.patches}
    assert total == {
        "treated-before": 90,
        "treated-after": 60,
        "control-before": -140,
        "control-after": -60,
    }


def test_overlap_refuses_what_is_no_probability() -> None:
    """A score outside 0 to 1 is an error, not a bar."""
    with pytest.raises(ParameterError, match="outside 0 to 1"):
        figures.overlap_plot(scores().assign(propensity_score=1.2))


def test_forest_marks_stand_at_their_ratios() -> None:
    """On the log axis, squares, intervals and printed diamonds stand at the frame's numbers."""
    figure = DRAWINGS["forest"]()
    axes = figure.axes[0]
    frame = subgroups().dropna(subset=["hazard_ratio"])
    assert axes.get_xscale() == "log"
    assert [xy[0, 0] for xy in by_gid(axes, "estimate")] == list(frame["hazard_ratio"])
    assert [xy[0, 0] for xy in by_gid(axes, "published")] == [0.9, 0.55]
    ends = np.array([xy[:, 0] for xy in by_gid(axes, "interval")])
    assert np.array_equal(ends[:3], frame[["ci_low", "ci_high"]].to_numpy()[:3])
    low, high = axes.get_xlim()
    assert tuple(ends[3]) == (low, high)
    pixels = axes.transData.transform([(0.5, 1), (1, 1), (2, 1)])[:, 0]
    assert pixels[1] - pixels[0] == pytest.approx(pixels[2] - pixels[1])


def test_forest_prints_every_number_once() -> None:
    """Columns hold n, events, ratio with interval and p; what is not estimable says so."""
    shown = words(DRAWINGS["forest"]())
    for cell in ("496", "451", "0.62 (0.51–0.75)", "0.610", "90", "not estimable"):  # noqa: RUF001 - en dash
        assert shown.count(cell) == 1, cell


def test_forest_marks_illustrations() -> None:
    """A row that no printed number holds is hollow and grey, and the legend says so."""
    figure = DRAWINGS["forest"]()
    marks = [line for line in figure.axes[0].lines if line.get_gid() == "estimate"]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False] * 3 + [True]
    assert any(word.startswith("illustration only") for word in words(figure))


def test_forest_grows_with_its_rows() -> None:
    """Each row keeps its height: more rows make a taller figure."""
    frame = subgroups().iloc[:3]
    short = figures.forest_plot(frame, title="x").get_figheight()
    tall = figures.forest_plot(pd.concat([frame] * 4), title="x").get_figheight()
    assert tall - short == pytest.approx(12 * 0.235)


def test_forest_refuses_an_impossible_estimate() -> None:
    """A ratio outside its own interval is an error, not a drawing."""
    with pytest.raises(ParameterError, match="within its interval"):
        figures.forest_plot(subgroups().assign(ci_low=5.0), title="x")


def test_cox_forest_shows_both_models() -> None:
    """Every covariate has a row per model; one that did not enter the joint model says so."""
    figure = DRAWINGS["cox"]()
    assert [xy[0, 0] for xy in by_gid(figure.axes[0], "estimate")] == [2.0, 1.8, 0.95]
    shown = words(figure)
    assert (shown.count("univariable"), shown.count("multivariable")) == (2, 2)
    assert shown.count("not entered") == 1


def test_attrition_boxes_carry_the_counts() -> None:
    """Each step is a box with its number; only steps that lost patients have a side box."""
    shown = words(DRAWINGS["attrition"]())
    assert sum("(n = 500)" in word for word in shown) == 2
    assert [word for word in shown if word.startswith("Excluded")] == ["Excluded\n(n = 20)"]


def test_attrition_must_add_up() -> None:
    """Counts that do not add up are refused."""
    with pytest.raises(ParameterError, match="add up"):
        figures.attrition_figure([STEPS[0], AttritionStep("x", 400, 20)])


def test_agreement_bars_are_the_counts() -> None:
    """Segments have the verdicts' shares, their counts are written, totals are ignored."""
    figure = figures.agreement_figure({"All": VERDICTS}, source="supplied")
    widths = {bar.get_gid(): bar.get_width() * 230 for bar in figure.axes[0].patches}
    assert widths == pytest.approx({k: v for k, v in VERDICTS.items() if k != "all"})
    assert {"210", "3", "2", "6", "9"} <= set(words(figure))
    hatches = [bar.get_hatch() for bar in figure.axes[0].patches]
    assert len(set(hatches)) == 5


def test_a_synthetic_source_never_says_reproduced() -> None:
    """With a synthetic cohort a number is attained by construction."""
    shown = words(DRAWINGS["agreement"]())
    assert "Attained by construction" in shown
    assert "Reproduced" not in shown


def test_agreement_needs_a_verdict() -> None:
    """A bar without any verdict is refused."""
    with pytest.raises(ParameterError, match="counts no verdict"):
        figures.agreement_figure({"All": {"all": 3}}, source="supplied")


@pytest.mark.parametrize("draw", ["love", "overlap", "agreement"])
def test_single_plots_draw_into_given_axes(draw: str) -> None:
    """A figure of one plot can become part of a larger one."""
    page = Figure()
    ax = page.subplots(1, 2)[1]
    calls: dict[str, Callable[[], Figure]] = {
        "love": lambda: figures.love_plot(balance(), labels=COVARIATES, title="x", ax=ax),
        "overlap": lambda: figures.overlap_plot(scores(), ax=ax),
        "agreement": lambda: figures.agreement_figure({"All": VERDICTS}, source="synthetic", ax=ax),
    }
    assert calls[draw]() is page
    assert ax.get_xlabel()


def test_alternative_texts_tell_the_finding() -> None:
    """The sentences carry sizes, medians, counts and extremes of the frames."""
    spoken = figures.kaplan_meier_alt(
        curves(), labels=LABELS, unit="months", outcome_label="Overall survival", medians=MEDIANS
    )
    assert "2L-ICIs: 120 patients at risk at the start, median 6.10 months" in spoken
    assert "The longest median is that of 2L-ICIs." in spoken
    forest = figures.forest_alt(subgroups(), title="PFS in subgroups")
    assert "Of 4 hazard ratios, 2 have a 95% interval entirely below 1, 0 entirely" in forest
    assert "1 could not be estimated" in forest
    love = figures.love_alt(balance(), labels=COVARIATES)
    assert "Before matching 3 of 4 exceed 0.1; the largest is ECOG PS ≥2, -0.41." in love
    assert "After matching 0 of 4 exceed 0.1" in love


def test_no_longest_median_where_one_is_not_reached() -> None:
    """A median that is not reached is said to be so, and none is called the longest."""
    medians = {**MEDIANS, "control": MedianSurvival(None, 3.0, None, "log")}
    spoken = figures.kaplan_meier_alt(
        curves(), labels=LABELS, unit="months", outcome_label="Overall survival", medians=medians
    )
    assert "median not reached" in spoken
    assert "longest" not in spoken


def test_figures_read_what_the_estimators_return(toy_cohort: Cohort) -> None:
    """Frames of the survival, balance and propensity modules fit without any change of names."""
    study = toy_cohort.study
    outcome = study.outcomes[0]
    frame = survival.kaplan_meier(toy_cohort, outcome.key, by="arm")
    medians = {
        str(group): survival.median_survival(curve, interval="log")
        for group, curve in frame.groupby("group")
    }
    figure = kaplan_meier(curves=frame, medians=medians, unit=outcome.unit)
    shown = [text for text in figure.axes[1].texts if text.get_gid() == "at-risk"]
    sizes = toy_cohort.patients["arm"].value_counts()
    assert shown[0].get_text() == str(sizes["treated"])
    matched = match(toy_cohort, study.matching)
    labels = {covariate.key: covariate.label for covariate in study.covariates}
    love = figures.love_plot(balance_of(matched), labels=labels, title="Balance")
    assert "Propensity score" in words(love)
    assert " of 6 exceed 0.1" in figures.love_alt(balance_of(matched), labels=labels)


def test_too_many_groups_are_refused() -> None:
    """More groups than colours that can be told apart is an error."""
    with pytest.raises(ParameterError, match="at most 4"):
        figure_style.group_colours([f"g{i}" for i in range(5)])
