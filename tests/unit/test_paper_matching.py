"""The matching, positions, margins, limits and faults of the paper exchange, without a process."""

from collections import deque
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.accounts import Account
from paper.calendar import AlwaysOpen
from paper.clock import Clock
from paper.derivatives import listing
from paper.exchange import Exchange
from paper.faults import Faults, Request
from paper.ids import Ids
from paper.instruments import Instrument
from paper.kite_error import KiteError
from paper.limits import Limits
from paper.margins import available
from paper.market import Market
from paper.order_service import OrderFaults, OrderService
from paper.orders import Order, history_rows, row
from paper.positions import Position, day_row, net_row

START = 1_795_400_000.0
FORM = {
    "exchange": "NSE",
    "tradingsymbol": "TCS",
    "transaction_type": "BUY",
    "quantity": "1",
    "product": "CNC",
    "order_type": "MARKET",
    "market_protection": "-1",
}


class House:
    """One exchange, one account, TCS at 3550, and a wall clock that a test moves."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        clock = Clock(lambda: self.now)
        calendar = AlwaysOpen()
        market = Market(listing(date(2026, 11, 23)), clock, calendar, seed=7, origin=START)
        self.exchange = Exchange(market, clock, calendar, **options)
        self.desk = OrderService(self.exchange)
        self.pushed: deque[tuple[str, str]] = deque()
        self.exchange.on_push.append(lambda order, status: self.pushed.append((order.order_id, status)))
        self.account = self.exchange.open_account("U1", 1_000_000_000)
        self.price(3550)

    def price(self, rupees: float, symbol: str = "TCS") -> None:
        self.exchange.market.fix(self.share(symbol), round(rupees * 100))

    def share(self, symbol: str = "TCS") -> Instrument:
        found = self.exchange.market.listing.find("NSE", symbol)
        assert found is not None
        return found

    def order(self, faults: OrderFaults | None = None, **changed: str) -> Order:
        ticket = self.desk.check(self.account, FORM | changed, changed.pop("variety", "regular"))
        return self.desk.place(self.account, ticket, self.now, faults or OrderFaults())

    def limit(self, price: str, **changed: str) -> Order:
        return self.order(None, **({"order_type": "LIMIT", "price": price} | changed))


@pytest.fixture
def house() -> House:
    return House()


def test_market_orders_pay_a_tick(house: House) -> None:
    bought, sold = house.order(), house.order(transaction_type="SELL")
    assert (bought.filled_value, sold.filled_value) == (355_010, 354_990)


def test_limit_that_crosses_gets_the_better_price(house: House) -> None:
    assert house.limit("3560").filled_value == 355_010


@pytest.mark.parametrize("gap", [3500, 3490, 3000])
def test_resting_limit_is_filled_at_its_own_price(house: House, gap: float) -> None:
    order = house.limit("3500")
    assert order.status == "OPEN"
    house.price(gap)
    assert (order.status, order.filled_value) == ("COMPLETE", 350_000)


def test_resting_limit_waits_while_the_price_is_away(house: House) -> None:
    order = house.limit("3500")
    house.price(3500.1)
    assert order.status == "OPEN"


def test_orders_on_one_share_leave_the_others_alone(house: House) -> None:
    order = house.limit("3500")
    house.price(100, "INFY")
    assert order.status == "OPEN"


def test_stop_limit_below_the_market_waits_triggers_and_may_rest(house: House) -> None:
    house.order(product="MIS", quantity="5")
    stop = house.order(
        product="MIS",
        transaction_type="SELL",
        quantity="5",
        order_type="SL",
        price="3500",
        trigger_price="3501",
    )
    assert stop.status == "TRIGGER PENDING"
    house.price(3499)
    assert (stop.status, stop.filled) == ("OPEN", 0)
    house.price(3500)
    assert (stop.status, stop.filled_value) == ("COMPLETE", 5 * 350_000)


def test_buy_stop_below_the_market_is_rejected_with_an_id(house: House) -> None:
    order = house.order(order_type="SL-M", trigger_price="3500")
    assert order.status == "REJECTED"
    assert order in house.exchange.ledger.orders


def test_updates_are_pushed_for_ends_and_parts_never_for_placing(house: House) -> None:
    resting = house.limit("3500")
    assert list(house.pushed) == []
    house.price(3500)
    bought = house.order()
    assert list(house.pushed) == [(resting.order_id, "COMPLETE"), (bought.order_id, "COMPLETE")]


def test_history_ends_with_the_row_of_the_book(house: House) -> None:
    order = house.order()
    assert history_rows(order)[-1] == row(order)
    assert [line["filled_quantity"] for line in history_rows(order)] == [0, 0, 0, 0, 1]


def test_order_ids_grow_within_one_millisecond() -> None:
    ids = Ids(lambda: START)
    made = [ids.order() for _ in range(1000)]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {19}


def test_margin_is_tied_up_by_what_rests_and_freed_by_a_cancel(house: House) -> None:
    def free() -> int:
        return available(house.account, house.exchange.last)

    start = free()
    order = house.limit("3500", quantity="10")
    assert free() == start - 3_500_000
    house.desk.cancel(house.account, order.order_id)
    assert free() == start
    house.order(product="MIS", quantity="10")
    assert free() == start - 710_020


def test_closing_a_position_needs_no_margin() -> None:
    house = House()
    house.account.cash = 75_000
    house.order(product="MIS")
    closing = house.order(product="MIS", transaction_type="SELL")
    assert closing.status == "COMPLETE"


@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 500), st.integers(1, 10**7)), max_size=12
    ),
    st.integers(-500, 500),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
)
def test_positions_keep_kites_identities(
    fills: list[tuple[str, int, int]], overnight: int, last: int, close: int
) -> None:
    share = Instrument(1, "X", "X", "NSE", "NSE", 100, 5)
    position = Position(share, "NRML", overnight=overnight, overnight_value=abs(overnight) * 900)
    for side, quantity, price in fills:
        position.fill(side, quantity, price)
    for line in (net_row(position, last, close), day_row(position, last, close)):
        assert line["quantity"] == line["buy_quantity"] - line["sell_quantity"]
        assert line["value"] == pytest.approx(line["sell_value"] - line["buy_value"], abs=0.02)
        assert line["pnl"] == pytest.approx(line["value"] + line["quantity"] * line["last_price"], abs=0.02)
        assert line["m2m"] == pytest.approx(
            line["sell_m2m"] - line["buy_m2m"] + line["quantity"] * line["last_price"], abs=0.02
        )


@given(st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 50)), min_size=1, max_size=15))
def test_cnc_account_never_sells_what_it_has_not(asked: list[tuple[str, int]]) -> None:
    house = House()
    for side, quantity in asked:
        held = house.account.net(house.share(), "CNC")
        if side == "SELL" and quantity > held:
            with pytest.raises(KiteError, match="Insufficient stock holding"):
                house.order(transaction_type=side, quantity=str(quantity))
        else:
            assert house.order(transaction_type=side, quantity=str(quantity)).status == "COMPLETE"
        assert house.account.net(house.share(), "CNC") >= 0


def test_part_waits_until_it_is_modified(house: House) -> None:
    fault = house.exchange.faults.add({"kind": "partial_fill", "fraction": 0.35})
    order = house.order(OrderFaults(fill=fault), quantity="10")
    assert (order.status, order.filled) == ("OPEN", 3)
    house.price(3000)
    assert order.filled == 3
    house.price(3550)
    house.desk.modify(house.account, order.order_id, {"quantity": "9"})
    assert (order.status, order.filled) == ("COMPLETE", 9)


def test_resting_part_fills_its_part_when_the_price_comes(house: House) -> None:
    fault = house.exchange.faults.add({"kind": "partial_then_cancel", "fraction": 0.5})
    order = house.order(OrderFaults(fill=fault), quantity="4", order_type="LIMIT", price="3500")
    house.price(3500)
    assert (order.status, order.filled, order.cancelled) == ("CANCELLED", 2, 2)
    assert [status for _, status in house.pushed] == ["UPDATE", "CANCELLED"]


def test_orders_are_counted_by_calendar_second_minute_and_day() -> None:
    limits = Limits()
    for _ in range(10):
        limits.order("U1", 1000.99, "d")
    with pytest.raises(KiteError) as refused:
        limits.order("U1", 1000.999, "d")
    assert refused.value.status == 429
    limits.order("U2", 1000.999, "d")
    limits.order("U1", 1001.0, "d")


def test_401st_order_of_a_minute_is_refused() -> None:
    limits = Limits()
    for number in range(400):
        limits.order("U1", 1200 + number // 10, "d")
    with pytest.raises(KiteError) as refused:
        limits.order("U1", 1259, "d")
    assert refused.value.status == 429
    limits.order("U1", 1260, "d")


def test_5001st_order_of_a_day_is_refused_for_good() -> None:
    limits = Limits()
    for number in range(5000):
        limits.order("U1", 10 * number, "d")
    with pytest.raises(KiteError) as refused:
        limits.order("U1", 90_000, "d")
    assert (refused.value.status, refused.value.message) == (400, "Maximum allowed order requests exceeded.")
    limits.order("U1", 90_001, "next")


def test_changes_share_the_second_with_placements_and_reads_do_not() -> None:
    limits = Limits()
    for _ in range(10):
        limits.change("U1", 1000)
    limits.read("other", "key", 1000)
    with pytest.raises(KiteError):
        limits.order("U1", 1000, "d")


def faults_at(moments: list[float]) -> Faults:
    return Faults(lambda: moments[0])


PLACING = Request("U1", "/orders/regular", True, "BUY", "TCS")


def test_oldest_fault_of_a_group_strikes_first() -> None:
    faults = faults_at([START])
    first, second = faults.add({"kind": "http_503"}), faults.add({"kind": "slow"})
    assert faults.take("answer", PLACING) is first
    assert faults.take("answer", PLACING) is second
    assert faults.take("answer", PLACING) is None


def test_fault_without_a_path_means_placement() -> None:
    faults = faults_at([START])
    faults.add({"kind": "http_503"})
    assert faults.take("answer", Request("U1", "/orders", False)) is None
    assert faults.take("answer", PLACING) is not None


def test_side_and_symbol_match_placements_only() -> None:
    faults = faults_at([START])
    faults.add({"kind": "http_503", "match": {"side": "BUY", "path": "/orders"}})
    assert faults.take("answer", Request("U1", "/orders/regular/1", False)) is None
    assert faults.take("answer", Request("U1", "/orders/regular", True, "SELL", "TCS")) is None
    assert faults.take("answer", PLACING) is not None


def test_fault_for_seconds_strikes_until_they_are_over() -> None:
    moments = [START]
    faults = faults_at(moments)
    faults.add({"kind": "http_503", "seconds": 10})
    assert all(faults.take("answer", PLACING) for _ in range(50))
    moments[0] += 10
    assert faults.take("answer", PLACING) is None


def test_groups_are_taken_side_by_side() -> None:
    faults = faults_at([START])
    for kind in ("slow", "late_visibility", "partial_fill"):
        faults.add({"kind": kind})
    assert [faults.take(group, PLACING) is not None for group in ("answer", "book", "fill", "account")] == [
        True,
        True,
        True,
        False,
    ]
    assert faults.take("book", PLACING) is None


def test_account_is_its_users_own() -> None:
    house = House()
    other: Account = house.exchange.open_account("U2", 100)
    order = house.order()
    with pytest.raises(KiteError, match="Couldn't find"):
        house.desk.cancel(other, order.order_id)
    assert other.positions == {}
