"""Metrics for Prometheus, traces, and the ids on each log line."""
