"""Keys, sealed secrets and the logins they open."""
