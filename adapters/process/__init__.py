"""What a process needs of its host: the clock, failpoints, garbage collection, hardening."""
