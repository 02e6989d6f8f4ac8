"""`/notices`: channels are set up, kept secret and removed over REST."""

import asyncio
import json
from base64 import b64decode
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow
from domain.notification import CHOICES, sealed_name
from local.keys import fresh
from services.auth.passwords import Passwords
from services.bounds import USUAL
from tests.api_world import Customer, World, new_world
from tests.browsers import Browser

HOOK = {"kind": "webhook", "address": "https://hooks.example.com/a-secret-path"}
PUSH_KEY = fresh()["STOPWATCH_PUSH_PUBLIC_KEY"]
ENDPOINT = "https://fcm.googleapis.com/fcm/send/a-secret-token"
TELEGRAM = {"kind": "service", "address": "tgram://123456789:abcdefg_hijklmnop/12315544"}


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords, push_key=PUSH_KEY)


def a_browser(**changed: Any) -> dict[str, Any]:
    return {"kind": "push", "subscription": Browser(ENDPOINT).subscription | changed}


async def added(customer: Customer, words: dict[str, Any]) -> dict[str, Any]:
    answer = await customer.post("/notices/channels", words)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_webhook_is_set_up_and_its_secret_shown_once(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, HOOK)
    secret = made.pop("secret")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 24
    assert (made["kind"], made["shown"]) == ("webhook", "hooks.example.com")
    assert made["tells"] == [kind.value for kind in CHOICES]
    listed = await customer.get("/notices/channels")
    assert listed.json() == {"items": [made], "next": None}
    assert "a-secret-path" not in listed.text


async def test_address_and_secret_are_sealed_and_bound_to_their_channel(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, HOOK)
    async with world.store.read() as session:
        row = (await session.scalars(select(ChannelRow))).one()
    assert b"hooks" not in row.address
    user_id, channel_id = await customer.id(), UUID(made["channel_id"])
    for blob, column, words in (
        (row.address, "address", HOOK["address"]),
        (row.secret or b"", "secret", made["secret"]),
    ):
        name = sealed_name(channel_id, column)
        assert await world.opener.open(blob, user_id=user_id, field=name) == words


async def test_mail_goes_to_the_accounts_own_address(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, {"kind": "email", "tells": ["emergency"]})
    assert (made["shown"], made["tells"], made["secret"]) == (customer.email, ["emergency"], None)
    refused = await customer.post("/notices/channels", {"kind": "email", "address": "you@example.com"})
    assert refused.status_code == 422


async def test_service_is_shown_by_its_name(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, TELEGRAM)
    assert (made["shown"], made["secret"]) == ("Telegram", None)


async def test_browser_is_set_up_with_the_servers_key_and_shown_by_its_host(world: World) -> None:
    customer = await world.customer()
    assert (await customer.get("/notices/push-key")).json() == {"key": PUSH_KEY}
    words = a_browser(expirationTime=1796011201000) | {"tells": ["emergency"]}
    made = await added(customer, words)
    assert made["shown"] == "This browser (fcm.googleapis.com)"
    assert (made["kind"], made["tells"], made.pop("secret")) == ("push", ["emergency"], None)
    listed = await customer.get("/notices/channels")
    assert listed.json()["items"] == [made]
    assert "a-secret-token" not in listed.text


async def test_browsers_address_and_keys_are_sealed_and_bound_to_their_channel(world: World) -> None:
    customer = await world.customer()
    words = a_browser()
    made = await added(customer, words)
    async with world.store.read() as session:
        row = (await session.scalars(select(ChannelRow))).one()
    assert b"googleapis" not in row.address
    assert b"googleapis" not in (row.digest or b"")
    name = sealed_name(UUID(made["channel_id"]), "address")
    stored = await world.opener.open(row.address, user_id=await customer.id(), field=name)
    words["subscription"].pop("expirationTime")
    assert json.loads(stored) == words["subscription"]


async def test_browser_that_is_set_up_twice_is_one_channel(world: World) -> None:
    customer = await world.customer()
    words = a_browser()
    first = await customer.post("/notices/channels", words)
    answers = await asyncio.gather(*(customer.post("/notices/channels", words) for _ in range(4)))
    assert (first.status_code, {answer.status_code for answer in answers}) == (201, {200})
    assert [answer.json() for answer in answers] == [first.json()] * 4
    lines = (await customer.get("/account/audit")).json()["items"]
    assert [line["reason"] for line in lines if line["action"] == "channel_added"] == [
        "push: This browser (fcm.googleapis.com)"
    ]


async def test_browser_that_is_set_up_again_at_the_bound_keeps_its_channel(world: World) -> None:
    customer = await world.customer()
    words = [a_browser() for _ in range(USUAL.channels)]
    first, *_ = [await added(customer, one) for one in words]
    again = await customer.post("/notices/channels", words[0])
    assert (again.status_code, again.json()) == (200, first)
    refused = await customer.post("/notices/channels", a_browser())
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_channels")


async def test_browser_that_two_users_share_is_a_channel_of_each(world: World) -> None:
    asha, ravi = await world.customer(), await world.customer()
    words = a_browser()
    hers, his = await added(asha, words), await added(ravi, words)
    assert hers["channel_id"] != his["channel_id"]
    assert (await ravi.delete(f"/notices/channels/{hers['channel_id']}")).status_code == 404
    assert (await ravi.delete(f"/notices/channels/{his['channel_id']}")).status_code == 204
    assert len((await asha.get("/notices/channels")).json()["items"]) == 1


async def test_browsers_are_refused_in_a_sentence_where_there_is_no_key(
    store: Store, passwords: Passwords
) -> None:
    customer = await new_world(store, passwords).customer()
    asked = await customer.get("/notices/push-key")
    refused = await customer.post("/notices/channels", a_browser())
    assert (asked.status_code, refused.status_code) == (404, 409)
    assert asked.json()["code"] == refused.json()["code"] == "push_not_set_up"
    assert asked.json()["detail"].startswith("This server sends no notifications to browsers")


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "push"},
        {"kind": "push", "address": ENDPOINT},
        a_browser() | {"address": ENDPOINT},
        HOOK | {"subscription": a_browser()["subscription"]},
        {"kind": "email", "subscription": a_browser()["subscription"]},
        a_browser(endpoint="http://fcm.googleapis.com/fcm/send/a-secret-token"),
        a_browser(endpoint="https://192.168.1.1/a-secret-token"),
        a_browser(endpoint="https://[fd00::1]/a-secret-token"),
        a_browser(endpoint="https://fcm.googleapis.com:25/a-secret-token"),
        a_browser(endpoint=f"https://fcm.googleapis.com/{'a' * 1000}"),
        a_browser(endpoint=5),
        a_browser(keys={}),
        a_browser(keys={"p256dh": "A" * 87, "auth": "A" * 22}),
        a_browser(keys={"p256dh": "A" * 87}),
        a_browser(expirationTime="soon"),
        a_browser(topic="x"),
        {"kind": "push", "subscription": [ENDPOINT]},
    ],
    ids=range(17),
)
async def test_subscription_that_is_none_is_refused_and_not_repeated(
    world: World, words: dict[str, Any]
) -> None:
    customer = await world.customer()
    answer = await customer.post("/notices/channels", words)
    assert answer.status_code == 422, answer.text
    assert "a-secret-token" not in answer.text
    assert (await customer.get("/notices/channels")).json()["items"] == []


@pytest.mark.parametrize("expires", [None, 0, 1796011201000, 1796011201000.5])
async def test_when_a_subscription_expires_may_be_anything_a_browser_says(
    world: World, expires: float | None
) -> None:
    await added(await world.customer(), a_browser(expirationTime=expires))


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "webhook"},
        {"kind": "webhook", "address": "http://hooks.example.com/"},
        {"kind": "webhook", "address": "https://user:password@hooks.example.com/"},
        {"kind": "webhook", "address": "https://127.0.0.1/"},
        {"kind": "webhook", "address": "https://[::1]/"},
        {"kind": "webhook", "address": "https://169.254.169.254/latest/meta-data/"},
        {"kind": "webhook", "address": "https://hooks.example.com:99999/"},
        {"kind": "webhook", "address": "https://hooks.example.com/ with a space"},
        {"kind": "webhook", "address": "https://"},
        {"kind": "webhook", "address": "not a URL"},
        {"kind": "webhook", "address": "https://" + "a" * 600},
        {"kind": "webhook", "address": "https://" + "ü" * 70 + ".example.com/"},
        {"kind": "service", "address": "json://10.0.0.1/"},
        {"kind": "service", "address": "https://hooks.example.com/"},
        {"kind": "telegram", "address": "x"},
        HOOK | {"tells": []},
        HOOK | {"tells": ["everything"]},
        HOOK | {"secret": "mine"},
    ],
)
async def test_channel_that_is_none_is_refused_and_its_address_not_repeated(
    world: World, words: dict[str, Any]
) -> None:
    customer = await world.customer()
    answer = await customer.post("/notices/channels", words)
    assert answer.status_code == 422, answer.text
    address = str(words.get("address", ""))
    assert len(address) < 20 or address not in answer.text
    assert (await customer.get("/notices/channels")).json()["items"] == []


async def test_on_one_machine_a_webhook_may_be_the_neighbour(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords, private_webhooks=True)
    made = await added(await world.customer(), HOOK | {"address": "http://127.0.0.1:9000/hook"})
    assert made["shown"] == "127.0.0.1"


async def test_what_a_channel_tells_of_is_changed(world: World) -> None:
    customer = await world.customer()
    path = f"/notices/channels/{(await added(customer, HOOK))['channel_id']}"
    words = {"tells": ["stop_loss", "stop_loss", "emergency"]}
    answer = await world.http.put(path, json=words, headers=customer.bearer)
    assert answer.json()["tells"] == ["stop_loss", "emergency"]


async def test_there_is_a_most_of_channels_and_a_removed_one_makes_room(world: World) -> None:
    customer = await world.customer()
    made = [await added(customer, HOOK) for _ in range(USUAL.channels)]
    refused = await customer.post("/notices/channels", HOOK)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_channels")
    removed = await customer.delete(f"/notices/channels/{made[0]['channel_id']}")
    assert removed.status_code == 204
    await added(customer, HOOK)


async def test_test_message_that_nobody_has_sent_yet_says_so(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, HOOK)
    answer = await customer.post(f"/notices/channels/{made['channel_id']}/test", None)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["kind"], answer.json()["status"]) == ("test", "waiting")
    (listed,) = (await customer.get("/notices")).json()["items"]
    assert listed == answer.json()


async def test_what_was_done_to_channels_is_in_the_audit_log(world: World) -> None:
    customer = await world.customer()
    made = await added(customer, HOOK)
    await customer.delete(f"/notices/channels/{made['channel_id']}")
    lines = (await customer.get("/account/audit")).json()["items"]
    found = [(line["action"], line["reason"]) for line in lines if line["action"].startswith("channel")]
    assert found == [
        ("channel_removed", "webhook: hooks.example.com"),
        ("channel_added", "webhook: hooks.example.com"),
    ]


async def test_the_apis_role_can_neither_forge_nor_change_what_became_of_a_notice(world: World) -> None:
    customer = await world.customer()
    await added(customer, HOOK)
    user_id = await customer.id()
    for statement in (
        "UPDATE notices SET status = 'sent'",
        "DELETE FROM notices",
        "UPDATE notice_channels SET address = ''",
        "SELECT event_id FROM notice_cursor",
    ):
        with pytest.raises(Exception, match="permission denied"):
            async with world.deps.store.work(user_id) as session:
                await session.execute(text(statement))
