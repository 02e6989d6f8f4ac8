"""Strangers and thieves at other people's accounts: by forgotten passwords, by mailed links, by deletion."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import text

from adapters.notifications.mail_address import BadMailAddress, receiver_of
from adapters.postgres.audit import AuditCheck
from adapters.postgres.engine import Store
from api.auth.schemas import Credentials, LoginIn
from api.http.request_json import parsed
from domain.account_mail import MOST_AN_HOUR, AskedMail, MailPurpose, mail_to_send
from domain.strategy import Outcome, Position
from services.auth.throttle import Throttle
from services.errors import Invalid, TooMany
from tests.api_world import KEYS, PASSWORD, STRATEGY, Customer
from tests.attacks.people import NEW_PASSWORD, Town, a_town
from tests.rank_test import p_value

SAMPLES, TRIES = 120, 4


@pytest.fixture
async def town(database: str, store: Store) -> AsyncIterator[Town]:
    async with a_town(database, store) as made:
        yield made


async def wrong(town: Town, customer: Customer) -> int:
    """Return what a refresh with the customer's token is answered."""
    body = {"refresh_token": customer.tokens["refresh_token"]}
    return (await town.http.post("/auth/refresh", json=body)).status_code


# Enumeration.


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


# A link for a new password.


async def test_link_sets_a_new_password_once_and_ends_every_login(town: Town) -> None:
    customer = await town.confirmed()
    await town.forgot(customer.email)
    token = await town.link_to(customer.email, "reset")
    assert (await town.reset(token)).status_code == 204
    assert (await customer.get("/auth/me")).status_code == 401
    assert await wrong(town, customer) == 401
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


# Deletion.


async def deleted(customer: Customer, **more: object) -> Any:
    return await customer.http.request(
        "DELETE", "/account", json={"password": PASSWORD, **more}, headers=customer.bearer
    )


async def test_deleted_account_ends_every_token_and_frees_its_address(town: Town) -> None:
    customer = await town.confirmed()
    await customer.connect()
    old = await customer.create()
    phone = (await town.log_in(customer.email, PASSWORD)).json()
    answer = await deleted(customer)
    assert answer.status_code == 204, answer.text
    for bearer in (customer.bearer, {"Authorization": f"Bearer {phone['access_token']}"}):
        assert (await town.http.get("/strategy", headers=bearer)).status_code == 401
    assert await wrong(town, customer) == 401
    assert (await town.log_in(customer.email, PASSWORD)).status_code == 401
    body = {"email": customer.email, "password": PASSWORD}
    tokens = (await town.http.post("/auth/register", json=body)).json()
    anew = Customer(town.http, customer.email, tokens)
    assert (await anew.get("/strategy")).json()["items"] == []
    assert (await anew.get(f"/strategy/{old['strategy_id']}")).status_code == 404
    assert (await anew.get("/broker")).json()["status"] == "none"


async def test_nothing_personal_is_left_of_a_deleted_account(town: Town) -> None:
    customer = await town.confirmed()
    await customer.connect()
    await customer.post("/notices/channels", {"kind": "email"})
    await customer.post("/notices/channels", {"kind": "service", "address": "ntfy://a-topic-of-mine"})
    await customer.post("/auth/totp", {"password": PASSWORD})
    await town.forgot(customer.email)
    await town.post_round()
    broker_user, user_name = (await town.rows("SELECT broker_user_id, user_name FROM broker_keys"))[0]
    user_id = await customer.id()
    assert (await deleted(customer)).status_code == 204
    for table in ("logins", "sessions", "second_factors", "recovery_codes", "broker_keys", "mail_tokens"):
        assert await town.rows(f"SELECT * FROM {table}") == []  # noqa: S608
    assert await town.rows("SELECT * FROM notice_channels") == []
    await town.an_hour_passes()
    await town.mails.begin()
    tables = [
        str(name)
        for (name,) in await town.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
    ]
    for table in tables:
        dump = str(await town.rows(f"SELECT {table}::text FROM {table}"))  # noqa: S608
        for word in map(str, (customer.email, user_name, KEYS["api_key"])):
            assert word not in dump, table
    assert broker_user is not None
    ((left,),) = await town.rows("SELECT user_id FROM users WHERE deleted_at IS NOT NULL")
    assert left == user_id


async def test_audit_chain_holds_after_a_deletion_without_addresses_and_names(town: Town) -> None:
    customer = await town.confirmed()
    await customer.connect()
    await customer.post("/notices/channels", {"kind": "service", "address": "ntfy://a-topic-of-mine"})
    user_id = await customer.id()
    before = await town.rows("SELECT seq, action, hash FROM audit ORDER BY chain, seq")
    assert (await deleted(customer)).status_code == 204
    heads, broken = await AuditCheck(town.world.store).run()
    assert broken == []
    assert str(user_id) in {head.chain for head in heads}
    after = await town.rows(
        "SELECT seq, action, hash FROM audit WHERE action <> 'account_deleted' ORDER BY chain, seq"
    )
    assert after == before
    mine = await town.rows("SELECT DISTINCT ip, agent FROM audit WHERE user_id IS NOT NULL")
    assert sorted(mine) == [("", ""), ("erased", "erased")]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET action = 'login_failed' WHERE seq = 1 AND user_id IS NOT NULL",
        "UPDATE audit SET at = at - interval '1 day' WHERE seq = 2 AND user_id IS NOT NULL",
        "UPDATE audit SET reason = 'by somebody else' WHERE seq = 2 AND user_id IS NOT NULL",
        "UPDATE audit SET reason = '0 lines erased' WHERE action = 'account_deleted'",
        "DELETE FROM audit WHERE seq = 2 AND user_id IS NOT NULL",
    ],
)
async def test_what_is_left_of_a_deleted_accounts_lines_cannot_be_changed_unseen(
    town: Town, forgery: str
) -> None:
    customer = await town.confirmed()
    assert (await deleted(customer)).status_code == 204
    await forged(town, forgery)
    _, broken = await AuditCheck(town.world.store).run()
    assert len(broken) == 1


async def test_lines_of_an_account_that_lives_cannot_be_erased_unseen(town: Town) -> None:
    customer = await town.confirmed()
    await forged(town, "UPDATE audit SET ip = 'erased', agent = 'erased', reason = 'x' WHERE seq = 2")
    _, broken = await AuditCheck(town.world.store).run()
    assert [found.seq for found in broken if found.chain == str(await customer.id())] == [2]


async def test_api_erases_no_lines_of_an_account_that_lives(town: Town) -> None:
    customer = await town.confirmed()
    with pytest.raises(Exception, match="erased with the account"):
        async with town.world.deps.store.work(await customer.id()) as session:
            await session.execute(text("SELECT erase_audit()"))
    with pytest.raises(Exception, match="permission denied"):
        async with town.worker.work() as session:
            await session.execute(text("SELECT erase_audit()"))


async def forged(town: Town, statement: str) -> None:
    """Change the log around the product, as a clerk with the owner's password can."""
    async with town.world.store.work() as session:
        await session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        await session.execute(text(statement))
        await session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))


async def test_account_is_not_deleted_while_a_strategy_runs(town: Town) -> None:
    customer = await town.world.trader()
    strategy = await customer.running()
    answer = await deleted(customer)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_in_use")
    assert (await customer.get("/broker")).json()["status"] == "connected"
    await customer.stop(strategy["strategy_id"])
    assert (await deleted(customer)).status_code == 204


async def test_account_is_not_deleted_while_shares_of_a_failed_exit_are_held(town: Town) -> None:
    customer = await town.world.trader()
    await customer.running()
    town.world.runs.position = Position.BOUGHT
    (workflow_id,) = town.world.runs.open
    await town.world.runs.finish(workflow_id, Outcome.ORDER_FAILED)
    answer = await deleted(customer)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_in_use")
    async with town.world.store.work() as session:
        await session.execute(text("UPDATE strategies SET kept = true"))
    assert (await deleted(customer)).status_code == 204


async def test_orders_and_days_of_a_deleted_account_stay_under_its_id(town: Town) -> None:
    customer = await town.world.trader()
    strategy = await customer.running()
    await customer.stop(strategy["strategy_id"])
    user_id = await customer.id()
    assert (await deleted(customer)).status_code == 204
    rows = await town.rows("SELECT user_id, count(*) FROM events GROUP BY user_id")
    assert [row[0] for row in rows] == [user_id]
    assert await town.rows("SELECT user_id FROM starts") == [(user_id,)]


async def test_start_and_deletion_at_one_moment_one_wins(town: Town) -> None:
    """Ten times: never a run of a deleted account, and never both refused for the other's sake."""
    outcomes = set()
    for _ in range(10):
        customer = await town.world.trader()
        strategy = await customer.create()
        started, gone = await asyncio.gather(customer.start(strategy["strategy_id"]), deleted(customer))
        outcomes.add((started.status_code, gone.status_code))
        if gone.status_code == 204:
            assert started.status_code in (401, 404, 409), started.text
            assert (
                await town.rows(
                    f"SELECT 1 FROM starts WHERE strategy_id = '{strategy['strategy_id']}'"  # noqa: S608
                )
                == []
            )
        else:
            assert (started.status_code, gone.json()["code"]) == (200, "account_in_use")
    assert outcomes


async def test_wrong_password_deletes_nothing_and_is_counted(town: Town) -> None:
    customer = await town.confirmed()
    answer = await deleted(customer, password="not the password")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_password")
    assert (await customer.get("/auth/me")).status_code == 200


async def test_stolen_access_token_and_password_delete_nothing_without_the_code(town: Town) -> None:
    customer = await town.confirmed()
    begun = await customer.post("/auth/totp", {"password": PASSWORD})
    totp = pyotp.TOTP(begun.json()["secret"])
    code = totp.at(town.world.clock.now())
    codes = (await customer.post("/auth/totp/confirm", {"code": code})).json()["recovery_codes"]
    for more, why in (({}, "code_needed"), ({"code": "000000"}, "wrong_code")):
        answer = await deleted(customer, **more)
        assert (answer.status_code, answer.json()["code"]) == (422, why)
    assert (await deleted(customer, code=codes[0])).status_code == 204


async def test_call_that_was_under_way_when_the_account_was_deleted_adds_nothing(town: Town) -> None:
    """Another process does not know of the end for half a second: what it would add is refused."""
    customer = await town.confirmed()
    user_id = await customer.id()
    assert (await deleted(customer)).status_code == 204
    town.world.deps.revoked_logins._seen.clear()
    town.world.deps.revoked_logins._looked_at = asyncio.get_running_loop().time() + 3600
    assert (await customer.post("/broker/connect", KEYS)).status_code == 401
    assert (await customer.post("/strategy/create", STRATEGY)).status_code == 401
    assert (
        await customer.post("/notices/channels", {"kind": "service", "address": "ntfy://x-topic"})
    ).status_code == 401
    assert (await customer.post("/auth/totp", {"password": PASSWORD})).status_code == 422
    for table in ("broker_keys", "strategies", "notice_channels"):
        assert await town.rows(f"SELECT 1 FROM {table} WHERE user_id = '{user_id}'") == []  # noqa: S608
