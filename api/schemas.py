"""What goes in and what comes out, call by call. Unknown fields are refused; answers hold nothing else."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, StringConstraints

from api.http.fields import (
    BrokerWord,
    ClockTime,
    Code,
    Email,
    Id,
    Money,
    OpaqueToken,
    Password,
    Price,
    Quantity,
    Rupees,
    Symbol,
)


class Asked(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Answer(BaseModel):
    """A response body."""

    # Forbidden, not dropped: a field that is not of the contract is a bug, and the document says so.
    model_config = ConfigDict(frozen=True, extra="forbid")


class Credentials(Asked):
    email: Email
    password: Password = Field(repr=False)


class LoginIn(Credentials):
    """`code` only where one-time codes are on: of the app, or a recovery code."""

    code: Code | None = Field(None, repr=False)


class PasswordIn(Asked):
    current_password: Password = Field(repr=False)
    new_password: Password = Field(repr=False)


class TotpIn(Asked):
    password: Password = Field(repr=False)


class CodeIn(Asked):
    code: Code = Field(repr=False)


class TotpOffIn(Asked):
    password: Password = Field(repr=False)
    code: Code = Field(repr=False)


class RefreshIn(Asked):
    refresh_token: OpaqueToken = Field(repr=False)


class ConnectIn(Asked):
    """Key, secret and one token; or, once connected, one token alone."""

    api_key: BrokerWord | None = Field(None, repr=False)
    api_secret: BrokerWord | None = Field(None, repr=False)
    access_token: BrokerWord | None = Field(None, repr=False)
    request_token: BrokerWord | None = Field(None, repr=False)


class StrategyIn(Asked):
    symbol: Symbol
    buy_time: ClockTime
    sell_time: ClockTime
    stop_loss: Price
    quantity: Quantity
    exchange: Literal["NSE", "BSE", "NFO", "BFO"] = "NSE"
    product: Literal["CNC", "MIS", "NRML"] = "CNC"
    on_stop: Literal["exit", "keep"] = "exit"


class StartIn(Asked):
    strategy_id: Id


class StopIn(Asked):
    strategy_id: Id
    on_stop: Literal["exit", "keep"] | None = None


class KillSwitchIn(Asked):
    """`exits`: "exit" sells everything now; "keep" leaves what is held to its strategies' stops and times."""

    on: StrictBool
    exits: Literal["exit", "keep"] = "keep"
    reason: Annotated[StrictStr, StringConstraints(max_length=200)] = ""


class LimitsIn(Asked):
    """All limits at once: one that is left out or null is no limit. Money in rupees."""

    order_quantity: Quantity | None = None
    order_value: Rupees | None = None
    daily_loss: Rupees | None = None
    symbols: Annotated[list[Symbol], Field(max_length=200)] | None = None


class TokenPair(Answer):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: str
    expires_in: int


class UserOut(Answer):
    """`totp`: one-time codes are asked for at login."""

    user_id: UUID
    email: str
    created_at: datetime
    totp: bool


class LoginOut(Answer):
    """One login of one device. `last_used_at` is when its tokens were renewed last."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool


class TotpOut(Answer):
    secret: str = Field(repr=False)
    otpauth_uri: str = Field(repr=False)


class RecoveryOut(Answer):
    recovery_codes: list[str] = Field(repr=False)


class SwitchOut(Answer):
    on: bool
    exits: Literal["exit", "keep"] | None = None
    reason: str = ""
    since: datetime | None = None


class LimitsOut(Answer):
    order_quantity: int | None = None
    order_value: Money | None = None
    daily_loss: Money | None = None
    symbols: list[str] | None = None


class AccountOut(Answer):
    """`kill_switch` is the user's own, `operator` the operator's for this user, `system` for everybody;
    `selling` counts the strategies that the call has told to sell and that took it, `untold` those that run
    on and could not be told: they are told again within seconds while the switch is on."""

    kill_switch: SwitchOut
    operator: SwitchOut
    system: SwitchOut
    limits: LimitsOut
    selling: int = 0
    untold: int = 0


class BrokerOut(Answer):
    broker: str | None = None
    broker_user_id: str | None = None
    user_name: str | None = None
    status: Literal["connected", "login_needed", "none"]
    connected_at: datetime | None = None
    token_expires_at: datetime | None = None


class LoginUrlOut(Answer):
    url: str
    expires_at: datetime


class StrategyOut(Answer):
    strategy_id: UUID
    symbol: str
    exchange: str
    product: str
    buy_time: str
    sell_time: str
    stop_loss: Money
    quantity: int
    on_stop: str
    status: str
    phase: str | None
    position: str
    outcome: str | None
    outcome_detail: str | None
    trading_day: date | None
    buy_at: datetime | None
    sell_at: datetime | None
    workflow_id: str | None
    run_id: str | None
    last_price: Money | None
    entry_price: Money | None
    exit_price: Money | None
    filled_quantity: int
    pnl: Money | None
    warnings: list[str]
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None


class OrderOut(Answer):
    order_id: UUID
    strategy_id: UUID
    leg: str
    reason: str | None
    attempt: int
    side: str
    quantity: int | None
    filled_quantity: int
    average_price: Money | None
    status: str
    tag: str
    broker_order_id: str | None
    due_at: datetime | None
    sent_at: datetime | None
    acknowledged_at: datetime | None
    filled_at: datetime | None
    lateness_ms: int | None
    message: str


class EventOut(Answer):
    event_id: int
    at: datetime
    strategy_id: UUID
    kind: str
    phase: str | None
    text: str
    data: dict[str, Any]


class InstrumentOut(Answer):
    exchange: str
    symbol: str
    name: str
    tick_size: Money
    lot_size: int
    segment: str
    products: list[str]


class SessionOut(Answer):
    """`source`: how it is known that the day trades; `provisional` is an estimate."""

    trading_day: date
    opens_at: datetime
    closes_at: datetime
    source: Literal["operator", "exchange", "provisional"]


class MarketOut(Answer):
    """`trading_day` is today where today trades, else null. The hours are those of `segment`.

    Days after `last_known_day`, to `last_estimated_day`, are estimates; null where every day is known.
    """

    now: datetime
    calendar: str
    last_known_day: date | None
    last_estimated_day: date | None
    segment: str
    status: Literal["open", "closed"]
    trading_day: date | None
    session: SessionOut | None
    next_session: SessionOut | None


class StrategyPage(Answer):
    items: list[StrategyOut]
    next: str | None


class LoginPage(Answer):
    """All of them: there are at most a hundred."""

    items: list[LoginOut]
    next: None = None


class OrderPage(Answer):
    items: list[OrderOut]
    next: str | None


class EventPage(Answer):
    items: list[EventOut]
    next: str | None


class AuditOut(Answer):
    """A line of the audit log; `hash` is the SHA-256 of `prev_hash` and the line in its canonical form."""

    chain: str
    seq: int
    at: datetime
    writer: str
    role: str
    actor: str
    action: str
    object: str
    reason: str
    ip: str
    agent: str
    version: str
    prev_hash: str
    hash: str


class AuditPage(Answer):
    items: list[AuditOut]
    next: str | None


class InstrumentPage(Answer):
    items: list[InstrumentOut]
    next: str | None
