"""Ports that the use cases need beyond `domain.ports`: the runs, and the logins at the broker."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.broker_login import LoginKind, LoginResult
from domain.run import RunView, StartRun, StopRequest
from domain.strategy_check import CheckRequest, CheckResult


class SellOrders(Protocol):
    """Tells runs to stop and sell."""

    async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
        """Have the run take it that it stops and sells, and wait for no sale; False where none is open.

        `by_operator`: the operator says so, and not its user.

        Raises `Unavailable`: the run did not hear.
        """
        ...


class Runs(SellOrders, Protocol):
    """The durable runs. Every method raises `Unavailable` when Temporal is away."""

    async def start(self, start: StartRun) -> RunView:
        """Start the run of the plan's day, or join the open one; returns when it has written itself down."""
        ...

    async def stop(
        self, workflow_id: str, run_id: str, request: StopRequest, wait_seconds: float
    ) -> RunView | None:
        """Stop the run and wait for its end; None when that takes longer. Raises `NoSuchRun`.

        A second call for the same run waits for the same stop.
        """
        ...

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that waits that its terms or days have changed; one that has ended is skipped."""
        ...


class StopProbes(Protocol):
    """What probes showed of stops at the exchange (`stopwatch probe`)."""

    async def passed(self, user_id: UUID) -> bool:
        """Tell whether real stops of the user's connected account may rest at the exchange.

        Raises `StoreUnavailable`.
        """
        ...


class BrokerLogins(Protocol):
    """The morning login of a stored account, done by the worker, which can open its secret."""

    async def login(self, user_id: UUID, kind: LoginKind, sealed_token: bytes) -> LoginResult:
        """Exchange or check the token and store the login. Raises `Unavailable` when no answer comes.

        The token is sealed for this user, under the field name `kind`.
        """
        ...


class AccountChecks(Protocol):
    """What the broker says before a START, asked by the worker, which can open the login."""

    async def read(self, request: CheckRequest) -> CheckResult:
        """Read price and margins. Raises `Unavailable` when no answer comes within seconds."""
        ...


class SymbolPrices(Protocol):
    """The last prices the listener wrote down: for display only."""

    async def of_symbol(self, exchange: str, symbol: str) -> Decimal | None:
        """Return the last price of a symbol that some running strategy watches. Raises `CacheUnavailable`."""
        ...


class BrokerProfile(Protocol):
    """Whose account a token opens."""

    @property
    def broker_user_id(self) -> str: ...

    @property
    def user_name(self) -> str: ...


class BrokerSession(BrokerProfile, Protocol):
    """A new login: whose it is, and its access token."""

    @property
    def access_token(self) -> str: ...


class KiteLogins(Protocol):
    """The broker's login calls. A no is `LoginNeeded` or `BrokerRefused`; no answer `BrokerUnavailable`."""

    async def profile(
        self, api_key: str, access_token: str, proxies: Mapping[str, str] | None = None
    ) -> BrokerProfile: ...

    async def exchange(
        self, api_key: str, api_secret: str, request_token: str, proxies: Mapping[str, str] | None = None
    ) -> BrokerSession: ...

    async def has_quotes(
        self, api_key: str, access_token: str, proxies: Mapping[str, str] | None = None
    ) -> bool | None:
        """Tell whether this login may ask for prices; None where that is not known."""
        ...

    def login_url(self, api_key: str, state: str) -> str: ...
