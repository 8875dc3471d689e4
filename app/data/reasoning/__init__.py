"""Reasons written by rule: which provision a choice stands on, and how it differs from it."""
