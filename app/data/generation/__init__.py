"""Questions made from the statute book by rule, every candidate with its truth checked."""
