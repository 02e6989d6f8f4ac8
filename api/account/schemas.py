"""Bodies of `/account`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr, StringConstraints

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import Code, Money, Password, Quantity, Rupees, Symbol


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
    """All limits at once: one that is left out or null is no limit. Money in rupees."""

    order_quantity: Quantity | None = None
    order_value: Rupees | None = None
    daily_loss: Rupees | None = None
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


class AccountOut(ResponseBody):
    """`kill_switch` is the user's own, `operator` the operator's for this user, `system` for all users;
    `selling` counts the strategies that the call has told to sell and that took it, `untold` those that run
    on and could not be told: they are told again within seconds while the switch is on, and workers sell
    without them. `sold` counts those that held shares and hold none any more."""

    kill_switch: SwitchOut
    operator: SwitchOut
    system: SwitchOut
    limits: LimitsOut
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
