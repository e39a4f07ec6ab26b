"""Where a page's patients come from, and where its tables and figures go."""

from __future__ import annotations

from pathlib import Path

from IPython.display import HTML

from replica.cohort import Cohort
from replica.disclosure import RECOMMENDED_MIN_CELL
from replica.errors import ParameterError
from replica.html_table import note
from replica.paths import build_path
from replica.settings import Settings

SYNTHETIC_BANNER = (
    "Source: synthetic patients. No patient on this page is real. The patients were made so "
    "that their analysis returns printed numbers: agreement is attained by construction. Where "
    "numbers agree, it shows that they can hold together under the stated method; it is no "
    "evidence about any treatment."
)
SUPPLIED_BANNER = (
    "Source: patients supplied by the reader. Numbers under “reproduced” come from that file; "
    "none of its rows is copied. The printed numbers describe other patients. "
)
UNMASKED_WORDS = (
    "Small counts are not masked, and steps of survival curves and extreme values tell of single "
    f"patients: before you pass this page on, run it with min_cell = {RECOMMENDED_MIN_CELL} or "
    "what your rules ask for."
)
MASKED_WORDS = (
    "Counts of fewer than {min_cell} patients are masked, and whatever would give them away; a "
    "step of a survival curve stands for at least {min_cell} events."
)


def results_folder(chosen: Settings, results_dir: str, data_path: str = "") -> Path:
    """Folder for tables and figures: the one named, or one under `build/`.

    Only a run at the paper's own settings on the synthetic cohort writes where the book looks.

    Raises
    ------
    ParameterError
        If the reader's own file lies in the folder named, where a result might replace it.
    """
    if results_dir:
        folder = Path(results_dir).expanduser().resolve()
        if data_path and folder in (Path(data_path).resolve(), Path(data_path).resolve().parent):
            raise ParameterError(
                f"results_dir: found the folder of your own file, {folder}; allowed: any other, so "
                "that no result replaces it. Name a folder for the results alone."
            )
        return folder
    return build_path() / ("results" if chosen.at_paper_settings else "runs") / chosen.study.key


def banner(cohort: Cohort) -> HTML:
    """Say where the patients come from and what the page therefore shows."""
    text = SYNTHETIC_BANNER
    if cohort.source == "supplied":
        text = SUPPLIED_BANNER + (MASKED_WORDS if cohort.min_cell > 1 else UNMASKED_WORDS)
    text = text.format(min_cell=cohort.min_cell)
    title = f"{len(cohort):,} patients"
    return note(title, text)
