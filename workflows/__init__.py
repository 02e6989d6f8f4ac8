"""The deterministic workflows: a strategy's day, and the client that starts and signals runs."""
