"""The watch over accounts: at least every thirty seconds, at once when something moved, told once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from domain.account_state import AccountState, Claim, WaitingEntry
from domain.account_watch import EVERY
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, Leg, LegKey, OrderStatus, OrderTerms, Side
from domain.ports import ReadTurn
from domain.strategy import Product
from execution.account_watch import LOOK_EVERY, AccountWatch
from tests.fakes.account_reads import MemoryAccountReads
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.isins import MemoryIsins
from tests.fakes.manual_clock import ManualClock

USER = UUID(int=7)
TCS = OrderTerms("NSE", "TCS", Product.MIS)
HELD = Claim(UUID(int=1), USER, UUID(int=3), TCS, held=10, sold=0)
ENTRY = WaitingEntry(LegKey(UUID(int=2), USER, date(2026, 11, 23), 1, Leg.ENTRY), TCS)
ACCOUNT = (USER, "")
PURCHASE = BrokerOrder(
    *("1", frozenset(), "NSE", "TCS", "MIS", Side.BUY, 10, 10), Decimal(3500), OrderStatus.COMPLETE
)


class CountingBroker(MemoryBroker):
    """Counts the questions."""

    asked = 0

    async def positions(self) -> Listing[BrokerPosition]:
        self.asked += 1
        return await super().positions()


class House:
    """One account in which a strategy holds ten shares, and its watch."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.broker = CountingBroker(self.clock, book=[PURCHASE])
        self.brokers = MemoryBrokers(self.broker)
        self.reads = MemoryAccountReads(self.clock, {ACCOUNT: AccountState((HELD,))})
        self.alerts = MemoryAlerts()
        self.isins = MemoryIsins()
        self.task = asyncio.ensure_future(self.watch().run())

    def watch(self) -> AccountWatch:
        return AccountWatch(self.reads, self.brokers, self.alerts, self.isins, self.clock)

    @property
    def kinds(self) -> list[str]:
        return [alarm.kind for alarm in self.alerts.raised]

    @property
    def claim(self) -> Claim:
        return self.reads.states[ACCOUNT].claims[0]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.clock.advance(0.1)
    yield made
    await made.end()


async def test_an_account_that_holds_something_is_read_at_least_every_thirty_seconds(house: House) -> None:
    assert house.broker.asked == 1
    for times in range(1, 5):
        await house.clock.advance(EVERY.total_seconds() + LOOK_EVERY)
        assert house.broker.asked == 1 + times
    assert house.kinds == []


async def test_a_sale_by_hand_is_noticed_and_told_once(house: House) -> None:
    house.broker.sell_by_hand(10)
    await house.clock.advance(EVERY.total_seconds() + LOOK_EVERY)
    assert house.kinds == [], "one reading may be of a book that lags"
    await house.clock.advance(2.5)
    assert house.kinds == ["account_differs"]
    assert house.claim.noted.missing == 10
    await house.clock.advance(300)
    assert house.kinds == ["account_differs"]
    assert len(house.reads.lines) == 1


async def test_an_order_of_the_users_own_has_the_account_read_at_once(house: House) -> None:
    house.broker.sell_by_hand(4)
    await house.clock.advance(2)
    await house.reads.moved(USER)
    await house.clock.advance(3)
    assert house.claim.noted.missing == 4


async def test_an_order_that_moves_during_a_reading_has_it_read_once_more(house: House) -> None:
    await house.clock.advance(10)
    (turn,) = await taken(house)
    await house.clock.advance(2)
    await house.reads.moved(USER)
    await house.reads.was_read(turn, {}, EVERY)
    asked = house.broker.asked
    await house.clock.advance(1)
    assert house.broker.asked == asked + 1


async def taken(house: House) -> Sequence[ReadTurn]:
    """Take the account's turn as another process does."""
    house.reads.rows[ACCOUNT].next_at = house.clock.monotonic()
    return await house.reads.take(1)


async def test_shares_that_are_bought_back_clear_the_difference(house: House) -> None:
    house.broker.sell_by_hand(10)
    await house.clock.advance(45)
    assert house.claim.noted.missing == 10
    house.broker.book.append(replace(PURCHASE, broker_order_id="back"))
    await house.clock.advance(45)
    assert house.claim.noted.missing == 0
    assert "again" in house.reads.lines[-1]
    house.broker.sell_by_hand(10)
    await house.clock.advance(45)
    assert house.kinds == ["account_differs"] * 2, "a second time is told a second time"


async def test_two_processes_do_not_read_one_account_at_once(house: House) -> None:
    second = asyncio.ensure_future(house.watch().run())
    asked = house.broker.asked
    await house.clock.advance(10 * (EVERY.total_seconds() + LOOK_EVERY))
    assert house.broker.asked == asked + 10
    second.cancel()


async def test_an_account_that_cannot_be_read_is_told_after_a_minute_and_once(house: House) -> None:
    house.broker.reads_fail = True
    house.broker.sell_by_hand(10)
    await house.clock.advance(EVERY.total_seconds() + 59)
    assert house.kinds == []
    await house.clock.advance(10)
    assert house.kinds == ["account_unread"]
    assert ACCOUNT in house.reads.unread
    await house.clock.advance(300)
    assert house.kinds == ["account_unread"]
    assert house.claim.noted.missing == 0, "an unread account is not an empty one"
    house.broker.reads_fail = False
    await house.clock.advance(10)
    assert ACCOUNT not in house.reads.unread
    assert house.claim.noted.missing == 10


@pytest.mark.parametrize("unreadable", ["TCS", None])
async def test_a_row_that_cannot_be_read_is_told_like_an_unread_account(
    house: House, unreadable: str | None
) -> None:
    house.broker.unread_positions = frozenset({unreadable})
    house.broker.sell_by_hand(10)
    await house.clock.advance(EVERY.total_seconds() + 70)
    assert house.kinds == ["account_unread"]
    assert "TCS" in house.alerts.raised[0].text
    assert house.claim.noted.missing == 0


async def test_a_login_that_was_needed_is_taken_up_within_seconds(house: House) -> None:
    house.brokers.logged_in = False
    await house.clock.advance(EVERY.total_seconds() + 30)
    house.broker.sell_by_hand(10)
    house.brokers.logged_in = True
    await house.clock.advance(10)
    assert house.claim.noted.missing == 10


async def test_an_account_without_claims_is_left_alone(house: House) -> None:
    house.reads.states[ACCOUNT] = AccountState()
    await house.clock.advance(EVERY.total_seconds() + 1)
    asked = house.broker.asked
    assert not house.reads.rows
    await house.clock.advance(300)
    assert house.broker.asked == asked


async def test_a_short_position_after_a_sale_is_told(house: House) -> None:
    sold = replace(HELD, held=0, sold=10, baseline=0)
    house.reads.states[ACCOUNT] = AccountState((sold,))
    for _ in range(2):
        house.broker.sell_by_hand(10)
    await house.clock.advance(EVERY.total_seconds() + 5)
    assert house.kinds == ["oversold"]
    assert house.claim.noted.oversold == 10


async def test_the_baselines_of_entries_of_one_second_come_from_one_reading(house: House) -> None:
    others = [replace(ENTRY, key=replace(ENTRY.key, strategy_id=UUID(int=10 + n))) for n in range(8)]
    house.broker.book.append(replace(PURCHASE, broker_order_id="own", quantity=7, filled_quantity=7))
    await house.clock.advance(5)
    asked = house.broker.asked
    house.reads.states[ACCOUNT] = AccountState((HELD,), tuple(others))
    await house.clock.advance(1)
    assert house.broker.asked == asked + 1
    assert house.reads.baselines == {one.key.strategy_id: (7, 0) for one in others}


async def test_a_baseline_is_not_taken_while_an_order_is_under_way_and_a_moment_later_it_is(
    house: House,
) -> None:
    await house.clock.advance(5)
    flying = replace(HELD, in_flight=True)
    house.reads.states[ACCOUNT] = AccountState((flying,), (replace(ENTRY, in_flight=True),))
    await house.clock.advance(3)
    assert not house.reads.baselines
    house.reads.states[ACCOUNT] = AccountState((HELD,), (ENTRY,))
    await house.clock.advance(3)
    assert house.reads.baselines == {ENTRY.key.strategy_id: (0, 0)}


async def test_the_watch_goes_on_when_the_store_was_away(house: House) -> None:
    house.reads.down = True
    house.broker.sell_by_hand(10)
    await house.clock.advance(60)
    house.reads.down = False
    await house.clock.advance(EVERY.total_seconds())
    assert house.claim.noted.missing == 10


@pytest.fixture
async def delivering(house: House) -> House:
    """The strategy bought with CNC, and the account shows less than it holds: the holdings are read."""
    terms = OrderTerms("NSE", "TCS", Product.CNC)
    house.reads.states[ACCOUNT] = AccountState((replace(HELD, terms=terms),))
    house.broker.book = []
    house.broker.held_before = 10
    house.broker.isins = {("NSE", "TCS"): "INE467B01029"}
    return house


async def test_a_reading_of_holdings_notes_their_isins_once_a_day(delivering: House) -> None:
    await delivering.clock.advance(90)
    (seen,) = delivering.isins.of(("NSE", "TCS"))
    assert (seen.isin, delivering.isins.writes) == ("INE467B01029", 1)
    await delivering.clock.advance(86_400)
    (seen,) = delivering.isins.of(("NSE", "TCS"))
    assert seen.last_seen > seen.first_seen
    assert delivering.isins.writes == 2


async def test_an_isin_that_cannot_be_noted_costs_no_reading_and_is_noted_later(delivering: House) -> None:
    delivering.isins.down = True
    await delivering.clock.advance(90)
    read = delivering.broker.asked
    assert read > 1
    assert delivering.reads.rows[ACCOUNT].failed_since is None
    delivering.isins.down = False
    await delivering.clock.advance(31)
    assert delivering.broker.asked > read
    assert delivering.isins.of(("NSE", "TCS")) != []
