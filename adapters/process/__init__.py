"""Process-level services: the clock, failpoints, garbage collection, hardening."""
