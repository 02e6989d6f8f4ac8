"""What signals and updates of a run are read as, and which updates are refused."""

from decimal import Decimal

import pytest

from domain.limits import LimitName
from domain.messages import read_hit, read_limit, read_stop, stop_fault
from domain.strategy import OnStop


@pytest.mark.parametrize(
    ("message", "price"),
    [
        ({"price": "3399.95"}, Decimal("3399.95")),
        ({"price": 3399.95}, Decimal("3399.95")),
        ({"price": 3400, "tick_at": "rubbish", "seen_at": 7}, Decimal(3400)),
        ({"price": True}, None),
        ({"price": float("inf")}, None),
        ({"price": "0"}, None),
        ([], None),
        ("3400", None),
    ],
)
def test_stop_loss_message_is_read_tolerantly(message: object, price: Decimal | None) -> None:
    hit = read_hit(message)
    assert (hit.price if hit else None) == price


@pytest.mark.parametrize(
    ("message", "on_stop"),
    [({"on_stop": "keep"}, OnStop.KEEP), ("exit", OnStop.EXIT), (None, None), ({"on_stop": 7}, None)],
)
def test_stop_message_is_read_tolerantly(message: object, on_stop: OnStop | None) -> None:
    assert read_stop(message) is on_stop
    assert read_limit(message) is None


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ({"on_stop": "exit", "limit": "daily_loss"}, LimitName.DAILY_LOSS),
        ({"limit": 7}, None),
        ({"limit": None}, None),
        (7, None),
    ],
)
def test_the_limit_in_a_stop_is_read_tolerantly(message: object, limit: LimitName | None) -> None:
    assert read_limit(message) is limit


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"on_stop": "exit"},
        {"on_stop": "keep"},
        {"on_stop": None},
        {"on_stop": OnStop.EXIT, "limit": LimitName.DAILY_LOSS},
        {"on_stop": "exit", "limit": None},
    ],
)
def test_a_stop_that_says_what_is_wanted_is_carried_out(message: object) -> None:
    assert stop_fault(message) is None


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"on_stop": "KEEP"}, "'KEEP'"),
        ({"onstop": "keep"}, "'onstop'"),
        ({"on_stop": "keep", "note": 1}, "'note'"),
        ({"on_stop": ["keep"]}, "['keep']"),
        ({"on_stop": True}, "True"),
        ({"on_stop": ""}, "''"),
        ({"on_stop": "exit", "limit": "rain"}, "'rain'"),
        ("foo", "'foo'"),
        ("keep", "'keep'"),
        ("", "''"),
        ([], "[]"),
        (0, "0"),
        ("x" * 1000, "…"),
    ],
)
def test_a_stop_that_may_mean_another_thing_is_refused_in_words(message: object, named: str) -> None:
    fault = stop_fault(message)
    assert fault is not None
    assert named in fault
    assert '{"on_stop": "exit"}' in fault
    assert '{"on_stop": "keep"}' in fault
    assert len(fault) < 300
