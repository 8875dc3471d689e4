"""What cross_fit.py is made of: its settings, what it refuses, the folder it goes on from, and the work of each fold."""
