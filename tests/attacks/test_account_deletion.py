"""A deleted account: what ends, what is erased, what stays and is still proven, and when it is refused."""

import asyncio
from typing import Any

import pyotp
import pytest
from sqlalchemy import text

from adapters.postgres.audit import AuditCheck
from domain.strategy import Outcome, Position
from tests.api_world import KEYS, PASSWORD, STRATEGY, Customer
from tests.attacks.people import Town, refresh_status


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
    assert await refresh_status(town, customer) == 401
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
