"""What words of a law or a question mean for search: tokens, passages, citations, names, definitions."""
