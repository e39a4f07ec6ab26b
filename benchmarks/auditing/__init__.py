"""Clean tables from public data sets, slips planted in them, and what the audit makes of both."""
