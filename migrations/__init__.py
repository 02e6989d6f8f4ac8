"""The database's schema, its roles, and Temporal's search attributes: what `stopwatch migrate` brings."""
