"""Answering people: a question from the articles found for it, a statement judged by them, a choice among several."""
