"""Strangers at the page for a forgotten password: who has an account there, and whom it mails."""

import time
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from domain.account_mail import MOST_AN_HOUR, AskedMail, MailPurpose, mail_to_send
from services.auth.throttle import Throttle
from services.errors import TooMany
from tests.api_world import PASSWORD
from tests.attacks.people import Town, a_town
from tests.rank_test import p_value

SAMPLES, TRIES = 120, 4


# Who has an account.


async def test_forgot_answers_the_same_for_every_address(town: Town) -> None:
    known = await town.confirmed()
    answers = [await town.forgot(email) for email in (known.email, "nobody@example.com", "ü@x.example")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(204, b"")}
    await town.post_round()
    assert len(town.letters(known.email)) == 2  # to confirm, and to reset
    assert town.letters("nobody@example.com") == []


async def test_forgot_does_the_same_work_for_every_address(town: Town) -> None:
    """The API looks nothing up: what it writes has the address and no user, whatever the address is."""
    known = await town.confirmed()
    await town.forgot(known.email)
    await town.forgot("nobody@example.com")
    rows = await town.rows("SELECT purpose, status, attempts FROM account_mails WHERE status = 'waiting'")
    assert rows == [("reset", "waiting", 0)] * 2
    lines = await town.rows(
        "SELECT chain, actor, object, reason FROM audit WHERE action = 'password_forgotten'"
    )
    assert lines == [("system", "unknown", "", "")] * 2


async def test_forgot_takes_as_long_for_an_unknown_address_as_for_a_known_one(town: Town) -> None:
    emails = [(await town.world.customer()).email for _ in range(5)]

    async def timed(email: str) -> float:
        began = time.perf_counter()
        assert (await town.forgot(email)).status_code == 204
        return time.perf_counter() - began

    async def likeness() -> float:
        known, unknown = [], []
        for number in range(SAMPLES):
            known.append(await timed(emails[number % len(emails)]))
            unknown.append(await timed(f"{uuid4().hex[:12]}@example.com"))
        return p_value(known, unknown)

    for _ in range(TRIES):
        if await likeness() > 0.01:
            return
    pytest.fail("the time of the answer tells whether an address has an account")


async def test_wrong_links_are_answered_alike(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    unknown = await town.reset("A" * 43)
    other_kind = await town.verify(token)
    await town.links_expire()
    expired = await town.reset(token)
    assert {answer.status_code for answer in (unknown, other_kind, expired)} == {400}
    assert {answer.content for answer in (unknown, other_kind, expired)} == {unknown.content}


# Mails to strangers.


@pytest.mark.parametrize(
    ("purpose", "verified", "lately", "sent"),
    [
        ("verify", False, 0, "verify"),
        ("verify", True, 0, None),
        ("reset", True, 0, "reset"),
        ("reset", False, 0, "verify"),
        ("reset", None, 0, None),
        ("verify", None, 0, None),
        ("reset", True, MOST_AN_HOUR, None),
        ("verify", False, MOST_AN_HOUR, None),
        ("changed", True, MOST_AN_HOUR, "changed"),
        ("changed", False, 0, None),
        ("changed", None, 0, None),
    ],
)
def test_table_of_what_is_mailed(purpose: str, verified: bool | None, lately: int, sent: str | None) -> None:
    assert mail_to_send(AskedMail(MailPurpose(purpose), verified, lately)) == sent


async def test_address_gets_a_few_mails_an_hour_however_often_they_are_asked_for(town: Town) -> None:
    customer = await town.confirmed()
    for _ in range(10):
        assert (await town.forgot(customer.email)).status_code == 204
    await town.post_round()
    assert len(town.letters(customer.email)) == MOST_AN_HOUR
    await town.an_hour_passes()
    await town.forgot(customer.email)
    await town.post_round()
    assert len(town.letters(customer.email)) == MOST_AN_HOUR + 1


async def test_nothing_but_the_question_is_mailed_to_an_address_that_is_not_confirmed(town: Town) -> None:
    """Whoever registers with somebody else's address has mailed that person one question, and no link in."""
    customer = await town.world.customer()
    await town.post_round()
    await town.forgot(customer.email)
    await town.post_round()
    assert [kind for kind, _ in town.links(customer.email)] == ["verify", "verify"]
    assert await town.log_in(customer.email, PASSWORD)


async def test_deleted_question_is_not_asked_again_of_a_confirmed_address(town: Town) -> None:
    customer = await town.confirmed()
    answer = await customer.post("/auth/verify/send", None)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_verified")


async def test_question_is_mailed_again_to_who_is_logged_in(town: Town) -> None:
    customer = await town.world.customer()
    await town.post_round()
    assert (await customer.post("/auth/verify/send", None)).status_code == 204
    await town.post_round()
    assert len(town.links(customer.email)) == 2
    assert (await customer.get("/auth/me")).json()["email_verified"] is False
    assert (await town.verify(town.links(customer.email)[0][1])).status_code == 204
    assert (await customer.get("/auth/me")).json()["email_verified"] is True


async def test_without_a_mail_server_it_is_said_and_nothing_is_kept(database: str, store: Store) -> None:
    async with a_town(database, store) as town:
        async with town.world.store.work() as session:
            await session.execute(text("UPDATE mail_state SET sends = false"))
        answer = await town.forgot("you@example.com")
        assert (answer.status_code, answer.json()["code"]) == (409, "mail_not_set_up")
        customer = await town.world.customer()
        assert (await customer.get("/auth/me")).json()["mail"] is False
        assert await town.rows("SELECT * FROM account_mails") == []


async def test_forgot_is_limited_by_address_and_by_network(database: str, store: Store) -> None:
    class Counted:
        """Takes each allowance as often as it allows."""

        def __init__(self) -> None:
            self.taken: dict[tuple[str, str], int] = {}

        async def take(self, allowances: Any) -> int | None:
            for allowance in allowances:
                key = (allowance.name, allowance.key)
                self.taken[key] = self.taken.get(key, 0) + 1
                if self.taken[key] > allowance.amount:
                    return 60
            return None

        async def give_back(self, allowance: Any) -> None: ...

    async with a_town(database, store, throttle=Throttle(Counted())) as town:
        one = [(await town.forgot("you@example.com")).status_code for _ in range(6)]
        assert one == [204] * 5 + [429]
        many = [(await town.forgot(f"{number}@example.com")).status_code for number in range(20)]
        assert 429 in many
    assert TooMany(1).code == "too_many_attempts"
