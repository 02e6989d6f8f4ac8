"""Attackers, each with what they have, and what keeps them out."""
