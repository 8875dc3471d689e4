"""What is shown of a provision that was found: context for a prompt, excerpt, deciding sentence, hits."""
