"""The Redis or Valkey adapter: runtime keys, queues, leases, counters."""
