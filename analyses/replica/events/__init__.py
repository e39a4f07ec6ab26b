"""From patient-level events to the table that is analysed: who is eligible, and why not."""
