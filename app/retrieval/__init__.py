"""From a question to the provisions it is about, and to the prompt that shows them."""
