"""The Temporal adapter: the connection, and the encryption of its payloads."""
