"""From records to an adapter: rows, model, memory, the loop, its resume and its record."""
