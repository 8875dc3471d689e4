"""The stored laws and everything looked up in them by name."""
