"""Builds what the seed describes in the ordinary way: see README.md beside this file."""
