"""What a run found: the outcome of each question, the file of them, and what is counted from it."""
