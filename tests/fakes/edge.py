"""What stands around the API in a test: runs that write their rows, a broker's login, a list of symbols."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from adapters.kite.login import Proxies
from adapters.postgres.engine import Store
from adapters.postgres.runs import PostgresRunStore
from api.http.ports import Heard
from domain.broker_login import LoginKind, LoginResult, LoginStatus
from domain.errors import (
    BrokerRefused,
    BrokerUnavailable,
    CacheUnavailable,
    LoginNeeded,
    NoSuchRun,
    Unavailable,
)
from domain.minute_price import MinutePrice
from domain.run import ActivateRun, FinishRun, Release, RunRef, RunView, StartRun, StopRequest
from domain.strategy import OnStop, Outcome, Phase, Position, Status
from domain.strategy_check import CheckRequest, CheckResult


class SetClock:
    """A clock that stands where a test puts it; without a place it is the real one."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self._slept = 0.0

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)

    def monotonic(self) -> float:
        return self._slept

    async def sleep(self, seconds: float) -> None:
        self._slept += seconds

    async def sleep_until(self, instant: datetime) -> None:
        self.at = instant


class RowRuns:
    """Runs without Temporal: START and STOP write the rows that a run would write."""

    def __init__(self, store: Store) -> None:
        self._runs = PostgresRunStore(store)
        self.open: dict[str, ActivateRun] = {}
        self.started: list[StartRun] = []
        self.stops: list[StopRequest] = []
        self.told_plan_anew: list[str] = []
        self.away = False
        self.slow_exit = False
        """The stop goes on for longer than anybody waits."""
        self.closing = 0
        """So many STARTs are answered by the run of before, which has ended and is not closed yet."""
        self.ends_before_stop = False
        """The run ends by itself before the stop reaches it."""
        self.position = Position.NONE
        self.gone = False
        """A look at the account finds nothing."""

    async def start(self, start: StartRun) -> RunView:
        self._reach()
        if self.closing:
            self.closing -= 1
            return self._view(Status.STOPPED, Phase.DONE)
        workflow_id = f"strategy-{start.strategy.strategy_id}-{start.plan.trading_day}"
        if workflow_id not in self.open:
            ref = RunRef(
                start.strategy.strategy_id, start.strategy.user_id, workflow_id, str(uuid4()), start.start_id
            )
            request = ActivateRun(ref, start)
            await self._runs.activate(request)
            self.open[workflow_id] = request
            self.started.append(start)
            await self._release(workflow_id, start)
        return self._view(Status.RUNNING, Phase.WAITING)

    async def _release(self, workflow_id: str, start: StartRun) -> None:
        """End a run that sells nothing of what is left."""
        if start.release is Release.KEEP:
            await self.finish(workflow_id, Outcome.KEPT)
        elif start.release is Release.LOOK and self.gone:
            self.position = Position.SOLD
            await self.finish(workflow_id, Outcome.CLOSED_OUTSIDE)
        elif start.release is Release.LOOK:
            await self.finish(workflow_id, Outcome.ORDER_FAILED)

    async def stop(
        self, workflow_id: str, run_id: str, request: StopRequest, wait_seconds: float
    ) -> RunView | None:
        self._reach()
        if self.ends_before_stop:
            await self.finish(workflow_id)
        if workflow_id not in self.open:
            raise NoSuchRun(workflow_id)
        self.stops.append(request)
        if self.slow_exit:
            return None
        keep = request.on_stop is OnStop.KEEP
        await self.finish(workflow_id, Outcome.KEPT if keep else Outcome.STOPPED)
        return self._view(Status.STOPPED, Phase.DONE)

    async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
        self._reach()
        return workflow_id in self.open

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        self._reach()
        self.told_plan_anew.append(workflow_id)

    async def finish(self, workflow_id: str, outcome: Outcome = Outcome.SOLD) -> None:
        """End a run, as its workflow would."""
        request = self.open.pop(workflow_id)
        await self._runs.finish(
            FinishRun(request.ref, request.start.strategy, outcome, "for the test", self.position)
        )

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("Temporal is away")

    def _view(self, status: Status, phase: Phase) -> RunView:
        return RunView(status, phase, self.position, round=1, held=0, bought=0, sold=0)


@dataclass
class ScriptedLogins:
    """The worker's part of a login: answers what the test says."""

    result: LoginResult = field(default_factory=lambda: LoginResult(LoginStatus.CONNECTED))
    away: bool = False
    asked: list[tuple[UUID, LoginKind, bytes]] = field(default_factory=list)

    async def login(self, user_id: UUID, kind: LoginKind, sealed_token: bytes) -> LoginResult:
        self.asked.append((user_id, kind, sealed_token))
        if self.away:
            raise Unavailable("no worker")
        return self.result


@dataclass
class MemoryChecks:
    """The worker's part of a check: answers what the test says."""

    result: CheckResult = field(
        default_factory=lambda: CheckResult(Decimal(3571), Decimal(35710), Decimal(1_000_000))
    )
    away: bool = False
    asked: list[CheckRequest] = field(default_factory=list)

    async def read(self, request: CheckRequest) -> CheckResult:
        self.asked.append(request)
        if self.away:
            raise Unavailable("no worker")
        return self.result


@dataclass(frozen=True)
class KnownLogin:
    """An account at the broker, as a login shows it."""

    broker_user_id: str = "AB1234"
    user_name: str = "Asha Rao"
    access_token: str = "new-token"


@dataclass
class MemoryKite:
    """Accepts tokens it was told; everything else is refused."""

    tokens: dict[str, KnownLogin] = field(default_factory=lambda: {"good-token": KnownLogin()})
    away: bool = False
    ways: list[Proxies] = field(default_factory=list)
    quotes: bool | None = True

    async def profile(self, api_key: str, access_token: str, proxies: Proxies = None) -> KnownLogin:
        self.ways.append(proxies)
        if self.away:
            raise BrokerUnavailable("connection reset by api.kite.trade")
        if access_token not in self.tokens:
            raise LoginNeeded("Incorrect `api_key` or `access_token`.")
        return self.tokens[access_token]

    async def exchange(
        self, api_key: str, api_secret: str, request_token: str, proxies: Proxies = None
    ) -> KnownLogin:
        self.ways.append(proxies)
        if self.away:
            raise BrokerUnavailable("connection reset by api.kite.trade")
        if request_token not in self.tokens:
            raise BrokerRefused("Token is invalid or has expired.", 403)
        return replace(self.tokens[request_token], access_token=f"from-{request_token}")

    async def has_quotes(self, api_key: str, access_token: str, proxies: Proxies = None) -> bool | None:
        return self.quotes

    def login_url(self, api_key: str, state: str) -> str:
        return f"https://login.example/?api_key={api_key}&state={state}"


@dataclass
class MemoryPrices:
    """Last prices; every strategy of a test trades the same symbol."""

    price: Decimal | None = None
    away: bool = False
    minutes: dict[UUID, list[MinutePrice]] = field(default_factory=dict)

    async def minutes_of(self, strategy_id: UUID) -> list[MinutePrice]:
        self._reach()
        return self.minutes.get(strategy_id, [])

    async def last_prices(self, strategy_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
        self._reach()
        return {} if self.price is None else dict.fromkeys(strategy_ids, self.price)

    async def of_symbol(self, exchange: str, symbol: str) -> Decimal | None:
        self._reach()
        return self.price

    def _reach(self) -> None:
        if self.away:
            raise CacheUnavailable("no Redis")


class NoNews:
    """Announces nothing: timelines are looked at in turns only."""

    dropped = 0

    @contextmanager
    def subscribed(self, heard: Heard) -> Iterator[None]:
        yield
