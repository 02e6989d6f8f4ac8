"""What the API needs beyond the ports of the rules: the runs, the broker's login, prices, and news."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.broker_login import LoginKind, LoginResult
from domain.run import RunView, StartRun, StopRequest


class Runs(Protocol):
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

    async def sell(self, workflow_id: str, run_id: str) -> bool:
        """Have the run take it that it stops and sells, and wait for no sale; False where none is open."""
        ...


class BrokerLogins(Protocol):
    """The morning login of a stored account, done by who can open its secret."""

    async def login(self, user_id: UUID, kind: LoginKind, sealed_token: bytes) -> LoginResult:
        """Exchange or check the token and store the login. Raises `Unavailable` when no answer comes.

        The token is sealed for this user, under the field name `kind`.
        """
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

    def login_url(self, api_key: str, state: str) -> str: ...


class LastPrices(Protocol):
    """The last prices the listener wrote down. Raises `CacheUnavailable`; what is not known is absent."""

    async def last_prices(self, strategy_ids: Iterable[UUID]) -> Mapping[UUID, Decimal]: ...

    async def of_symbol(self, exchange: str, symbol: str) -> Decimal | None:
        """Return the last price of a symbol that some running strategy watches."""
        ...


class Bell(Protocol):
    """Rings when something new may be there."""

    async def wait(self, seconds: float) -> None:
        """Return when it has rung since the last wait, or after `seconds`."""
        ...


class Notices(Protocol):
    """News of timelines, as Postgres announces them."""

    def of(self, strategy_id: UUID) -> AbstractAsyncContextManager[Bell]:
        """Listen for new lines of one strategy's timeline while the context lasts."""
        ...


Check = Callable[[], Awaitable[object]]
"""Returns when a part answers; raises anything when it does not."""
