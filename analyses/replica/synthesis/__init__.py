"""Patients that give back the printed numbers."""
