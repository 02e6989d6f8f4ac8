"""Kite's own client, unmodified, against the paper exchange: every everyday method."""

import gzip
import hashlib
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_process import PaperAccount, PaperProcess, eventually

IST = timezone(timedelta(hours=5, minutes=30))
CANDLE_LIMITS = {"minute": 60, "5minute": 100, "15minute": 200, "60minute": 400, "day": 2000}


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def account(paper: PaperProcess) -> PaperAccount:
    return paper.account()


@pytest.fixture
def kite(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return client(paper, account)


def client(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return KiteConnect(account.api_key, account.access_token, root=paper.url)


def buy(kite: KiteConnect, symbol: str = "TCS", quantity: int = 1, **changed: Any) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": symbol,
        "transaction_type": "BUY",
        "quantity": quantity,
        "product": "CNC",
        "order_type": "MARKET",
        "market_protection": -1,
    }
    order_id: str = kite.place_order(**(order | changed))
    return order_id


def limit(kite: KiteConnect, price: float, symbol: str = "TCS", **changed: Any) -> str:
    resting = {"order_type": "LIMIT", "price": price, "market_protection": None}
    asked: dict[str, Any] = {"tradingsymbol": symbol, **resting, **changed}
    return buy(kite, **asked)


# Sessions


def test_login_flow_gives_a_working_token_and_kills_the_old_one(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    fresh = KiteConnect(account.api_key, root=paper.url)
    session = fresh.generate_session(paper.login(account.user_id), account.api_secret)
    assert session["user_id"] == account.user_id
    assert isinstance(session["login_time"], datetime)
    assert fresh.profile()["broker"] == "ZERODHA"
    with pytest.raises(kite_errors.TokenException):
        kite.profile()


def test_request_token_is_refused_when_used_twice(paper: PaperProcess, account: PaperAccount) -> None:
    token = paper.login(account.user_id)
    KiteConnect(account.api_key, root=paper.url).generate_session(token, account.api_secret)
    with pytest.raises(kite_errors.TokenException, match="Token is invalid or has expired"):
        KiteConnect(account.api_key, root=paper.url).generate_session(token, account.api_secret)


def test_request_token_is_refused_when_the_secret_is_wrong(
    paper: PaperProcess, account: PaperAccount
) -> None:
    with pytest.raises(kite_errors.TokenException, match="checksum"):
        KiteConnect(account.api_key, root=paper.url).generate_session(paper.login(account.user_id), "wrong")


def test_login_page_sends_the_browser_back_with_a_request_token(
    paper: PaperProcess, account: PaperAccount
) -> None:
    answer = requests.get(
        f"{paper.url}/connect/login",
        params={
            "v": "3",
            "api_key": account.api_key,
            "redirect_params": "state=abc",
            "redirect_url": "http://127.0.0.1:1/broker/callback",
        },
        allow_redirects=False,
        timeout=5,
    )
    assert answer.status_code == 302
    query = dict(pair.split("=") for pair in answer.headers["Location"].partition("?")[2].split("&"))
    assert query["status"] == "success"
    assert query["state"] == "abc"
    checksum = hashlib.sha256(
        (account.api_key + query["request_token"] + account.api_secret).encode()
    ).hexdigest()
    form = {"api_key": account.api_key, "request_token": query["request_token"], "checksum": checksum}
    session = requests.post(f"{paper.url}/session/token", data=form, timeout=5).json()
    assert session["data"]["user_id"] == account.user_id


def test_token_is_dead_when_it_was_invalidated(kite: KiteConnect) -> None:
    heard: list[bool] = []
    kite.set_session_expiry_hook(lambda: heard.append(True))
    assert kite.invalidate_access_token() is True
    with pytest.raises(kite_errors.TokenException) as refused:
        kite.orders()
    assert refused.value.code == 403
    assert heard == [True]


def test_request_without_a_token_is_a_400(paper: PaperProcess) -> None:
    answer = requests.get(f"{paper.url}/orders", timeout=5)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "InputException")


def test_morning_login_keeps_the_keys_and_changes_the_token(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    again = paper.account(account.user_id)
    assert (again.api_key, again.api_secret) == (account.api_key, account.api_secret)
    assert again.access_token != account.access_token
    with pytest.raises(kite_errors.TokenException):
        kite.orders()
    assert client(paper, again).orders() == []


# Orders


def test_market_order_is_complete_in_the_book_when_the_answer_is_out(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    paper.price("TCS", 3550)
    order_id = buy(kite, quantity=5, tag="morning1")
    (row,) = kite.orders()
    assert row["order_id"] == order_id
    assert len(order_id) == 19
    assert row["status"] == "COMPLETE"
    assert (row["filled_quantity"], row["pending_quantity"]) == (5, 0)
    assert row["average_price"] == 3550.1
    assert row["tag"] == "morning1"
    assert isinstance(row["order_timestamp"], datetime)


def test_protected_market_order_is_booked_as_a_limit(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    buy(kite, "INFY", tag="t")
    buy(kite, "INFY", market_protection=2)
    automatic, explicit = kite.orders()
    assert automatic["order_type"] == explicit["order_type"] == "LIMIT"
    assert automatic["price"] == 1507.5
    assert automatic["tags"] == ["t", "mktp"]
    assert automatic["market_protection"] == 0
    assert explicit["price"] == 1530
    assert explicit["tags"] == ["mktp:2.00"]


def test_market_order_without_protection_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.InputException, match="without market protection") as refused:
        buy(kite, market_protection=None, tag="bare")
    assert refused.value.code == 400
    assert kite.orders() == []
    assert [row["tag"] for row in paper.refused()].count("bare") == 1


def test_history_goes_through_the_classic_statuses(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)
    kite.modify_order("regular", order_id, price=3501, quantity=2)
    kite.cancel_order("regular", order_id)
    history = kite.order_history(order_id)
    assert [row["status"] for row in history] == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
        "CANCEL PENDING",
        "CANCELLED",
    ]
    assert history[0]["exchange_order_id"] is None
    assert history[3]["price"] == 3500
    last = history[-1]
    assert (last["quantity"], last["price"], last["cancelled_quantity"]) == (2, 3501, 2)
    assert last["pending_quantity"] == 2
    assert last["status_message"] is None


def test_limit_order_rests_and_fills_when_the_price_comes(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("SBIN", 880)
    order_id = limit(kite, 870, "SBIN", quantity=3)
    assert kite.order_history(order_id)[-1]["status"] == "OPEN"
    paper.price("SBIN", 869)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["average_price"]) == ("COMPLETE", 870)


def test_stop_order_waits_for_its_trigger(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("ITC", 400)
    buy(kite, "ITC", 10, product="MIS")
    stop = buy(
        kite,
        "ITC",
        10,
        product="MIS",
        transaction_type="SELL",
        order_type="SL",
        trigger_price=395,
        price=394,
        market_protection=None,
    )
    assert kite.order_history(stop)[-1]["status"] == "TRIGGER PENDING"
    paper.price("ITC", 395)
    statuses = [row["status"] for row in kite.order_history(stop)]
    assert statuses[-3:] == ["TRIGGER PENDING", "OPEN", "COMPLETE"]
    assert kite.positions()["net"][0]["quantity"] == 0


def test_protected_stop_market_sells_when_triggered(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("WIPRO", 245)
    buy(kite, "WIPRO", 4)
    stop = buy(kite, "WIPRO", 4, transaction_type="SELL", order_type="SL-M", trigger_price=240)
    assert kite.order_history(stop)[-1]["status"] == "TRIGGER PENDING"
    paper.price("WIPRO", 238)
    row = kite.order_history(stop)[-1]
    assert (row["status"], row["average_price"]) == ("COMPLETE", 237.99)


def test_ioc_remainder_is_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500, validity="IOC")
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"


def test_cover_order_leaves_a_stop_leg_that_can_be_exited(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("RELIANCE", 1480)
    parent = buy(kite, "RELIANCE", variety="co", product="MIS", trigger_price=1470)
    leg = next(row for row in kite.orders() if row["parent_order_id"] == parent)
    assert (leg["product"], leg["status"], leg["transaction_type"]) == ("CO", "TRIGGER PENDING", "SELL")
    kite.exit_order("co", leg["order_id"], parent_order_id=parent)
    assert kite.order_history(leg["order_id"])[-1]["status"] == "COMPLETE"
    assert kite.positions()["net"][0]["quantity"] == 0


def test_after_market_order_can_be_changed_and_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("RELIANCE", 1480)
    order_id = limit(kite, 1470, "RELIANCE", variety="amo")
    kite.modify_order("amo", order_id, quantity=2, price=1469)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["quantity"], row["price"]) == ("AMO REQ RECEIVED", 2, 1469)
    assert kite.cancel_order("amo", order_id) == order_id
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"


def test_autoslice_answers_with_parent_and_children(kite: KiteConnect) -> None:
    answer = kite.place_autoslice_order(
        "regular", "NSE", "TCS", "BUY", 1, "CNC", "MARKET", market_protection=-1
    )
    assert answer["children"][0]["order_id"]


def test_trades_belong_to_their_order(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = buy(kite, quantity=2)
    (trade,) = kite.order_trades(order_id)
    assert (trade["quantity"], trade["average_price"]) == (2, 3550.1)
    assert isinstance(trade["fill_timestamp"], datetime)
    assert trade["order_timestamp"] == trade["fill_timestamp"].strftime("%H:%M:%S")
    assert kite.trades() == [trade]


def test_price_a_hair_off_the_tick_is_on_the_tick(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    limit(kite, 3500.1000009)
    assert kite.orders()[0]["price"] == 3500.1


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"order_type": "LIMIT", "price": 3500.05}, kite_errors.InputException, "Tick size for this script"),
        ({"order_type": "LIMIT"}, kite_errors.InputException, "Missing or empty field `price`"),
        ({"order_type": "LIMIT", "price": 2000}, kite_errors.OrderException, "lower circuit limit of 2840"),
        ({"order_type": "LIMIT", "price": 5000}, kite_errors.OrderException, "upper circuit limit of 4260"),
        ({"order_type": "LIMIT", "price": float("nan")}, kite_errors.InputException, "Tick size"),
        ({"quantity": 0}, kite_errors.InputException, "quantity"),
        ({"quantity": -1}, kite_errors.InputException, "quantity"),
        ({"product": "NRML"}, kite_errors.InputException, "NRML is not allowed in NSE"),
        ({"product": ""}, kite_errors.InputException, "Missing or empty field `product`"),
        ({"tradingsymbol": "NOSUCH"}, kite_errors.InputException, "does not exist"),
        ({"tradingsymbol": "NIFTY 50"}, kite_errors.InputException, "does not exist"),
        ({"tag": "x" * 21}, kite_errors.InputException, "`tag`"),
        ({"market_protection": 101}, kite_errors.InputException, "market_protection"),
        ({"variety": "bo"}, kite_errors.InputException, "variety"),
        ({"validity": "GTC"}, kite_errors.InputException, "validity"),
        (
            {"transaction_type": "SELL", "product": "MIS", "order_type": "SL-M", "trigger_price": 3600},
            kite_errors.OrderException,
            "lower than the last traded price",
        ),
    ],
)
def test_bad_order_is_refused_and_makes_no_row(
    paper: PaperProcess, kite: KiteConnect, changed: dict[str, Any], error: type[Exception], text: str
) -> None:
    paper.price("TCS", 3550)
    with pytest.raises(error, match=text) as refused:
        buy(kite, **changed)
    assert refused.value.code == 400  # type: ignore[attr-defined]
    assert kite.orders() == []


def test_lot_is_asked_for_in_derivatives(kite: KiteConnect) -> None:
    future = next(row for row in kite.instruments("NFO") if row["name"] == "TCS")
    order = {"exchange": "NFO", "tradingsymbol": future["tradingsymbol"], "product": "NRML"}
    with pytest.raises(kite_errors.InputException, match=f"Lot size is {future['lot_size']}"):
        buy(kite, quantity=1, **order)
    buy(kite, quantity=future["lot_size"], **order)
    assert kite.orders()[0]["status"] == "COMPLETE"


def test_cnc_sell_beyond_what_is_held_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    with pytest.raises(kite_errors.GeneralException, match="Insufficient stock holding") as refused:
        buy(kite, transaction_type="SELL")
    assert refused.value.code == 400
    buy(kite, quantity=3)
    limit(kite, 3600, transaction_type="SELL", quantity=2)
    with pytest.raises(kite_errors.GeneralException, match="pending sell orders"):
        buy(kite, transaction_type="SELL", quantity=2)
    buy(kite, transaction_type="SELL", quantity=1)
    assert kite.positions()["net"][0]["quantity"] == 2


def test_order_beyond_the_margin_is_rejected_with_an_id(paper: PaperProcess) -> None:
    poor = client(paper, paper.account(cash=1000))
    order_id = buy(poor)
    row = poor.order_history(order_id)[-1]
    assert row["status"] == "REJECTED"
    assert row["status_message"].startswith("Insufficient funds. Required margin is")
    assert "RMS:Margin Exceeds" in row["status_message_raw"]
    assert (row["pending_quantity"], row["exchange_order_id"]) == (0, None)


def test_done_order_can_be_neither_changed_nor_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    order_id = buy(kite)
    with pytest.raises(kite_errors.OrderException, match="cannot be cancelled as it is being processed"):
        kite.cancel_order("regular", order_id)
    with pytest.raises(kite_errors.OrderException, match="cannot be modified as it is being processed"):
        kite.modify_order("regular", order_id, price=3000)


def test_unknown_order_is_an_error(kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.GeneralException, match="Couldn't find that `order_id`"):
        kite.order_history("1234567890123456789")


def test_modification_to_market_needs_protection_and_fills(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)
    with pytest.raises(kite_errors.InputException, match="without market protection"):
        kite.modify_order("regular", order_id, order_type="MARKET")
    kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1)
    assert kite.order_history(order_id)[-1]["status"] == "COMPLETE"


def test_26th_modification_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)

    def modified(price: float) -> bool:
        try:
            kite.modify_order("regular", order_id, price=price)
        except kite_errors.NetworkException as error:
            if error.code != 429:
                raise
            return False
        return True

    for number in range(25):
        eventually(lambda number=number: modified(3400 + number))
    with pytest.raises(kite_errors.NetworkException, match="Maximum allowed order modifications") as refused:
        eventually(lambda: modified(3450))
    assert refused.value.code == 400


# Portfolio and money


def test_positions_keep_kites_identities(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("HDFCBANK", 1000)
    buy(kite, "HDFCBANK", 10, product="MIS")
    paper.price("HDFCBANK", 1010)
    buy(kite, "HDFCBANK", 4, product="MIS", transaction_type="SELL")
    buy(kite, "TCS", 1)
    positions = kite.positions()
    assert len(positions["net"]) == len(positions["day"]) == 2
    for row in positions["net"] + positions["day"]:
        assert row["value"] == pytest.approx(row["sell_value"] - row["buy_value"])
        assert row["pnl"] == pytest.approx(row["value"] + row["quantity"] * row["last_price"])
        assert row["m2m"] == pytest.approx(
            row["sell_m2m"] - row["buy_m2m"] + row["quantity"] * row["last_price"]
        )
    bank = next(row for row in positions["net"] if row["tradingsymbol"] == "HDFCBANK")
    assert (bank["quantity"], bank["buy_quantity"], bank["sell_quantity"]) == (6, 10, 4)


def test_margins_move_with_orders(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    before = kite.margins("equity")["net"]
    assert before == 10_000_000
    limit(kite, 3500, quantity=10)
    assert kite.margins("equity")["net"] == before - 35_000
    kite.cancel_order("regular", kite.orders()[0]["order_id"])
    assert kite.margins()["equity"]["available"]["live_balance"] == before
    assert kite.margins()["commodity"]["net"] == 0


def test_bought_shares_are_holdings_the_next_day() -> None:
    with PaperProcess() as paper:
        account = paper.account()
        kite = client(paper, account)
        paper.price("TCS", 3550)
        buy(kite, quantity=5)
        assert kite.holdings() == []
        tomorrow = datetime.fromisoformat(paper.clock()["now"]) + timedelta(days=1)
        paper.clock(now=tomorrow.isoformat())
        (held,) = kite.holdings()
        assert (held["tradingsymbol"], held["t1_quantity"], held["average_price"]) == ("TCS", 5, 3550.1)
        assert kite.positions() == {"net": [], "day": []}
        assert kite.orders() == []
        buy(kite, transaction_type="SELL", quantity=2)
        assert kite.holdings()[0]["used_quantity"] == 2


def test_position_is_converted(paper: PaperProcess, kite: KiteConnect) -> None:
    buy(kite, quantity=5)
    assert kite.convert_position("NSE", "TCS", "BUY", "day", 2, "CNC", "MIS") is True
    rows = {row["product"]: row["quantity"] for row in kite.positions()["net"]}
    assert rows == {"CNC": 3, "MIS": 2}


def test_auctions_and_funds_are_there_to_read(kite: KiteConnect) -> None:
    assert kite.get_auction_instruments() == []
    (order,) = kite.mf_orders()
    assert kite.mf_orders(order["order_id"])["order_id"] == order["order_id"]
    (sip,) = kite.mf_sips()
    assert kite.mf_sips(sip["sip_id"])["status"] == "ACTIVE"
    assert kite.mf_holdings()[0]["quantity"] > 0
    assert kite.mf_instruments()[0]["purchase_allowed"] is True


# Market data


def test_instruments_are_listed_with_lots_and_ticks(kite: KiteConnect) -> None:
    rows = {(row["exchange"], row["tradingsymbol"]): row for row in kite.instruments()}
    for symbol in ("TCS", "INFY", "SBIN", "RELIANCE"):
        assert rows["NSE", symbol]["lot_size"] == rows["BSE", symbol]["lot_size"] == 1
    assert rows["NSE", "INFY"]["instrument_token"] == 408065
    assert rows["NSE", "NIFTY 50"]["segment"] == "INDICES"
    assert len(kite.instruments("NSE")) >= 50
    for row in rows.values():
        assert row["instrument_token"] // 256 == int(row["exchange_token"])
        assert (row["tick_size"] > 0) == (row["segment"] != "INDICES")


def test_instruments_are_zipped_for_who_takes_it_and_need_no_token(paper: PaperProcess) -> None:
    plain = urllib.request.urlopen(f"{paper.url}/instruments/NSE", timeout=5).read()  # noqa: S310
    request = urllib.request.Request(  # noqa: S310
        f"{paper.url}/instruments/NSE", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "text/csv"
        assert gzip.decompress(answer.read()) == plain


def test_quotes_are_keyed_as_asked_and_leave_out_what_is_unknown(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    paper.price("TCS", 3550)
    quote = kite.quote("NSE:TCS", "NSE:NOSUCH")
    assert list(quote) == ["NSE:TCS"]
    tcs = quote["NSE:TCS"]
    assert tcs["last_price"] == 3550
    assert (tcs["lower_circuit_limit"], tcs["upper_circuit_limit"]) == (2840, 4260)
    assert tcs["depth"]["buy"][0]["price"] < 3550 < tcs["depth"]["sell"][0]["price"]
    assert isinstance(tcs["timestamp"], datetime)


def test_ltp_and_ohlc_take_lists(paper: PaperProcess) -> None:
    paper.price("INFY", 1500)
    one, other = client(paper, paper.account()), client(paper, paper.account())
    assert one.ltp(["NSE:INFY", "NSE:NIFTY 50"])["NSE:INFY"]["last_price"] == 1500
    assert other.ohlc(["NSE:INFY"])["NSE:INFY"]["ohlc"]["low"] <= 1500


def test_trigger_range_brackets_the_price(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    assert kite.trigger_range("BUY", "NSE:INFY")["NSE:INFY"]["upper"] == 1500
    assert kite.trigger_range("SELL", ["NSE:INFY"])["NSE:INFY"]["lower"] == 1500


@pytest.mark.parametrize(("interval", "days"), CANDLE_LIMITS.items())
def test_candles_hang_together_and_have_a_limit(paper: PaperProcess, interval: str, days: int) -> None:
    kite = client(paper, paper.account())
    now = datetime.now(IST)
    candles = kite.historical_data(408065, now - timedelta(days=3), now, interval, oi=True)
    assert candles
    for candle in candles:
        assert candle["low"] <= min(candle["open"], candle["close"])
        assert candle["high"] >= max(candle["open"], candle["close"])
        assert candle["oi"] == 0
    assert [c["date"] for c in candles] == sorted(c["date"] for c in candles)
    with pytest.raises(kite_errors.InputException, match=f"max limit: {days} days"):
        kite.historical_data(408065, now - timedelta(days=days + 1), now, interval)


# Margins before the order, triggers


def test_order_margins_baskets_and_charges(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    order = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "MARKET",
        "quantity": 10,
        "price": 0,
    }
    (margin,) = kite.order_margins([order])
    assert margin["total"] == margin["var"] == 3000
    assert margin["charges"]["total"] > 0
    basket = kite.basket_order_margins([order, order | {"product": "CNC"}], mode="compact")
    assert basket["initial"]["total"] == 18_000
    (note,) = kite.get_virtual_contract_note([order | {"order_id": "1", "average_price": 1500}])
    assert note["charges"]["brokerage"] == pytest.approx(4.5)


def test_trigger_places_its_order_when_the_price_is_met(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("LT", 4000)
    leg = {
        "transaction_type": "BUY",
        "quantity": 2,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": 3900,
    }
    trigger_id = kite.place_gtt("single", "LT", "NSE", [3890], 4000, [leg])["trigger_id"]
    assert kite.get_gtt(trigger_id)["status"] == "active"
    kite.modify_gtt(trigger_id, "single", "LT", "NSE", [3900], 4000, [leg])
    paper.price("LT", 3899)
    done = kite.get_gtt(trigger_id)
    assert done["status"] == "triggered"
    order_id = done["orders"][0]["result"]["order_result"]["order_id"]
    assert kite.order_history(order_id)[-1]["status"] == "COMPLETE"


def test_trigger_with_two_legs_can_be_deleted(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("LT", 4000)
    leg = {"transaction_type": "SELL", "quantity": 1, "order_type": "LIMIT", "product": "CNC", "price": 3900}
    trigger_id = kite.place_gtt("two-leg", "LT", "NSE", [3900, 4100], 4000, [leg, leg])["trigger_id"]
    assert [row["id"] for row in kite.get_gtts()] == [trigger_id]
    assert kite.delete_gtt(trigger_id)["trigger_id"] == trigger_id
    assert kite.get_gtts() == []


# Limits


def test_eleventh_order_of_a_second_is_a_429_and_not_placed(paper: PaperProcess, kite: KiteConnect) -> None:
    answers: list[int] = []

    def burst() -> bool:
        try:
            buy(kite)
        except kite_errors.NetworkException as error:
            answers.append(error.code)
        return bool(answers)

    eventually(burst)
    assert answers == [429]


def test_second_quote_of_a_second_is_a_429(kite: KiteConnect) -> None:
    def refused() -> bool:
        try:
            kite.ltp("NSE:TCS")
        except kite_errors.NetworkException as error:
            return bool(error.code == 429)
        return False

    eventually(refused)


def test_unknown_path_and_method_are_errors(paper: PaperProcess) -> None:
    assert requests.get(f"{paper.url}/nothing", timeout=5).status_code == 404
    assert requests.put(f"{paper.url}/orders", timeout=5).status_code == 405
