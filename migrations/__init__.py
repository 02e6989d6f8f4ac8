"""The database's schema, its roles, and Temporal's search attributes, applied by `stopwatch migrate`."""
