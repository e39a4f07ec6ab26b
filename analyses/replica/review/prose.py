"""Tables whose cells hold sentences."""

from __future__ import annotations

import pandas as pd
from IPython.display import HTML

from replica.html_table import html_table


def prose_table(frame: pd.DataFrame, caption: str, *, words: bool = False) -> HTML:
    """Write a table as `replica.html_table.html_table` does, with cells that break into lines."""
    text = html_table(frame, caption, words=words).data
    broken = text.replace('class="replica-table', 'class="replica-table prose', 1)
    return HTML(broken)  # type: ignore[no-untyped-call]  # IPython has no types here
