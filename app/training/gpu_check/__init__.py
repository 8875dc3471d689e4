"""Planned against measured memory and speed on a real card."""
