"""The HTML page of a result or a comparison."""
