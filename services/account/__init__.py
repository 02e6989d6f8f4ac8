"""Limits and kill switches."""
