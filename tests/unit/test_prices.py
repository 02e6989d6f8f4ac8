"""Which price may act."""

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.kite.ticks import Tick, Ticks, places
from domain.quote import Quote
from listener.last_prices import LastPrices
from listener.price_table import PriceTable
from listener.trigger_index import TriggerIndex
from tests.fakes.manual_clock import ManualClock

TCS = "NSE:TCS"
TOKEN = 2953217


class Market:
    """Last prices whose feed a test connects and disconnects."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.connected = True
        table = PriceTable(TriggerIndex(), places)
        table.read_tokens({TCS: TOKEN})
        self.prices = LastPrices(table, self.clock, lambda instrument: self.connected)

    def quote(self, price: str, lower: str | None = "2800", upper: str | None = "4200") -> Quote:
        limits = (None if lower is None else Decimal(lower), None if upper is None else Decimal(upper))
        return Quote(Decimal(price), *limits, self.clock.now())

    def answer(self, price: str, lower: str | None = "2800", upper: str | None = "4200") -> None:
        self.prices.take_quote(TCS, self.quote(price, lower, upper), self.clock.now())

    def tick(self, price: str) -> bool:
        """Say whether the tick counts."""
        ticks = Ticks.of([Tick(TOKEN, Decimal(price))])
        return TCS not in self.prices.take_ticks(ticks, self.clock.now()).doubtful

    def acting(self) -> Decimal | None:
        seen = self.prices.acting(TCS)
        return None if seen is None else seen.price


@pytest.fixture
def market() -> Market:
    return Market()


def test_nothing_acts_before_anything_came(market: Market) -> None:
    assert market.acting() is None


def test_tick_does_not_act_before_the_limits_are_known(market: Market) -> None:
    assert not market.tick("3500")
    assert market.acting() is None


def test_tick_inside_the_limits_acts_however_large_the_jump(market: Market) -> None:
    market.answer("3900")
    assert market.tick("2800")
    assert market.acting() == Decimal(2800)


@pytest.mark.parametrize("price", ["2799.95", "4200.05", "0.05"])
def test_tick_outside_the_limits_does_not_act(market: Market, price: str) -> None:
    market.answer("3900")
    assert not market.tick(price)
    assert market.acting() == Decimal(3900)


def test_price_outside_the_old_limits_acts_when_rest_says_the_same(market: Market) -> None:
    market.answer("3900")
    assert not market.tick("2700")
    market.answer("2700", lower="2500")
    assert market.acting() == Decimal(2700)
    assert market.tick("2600")


def test_rest_has_the_last_word_even_outside_its_own_limits(market: Market) -> None:
    market.answer("2700", lower="2800")
    assert market.acting() == Decimal(2700)


def test_instrument_without_limits_acts_on_any_price(market: Market) -> None:
    market.answer("24500", lower=None, upper=None)
    assert market.tick("12000")


async def test_quiet_share_keeps_acting_while_its_connection_is_alive(market: Market) -> None:
    market.answer("3900")
    market.tick("3600")
    await market.clock.advance(3600)
    assert market.acting() == Decimal(3600)


async def test_price_take_quote_acts_for_five_seconds(market: Market) -> None:
    market.answer("3900")
    await market.clock.advance(5)
    assert market.acting() == Decimal(3900)
    await market.clock.advance(0.001)
    assert market.acting() is None


def test_tick_of_a_dead_connection_does_not_act(market: Market) -> None:
    market.answer("3900")
    market.tick("3600")
    market.connected = False
    assert market.acting() is None


def test_nothing_from_before_a_reconnect_acts(market: Market) -> None:
    market.answer("3900")
    market.tick("3600")
    market.prices.lose([TCS])
    assert market.acting() is None
    market.tick("3601")
    assert market.acting() == Decimal(3601)


async def test_answer_to_an_older_question_does_not_replace_a_newer_tick(market: Market) -> None:
    market.answer("3900")
    asked_at = market.clock.now()
    await market.clock.advance(0.2)
    market.tick("3600")
    market.prices.take_quote(TCS, market.quote("3900"), asked_at)
    assert market.acting() == Decimal(3600)
    market.connected = False
    market.prices.take_quote(TCS, market.quote("3900"), asked_at)
    assert market.acting() == Decimal(3900)


async def test_limits_of_yesterday_say_nothing_today(market: Market) -> None:
    market.answer("3900")
    await market.clock.advance(timedelta(hours=18).total_seconds())
    assert not market.tick("3600")


async def test_a_price_of_yesterday_does_not_act_today_though_its_connection_is_alive(market: Market) -> None:
    """A stop that is armed in the morning would be hit by it."""
    market.answer("3900")
    market.tick("3600")
    await market.clock.advance(timedelta(hours=18).total_seconds())
    assert market.acting() is None
    market.answer("3950")
    market.tick("3940")
    assert market.acting() == Decimal(3940)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_nonsense_take_quote_is_not_a_price(market: Market, price: str) -> None:
    market.answer(price)
    assert market.acting() is None
