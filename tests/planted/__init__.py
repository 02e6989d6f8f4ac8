"""Bugs planted on purpose: a harness that does not find them is decoration."""
