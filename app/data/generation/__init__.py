"""app.data.generation: four-choice questions made from the statute book by rule, every candidate with its truth checked."""
