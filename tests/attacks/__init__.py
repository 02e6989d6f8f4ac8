"""Attackers of the product, and what they can do to it."""
