"""The language of statutes that made questions are written in: verbs, numbers, references, fixed forms."""
