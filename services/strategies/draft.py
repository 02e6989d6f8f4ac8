"""Check a new strategy as a whole: every wrong field is named at once, with what would be right."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time
from decimal import Decimal
from uuid import UUID

from domain.entry_order import entry_order
from domain.errors import (
    CacheUnavailable,
    CalendarUnknown,
    InstrumentUnreadable,
    InvalidStrategy,
    Unavailable,
)
from domain.instrument import Instrument, Segment
from domain.money import decimal_text, on_tick
from domain.ports import Instruments
from domain.series import plan_start
from domain.session import TradingCalendar, check_times, clock_text, exchange_time
from domain.strategy import OnStop, Product, Strategy
from domain.terms import PLAIN, Protect, Terms
from services.errors import FieldError, Invalid
from services.ports import StopProbes, SymbolPrices
from services.strategies.terms_checks import wrong_protection, wrong_reentry, wrong_repeat, wrong_terms

SUGGESTIONS = 3
PRODUCTS = {
    Segment.CASH: (Product.CNC, Product.MIS),
    Segment.CASH_CAS: (Product.CNC, Product.MIS),
    Segment.DERIVATIVES: (Product.NRML, Product.MIS),
    Segment.INDEX: (),
}
"""Which products the broker takes where."""


@dataclass(frozen=True, slots=True)
class StrategyDraft:
    """The fields of a strategy to be; None where one is malformed."""

    symbol: str | None
    buy_time: time | None
    sell_time: time | None
    stop_loss: Decimal | None
    quantity: int | None
    exchange: str | None
    product: Product | None
    on_stop: OnStop | None
    terms: Terms = PLAIN


@dataclass(frozen=True, slots=True)
class DraftChecks:
    """Checks drafts against the instrument list and the calendar."""

    instruments: Instruments
    calendar: TradingCalendar
    prices: SymbolPrices | None = None
    """Last prices by symbol, where they are at hand: by them a size below one lot is refused at once."""
    live: bool = False
    """Real orders at Zerodha."""
    probes: StopProbes | None = None
    """What real stops at the exchange were seen to do; None: nothing is known."""

    async def check(
        self, user_id: UUID, draft: StrategyDraft, malformed: Sequence[FieldError], now: datetime
    ) -> None:
        """Raise `Invalid` with everything that is wrong with it, the malformed fields included."""
        errors = list(malformed)
        try:
            instrument = await self._instrument(draft, errors)
        except Unavailable:
            if errors:
                raise Invalid(errors) from None  # without the instrument list these are wrong already
            raise
        errors += _against(instrument, draft) if instrument else []
        errors += wrong_terms(draft.stop_loss, draft.terms, instrument.tick_size if instrument else None)
        errors += wrong_reentry(draft.stop_loss, draft.terms, draft.buy_time)
        errors += await self._wrong_protection(user_id, draft.terms)
        errors += wrong_repeat(draft.terms.repeat, exchange_time(now).date())
        if instrument is not None and not errors:
            errors += await self._below_one_lot(instrument, draft)
        errors += _times(self.calendar, instrument, draft, now)
        if instrument is not None and not errors:
            errors += self._without_a_day(instrument, draft, now)
        if errors:
            raise Invalid(errors)

    async def _wrong_protection(self, user_id: UUID, terms: Terms) -> list[FieldError]:
        """Name a stop at the exchange that has no passed probe; only such a stop is asked about."""
        probed = False
        if self.live and self.probes is not None and terms.protect is Protect.EXCHANGE:
            probed = await self.probes.passed(user_id)
        return list(wrong_protection(terms, live=self.live, probed=probed))

    def _without_a_day(self, instrument: Instrument, draft: StrategyDraft, now: datetime) -> list[FieldError]:
        """Name a repetition of which no day is known to trade."""
        if draft.terms.repeat is None:
            return []
        strategy = strategy_of(UUID(int=0), UUID(int=0), draft)
        try:
            plan_start(strategy, self.calendar, instrument.segment, now)
        except InvalidStrategy as error:
            return [FieldError(error.field, error.code, str(error))]
        return []

    async def _below_one_lot(self, instrument: Instrument, draft: StrategyDraft) -> list[FieldError]:
        """Name a size that buys nothing at the price known now. One that is not known is for buy_time."""
        size = draft.terms.size
        if size is None:
            return []
        strategy = strategy_of(UUID(int=0), UUID(int=0), draft)
        order = entry_order(
            strategy, await self._price(instrument), instrument.tick_size, instrument.lot_size
        )
        if not order.too_little:
            return []
        return [FieldError(size.by.value, "below_one_lot", f"buys nothing: {order.problem}")]

    async def _price(self, instrument: Instrument) -> Decimal | None:
        if self.prices is None:
            return None
        try:
            return await self.prices.of_symbol(instrument.exchange, instrument.symbol)
        except CacheUnavailable:
            return None

    async def listed_to_buy(self, strategy: Strategy) -> Instrument:
        """Return its symbol as it trades today, once the strategy still fits it: lots and series change.

        So do the account that is connected, and what its probe showed.

        Raises `Invalid`, as at its creation.
        """
        listed = await self.listed(strategy)
        errors = [
            *_against(listed, draft_of_strategy(strategy)),
            *wrong_terms(strategy.stop_loss, strategy.terms, listed.tick_size),
            *await self._wrong_protection(strategy.user_id, strategy.terms),
        ]
        if errors:
            raise Invalid(errors)
        return listed

    async def warnings(self, strategy: Strategy, now: datetime) -> tuple[str, ...]:
        """Return what the plan of its next trading day would warn of. Raises `Invalid`, as `segment_of`."""
        segment = await self.segment_of(strategy)
        try:
            return plan_start(strategy, self.calendar, segment, now).warnings
        except (CalendarUnknown, InvalidStrategy):
            return ()  # START will say it

    async def segment_of(self, strategy: Strategy) -> Segment:
        """Return where the symbol trades today. Raises `Invalid`: it trades no more, or its line is wrong."""
        return (await self.listed(strategy)).segment

    async def listed(self, strategy: Strategy) -> Instrument:
        """Return its symbol as it trades today. Raises `Invalid`, as `segment_of`."""
        try:
            instrument = await self.instruments.find(strategy.exchange, strategy.symbol)
        except InstrumentUnreadable as unreadable:
            raise Invalid([_unreadable_symbol(strategy.symbol, unreadable)]) from None
        if instrument is None:
            words = f"{strategy.symbol} is not traded on {strategy.exchange} any more"
            raise Invalid([FieldError("symbol", "unknown_symbol", words)])
        return instrument

    async def _instrument(self, draft: StrategyDraft, errors: list[FieldError]) -> Instrument | None:
        if draft.symbol is None or draft.exchange is None:
            return None
        try:
            found = await self.instruments.find(draft.exchange, draft.symbol)
        except InstrumentUnreadable as unreadable:
            errors.append(_unreadable_symbol(draft.symbol, unreadable))
            return None
        if found is None:
            errors.append(await self._unknown_symbol(draft.exchange, draft.symbol))
            return None
        if not found.tradable:
            words = (
                f"{found.symbol} is an index and cannot be bought; its futures and options can (exchange NFO)"
            )
            errors.append(FieldError("symbol", "not_tradable", words))
            return None
        return found

    async def _unknown_symbol(self, exchange: str, symbol: str) -> FieldError:
        close = await self._close_matches(exchange, symbol)
        hint = f"; did you mean {' or '.join(close)}?" if close else "; GET /instruments?q= finds symbols"
        return FieldError("symbol", "unknown_symbol", f"{symbol} is not traded on {exchange}{hint}")

    async def _close_matches(self, exchange: str, symbol: str) -> list[str]:
        candidates = [
            instrument.symbol
            for words in (symbol, symbol[:2], symbol[:1])
            for instrument in await self.instruments.search(words, 200)
            if instrument.exchange == exchange
        ]
        return difflib.get_close_matches(symbol, dict.fromkeys(candidates), SUGGESTIONS, cutoff=0.5)


def strategy_of(strategy_id: UUID, user_id: UUID, draft: StrategyDraft) -> Strategy:
    """Return the strategy of a draft that was checked."""
    named = {field.name: getattr(draft, field.name) for field in fields(StrategyDraft)}
    return Strategy(strategy_id=strategy_id, user_id=user_id, **named)


def draft_of_strategy(strategy: Strategy) -> StrategyDraft:
    """Return a strategy as a draft, to be checked anew."""
    return StrategyDraft(**{field.name: getattr(strategy, field.name) for field in fields(StrategyDraft)})


def _unreadable_symbol(symbol: str, unreadable: InstrumentUnreadable) -> FieldError:
    words = (
        f"{symbol} cannot be traded now: the broker's list of instruments is wrong there "
        f"({unreadable.wrong}). Try again later: the list is made anew each morning at 08:30"
    )
    return FieldError("symbol", "unreadable_symbol", words)


def _against(instrument: Instrument, draft: StrategyDraft) -> list[FieldError]:
    errors = []
    if instrument.series is not None:
        words = (
            f"{instrument.symbol} is traded in series {instrument.series}, trade to trade: what is bought "
            "on a day cannot be sold on that day, so neither the stop nor sell_time could sell it"
        )
        errors.append(FieldError("symbol", "trade_to_trade", words))
    products = PRODUCTS[instrument.segment]
    if draft.product is not None and draft.product not in products:
        errors.append(
            FieldError(
                "product", "product_does_not_fit", f"must be {' or '.join(products)} for {instrument.symbol}"
            )
        )
    if draft.quantity is not None and draft.quantity % instrument.lot_size:
        lot = instrument.lot_size
        words = f"must be a multiple of the lot of {instrument.symbol}, {lot}: {lot}, {2 * lot}, {3 * lot} …"
        errors.append(FieldError("quantity", "not_a_lot", words))
    if draft.stop_loss is not None and not _on_tick(draft.stop_loss, instrument.tick_size):
        tick = instrument.tick_size
        below = draft.stop_loss // tick * tick
        near = " or ".join(decimal_text(price) for price in (below, below + tick) if price > 0)
        words = f"must be a multiple of the tick of {instrument.symbol}, {decimal_text(tick)}: {near}"
        errors.append(FieldError("stop_loss", "off_tick", words))
    return errors


def _on_tick(price: Decimal, tick: Decimal) -> bool:
    return price >= tick and on_tick(price, tick)


def _times(
    calendar: TradingCalendar, instrument: Instrument | None, draft: StrategyDraft, now: datetime
) -> list[FieldError]:
    if draft.buy_time is None or draft.sell_time is None:
        return []
    if draft.buy_time >= draft.sell_time:
        words = f"must be after buy_time ({clock_text(draft.buy_time)})"
        return [FieldError("sell_time", "sell_before_buy", words)]
    if instrument is None:
        return []
    try:
        check_times(_for_times(instrument, draft), calendar, instrument.segment, now)
    except InvalidStrategy as error:
        return [FieldError(error.field, error.code, str(error))]
    except CalendarUnknown:
        return []  # START will say it
    return []


def _for_times(instrument: Instrument, draft: StrategyDraft) -> Strategy:
    """A strategy to ask about its times, whatever else of it is wrong."""
    assert draft.buy_time is not None and draft.sell_time is not None  # noqa: S101, PT018
    return Strategy(
        strategy_id=UUID(int=0),
        user_id=UUID(int=0),
        symbol=instrument.symbol,
        buy_time=draft.buy_time,
        sell_time=draft.sell_time,
        stop_loss=draft.stop_loss or instrument.tick_size,
        quantity=draft.quantity or instrument.lot_size,
        exchange=instrument.exchange,
        product=draft.product or PRODUCTS[instrument.segment][0],
    )
