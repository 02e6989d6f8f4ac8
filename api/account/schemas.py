"""Bodies of `/account`."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr, StringConstraints

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import BreachWord, Code, Money, Password, Quantity, Rupees, Symbol, Trades
from domain.limits import OnBreach


class KillSwitchIn(RequestBody):
    """`exits`: "exit" sells everything now; "keep" leaves what is held to its strategies' stops and times."""

    on: StrictBool
    exits: Literal["exit", "keep"] = "keep"
    reason: Annotated[StrictStr, StringConstraints(max_length=200)] = ""


class DeletionIn(RequestBody):
    """`code` where one-time codes are on: of the app, or a recovery code."""

    password: Password = Field(repr=False)
    code: Code | None = Field(None, repr=False)


class LimitsIn(RequestBody):
    """All limits at once: one that is left out or null is no limit. Money in rupees.

    `daily_loss` and `daily_profit` count all strategies of the account on one trading day, realised and open,
    after charges; `trades_a_day` its rounds. Where loss or profit is reached, `on_breach` "block" bars what
    is bought until the next trading day, and "exit" sells what is held as well. A limit that is raised does
    not lift the breach of that day.
    """

    order_quantity: Quantity | None = None
    order_value: Rupees | None = None
    daily_loss: Rupees | None = None
    daily_profit: Rupees | None = None
    trades_a_day: Trades | None = None
    on_breach: BreachWord = OnBreach.BLOCK
    symbols: Annotated[list[Symbol], Field(max_length=200)] | None = None


class SwitchOut(ResponseBody):
    on: bool
    exits: Literal["exit", "keep"] | None = None
    reason: str = ""
    since: datetime | None = None


class LimitsOut(ResponseBody):
    order_quantity: int | None = None
    order_value: Money | None = None
    daily_loss: Money | None = None
    symbols: list[str] | None = None
    daily_profit: Money | None = None
    trades_a_day: int | None = None
    on_breach: Literal["block", "exit"] = "block"


class BreachOut(ResponseBody):
    """A limit that the day has reached. `value` is the limit as it was then, `net` what the day had come to
    after charges (null for trades), `until` the next trading day, on which the account buys again (null where
    the calendar does not know it)."""

    limit: Literal["daily_loss", "daily_profit", "trades_a_day"]
    value: Money
    net: Money | None
    on_breach: Literal["block", "exit"]
    since: datetime
    until: date | None


class AccountOut(ResponseBody):
    """`kill_switch` is the user's own, `operator` the operator's for this user, `system` for all users;
    `selling` counts the strategies that the call has told to sell and that took it, `untold` those that run
    on and could not be told: they are told again within seconds while the switch is on, and workers sell
    without them. `sold` counts those that held shares and hold none any more. `breach` is null while no limit
    of the day is reached."""

    kill_switch: SwitchOut
    operator: SwitchOut
    system: SwitchOut
    limits: LimitsOut
    breach: BreachOut | None = None
    selling: int = 0
    untold: int = 0
    sold: int = 0


class AuditOut(ResponseBody):
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


class AuditPage(ResponseBody):
    items: list[AuditOut]
    next: str | None
