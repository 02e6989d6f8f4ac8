"""A new strategy, checked as a whole: every wrong field is named at once, in words that say what is right."""

import difflib
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError

from api.dependencies import Dependencies
from api.http.errors import FieldError, Invalid
from api.http.json_answer import decimal_text
from api.http.request_json import field_errors
from api.schemas import StrategyIn
from domain.errors import CalendarUnknown, InstrumentUnreadable, InvalidStrategy, Unavailable
from domain.instrument import Instrument, Segment
from domain.money import on_tick
from domain.session import TradingCalendar, check_times, clock_text, plan_day
from domain.strategy import OnStop, Product, Strategy

SUGGESTIONS = 3
PRODUCTS = {
    Segment.CASH: (Product.CNC, Product.MIS),
    Segment.CASH_CAS: (Product.CNC, Product.MIS),
    Segment.DERIVATIVES: (Product.NRML, Product.MIS),
    Segment.INDEX: (),
}
"""Which products the broker takes where."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields that are well formed; None where one is not."""

    symbol: str | None
    buy_time: time | None
    sell_time: time | None
    stop_loss: Decimal | None
    quantity: int | None
    exchange: str | None
    product: Product | None
    on_stop: OnStop | None


async def checked(parts: Dependencies, user_id: UUID, body: dict[str, Any], now: datetime) -> Strategy:
    """Return the strategy that was asked for. Raises `Invalid` with everything that is wrong with it."""
    fields, errors = _read(body)
    try:
        instrument = await _instrument(parts, fields, errors)
    except Unavailable:
        if errors:
            raise Invalid(errors) from None  # without the instrument list these are wrong already
        raise
    errors += _against(instrument, fields) if instrument else []
    errors += _times(parts.calendar, instrument, fields, now)
    if errors:
        raise Invalid(errors)
    return _strategy(user_id, fields)


def foreseen(
    strategy: Strategy, calendar: TradingCalendar, segment: Segment, now: datetime
) -> tuple[str, ...]:
    """Return what the plan of the next trading day would warn of."""
    try:
        return plan_day(strategy, calendar, segment, now).warnings
    except (CalendarUnknown, InvalidStrategy):
        return ()  # START will say it


def _read(body: dict[str, Any]) -> tuple[_Fields, list[FieldError]]:
    errors: list[FieldError] = []
    nothing: dict[str, Any] = {}
    try:
        asked = StrategyIn.model_validate(body)
    except ValidationError as error:
        errors = field_errors(error)
        asked = StrategyIn.model_construct(**nothing)
        for name in StrategyIn.model_fields.keys() & body.keys() - {wrong.field for wrong in errors}:
            setattr(asked, name, body[name])
    wrong = {error.field for error in errors}
    known = {name: None if name in wrong else getattr(asked, name) for name in StrategyIn.model_fields}
    product, on_stop = known.pop("product"), known.pop("on_stop")
    return _Fields(**known, product=product and Product(product), on_stop=on_stop and OnStop(on_stop)), errors


async def _instrument(parts: Dependencies, fields: _Fields, errors: list[FieldError]) -> Instrument | None:
    if fields.symbol is None or fields.exchange is None:
        return None
    try:
        found = await parts.instruments.find(fields.exchange, fields.symbol)
    except InstrumentUnreadable as unreadable:
        errors.append(unreadable_symbol(fields.symbol, unreadable))
        return None
    if found is None:
        close = await _close_matches(parts, fields.exchange, fields.symbol)
        hint = f"; did you mean {' or '.join(close)}?" if close else "; GET /instruments?q= finds symbols"
        words = f"{fields.symbol} is not traded on {fields.exchange}{hint}"
        errors.append(FieldError("symbol", "unknown_symbol", words))
        return None
    if not found.tradable:
        words = f"{found.symbol} is an index and cannot be bought; its futures and options can (exchange NFO)"
        errors.append(FieldError("symbol", "not_tradable", words))
        return None
    return found


def unreadable_symbol(symbol: str, unreadable: InstrumentUnreadable) -> FieldError:
    """Say that the broker's list of today is wrong at this symbol, and what can be done."""
    words = (
        f"{symbol} cannot be traded now: the broker's list of instruments is wrong there "
        f"({unreadable.wrong}). Try again later: the list is made anew each morning at 08:30"
    )
    return FieldError("symbol", "unreadable_symbol", words)


async def _close_matches(parts: Dependencies, exchange: str, symbol: str) -> list[str]:
    candidates = [
        instrument.symbol
        for words in (symbol, symbol[:2], symbol[:1])
        for instrument in await parts.instruments.search(words, 200)
        if instrument.exchange == exchange
    ]
    return difflib.get_close_matches(symbol, dict.fromkeys(candidates), SUGGESTIONS, cutoff=0.5)


def _against(instrument: Instrument, fields: _Fields) -> list[FieldError]:
    errors = []
    products = PRODUCTS[instrument.segment]
    if fields.product is not None and fields.product not in products:
        errors.append(
            FieldError(
                "product", "product_does_not_fit", f"must be {' or '.join(products)} for {instrument.symbol}"
            )
        )
    if fields.quantity is not None and fields.quantity % instrument.lot_size:
        lot = instrument.lot_size
        words = f"must be a multiple of the lot of {instrument.symbol}, {lot}: {lot}, {2 * lot}, {3 * lot} …"
        errors.append(FieldError("quantity", "not_a_lot", words))
    if fields.stop_loss is not None and not _on_tick(fields.stop_loss, instrument.tick_size):
        tick = instrument.tick_size
        below = fields.stop_loss // tick * tick
        near = " or ".join(decimal_text(price) for price in (below, below + tick) if price > 0)
        words = f"must be a multiple of the tick of {instrument.symbol}, {decimal_text(tick)}: {near}"
        errors.append(FieldError("stop_loss", "off_tick", words))
    return errors


def _on_tick(price: Decimal, tick: Decimal) -> bool:
    return price >= tick and on_tick(price, tick)


def _times(
    calendar: TradingCalendar, instrument: Instrument | None, fields: _Fields, now: datetime
) -> list[FieldError]:
    if fields.buy_time is None or fields.sell_time is None:
        return []
    if fields.buy_time >= fields.sell_time:
        words = f"must be after buy_time ({clock_text(fields.buy_time)})"
        return [FieldError("sell_time", "sell_before_buy", words)]
    if instrument is None:
        return []
    try:
        check_times(_for_times(instrument, fields), calendar, instrument.segment, now)
    except InvalidStrategy as error:
        return [FieldError(error.field, error.code, str(error))]
    except CalendarUnknown:
        return []  # START will say it
    return []


def _for_times(instrument: Instrument, fields: _Fields) -> Strategy:
    """A strategy to ask about its times, whatever else of it is wrong."""
    assert fields.buy_time is not None and fields.sell_time is not None  # noqa: S101, PT018
    return Strategy(
        strategy_id=UUID(int=0),
        user_id=UUID(int=0),
        symbol=instrument.symbol,
        buy_time=fields.buy_time,
        sell_time=fields.sell_time,
        stop_loss=fields.stop_loss or instrument.tick_size,
        quantity=fields.quantity or instrument.lot_size,
        exchange=instrument.exchange,
        product=fields.product or PRODUCTS[instrument.segment][0],
    )


def _strategy(user_id: UUID, fields: _Fields) -> Strategy:
    known: dict[str, Any] = {name: getattr(fields, name) for name in _Fields.__dataclass_fields__}
    return Strategy(strategy_id=uuid4(), user_id=user_id, **known)
