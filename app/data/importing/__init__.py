"""Questions that people keep in tables of their own, made into lawqa_jp's format: encodings, rows, columns, answers."""
