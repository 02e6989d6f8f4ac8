"""What the words of a refusal mean: a login that is over, or an order that the broker does not take."""

import re
from typing import Any

import pytest

from adapters.kite.outcomes import placed
from adapters.kite.outcomes import read as read_of
from adapters.kite.reply import Reply
from domain.errors import BrokerRefused, LoginNeeded
from domain.outcome import Rejected
from tests.contract.test_kite_outcomes import ABSENT, FINAL, LOGIN, WRONG_TOKEN

DEAD_LOGINS = [
    WRONG_TOKEN,
    "Invalid `api_key` or `access_token`.",
    "Missing api_key or access_token",
    "Missing or empty field `access_token`",
    "Invalid access token",
    "The access_token is no longer valid.",
    "Token is invalid or has expired.",
    "Invalid or expired token.",
    "Session expired or invalid",
    "Your session has expired. Please log in again.",
    "Invalid session credentials",
    "User is not logged in.",
]
"""From kite.trade's documentation and forum, and from public logs of clients."""
REFUSALS = [
    "Insufficient permission for that call.",
    "IP (1.2.3.4) is not allowed to place orders for this app. Update allowed IPs on the developer console.",
    "No IPs configured for this app. Add allowed IPs on the Kite developer console.",
    "The user is not enabled for the app.",
    "10 quantity needs authorisation at depository.",
    "Tick size for this script is 0.05. Kindly enter price in the multiple of tick size for this script",
    "Missing or empty field `product`",
    "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80.",
    "Insufficient stock holding or there are pending sell orders for this stock. Check the orderbook",
    "MIS (intraday) are blocked as the markets are not open for trading today. Try placing an AMO order.",
    "Maximum allowed order requests exceeded.",
    "Market orders without market protection are not allowed via API. Please set market protection.",
    "Invalid `instrument_token`.",
    "Instrument token 738561 is invalid or has expired.",
    "Invalid token 738561 for NSE",
    "The token of this contract has expired.",
    "The order type is invalid in the closing auction session.",
    "The trading session has expired for this contract.",
    "Order type is invalid for this session",
    "The session is invalid for AMO orders.",
]
TYPES: list[Any] = [ABSENT, None, "InputException", "GeneralException", "OrderException", "NeverHeardOf"]


def envelope(status: int, error_type: Any, message: str) -> Reply:
    kind = None if error_type is ABSENT else error_type
    return Reply(True, status, kind, message, "GeneralException", envelope=True)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("error_type", TYPES, ids=range(len(TYPES)))
@pytest.mark.parametrize("message", DEAD_LOGINS)
def test_what_speaks_of_the_login_is_a_dead_login_whatever_its_type(
    message: str, error_type: Any, status: int
) -> None:
    reply = envelope(status, error_type, message)
    assert placed(reply) == Rejected(LOGIN, message)
    with pytest.raises(LoginNeeded):
        read_of(reply)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("error_type", TYPES, ids=range(len(TYPES)))
@pytest.mark.parametrize("message", REFUSALS)
def test_a_refusal_of_another_sort_is_no_dead_login_and_is_shown(
    message: str, error_type: Any, status: int
) -> None:
    reply = envelope(status, error_type, message)
    assert placed(reply) == Rejected(FINAL, message)
    with pytest.raises(BrokerRefused, match=re.escape(message)):
        read_of(reply)


@pytest.mark.parametrize("message", REFUSALS[:3])
def test_a_permission_is_no_login_even_under_the_tokens_type(message: str) -> None:
    assert placed(envelope(403, "TokenException", message)) == Rejected(FINAL, message)
