"""The page and the endpoint: many people at one index and one model, in turn."""
