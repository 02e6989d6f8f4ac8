"""Stored broker logins in memory, as `KiteBrokers` reads them."""

import asyncio
from dataclasses import dataclass, field, replace
from uuid import UUID

from adapters.kite.brokers import KiteCredentials, LoginName
from domain.errors import BrokerNotConnected, StoreUnavailable


@dataclass
class MemoryCredentials:
    """Implements `adapters.kite.brokers.Credentials`; `away` is a store that does not answer."""

    stored: dict[UUID, KiteCredentials] = field(default_factory=dict)
    opened: int = 0
    asked: int = 0
    away: bool = False
    logins: int = 0

    def log_in(self, user_id: UUID, token: str, account: str = "zerodha:AB1234") -> None:
        self.logins += 1
        self.stored[user_id] = KiteCredentials("kitekey", token, self.logins, account=account)

    async def credentials(self, user_id: UUID) -> KiteCredentials:
        self._look()
        self.opened += 1
        await asyncio.sleep(0)
        if user_id not in self.stored:
            raise BrokerNotConnected("no broker account is connected")
        return self.stored[user_id]

    async def newest(self, user_id: UUID) -> LoginName | None:
        self._look()
        self.asked += 1
        found = self.stored.get(user_id)
        return LoginName(found.account, found.login_version) if found else None

    async def login_died(self, user_id: UUID, login_version: int) -> None:
        self._look()
        found = self.stored[user_id]
        if found.login_version == login_version:
            self.stored[user_id] = replace(found, dead=True)

    def _look(self) -> None:
        if self.away:
            raise StoreUnavailable("the database does not answer")
