"""Limits, kill switch and audit log of an account."""
