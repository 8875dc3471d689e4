"""A retriever of one's own for questions in everyday words: (question, article) pairs from the statute book, and a small model trained on them."""
