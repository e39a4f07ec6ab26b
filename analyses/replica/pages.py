"""What a study's notebook shows, one call per table or figure: the door to both."""

from __future__ import annotations

from replica.page_figures import (
    attrition,
    curve,
    love,
    models,
    overlap,
    preference,
    subgroups,
    verdict_figure,
)
from replica.page_home import progress_figure, progress_table
from replica.page_tables import (
    Report,
    banner,
    clustered,
    conclude,
    results_folder,
    selection,
    settings_table,
    table,
    verdict_summary,
    verdict_table,
)

__all__ = [
    "Report",
    "attrition",
    "banner",
    "clustered",
    "conclude",
    "curve",
    "love",
    "models",
    "overlap",
    "preference",
    "progress_figure",
    "progress_table",
    "results_folder",
    "selection",
    "settings_table",
    "subgroups",
    "table",
    "verdict_figure",
    "verdict_summary",
    "verdict_table",
]
