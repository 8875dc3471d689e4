"""Taking a trained adapter away: full weights, GGUF, Ollama and a model card, each asked again and compared."""
