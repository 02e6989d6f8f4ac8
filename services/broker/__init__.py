"""Connect, renew and forget broker accounts."""
