"""Zerodha, by the `kiteconnect` client: orders, quotes, instruments, logins and the feed."""
