"""Strategies: create, start, stop, read."""
