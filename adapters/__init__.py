"""Everything that touches the outside: the broker, Postgres, Redis, Temporal, the calendar, the vault."""
