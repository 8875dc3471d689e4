"""The index folder as a whole: building it, following e-Gov, searching it."""
