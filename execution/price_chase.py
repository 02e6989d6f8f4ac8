"""Asks the broker for what a chase of the price needs: the last price, and a new limit of an open order."""

from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.ports import Broker
from domain.quote import believable


async def modify(broker: Broker, broker_order_id: str, price: Decimal) -> None:
    """Ask the broker for a new price of an open order. Whatever the answer, the order book decides.

    A refusal is also what "already executed" looks like.
    """
    if not broker_order_id:
        return
    with suppress(BrokerUnavailable, BrokerRefused, LoginNeeded):
        await broker.modify(broker_order_id, price)


async def last_price(broker: Broker, instrument: str, after: datetime | None = None) -> Decimal | None:
    """Return the last price that may act; None where it cannot be had now.

    `after`: one that arrived before that instant does not count. Quotes are shared, and up to a second old.
    """
    try:
        quote = (await broker.quotes([instrument])).get(instrument)
    except (BrokerUnavailable, BrokerRefused, LoginNeeded):
        return None
    if quote is None or not believable(quote.last_price, quote.lower_circuit, quote.upper_circuit):
        return None
    return quote.last_price if after is None or quote.seen_at > after else None
