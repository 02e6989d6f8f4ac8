"""Says what a user should look out for before an entry; each warning has its words here alone.

None of them bars a START: what only the broker's own rules would refuse is the broker's to refuse.
`POST /strategy/check` gives all of them, START those it can learn in time, a strategy's own answers those
that can be told without a question to the broker.

Not warned of, because Kite's list of instruments does not say it: the freeze quantity of a single share's
contracts, and the groups of BSE that are traded trade to trade. What the list does say is refused when the
strategy is created: a quantity that is no whole number of lots, and the series of NSE that are traded trade
to trade.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.limits import Bar, Limits, why_barred
from domain.margin import Margin
from domain.money import decimal_text, price_text
from domain.session import clock_text, exchange_time
from domain.stop_prices import OrderKind, stop_kind
from domain.strategy import Strategy
from domain.terms import Protect
from domain.trigger import stop_at, target_at

NOT_CONNECTED = (
    "No broker account is connected: START is refused until one is, and Zerodha cannot be asked for prices "
    "and margins. Connect it with POST /broker/connect."
)


@dataclass(frozen=True, slots=True)
class Login:
    """A stored login at the broker. `ends_at`: None where the broker has refused it already."""

    ends_at: datetime | None

    def alive_at(self, instant: datetime) -> bool:
        """Tell whether it is valid then, as far as is known."""
        return self.ends_at is not None and instant < self.ends_at


def price_warnings(strategy: Strategy, price: Decimal | None) -> list[str]:
    """Return what the last price says against a fixed stop and a fixed target; None: it is not known."""
    if price is None:
        return []
    words = []
    stop = strategy.stop_loss
    if stop is not None and stop_at(stop).is_hit(price):
        words.append(
            f"The stop_loss {decimal_text(stop)} is not below the last price {decimal_text(price)}: unless "
            "the price is above it at buy_time, nothing will be bought."
        )
    target = strategy.terms.target.price if strategy.terms.target is not None else None
    if target is not None and target_at(target).is_hit(price):
        words.append(
            f"The target {decimal_text(target)} is not above the last price {decimal_text(price)}: unless "
            "the price is below it at buy_time, nothing will be bought."
        )
    return words


def login_warnings(login: Login, now: datetime, due: datetime, *, buying: bool) -> list[str]:
    """Return what a login says that will not last until something is due."""
    if login.alive_at(due):
        return []
    if login.ends_at is not None and login.alive_at(now):
        what = "buy" if buying else "sale"
        return [
            f"The login at Zerodha ends at {moment(login.ends_at)}, before the {what}: log in again after "
            f"that and before {moment(due)}."
        ]
    if buying:
        return [
            f"The login at Zerodha has ended: log in again before {moment(due)}, or nothing will be bought."
        ]
    return ["The login at Zerodha has ended: log in again now, the sale waits for it."]


def limit_warnings(limits: Limits, symbol: str, quantity: int | None, amount: Decimal | None) -> list[str]:
    """Return which of the user's own limits would bar the entry; None: that number is not known.

    The value is at the last price here, and at that of buy_time when the entry is claimed.
    """
    bars: list[str] = []
    if limits.order_quantity is not None and quantity is not None and quantity > limits.order_quantity:
        bars.append(why_barred(Bar.ORDER_QUANTITY, limits.order_quantity))
    if limits.order_value is not None and amount is not None and amount > limits.order_value:
        bars.append(why_barred(Bar.ORDER_VALUE, limits.order_value))
    if limits.symbols is not None and symbol not in limits.symbols:
        bars.append(why_barred(Bar.SYMBOL, None))
    return [f"Nothing would be bought: {bar}." for bar in bars]


def margin_warnings(margin: Margin | None) -> list[str]:
    """Return what the broker's margins say against an entry; None: they are not known."""
    if margin is None or not margin.short:
        return []
    return [
        f"The order needs {price_text(margin.required)} rupees at Zerodha and {price_text(margin.available)} "
        f"are available: {price_text(margin.short)} are missing. Unless they are there at buy_time, Zerodha "
        "will refuse it."
    ]


def unknown_margin(problem: str) -> str:
    """Say that the margins are not known, and why: the words of a reading, without a full stop."""
    return (
        f"What the order needs and what is available at Zerodha is not known: {problem}. Look at the funds "
        "there, or check again."
    )


def unknown_price(symbol: str) -> str:
    """Say that the last price is not known, and what that leaves open."""
    return (
        f"The last price of {symbol} is not known at present: what depends on it is left out here. It is "
        "asked for again at buy_time, and without one nothing is bought."
    )


def while_away(strategy: Strategy) -> str:
    """Say what a strategy cannot do while the server, its network or the broker's API is away.

    Said with each check and START, and no warning: it is so of every strategy.
    """
    if strategy.terms.protect is Protect.SERVER:
        return (
            "This server alone watches the stop: while it, its network or Zerodha's API is away, nothing "
            "sells. Sell in Zerodha's own app then."
        )
    words = (
        "A stop order rests at the exchange while shares are held, and sells also while this server, its "
        "network or Zerodha's API is away. The sale at its time, a target, and a stop that is to move wait "
        "until they are back."
    )
    if stop_kind(strategy.exchange, strategy.symbol) is OrderKind.SL_M:
        return words
    return (
        f"{words} It is a stop with a limit here: where the price jumps to below that limit, it does not "
        "sell either."
    )


def moment(instant: datetime) -> str:
    """Return `09:30 on 2026-11-30 (exchange time)`."""
    here = exchange_time(instant)
    return f"{clock_text(here.timetz())} on {here.date()} (exchange time)"
