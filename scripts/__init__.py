"""Doors to the programs: ``python scripts/NAME.py``; the programs themselves are in ``app/commands``."""
