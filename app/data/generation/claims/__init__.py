"""Statements about the law with their truth: rules as they stand, and rules changed so that they are false."""
