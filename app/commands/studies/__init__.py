"""A study of several programs: its steps, in order, and what each leaves behind."""
