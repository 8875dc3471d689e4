"""The kinds of questions: what each shows, asks and offers as candidates, and how often it is wanted."""
