"""Alerts to operators: the log, and Amazon CloudWatch."""
