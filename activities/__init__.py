"""One effect a method, idempotent; classes built on the ports of `domain.ports`."""
