"""What ranks passages: words, vectors, priors, rerankers, and their fusion."""
