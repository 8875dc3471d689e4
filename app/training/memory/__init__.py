"""Memory of a training run before it starts: simulated, searched, explained."""
