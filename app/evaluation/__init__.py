"""Asking, scoring, counting, comparing and reporting: whether a model got better."""
