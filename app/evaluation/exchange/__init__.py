"""Results and tasks of other programs: read from them, written for them."""
