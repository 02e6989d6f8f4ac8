"""`stopwatch probe`: trades one share of one symbol, by a user's account, and keeps what it showed.

Addresses and keys come from the environment, as `stopwatch` finds them out.
"""

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from adapters.calendar.exchange import open_calendar
from adapters.kite.brokers import KiteCredentials
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress import BadEgress, Egress
from adapters.kite.instruments import KiteInstruments
from adapters.kite.recording import RecordingClient
from adapters.postgres.audit import audit
from adapters.postgres.calendar_days import PostgresOperatorDays
from adapters.postgres.credentials import Credentials
from adapters.postgres.engine import Store
from adapters.postgres.named_database import named_database
from adapters.postgres.operator import operator_name
from adapters.postgres.probes import Verdict, keep
from adapters.process.clock import SystemClock
from adapters.process.leaving import leave
from adapters.secrets.broker_credentials import VaultCredentials
from adapters.secrets.vault import BadKey, Opener
from domain.audit import Action, AuditLine, Role
from domain.errors import BrokerNotConnected, BrokerRefused, LoginNeeded, SecretUnreadable, Unavailable
from domain.session import exchange_time
from services.probe.account import ProbeAccount
from services.probe.answers_file import AnswersFile
from services.probe.expectations import digest
from services.probe.person import Person, TerminalPerson
from services.probe.preparation import (
    NotBegun,
    cost_of,
    found_user,
    refuse_holdings,
    refuse_hours,
    refuse_share,
    refuse_unready,
)
from services.probe.probe import Ended, Probe, before_words, result_words

KEYS, ROOT = "STOPWATCH_ENCRYPTION_KEYS", "STOPWATCH_KITE_ROOT"
DEFAULT_SYMBOL = "TATASTEEL"
"""Liquid, and about ₹170; with derivatives, as most shares of strategies."""
EXCHANGE = "NSE"
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAILURES = (Unavailable, LoginNeeded, BrokerRefused, BrokerNotConnected, SecretUnreadable, NotBegun)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and where. `answers`: the file of raw answers, None for one that is named here."""

    user: str
    symbol: str
    live: bool
    answers: Path | None
    root: str
    calendar: str
    database: str = field(repr=False)
    keys: str = field(repr=False)
    egress: Egress = field(repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A probe that may begin: whose, with which account."""

    user_id: UUID
    login: KiteCredentials


class Command:
    """One run of the command."""

    def __init__(self, asked: Asked, store: Store, pool: ConnectionPool, person: Person) -> None:
        self._asked = asked
        self._store = store
        self._pool = pool
        self._person = person
        self._clock = SystemClock()

    async def run(self) -> int:
        """Make the probe; return the exit status. Raises one of `FAILURES` before anything was sent."""
        begun = await self._begun()
        share = refuse_share(
            await KiteInstruments(self._asked.root, self._clock).find(EXCHANGE, self._asked.symbol),
            self._asked.symbol,
        )
        answers = self._answers_file()
        self._person.say(f"The raw answers are kept in {answers.path}.")
        client = RecordingClient(begun.login, self._asked.root, self._pool, answers.add)
        account = ProbeAccount(client, share, self._clock, f"probe{secrets.token_hex(4)}x")
        try:
            return await self._probed(begun, account, answers)
        finally:
            client.close()
            answers.close()

    async def _probed(self, begun: Begun, account: ProbeAccount, answers: AnswersFile) -> int:
        await self._refuse(account)
        cost = cost_of(await account.quote(), account)
        self._person.say(before_words(account.share.key, cost, live=self._asked.live))
        if not await self._person.agrees("Begin?"):
            raise NotBegun("You did not agree: nothing was sent.")
        await self._audit(begun, account, "begun")
        ended = await Probe(account, self._person).carry_out()
        _ignore_interruptions()
        self._person.say(result_words(ended))
        if not answers.complete:
            self._person.say("Not every raw answer could be written, so the verdict is not kept.")
            return 1
        kept = ended.passed is not None and await self._keep(begun, account, answers, ended)
        return 0 if kept and ended.passed and ended.closed else 1

    async def _begun(self) -> Begun:
        async with self._store.read() as session:
            user_id = await found_user(session, self._asked.user)
            await refuse_unready(session, user_id, EXCHANGE, self._asked.symbol)
        credentials = VaultCredentials(
            Credentials(self._store), Opener.local(self._asked.keys), self._asked.egress
        )
        login = await credentials.credentials(user_id)
        if login.dead:
            raise NotBegun("The user's login at the broker has ended: have them log in again.")
        return Begun(user_id, login)

    async def _refuse(self, account: ProbeAccount) -> None:
        word = PostgresOperatorDays(self._store, self._clock)
        await word.fresh(0)
        await refuse_hours(open_calendar(self._asked.calendar, word.said), account)
        await refuse_holdings(account)

    def _answers_file(self) -> AnswersFile:
        now = exchange_time(self._clock.now())
        path = self._asked.answers or Path(f"probe-{now:%Y-%m-%d-%H%M%S}-{secrets.token_hex(3)}.jsonl")
        try:
            return AnswersFile(path.resolve(), self._clock.now)
        except OSError as refused:
            raise NotBegun(f"The raw answers cannot be kept in {path}: {refused.strerror}.") from None

    async def _audit(self, begun: Begun, account: ProbeAccount, why: str) -> None:
        async with self._store.work() as session:
            await audit(session, self._line(begun, account, why))

    async def _keep(self, begun: Begun, account: ProbeAccount, answers: AnswersFile, ended: Ended) -> bool:
        """Write the verdict with its line in the audit log; False where Postgres is away."""
        verdict = Verdict(
            user_id=begun.user_id,
            account=begun.login.account,
            kite_root=self._asked.root,
            live=self._asked.live,
            passed=bool(ended.passed),
            expectations=digest(),
            symbol=account.share.key,
            rounds=ended.rounds,
            differences=[one.words for one in ended.found],
            answers=answers.digest,
            operator=operator_name(),
        )
        try:
            async with self._store.work() as session:
                await keep(session, verdict)
                await audit(session, self._line(begun, account, "passed" if ended.passed else "not passed"))
        except Unavailable as away:
            self._person.say(f"The verdict could not be kept, so it counts for nothing: {away}")
            return False
        self._person.say(self._kept_words(begun, ended))
        return True

    def _kept_words(self, begun: Begun, ended: Ended) -> str:
        if not self._asked.live:
            return "The verdict is kept, as one of a paper exchange: it opens nothing for real orders."
        if ended.passed:
            return f'The verdict is kept: strategies of {begun.login.account} may use protect: "exchange".'
        return (
            f'The verdict is kept: new STARTs of {begun.login.account} with protect: "exchange" are refused.'
        )

    def _line(self, begun: Begun, account: ProbeAccount, why: str) -> AuditLine:
        kind = "live" if self._asked.live else "paper"
        what = f"{account.share.key}, {kind}, account {begun.login.account}"
        return AuditLine(begun.user_id, Action.STOPS_PROBED, Role.OPERATOR, operator_name(), what, why)


def _ignore_interruptions() -> None:
    """Let what was seen be said and kept: everything that was asked of the person is over."""
    for number in INTERRUPTIONS:
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)


async def _carry_out(asked: Asked) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has its task
    for number in INTERRUPTIONS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    person = TerminalPerson()
    async with AsyncExitStack() as stack:
        store = Store.open(asked.database, pool_size=1, application="stopwatch operator")
        stack.push_async_callback(store.close)
        pool = ConnectionPool()
        stack.callback(pool.close)
        try:
            return await Command(asked, store, pool, person).run()
        except FAILURES as why:
            person.say(f"The probe does not begin. {why}")
        except asyncio.CancelledError:
            person.say("\nYou interrupted it before anything was sent.")
        return 2


def main(words: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 passed, 1 not passed or no verdict, 2 it did not begin."""
    named = _parser().parse_args(words)
    database = named_database()
    if database is None:
        return 2
    try:
        return asyncio.run(_carry_out(_asked(named, database, os.environ)))
    except (BadEgress, BadKey, NotBegun) as wrong:
        sys.stderr.write(f"The probe does not begin. {wrong}\n")
    return 2


def _asked(named: argparse.Namespace, database: str, environment: Mapping[str, str]) -> Asked:
    root, keys = environment.get(ROOT, ""), environment.get(KEYS, "")
    if not root or not keys:
        raise NotBegun(f"{KEYS if root else ROOT} is not set.")
    egress = Egress.of(root, environment.get("STOPWATCH_EGRESS_PROXIES"))
    if egress.live and not named.live:
        raise NotBegun(f"{root} is Zerodha, where orders are real: say --live if that is what you want.")
    if named.live and not egress.live:
        raise NotBegun(f"{root} is not Zerodha, so nothing here is live: leave --live away to try it there.")
    return Asked(
        user=named.user,
        symbol=named.symbol.upper(),
        live=named.live,
        answers=named.answers,
        root=root,
        calendar=environment.get("STOPWATCH_CALENDAR", "XNSE"),
        database=database,
        keys=keys,
        egress=egress,
    )


def _parser() -> argparse.ArgumentParser:
    probe = argparse.ArgumentParser(prog="stopwatch probe", description="Trade one share to try stops.")
    probe.add_argument("--user", required=True, help="e-mail or id of the user whose account trades")
    probe.add_argument("--symbol", default=DEFAULT_SYMBOL, help="a liquid share of NSE")
    probe.add_argument("--live", action="store_true", help="with real orders, at Zerodha")
    probe.add_argument("--answers", type=Path, help="the file for the raw answers, which must be new")
    probe.add_argument("--data-dir", help="of a running `stopwatch up`; without settings: .stopwatch")
    return probe


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
