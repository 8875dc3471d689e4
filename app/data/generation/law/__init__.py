"""One law as questions are made from it: its paragraphs, its rules, its lists, and what its orders fill in."""
