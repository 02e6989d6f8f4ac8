"""A browser's subscription and the server's key are checked; an answer says what it means for the channel."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import orjson
import pytest
from pywebpush import WebPusher

from adapters.notifications.push_subscription import BadSubscription, PushSubscription
from adapters.notifications.vapid import NO_CONTACT, PushKey, checked_public_key
from adapters.notifications.web_push import LONGEST_BODY, content, push_answered
from adapters.secrets.key_service import BadKey
from domain.notification import Arrival, ChannelKind, Notification, NotificationKind
from local.keys import fresh, push_public_key
from services.errors import Invalid
from services.notifications.addresses import push_address
from tests.browsers import Browser, base64url

NOW = datetime(2026, 11, 30, 4, 0, 0, 212_000, tzinfo=UTC)
STRATEGY = UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")
KEYS = fresh()
PRIVATE, PUBLIC = KEYS["STOPWATCH_PUSH_PRIVATE_KEY"], KEYS["STOPWATCH_PUSH_PUBLIC_KEY"]
ENDPOINT = "https://fcm.googleapis.com/fcm/send/a-secret-token"


def a_notification(
    kind: NotificationKind = NotificationKind.FILL, strategy_id: UUID | None = STRATEGY, text: str = "Bought."
) -> Notification:
    ids = (uuid4(), uuid4(), uuid4())
    return Notification(*ids, ChannelKind.PUSH, b"", None, strategy_id, kind, text, NOW, 1)


def subscription(**changed: Any) -> PushSubscription:
    keys: dict[str, str] = Browser(ENDPOINT).subscription["keys"]
    return PushSubscription(**{"endpoint": ENDPOINT, **keys, **changed})


def test_service_worker_is_given_a_title_a_text_and_the_page_of_the_strategy() -> None:
    notification = a_notification()
    assert content(notification) == {
        "title": "Stopwatch: Filled",
        "body": "Bought.\n30 Nov, 09:30:00 IST",
        "place": f"#/s/{STRATEGY}",
        "tag": str(notification.notice_id),
    }


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (NotificationKind.LOGIN_NEEDED, "#/broker"),
        (NotificationKind.TEST, "#/account"),
        (NotificationKind.EMERGENCY, "#/"),
    ],
)
def test_what_is_about_no_strategy_leads_to_its_own_page(kind: NotificationKind, place: str) -> None:
    assert content(a_notification(kind, None))["place"] == place


def test_longest_text_fits_into_what_a_push_service_takes() -> None:
    said = content(a_notification(text="₹" * 1000))
    assert len(said["body"]) == LONGEST_BODY
    info = subscription().checked().info
    assert len(WebPusher(info).encode(orjson.dumps(said), "aes128gcm")["body"]) <= 4096


@pytest.mark.parametrize(
    ("status", "arrival"),
    [
        *((status, Arrival.ARRIVED) for status in (200, 201, 202)),
        *((status, Arrival.GONE) for status in (404, 410)),
        *((status, Arrival.NOT_YET) for status in (429, 500, 503)),
        *((status, Arrival.UNKNOWN) for status in (502, 504)),
        *((status, Arrival.REFUSED) for status in (400, 401, 403, 413)),
    ],
)
def test_push_services_answer_says_whether_it_has_it(status: int, arrival: Arrival) -> None:
    assert push_answered(status).arrival is arrival


def test_browser_is_shown_by_its_push_services_host_alone() -> None:
    address = push_address(subscription(), anywhere=False)
    assert address.shown == "This browser (fcm.googleapis.com)"
    assert PushSubscription.of_text(address.address).endpoint == ENDPOINT


def test_keys_with_and_without_padding_are_one_subscription() -> None:
    plain = subscription()
    padded = PushSubscription(plain.endpoint, f"{plain.p256dh}=", f"{plain.auth}==")
    first, second = (push_address(one, anywhere=False) for one in (plain, padded))
    assert first == second
    assert first.digest is not None


def test_another_browser_is_another_subscription() -> None:
    first, second = (push_address(subscription(), anywhere=False).digest for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://fcm.googleapis.com/fcm/send/x"},
        {"endpoint": "https://user:password@fcm.googleapis.com/"},
        {"endpoint": "https://127.0.0.1/"},
        {"endpoint": "https://[::1]/"},
        {"endpoint": "https://169.254.169.254/latest/meta-data/"},
        {"endpoint": "https://fcm.googleapis.com:22/"},
        {"endpoint": "https://fcm.googleapis.com/ with a space"},
        {"endpoint": "not a URL"},
        {"p256dh": base64url(b"\x04" + b"\x00" * 64)},  # not on the curve
        {"p256dh": base64url(b"\x02" + b"\x01" * 32)},  # compressed
        {"p256dh": "?" * 87},
        {"p256dh": ""},
        {"p256dh": "ü" * 87},
        {"auth": base64url(b"\x00" * 15)},
        {"auth": base64url(b"\x00" * 17)},
        {"auth": "!" * 22},
    ],
)
def test_subscription_that_is_none_is_refused_and_not_repeated(changed: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        push_address(subscription(**changed), anywhere=False)
    (error,) = refused.value.errors
    assert (error.field, error.code) == ("subscription", "bad_subscription")
    (value,) = changed.values()
    assert not value or value not in error.message


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoint": 1}', "https://fcm.googleapis.com/"])
def test_stored_text_that_is_no_subscription_is_not_used(text: str) -> None:
    with pytest.raises(BadSubscription):
        PushSubscription.of_text(text)


def test_public_key_is_the_private_ones_and_an_uncompressed_point() -> None:
    assert PushKey(PRIVATE).public_key == PUBLIC == push_public_key(PRIVATE) == checked_public_key(PUBLIC)
    raw = base64.urlsafe_b64decode(PUBLIC + "=")
    assert (len(raw), raw[0]) == (65, 4)
    assert PRIVATE not in repr(PushKey(PRIVATE))


@pytest.mark.parametrize("private", ["", "short", "?" * 43, base64url(b"\x00" * 32), base64url(b"\xff" * 32)])
def test_private_key_that_is_none_is_refused_by_the_name_of_its_setting(private: str) -> None:
    with pytest.raises(BadKey, match="STOPWATCH_PUSH_PRIVATE_KEY") as refused:
        PushKey(private)
    assert not private or private not in str(refused.value)


@pytest.mark.parametrize(
    "public", ["short", "?" * 87, PRIVATE, base64url(b"\x04" + b"\x01" * 64)], ids=range(4)
)
def test_public_key_that_is_none_is_refused_by_the_name_of_its_setting(public: str) -> None:
    with pytest.raises(BadKey, match="STOPWATCH_PUSH_PUBLIC_KEY"):
        checked_public_key(public)


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("mailto:ops@example.com", "mailto:ops@example.com"),
        ("https://trade.example.com:8443", "https://trade.example.com:8443"),
        ("", NO_CONTACT),
    ],
)
def test_signature_names_the_push_service_and_the_operator_and_ends_within_a_day(
    contact: str, shown: str
) -> None:
    header = PushKey(PRIVATE, contact).authorization("https://push.example.com:444/a/b?c", NOW)
    token = header.removeprefix("vapid t=").partition(",")[0]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["aud"], claims["sub"]) == ("https://push.example.com:444", shown)
    assert timedelta() < datetime.fromtimestamp(claims["exp"], UTC) - NOW <= timedelta(hours=24)
