"""Redis or Valkey: runtime keys, queues, leases, counters."""
