"""Asking a model the questions: settings, guards, contexts, the loop and its resume."""
