"""The connection to Temporal, and the encryption of its payloads."""
