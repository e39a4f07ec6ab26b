"""The reader's own patients: reading a file, checking it whole, and making a cohort of it."""

from __future__ import annotations

from replica.dictionary import dictionary, schema, template
from replica.supplied.checks import check
from replica.supplied.findings import ColumnFinding, column_findings, findings_json
from replica.supplied.loading import load_cohort, parse_cohort
from replica.supplied.mapping import DataMap, map_template, read_map, suggested_map
from replica.supplied.problems import Problem
from replica.supplied.reading import FORMATS, read_table

__all__ = [
    "FORMATS",
    "ColumnFinding",
    "DataMap",
    "Problem",
    "check",
    "column_findings",
    "dictionary",
    "findings_json",
    "load_cohort",
    "map_template",
    "parse_cohort",
    "read_map",
    "read_table",
    "schema",
    "suggested_map",
    "template",
]
