"""Reasons not to send an entry: a user's limits, and kill switches.

They bar entries only. An exit reduces what is at risk: it waits for the account's order budget and nothing
else. They are checked where the right to send is taken (`OrderLog.claim`), against what is committed then.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.money import price_text

OPERATOR_STOPS = "the operator's kill switch stopped it"
ORDERS_A_DAY = 100
"""Orders of one strategy in one day, rounds and attempts together, after which it buys no more: a day that
trades this often is a fault, ours or the user's script's. What it holds is sold all the same."""


class KillExits(StrEnum):
    """What a kill switch does to held shares: sell them now, or leave them to their strategy."""

    EXIT = "exit"
    KEEP = "keep"


class OnBreach(StrEnum):
    """What the breach of a day's limit does: bar what is bought, or sell what is held as well."""

    BLOCK = "block"
    EXIT = "exit"


class LimitName(StrEnum):
    """A limit of a day, as its field is called."""

    DAILY_LOSS = "daily_loss"
    DAILY_PROFIT = "daily_profit"
    TRADES_A_DAY = "trades_a_day"


def limit_name(limit: LimitName) -> str:
    """Return what it limits: `a day's loss`."""
    return {
        LimitName.DAILY_LOSS: "a day's loss",
        LimitName.DAILY_PROFIT: "a day's profit",
        LimitName.TRADES_A_DAY: "trades in one day",
    }[limit]


def limit_words(limit: LimitName) -> str:
    """Say that a limit of the account, and no person, has stopped the strategy."""
    return f"the account's limit for {limit_name(limit)} was reached"


@dataclass(frozen=True, slots=True)
class Switch:
    """A kill switch; `exits` and `since` are None while it is off."""

    on: bool = False
    exits: KillExits | None = None
    reason: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Switches:
    """The kill switches that bar a user: their own, the operator's for them, and the one for all users."""

    own: Switch
    operators: Switch
    everybody: Switch


@dataclass(frozen=True, slots=True)
class ToSell:
    """A running strategy that is to sell, by a kill switch or, where one is named, by a limit."""

    strategy_id: UUID
    workflow_id: str
    run_id: str
    held: bool = False
    """It holds shares now."""
    limit: LimitName | None = None
    by_operator: bool = False
    """The kill switch is the operator's, and its user's own is not on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A user's own limits; None is no limit. Money in rupees.

    `daily_loss` and `daily_profit`: what one trading day has come to over all strategies, realised and open,
    after charges (`domain.account_day`); once one is reached nothing more is bought that day, and with
    `on_breach` "exit" what is held is sold. `trades_a_day`: rounds whose purchase was sent that day.
    """

    order_quantity: int | None = None
    order_value: Decimal | None = None
    daily_loss: Decimal | None = None
    symbols: tuple[str, ...] | None = None
    daily_profit: Decimal | None = None
    trades_a_day: int | None = None
    on_breach: OnBreach = OnBreach.BLOCK


class Bar(StrEnum):
    """The reason why an entry was not sent."""

    UNWRITTEN = "unwritten"
    SYSTEM = "system"
    SUSPENDED = "suspended"
    KILL_SWITCH = "kill_switch"
    SERIES_OVER = "series_over"
    ORDER_QUANTITY = "order_quantity"
    ORDER_VALUE = "order_value"
    SYMBOL = "symbol"
    DAILY_LOSS = "daily_loss"
    DAILY_PROFIT = "daily_profit"
    TRADES_A_DAY = "trades_a_day"
    UNJUDGED = "unjudged"
    """What the day has come to is to be judged first; it is never answered to who asks."""
    LOSS_UNKNOWN = "loss_unknown"
    ORDERS_A_DAY = "orders_a_day"


MAY_PASS = frozenset({Bar.LOSS_UNKNOWN, Bar.UNJUDGED})
"""What may be known in a moment: an entry waits for it as long as it may still be sent."""


_UNTIL = "nothing more is bought until the next trading day"
_UNKNOWN = (
    "what today has come to is not known (a sale has no answer or no price yet, shares were bought earlier "
    "or sold at the broker, or what is held has no price of the last five seconds), so whether your limit "
    "for a day's loss or profit is reached is not known either"
)


def why_barred(bar: Bar, limit: Decimal | int | None) -> str:
    """Return the reason in words for the user, and what to do."""
    amount = price_text(limit) if isinstance(limit, Decimal) else str(limit)
    change = "change it under Limits before the next START"
    return {
        Bar.UNWRITTEN: "no START of this strategy was written down that buys this: nothing is bought, and "
        "the operator is told",
        Bar.SYSTEM: "buying is stopped for all users by the operator; what is held is still watched and sold",
        Bar.SUSPENDED: "the operator has stopped buying for your account: ask there; what is held is still "
        "watched and sold",
        Bar.KILL_SWITCH: "your kill switch is on: turn it off before the next START",
        Bar.SERIES_OVER: "the series of days that this belongs to was ended: nothing is bought",
        Bar.ORDER_QUANTITY: f"your limit for one order is {amount} shares: {change}",
        Bar.ORDER_VALUE: f"your limit for the value of one order is {amount}: {change}",
        Bar.SYMBOL: f"the symbol is not on your list of allowed symbols: {change}",
        Bar.DAILY_LOSS: f"today's losses have reached your limit of {amount}: {_UNTIL}",
        Bar.DAILY_PROFIT: f"today's profits have reached your limit of {amount}: {_UNTIL}",
        Bar.TRADES_A_DAY: f"your limit of {amount} trades a day is used up: {_UNTIL}",
        Bar.UNJUDGED: _UNKNOWN,
        Bar.LOSS_UNKNOWN: _UNKNOWN,
        Bar.ORDERS_A_DAY: f"this strategy has sent {ORDERS_A_DAY} orders today, more than any day needs: "
        "look at its order log before you start it tomorrow",
    }[bar]
