"""Encryption keys, sealed secrets and the logins they open."""
