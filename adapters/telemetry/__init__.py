"""What an operator sees: numbers for Prometheus, traces, and the ids on each log line."""
