"""Tenants with mailboxes: the real API, the real outbox of the worker, and a mail server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from uuid import uuid4

import httpx
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from adapters.notifications.account_mails import MailedAccounts
from adapters.notifications.mail import Mailer
from adapters.postgres.account_mail_tables import AccountMailRow, MailTokenRow
from adapters.postgres.account_mails import PostgresAccountMails
from adapters.postgres.engine import Store
from adapters.postgres.user_tables import User
from migrations.roles import Role, make_roles
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, new_world
from tests.receivers import Mailbox, mailbox

APP = "https://trade.example.com"
NEW_PASSWORD = "three unrelated words"
_LINK = re.compile(re.escape(APP) + r"/app#/(verify|reset)/([A-Za-z0-9_-]{43})\b")


def quick_passwords() -> Passwords:
    """Argon2id with the smallest parameters: what it costs is the subject of tests of its own."""
    return Passwords(hasher=PasswordHash([Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)]))


@dataclass
class Town:
    """Everybody who takes part: the API's world, the worker's part, and the server that takes mails."""

    world: World
    worker: Store
    mails: MailedAccounts
    server: Mailbox

    @property
    def http(self) -> httpx.AsyncClient:
        return self.world.http

    async def post_round(self) -> None:
        """Let the worker send until nothing is due."""
        while await PostgresAccountMails(self.worker).any_due():
            await self.mails.send_due()

    async def confirmed(self) -> Customer:
        """Register somebody and open the link that was mailed."""
        customer = await self.world.customer()
        answer = await self.verify(await self.link_to(customer.email, "verify"))
        assert answer.status_code == 204, answer.text
        return customer

    async def link_to(self, email: str, kind: str) -> str:
        """Let the worker send; return the token of the newest link of a kind that an address was mailed."""
        await self.post_round()
        tokens = [token for found, token in self.links(email) if found == kind]
        assert tokens, f"no {kind} for {email}: {self.server.mails}"
        return tokens[-1]

    def links(self, email: str) -> list[tuple[str, str]]:
        """Return kind and token of each link that an address was mailed, oldest first."""
        return [found.groups() for words in self.letters(email) for found in _LINK.finditer(words)]  # type: ignore[misc]

    def letters(self, email: str) -> list[str]:
        """Return the texts that an address was mailed."""
        return [body_of(mail) for receivers, mail in self.server.mails if receivers == [email]]

    async def forgot(self, email: str) -> httpx.Response:
        return await self.http.post("/auth/forgot", json={"email": email})

    async def reset(self, token: str, password: str = NEW_PASSWORD) -> httpx.Response:
        return await self.http.post("/auth/reset", json={"token": token, "password": password})

    async def verify(self, token: str) -> httpx.Response:
        return await self.http.post("/auth/verify", json={"token": token})

    async def log_in(self, email: str, password: str, **more: str) -> httpx.Response:
        return await self.http.post("/auth/login", json={"email": email, "password": password, **more})

    async def links_expire(self) -> None:
        """Make every link that was mailed too old."""
        async with self.world.store.work() as session:
            await session.execute(update(MailTokenRow).values(expires_at=datetime.now(UTC)))

    async def an_hour_passes(self) -> None:
        async with self.world.store.work() as session:
            hour = timedelta(minutes=61)
            await session.execute(
                update(AccountMailRow).values(
                    asked_at=AccountMailRow.asked_at - hour, claimed_at=AccountMailRow.claimed_at - hour
                )
            )

    async def unverify(self, email: str) -> None:
        async with self.world.store.work() as session:
            await session.execute(update(User).where(User.email == email).values(verified_at=None))

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return what the schema's owner reads."""
        async with self.world.store.read() as session:
            return [tuple(row) for row in await session.execute(text(statement))]


async def refresh_status(town: Town, customer: Customer) -> int:
    """Return what a refresh with the customer's token is answered."""
    body = {"refresh_token": customer.tokens["refresh_token"]}
    return (await town.http.post("/auth/refresh", json=body)).status_code


def body_of(mail: str) -> str:
    """Return a mail's text as its reader sees it."""
    return str(message_from_string(mail, policy=policy.default).get_content())


@asynccontextmanager
async def a_town(database: str, store: Store, **deps: object) -> AsyncIterator[Town]:
    """Give a town whose operator has set mail up."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    shown = url.render_as_string(hide_password=False)
    await make_roles(database, [Role.of("worker", shown)])
    worker, passwords = Store.open(shown), quick_passwords()
    async with mailbox() as server:
        mailer = Mailer(f"mailto://127.0.0.1:{server.port}?from=stopwatch@example.com&mode=insecure")
        mails = MailedAccounts(PostgresAccountMails(worker), mailer, APP)
        await mails.begin()
        yield Town(new_world(store, passwords, **deps), worker, mails, server)  # type: ignore[arg-type]
        mailer.close()
    passwords.close()
    await worker.close()
