"""Addresses of accounts: each is mailed at one receiver, the one that was typed, or is refused."""

import pytest
from sqlalchemy import text

from adapters.notifications.mail_address import BadMailAddress, receiver_of
from api.auth.schemas import Credentials, LoginIn
from api.http.request_json import parsed
from services.errors import Invalid
from tests.api_world import PASSWORD
from tests.attacks.people import Town

# Notices by mail.


async def test_channel_of_mail_asks_for_the_confirmation(town: Town) -> None:
    customer = await town.world.customer()
    await town.post_round()
    made = await customer.post("/notices/channels", {"kind": "email"})
    assert made.status_code == 201
    await town.post_round()
    assert [kind for kind, _ in town.links(customer.email)] == ["verify", "verify"]


# Addresses.


@pytest.mark.parametrize(
    "typed",
    [
        *("a@x.example,b@y.example", "a@x.example b@y.example", "a@x.example;b@y.example"),
        *("Asha <a@x.example>", "<a@x.example>", '"a b"@x.example', '"a@x.example"@y.example'),
        *("a(comment)@x.example", "a@x.example(comment)", "a@[127.0.0.1]", "a@x.example.", ".a@x.example"),
        *("a@x.example\r\nBcc: b@y.example", "a\n@x.example", "a@x.example\x00", "a@x.example\u2028b@y"),
        *("ü@x.example", "用户@x.example", "ａ@x.example", "a@x", "a@", "@x.example", "a@b@x.example", ""),
        *("a@x..example", "a@-x.example", "a@" + "x" * 260 + ".example"),
        *("a@x.example\u200b", "a\u00ad@x.example", "a@x.example\u202e"),
    ],
)
def test_address_that_is_not_exactly_one_that_can_be_mailed_is_refused_at_register(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        parsed(Credentials, {"email": typed, "password": PASSWORD})
    assert [error.field for error in refused.value.errors] == ["email"]
    with pytest.raises(BadMailAddress):
        receiver_of(typed)  # nor where it was stored by whatever way


def test_accounts_of_before_whose_address_cannot_be_mailed_still_log_in() -> None:
    assert parsed(LoginIn, {"email": "Ü@X.example", "password": PASSWORD}).email == "ü@x.example"


RECEIVERS = {
    "Asha@X.Example": "asha@x.example",
    " ravi@x.example ": "ravi@x.example",
    "asha+trades@x.example": "asha+trades@x.example",
    "asha@bücher.example": "asha@xn--bcher-kva.example",
    "o'brien@x.example": "o'brien@x.example",
    "a/b=c@x.example": "a/b=c@x.example",
    "a%b@x.example": "a%b@x.example",
}
"""As it is typed, and the one receiver that the mail server is named."""


async def test_mail_has_exactly_one_receiver_the_one_that_was_typed(town: Town) -> None:
    for typed in RECEIVERS:
        answer = await town.http.post("/auth/register", json={"email": typed, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        assert (await town.log_in(typed, PASSWORD)).status_code == 200
        again = await town.http.post("/auth/register", json={"email": typed.upper(), "password": PASSWORD})
        assert again.status_code == 409
    await town.post_round()
    receivers = sorted(receivers for receivers, _ in town.server.mails)
    assert receivers == sorted([one] for one in RECEIVERS.values())


async def test_letters_that_look_alike_are_two_accounts(town: Town) -> None:
    for email in ("asha@bank.example", "asha@bаnk.example"):  # the second has a Cyrillic letter
        answer = await town.http.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201
    await town.post_round()
    receivers = [receivers for receivers, _ in town.server.mails]
    assert sorted(receivers) == [["asha@bank.example"], ["asha@xn--bnk-6cd.example"]]


async def test_stored_address_with_a_second_receiver_is_mailed_to_neither(town: Town) -> None:
    customer = await town.confirmed()
    odd = "a@x.example,b@y.example"
    async with town.world.store.work() as session:
        change = text("UPDATE users SET email = :odd WHERE email = :email")
        await session.execute(change, {"odd": odd, "email": customer.email})
        await session.execute(
            text("INSERT INTO account_mails (email, purpose) VALUES (:odd, 'reset')"), {"odd": odd}
        )
    before = len(town.server.mails)
    await town.post_round()
    assert len(town.server.mails) == before
