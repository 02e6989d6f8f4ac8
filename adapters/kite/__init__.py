"""The Zerodha adapter: orders, quotes, instruments, logins and the feed, over Kite Connect."""
