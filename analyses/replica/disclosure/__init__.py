"""What may be shown of real patients: small counts masked, and what would give them away."""

RECOMMENDED_MIN_CELL = 5
"""What many holders of data ask for; some ask for 10 or 11."""
