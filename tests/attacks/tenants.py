"""Tenants who attack: their clients at chosen addresses, and counters of calls that say what a test wants."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from adapters.redis.rate_limiter import Allowance
from services.auth.passwords import Passwords
from tests.api_world import Customer, World


def quick_passwords() -> Passwords:
    """Return argon2id with the smallest parameters."""
    return Passwords(hasher=PasswordHash([Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)]))


def client_at(world: World, address: str) -> httpx.AsyncClient:
    """Return a client whose connection comes from an address."""
    transport = httpx.ASGITransport(world.app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://api.test")


async def customer_at(world: World, address: str) -> Customer:
    """Register a user from an address."""
    return await replace(world, http=client_at(world, address)).customer()


@dataclass
class Doorman:
    """Counts nothing, remembers what was to be counted, and refuses all once it is told to."""

    refuses: bool = False
    asked: list[Allowance] = field(default_factory=list)

    async def take(self, allowances: Sequence[Allowance]) -> int | None:
        self.asked += allowances
        return 7 if self.refuses else None

    async def give_back(self, allowance: Allowance) -> None:
        pass
