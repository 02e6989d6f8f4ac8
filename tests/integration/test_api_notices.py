"""`/notices`: channels are set up, kept secret and removed over REST."""

from base64 import b64decode
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow
from domain.notification import CHOICES, sealed_name
from services.auth.passwords import Passwords
from services.bounds import USUAL
from tests.api_world import Customer, World, new_world

HOOK = {"kind": "webhook", "address": "https://hooks.example.com/a-secret-path"}
TELEGRAM = {"kind": "service", "address": "tgram://123456789:abcdefg_hijklmnop/12315544"}


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


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
