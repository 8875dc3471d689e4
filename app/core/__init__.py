"""What every room speaks: questions, prompts, answers, chat tokens, settings, errors, files, terminals, run facts."""
