"""The deterministic world: a strategy's day, and how the outside speaks to it."""
