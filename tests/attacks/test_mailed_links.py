"""Thieves with a mailed link for a new password: it works once, soon, and for one account alone."""

import asyncio

import pyotp
import pytest
from sqlalchemy import text

from tests.api_world import PASSWORD
from tests.attacks.people import NEW_PASSWORD, Town, refresh_status


async def test_link_sets_a_new_password_once_and_ends_every_login(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    assert (await town.reset(token)).status_code == 204
    assert (await customer.get("/auth/me")).status_code == 401
    assert await refresh_status(town, customer) == 401
    assert (await town.log_in(customer.email, PASSWORD)).status_code == 401
    assert (await town.log_in(customer.email, NEW_PASSWORD)).status_code == 200
    again = await town.reset(token, "another three words")
    assert (again.status_code, again.json()["code"]) == (400, "invalid_link")
    assert (await town.log_in(customer.email, NEW_PASSWORD)).status_code == 200


async def test_link_used_by_six_at_once_is_used_by_one(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    tries = [town.reset(token, f"the words of number {number}") for number in range(6)]
    statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 503}  # 503: a busy machine lets none wait for a row for long


async def test_every_other_link_dies_with_the_first_that_is_used(town: Town) -> None:
    customer = await town.confirmed()
    for _ in range(2):
        await town.forgot(customer.email)
    await town.post_round()
    first, second = [token for kind, token in town.links(customer.email) if kind == "reset"]
    assert (await town.reset(second)).status_code == 204
    assert (await town.reset(first, "another three words")).status_code == 400


async def test_link_from_before_a_changed_password_is_worthless(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    changed = {"current_password": PASSWORD, "new_password": "chosen while logged in"}
    assert (await customer.post("/auth/password", changed)).status_code == 200
    assert (await town.reset(token)).status_code == 400
    assert (await town.log_in(customer.email, "chosen while logged in")).status_code == 200


async def test_link_of_one_changes_nothing_of_another(town: Town) -> None:
    mine, yours = await town.confirmed(), await town.confirmed()
    await town.forgot(mine.email)
    assert (await town.reset(await town.link_to(mine.email, "reset"))).status_code == 204
    assert (await town.log_in(yours.email, PASSWORD)).status_code == 200
    assert (await yours.get("/auth/me")).status_code == 200


async def test_link_asks_for_as_good_a_password_as_register(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    for easy in ("password123", customer.email, "short"):
        assert (await town.reset(token, easy)).status_code == 422
    assert (await town.reset(token)).status_code == 204


async def test_user_is_told_that_the_password_was_changed(town: Town) -> None:
    customer = await town.confirmed()
    for _ in range(10):  # as a thief would, to use up what may be mailed
        await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    await town.reset(token)
    await town.post_round()
    told = town.letters(customer.email)[-1]
    assert "Your password was changed" in told
    assert "#/" not in told


async def test_acts_of_a_reset_are_in_the_users_own_audit_log(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    await town.reset(await town.link_to(customer.email, "reset"))
    customer.tokens = (await town.log_in(customer.email, NEW_PASSWORD)).json()
    lines = (await customer.get("/account/audit")).json()["items"]
    acts = [line["action"] for line in reversed(lines)]
    assert acts == ["register", "email_verified", "password_reset_mailed", "password_reset", "login"]


async def test_token_is_stored_as_a_hash_and_stands_behind_the_mark_that_no_server_sees(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    for table in ("mail_tokens", "account_mails", "audit"):
        assert token not in str(await town.rows(f"SELECT {table}::text FROM {table}"))  # noqa: S608
    ((_, expires),) = await town.rows(
        "SELECT 1, expires_at <= clock_timestamp() + interval '30 minutes' FROM mail_tokens"
    )
    assert expires is True


async def test_reading_an_address_of_a_link_changes_nothing(town: Town) -> None:
    customer = await town.world.customer()
    token = await town.link_to(customer.email, "verify")
    for path in (f"/auth/verify?token={token}", f"/auth/reset?token={token}", f"/app?verify={token}"):
        assert (await town.http.get(path)).status_code in (200, 405)
    assert (await customer.get("/auth/me")).json()["email_verified"] is False
    assert (await town.verify(token)).status_code == 204
    assert (await town.verify(token)).status_code == 400


async def test_api_cannot_read_make_or_change_links(town: Town) -> None:
    """What a compromised API gets at: it asks for mails, and reads and makes none."""
    customer = await town.confirmed()
    await town.forgot(customer.email)
    await town.post_round()
    me = await customer.id()
    for statement in (
        "SELECT email FROM account_mails",
        "UPDATE account_mails SET email = 'thief@example.com'",
        "DELETE FROM account_mails",
        "INSERT INTO account_mails (email, purpose, status) VALUES ('a@x.example', 'reset', 'sent')",
        "INSERT INTO mail_tokens VALUES ('\\x00', (SELECT user_id FROM users), 'reset', '', now())",
        "UPDATE mail_tokens SET expires_at = now()",
        "UPDATE mail_state SET sends = false",
    ):
        with pytest.raises(Exception, match="permission denied"):
            async with town.world.deps.store.work(me) as session:
                await session.execute(text(statement))
    other = await town.world.customer()
    async with town.world.deps.store.work(await other.id()) as session:
        assert (await session.execute(text("SELECT count(*) FROM mail_tokens"))).scalar_one() == 0


# The second factor.


async def test_reset_leaves_one_time_codes_on(town: Town) -> None:
    customer = await town.confirmed()
    begun = await customer.post("/auth/totp", {"password": PASSWORD})
    totp = pyotp.TOTP(begun.json()["secret"])
    at = town.world.clock.now()
    codes = (await customer.post("/auth/totp/confirm", {"code": totp.at(at)})).json()["recovery_codes"]
    await town.forgot(customer.email)
    await town.reset(await town.link_to(customer.email, "reset"))
    without = await town.log_in(customer.email, NEW_PASSWORD)
    assert (without.status_code, without.json()["code"]) == (401, "code_needed")
    assert (await town.log_in(customer.email, NEW_PASSWORD, code=codes[0])).status_code == 200
