"""The API's dependencies: built once, at the entry point or by a test, and handed to every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from adapters.kite.egress import Egress
from adapters.postgres.engine import Store
from adapters.secrets.derived_keys import TotpBox
from adapters.secrets.vault import LoginKeyBox, Sealer
from api.http.ports import Check, EventNotifier, LastPrices
from domain.entry_turns import MISSED_AFTER
from domain.ports import Clock, Instruments
from domain.session import TradingCalendar
from services.account.books import BookReader
from services.account.kill_switch import UserKillSwitch
from services.auth.dependencies import AuthDependencies
from services.auth.passwords import Passwords
from services.auth.revoked_logins import RevokedLogins
from services.auth.throttle import Throttle
from services.auth.tokens import Tokens
from services.bounds import USUAL, Bounds
from services.broker.connection import BrokerConnection
from services.notifications.channels import NotificationChannels
from services.ports import AccountChecks, BrokerLogins, KiteLogins, Runs
from services.probe.gate import PostgresStopProbes
from services.strategies.check import StrategyCheck
from services.strategies.creation import StrategyCreation
from services.strategies.draft import DraftChecks
from services.strategies.edit import StrategyEdit
from services.strategies.skip import StrategySkip
from services.strategies.start import StrategyStart
from services.strategies.start_margin import LastAsked, StartMargin
from services.strategies.stop import StrategyStop

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything a route may use. `checks` are the dependencies that `/health/ready` asks, by name."""

    store: Store
    runs: Runs
    broker_logins: BrokerLogins
    account_checks: AccountChecks
    kite: KiteLogins
    instruments: Instruments
    calendar: TradingCalendar
    prices: LastPrices
    event_notifier: EventNotifier
    clock: Clock
    tokens: Tokens
    revoked_logins: RevokedLogins
    throttle: Throttle
    passwords: Passwords
    sealer: Sealer
    login_keys: LoginKeyBox
    totp_secrets: TotpBox
    checks: Mapping[str, Check] = field(default_factory=dict)
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For is believed."""
    docs: bool = False
    private_webhooks: bool = False
    """Webhooks may lead into private networks: on one machine, and in tests."""
    push_key: str | None = None
    """What browsers subscribe with; None where nothing is sent to browsers."""
    egress: Egress = field(default_factory=Egress)
    """By which address each user's calls reach the broker."""
    tracer: "Tracer | None" = None
    """Makes each request a span; None where traces are not collected."""
    margins_asked: LastAsked = field(default_factory=LastAsked)
    missed_after: timedelta = MISSED_AFTER
    """How late an entry may be sent."""
    registration: bool = True
    """Whether accounts can be created."""
    bounds: Bounds = USUAL
    """How much one user may have at one time."""
    stop_wait_seconds: float = 20.0
    test_wait_seconds: float = 12.0
    """How long a test message is waited for."""
    look_every_seconds: float = 2.0
    """Timelines that are followed are looked at this often: Postgres' announcements may be lost."""

    @property
    def auth(self) -> AuthDependencies:
        return AuthDependencies(
            store=self.store,
            clock=self.clock,
            tokens=self.tokens,
            revoked_logins=self.revoked_logins,
            throttle=self.throttle,
            passwords=self.passwords,
            totp_secrets=self.totp_secrets,
            registration=self.registration,
        )

    @property
    def broker(self) -> BrokerConnection:
        return BrokerConnection(
            store=self.store,
            kite=self.kite,
            broker_logins=self.broker_logins,
            egress=self.egress,
            sealer=self.sealer,
            login_keys=self.login_keys,
            clock=self.clock,
        )

    @property
    def creation(self) -> StrategyCreation:
        return StrategyCreation(self.store, self._drafts, self.clock, self.bounds.strategies)

    @property
    def editor(self) -> StrategyEdit:
        return StrategyEdit(self.store, self._drafts, self.clock, self.runs)

    @property
    def skipper(self) -> StrategySkip:
        return StrategySkip(self.store, self.runs, self.clock)

    @property
    def checker(self) -> StrategyCheck:
        return StrategyCheck(
            self.store,
            self._drafts,
            self.account_checks,
            self.prices,
            self.egress,
            self.clock,
            self.missed_after,
        )

    @property
    def starter(self) -> StrategyStart:
        return StrategyStart(
            self.store,
            self.runs,
            self._drafts,
            self.egress,
            StartMargin(self.account_checks, self.margins_asked, self.clock),
            self.clock,
            self.missed_after,
            self.bounds.running,
        )

    @property
    def stopper(self) -> StrategyStop:
        return StrategyStop(self.store, self.runs, self.starter, self.clock, self.stop_wait_seconds)

    @property
    def kill_switch(self) -> UserKillSwitch:
        return UserKillSwitch(self.store, self.runs)

    @property
    def books(self) -> BookReader:
        return BookReader(self.store)

    @property
    def channels(self) -> NotificationChannels:
        return NotificationChannels(
            self.store,
            self.sealer,
            self.clock,
            self.private_webhooks,
            self.test_wait_seconds,
            self.bounds.channels,
            self.push_key,
        )

    @property
    def _drafts(self) -> DraftChecks:
        probes = PostgresStopProbes(self.store)
        return DraftChecks(self.instruments, self.calendar, self.prices, self.egress.live, probes)


async def dependencies_of(request: Request) -> Dependencies:
    # Not a plain function: those are sent to a thread, which costs more than what they do.
    deps = request.app.state.deps
    assert isinstance(deps, Dependencies)  # noqa: S101 - create_app put it there
    return deps


DependenciesDep = Annotated[Dependencies, Depends(dependencies_of)]
