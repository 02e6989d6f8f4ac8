"""What needs a person, asked and settled on a real Postgres, and by the commands themselves."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.idle_strategies import IdleStrategies, InUse
from adapters.postgres.operator import positions
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.order_resolution import NotResolved, Resolution, Resolving, Verdict
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.postgres.user_tables import BrokerKeys
from domain.operator_alerts import Due
from domain.order import Attempt, Leg
from domain.outcome import Unknown
from domain.session import exchange_time
from domain.strategy import Outcome, Position
from migrations.roles import Role, make_roles
from tests.store_rows import Desk, just_now, seen

ROOT = Path(__file__).resolve().parent.parent.parent
EARLY = datetime(
    2026, 11, 23, 3, 0, tzinfo=UTC
)  # 08:30 at the exchange, an hour before the desk's START buys

HOUR = timedelta(hours=1)


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Store]:
    """The same database as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


async def give_login(desk: Desk, ends_at: datetime | None, *, dead: bool = False) -> None:
    async with desk.store.work() as session:
        session.add(
            BrokerKeys(
                user_id=desk.strategy.user_id,
                broker="zerodha",
                broker_user_id="AB1234",
                user_name="A B",
                api_key=b"key",
                api_secret=b"secret",
                access_token=b"token",
                login_key=b"login",
                login_dead=dead,
                connected_at=just_now(),
                token_expires_at=ends_at,
            )
        )


async def unanswered(desk: Desk, leg: Leg = Leg.ENTRY, *, seconds_ago: float = 60) -> Attempt:
    """Return an attempt that was sent and never answered, so long ago."""
    today = exchange_time(just_now()).date()
    sent = await desk.sent(desk.key(leg, day=today))
    await desk.log.answer(sent, Unknown("the broker did not answer within 7 s"))
    await backdate(desk, sent, seconds_ago)
    return sent


async def backdate(desk: Desk, attempt: Attempt, seconds_ago: float) -> None:
    at = just_now() - timedelta(seconds=seconds_ago)
    async with desk.store.work() as session:
        await session.execute(
            update(OrderRow).where(OrderRow.order_id == attempt.order_id).values(sent_at=at)
        )


async def status_of(desk: Desk, order_id: UUID) -> str:
    return next(row.status for row in await desk.orders() if row.order_id == order_id)


def found(order_id: UUID, verdict: Verdict, broker_order_id: str | None = None) -> Resolution:
    return Resolution(order_id, verdict, broker_order_id, "asha", "the order book does not show it")


@pytest.mark.parametrize(
    ("ends_at", "dead", "needed"),
    [
        (EARLY + timedelta(days=1), False, False),
        (EARLY + timedelta(minutes=15), False, True),
        (EARLY - timedelta(minutes=1), False, True),
        (EARLY + timedelta(days=1), True, True),
        (None, False, True),
    ],
)
async def test_a_login_is_asked_for_when_it_will_not_last_until_the_buy(
    store: Store, worker: Store, ends_at: datetime | None, dead: bool, needed: bool
) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await give_login(desk, ends_at, dead=dead)
    rows = await PostgresOperatorAlerts(worker).logins_needed(EARLY)
    assert [row.strategy_id for row in rows] == ([desk.strategy.strategy_id] if needed else [])
    assert all(row.due is Due.BUY and row.user_id == desk.strategy.user_id for row in rows)


async def test_a_login_is_asked_for_when_no_account_is_connected_at_all(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    (row,) = await PostgresOperatorAlerts(store).logins_needed(EARLY)
    assert row.ends_at is None


async def test_no_login_is_asked_for_on_another_day_or_once_the_order_was_due(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    attention = PostgresOperatorAlerts(store)
    assert await attention.logins_needed(EARLY - timedelta(days=1)) == []
    assert await attention.logins_needed(EARLY + timedelta(hours=2)) == []


async def test_a_login_is_asked_for_when_shares_are_to_be_sold_today(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()
    (row,) = await PostgresOperatorAlerts(store).logins_needed(EARLY)
    assert (row.due, row.symbol) == (Due.SALE, "TCS")


async def test_shares_of_a_failed_exit_are_listed_and_kept_ones_are_not(store: Store, worker: Store) -> None:
    failed, kept, sold = [await Desk.made(store) for _ in range(3)]
    for desk, outcome in ((failed, Outcome.ORDER_FAILED), (kept, Outcome.KEPT), (sold, Outcome.SOLD)):
        start = desk.start()
        await desk.runs.activate(start)
        await desk.bought()
        position = Position.SOLD if desk is sold else Position.BOUGHT
        await desk.runs.finish(desk.end(start, outcome, position))
    (listed,) = await positions(worker)
    assert (listed.kind, listed.strategy_id, listed.quantity) == ("held", failed.strategy.strategy_id, 10)
    assert listed.user == f"{failed.strategy.user_id}@example.com"
    assert "on_stop" in listed.what_to_do


async def test_an_unanswered_order_is_in_doubt_only_once_an_answer_is_overdue(store: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk, seconds_ago=0)
    assert await positions(store) == []
    await backdate(desk, sent, 11)
    (listed,) = await positions(store)
    assert (listed.kind, listed.order_id, listed.symbol) == ("in_doubt", sent.order_id, "NSE:TCS")
    assert sent.tag in listed.what_to_do


async def test_an_absent_entry_stays_in_doubt_until_somebody_settles_it(store: Store, worker: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    await desk.log.give_up(sent, "not in the order book for 120 s")
    assert [row.order_id for row in await PostgresOperatorAlerts(worker).in_doubt()] == [sent.order_id]
    await Resolving(worker).resolve(found(sent.order_id, Verdict.ABSENT))
    assert await positions(worker) == []
    assert await status_of(desk, sent.order_id) == "absent"


async def test_an_order_at_the_broker_is_listed_when_its_strategy_has_stopped(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    accepted = await desk.accepted(desk.key())
    assert await positions(store) == []
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED))
    assert [listed.order_id for listed in await positions(store)] == [accepted.order_id]


async def test_who_settled_an_order_and_why_is_in_its_timeline(store: Store, worker: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    await Resolving(worker).resolve(found(sent.order_id, Verdict.NOT_PLACED))
    assert await status_of(desk, sent.order_id) == "not_placed"
    line = (await desk.lines())[-1]
    assert (line.kind, line.data["operator"], line.data["before"]) == ("resolved", "asha", "sent")
    assert "by hand" in line.text
    assert "the order book does not show it" in line.text


async def test_an_order_is_the_brokers_when_it_is_settled_as_placed(store: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    await desk.log.give_up(sent, "not in the order book for 120 s")
    await Resolving(store).resolve(found(sent.order_id, Verdict.PLACED, "240601000123456"))
    (row,) = await desk.orders()
    assert (row.status, row.broker_order_id) == ("open", "240601000123456")
    filled = await desk.log.saw(sent, seen(sent, 10, broker_order_id="240601000123456"))
    assert filled.filled_quantity == 10  # whoever reads the order book next goes on from there


async def test_the_reconciler_takes_an_entry_over_that_was_settled_as_placed(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    plan = replace(start.start.plan, closes_at=just_now() + timedelta(hours=1))
    await desk.runs.activate(replace(start, start=replace(start.start, plan=plan)))
    sent = await desk.sent(desk.key())
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED))
    await Resolving(store).resolve(found(sent.order_id, Verdict.PLACED, "240601000123456"))
    (entry,) = await PostgresReconciliation(store).doubtful_orders()
    assert entry.attempt.order_id == sent.order_id


async def test_the_reconciler_takes_an_entry_over_whose_finder_died_before_he_told_anybody(
    store: Store,
) -> None:
    """What it has bought is written down, and no run is there: else it would be forgotten until tomorrow."""
    desk = await Desk.made(store)
    start = desk.start()
    start = replace(
        start, start=replace(start.start, plan=replace(start.start.plan, closes_at=just_now() + HOUR))
    )
    await desk.runs.activate(start)
    sent = await desk.sent(desk.key())
    await desk.log.give_up(sent, "not in the order book for 120 s")
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED))
    await desk.log.saw(sent, seen(sent, 10, broker_order_id="240601000123456"))
    rows = PostgresReconciliation(store)
    for _ in range(2):  # as often as it takes
        (entry,) = await rows.doubtful_orders()
        assert entry.attempt.order_id == sent.order_id
    again = desk.start()
    await desk.runs.activate(again)
    assert await rows.doubtful_orders() == []


@pytest.mark.parametrize(
    ("verdict", "seconds_ago", "leg", "reason"),
    [
        (Verdict.NOT_PLACED, 5, Leg.ENTRY, "may still be on its way"),
        (Verdict.ABSENT, 5, Leg.ENTRY, "may still be on its way"),
        (Verdict.ABSENT, 60, Leg.EXIT, "is sent again"),
    ],
)
async def test_a_verdict_that_could_send_twice_is_refused(
    store: Store, verdict: Verdict, seconds_ago: float, leg: Leg, reason: str
) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk, leg, seconds_ago=seconds_ago)
    before = await desk.everything()
    with pytest.raises(NotResolved, match=reason):
        await Resolving(store).resolve(found(sent.order_id, verdict))
    assert await desk.everything() == before


async def test_an_order_that_is_not_in_doubt_is_left_as_it_is(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()
    complete, planned = sorted(await desk.orders(), key=lambda row: row.leg)
    resolving = Resolving(store)
    with pytest.raises(NotResolved, match="not in doubt"):
        await resolving.resolve(found(complete.order_id, Verdict.NOT_PLACED))
    with pytest.raises(NotResolved, match="never sent"):
        await resolving.resolve(found(planned.order_id, Verdict.PLACED, "77"))
    with pytest.raises(NotResolved, match="no order"):
        await resolving.resolve(found(uuid4(), Verdict.NOT_PLACED))


async def test_one_broker_order_is_never_two_of_ours(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.accepted(desk.key(Leg.EXIT), "1001")
    sent = await unanswered(desk)
    with pytest.raises(NotResolved, match="already"):
        await Resolving(store).resolve(found(sent.order_id, Verdict.PLACED, "1001"))


async def test_two_operators_settle_an_order_once(store: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    answers = await asyncio.gather(
        Resolving(store).resolve(found(sent.order_id, Verdict.NOT_PLACED)),
        Resolving(store).resolve(found(sent.order_id, Verdict.NOT_PLACED)),
        return_exceptions=True,
    )
    assert sorted(isinstance(answer, NotResolved) for answer in answers) == [False, True]
    assert (await desk.kinds()).count("resolved") == 1


async def test_settling_an_entry_lets_its_strategy_be_deleted_again(store: Store) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    async with store.work() as session:
        stopped = {"status": "stopped", "trading_day": sent.key.trading_day, "round": 1}
        await session.execute(
            update(StrategyRow).values(**stopped, closes_at=just_now() + timedelta(hours=1))
        )

    async def delete() -> bool:
        async with store.work() as session:
            idle = IdleStrategies(session, desk.strategy.user_id, timedelta(0))
            return await idle.delete(desk.strategy.strategy_id)

    with pytest.raises(InUse, match="in_doubt"):
        await delete()
    await Resolving(store).resolve(found(sent.order_id, Verdict.NOT_PLACED))
    assert await delete()


def stopwatch(*words: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    return subprocess.run(
        [Path(sys.executable).parent / "stopwatch", *words],
        env={**environment, **{f"STOPWATCH_{name}": value for name, value in settings.items()}},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_command_lists_for_people_and_for_scripts(
    store: Store, database: str, tmp_path: Path
) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    shown = await asyncio.to_thread(stopwatch, "positions", cwd=tmp_path, DATABASE_URL=database)
    assert shown.returncode == 0, shown.stderr
    assert str(sent.order_id) in shown.stdout
    assert "NSE:TCS ×10, in doubt" in shown.stdout
    listed = await asyncio.to_thread(
        stopwatch, "positions", "--json", cwd=tmp_path, DATABASE_URL_WORKER=database
    )
    (one,) = json.loads(listed.stdout)
    assert (one["order_id"], one["quantity"], one["kind"]) == (str(sent.order_id), 10, "in_doubt")


async def test_the_command_settles_an_order_of_the_product_running_here(
    store: Store, database: str, tmp_path: Path
) -> None:
    desk = await Desk.made(store)
    sent = await unanswered(desk)
    (tmp_path / ".stopwatch").mkdir()
    (tmp_path / ".stopwatch" / "endpoints.json").write_text(json.dumps({"postgres": database}))
    words = ("orders", "resolve", str(sent.order_id), "--as", "not-placed", "--reason", "seen in Kite")
    first = await asyncio.to_thread(stopwatch, *words, cwd=tmp_path)
    assert (first.returncode, "settled as not-placed" in first.stdout) == (0, True), first.stderr
    again = await asyncio.to_thread(stopwatch, *words, "--data-dir", ".stopwatch", cwd=tmp_path)
    assert again.returncode == 1
    assert "known not to be placed already" in again.stderr
    assert await status_of(desk, sent.order_id) == "not_placed"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("positions",), "STOPWATCH_DATABASE_URL"),
        (("positions", "--data-dir", "nowhere"), "nowhere"),
        (("orders", "resolve", "12", "--as", "absent", "--reason", "x"), "not one of our order ids"),
        (("orders", "resolve", str(UUID(int=1)), "--as", "placed", "--reason", "x"), "order number"),
        (("orders", "resolve", str(UUID(int=1)), "--as", "gone", "--reason", "x"), "is none of"),
    ],
)
def test_the_command_says_what_is_missing_without_a_traceback(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    settings = {} if words[0] == "positions" else {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"}
    ended = stopwatch(*words, cwd=tmp_path, **settings)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_says_that_the_database_is_away(tmp_path: Path) -> None:
    ended = stopwatch("positions", cwd=tmp_path, DATABASE_URL="postgresql://a:secret@127.0.0.1:1/c")
    assert ended.returncode == 1
    assert "Postgres did not answer" in ended.stderr
    assert "secret" not in ended.stderr
