"""The order path on ports: entries and exits, scheduled orders, what may be sold."""
