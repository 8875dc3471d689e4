"""How an embedding model reads questions in everyday words, trained: the questions, the articles that answer them, the training."""
