"""Programs; each reads top to bottom as the story of its step."""
