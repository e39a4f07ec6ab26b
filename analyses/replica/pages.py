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
from replica.page_source import banner, results_folder
from replica.page_tables import (
    Report,
    clustered,
    conclude,
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
    "results_folder",
    "selection",
    "settings_table",
    "subgroups",
    "table",
    "verdict_figure",
    "verdict_summary",
    "verdict_table",
]
