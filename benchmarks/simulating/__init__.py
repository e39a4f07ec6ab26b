"""Planted truth: patients drawn with a known effect, and how often intervals cover it."""
