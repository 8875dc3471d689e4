"""The programs: each reads top to bottom as the story of its step. ``scripts/`` holds their doors."""
