"""An activity of a run that a stranger has carried out: an entry leaves only as its START was written down.

The attacker schedules `enter` on the workers' task queue past any run, with an order of their own making.
What decides is the claim, in Postgres: each field is forged here in turn. A sale is never refused so.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text, update

from activities.runs import RunActivities
from adapters.postgres.engine import Store
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.tables import StartRow, StrategyRow
from adapters.process.clock import SystemClock
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.ports import Claimed, NotClaimed
from domain.run import ActivateRun, EnterOrder, Release
from domain.strategy import Outcome, Position, Product
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.store_rows import TERMS, TODAY, Desk, broker_account, just_now, write_start

ACCOUNT = TERMS.account


def with_account(start: ActivateRun) -> ActivateRun:
    return replace(start, start=replace(start.start, account=ACCOUNT))


async def connected(store: Store) -> Desk:
    """Return a strategy that was only created, of a user whose account is connected."""
    made = await Desk.made(store)
    async with store.work() as session:
        session.add(broker_account(made))
    return made


@pytest.fixture
async def desk(store: Store) -> Desk:
    """A strategy whose START of today, in its account, is written down and runs."""
    made = await connected(store)
    await made.runs.activate(with_account(made.start()))
    return made


async def claimed(
    desk: Desk, key: LegKey, terms: OrderTerms = TERMS, quantity: int = 10, early: timedelta = timedelta(0)
) -> Claimed | NotClaimed:
    planned = await desk.log.plan(key, terms, 1, just_now())
    reason = Reason.BUY if key.leg is Leg.ENTRY else Reason.SELL
    return await desk.log.claim(planned, quantity, reason, just_now() - early, None, Decimal(3500))


def assert_foreign(claim: Claimed | NotClaimed) -> None:
    assert isinstance(claim, NotClaimed), claim
    assert claim.foreign
    assert not claim.may_pass


async def test_what_the_start_says_is_bought(desk: Desk) -> None:
    assert isinstance(await claimed(desk, desk.key()), Claimed)


async def test_less_than_the_start_says_may_be_bought(desk: Desk) -> None:
    """What is missing after a part was filled: the next attempt of the same leg."""
    assert isinstance(await claimed(desk, desk.key(), quantity=4), Claimed)


@pytest.mark.parametrize(
    "terms",
    [
        replace(TERMS, symbol="INFY"),
        replace(TERMS, exchange="BSE"),
        replace(TERMS, product=Product.MIS),
        replace(TERMS, account="zerodha:XY9999"),
        replace(TERMS, account=""),
    ],
    ids=["symbol", "exchange", "product", "account", "no account"],
)
async def test_other_shares_or_another_account_are_not_bought(desk: Desk, terms: OrderTerms) -> None:
    assert_foreign(await claimed(desk, desk.key(), terms))
    assert isinstance(await claimed(desk, desk.key(Leg.EXIT), terms), Claimed)


async def test_more_than_the_start_says_is_not_bought(desk: Desk) -> None:
    assert_foreign(await claimed(desk, desk.key(), quantity=11))


async def test_nothing_is_bought_before_the_starts_time(desk: Desk) -> None:
    long_before = just_now() - desk.start().start.plan.buy_at + timedelta(seconds=1)
    assert_foreign(await claimed(desk, desk.key(), early=long_before))


@pytest.mark.parametrize("round_", [2, 57])
async def test_no_second_entry_is_bought_under_a_round_that_nobody_started(desk: Desk, round_: int) -> None:
    """A leg of its own, with tags of its own: without this the same terms would be bought again and again."""
    assert_foreign(await claimed(desk, desk.key(round_=round_)))


async def test_a_start_is_for_its_own_day(desk: Desk) -> None:
    assert_foreign(await claimed(desk, desk.key(day=TODAY + timedelta(days=1))))


async def test_a_strategy_that_was_only_created_buys_nothing(store: Store) -> None:
    made = await connected(store)
    assert_foreign(await claimed(made, made.key(), replace(TERMS, account="")))


async def test_a_start_that_was_written_down_buys_nothing_before_it_runs(store: Store) -> None:
    made = await connected(store)
    await write_start(store, with_account(made.start()).start)
    assert_foreign(await claimed(made, made.key()))


async def test_a_strategy_that_has_stopped_buys_nothing(store: Store) -> None:
    made = await connected(store)
    start = with_account(made.start())
    await made.runs.activate(start)
    await made.log.plan(made.key(), TERMS, 1, just_now())
    await made.runs.finish(made.end(start, Outcome.STOPPED))
    async with store.work() as session:  # an intent that its end did not close
        await session.execute(text("UPDATE orders SET status = 'planned', verdict = NULL"))
    assert_foreign(await claimed(made, made.key()))


@pytest.mark.parametrize("of", ["sells only", "keeps", "looks"])
async def test_a_start_that_sells_or_keeps_buys_nothing(store: Store, of: str) -> None:
    made = await connected(store)
    start = with_account(made.start(sell_only=True))
    release = {"sells only": None, "keeps": Release.KEEP, "looks": Release.LOOK}[of]
    await made.runs.activate(replace(start, start=replace(start.start, release=release)))
    assert_foreign(await claimed(made, made.key()))


@pytest.mark.parametrize("whose", ["user", "strategy"])
async def test_a_start_of_another_user_or_strategy_buys_nothing(desk: Desk, store: Store, whose: str) -> None:
    """Rows that were made to point at each other, as who writes to the database alone could."""
    other = await Desk.started(store, user_id=desk.strategy.user_id if whose == "strategy" else None)
    async with store.work() as session:
        started = (await desk.row()).start_id
        if whose == "user":
            theirs: dict[str, object] = {"user_id": other.strategy.user_id}
        else:
            theirs = {"strategy_id": other.strategy.strategy_id}
        await session.execute(update(StartRow).where(StartRow.start_id == started).values(**theirs))
    assert_foreign(await claimed(desk, desk.key()))


async def test_a_database_that_was_set_back_buys_nothing_and_sells_what_is_held(
    desk: Desk, store: Store
) -> None:
    """The START's row is gone: what it would have bought is refused, what it has bought is sold."""
    bought = await desk.bought()
    assert bought.filled_quantity == 10
    async with store.work() as session:
        row = await desk.row()
        await session.delete(await session.get_one(StartRow, row.start_id))
    assert isinstance(await claimed(desk, desk.key(Leg.EXIT)), Claimed)
    assert_foreign(await claimed(desk, desk.key(round_=2)))


@pytest.mark.parametrize("stood", ["created", "stopped", "stopped before"])
async def test_shares_are_sold_that_the_database_has_never_heard_of(store: Store, stood: str) -> None:
    """It was set back to a backup of before the START; the run holds, and its stop is hit."""
    made = await connected(store)
    if stood != "created":
        before = made.start(TODAY - timedelta(days=1) if stood == "stopped before" else TODAY)
        await made.runs.activate(before)
        await made.runs.finish(made.end(before, Outcome.STOPPED))
    key = made.key(Leg.EXIT, 2 if stood == "stopped" else 1)
    assert isinstance(await claimed(made, key), Claimed)


@pytest.mark.parametrize("stood", ["created", "started since"])
async def test_a_run_that_ends_on_a_database_that_was_set_back_tells_the_operator(
    desk: Desk, store: Store, stood: str
) -> None:
    start = with_account(desk.start())
    alerts = MemoryAlerts()
    activities = RunActivities(PostgresRunStore(store), MemoryCache(), alerts)
    end = desk.end(start, Outcome.SOLD, Position.SOLD)
    if stood == "created":
        async with store.work() as session:
            mine = StrategyRow.strategy_id == desk.strategy.strategy_id
            await session.execute(update(StrategyRow).where(mine).values(start_id=None, status="created"))
    before = await desk.everything()
    assert await activities._finish(end)
    assert await desk.everything() == before
    (alarm,) = alerts.raised
    assert (alarm.kind, alarm.strategy_id) == ("foreign_start", desk.strategy.strategy_id)
    assert "set back" in alarm.text


async def test_a_run_that_a_newer_start_has_replaced_ends_without_an_alarm(store: Store) -> None:
    made = await connected(store)
    first = with_account(made.start())
    await made.runs.activate(first)
    await made.runs.finish(made.end(first, Outcome.STOPPED))
    await made.runs.activate(with_account(made.start()))
    alerts = MemoryAlerts()
    activities = RunActivities(PostgresRunStore(store), MemoryCache(), alerts)
    for _ in range(2):  # its own end, written once more, as well
        assert await activities._finish(made.end(first, Outcome.STOPPED))
    assert alerts.raised == []


async def test_what_a_run_that_has_ended_left_planned_is_not_sold_by_one_that_was_paused(desk: Desk) -> None:
    """The other side of it: a leg that the store knows to be over stays over."""
    row = await desk.row()
    start = desk.start()
    ended = replace(desk.end(start), ref=replace(start.ref, start_id=row.start_id))  # type: ignore[arg-type]
    await desk.runs.finish(ended)
    late = await desk.log.plan(desk.key(Leg.EXIT), TERMS, 1, just_now())
    assert late.verdict is Outcome.STOPPED


async def test_a_refused_entry_ends_with_its_reason_and_tells_the_operator(desk: Desk) -> None:
    """As the activity does it, from the order that the attacker made to the broker."""
    clock, alerts = SystemClock(), MemoryAlerts()
    broker = MemoryBroker(clock)
    path = OrderPath.on(
        desk.log,
        MemoryCache(),
        MemoryBrokers(broker, connected=ACCOUNT),
        clock,
        MemoryTradingDays(),
        alerts,
        MemoryRestingStops(),
    )
    due_at = just_now() + timedelta(seconds=0.5)
    forged = EnterOrder(desk.key(), TERMS, 500, Decimal(1), due_at)
    entered = await path.entries.enter(forged, asyncio.Event(), "a stranger")
    assert (entered.filled, entered.outcome) == (0, Outcome.SKIPPED), entered
    assert "no START" in entered.detail
    assert broker.sent == []
    assert [alarm.kind for alarm in alerts.raised] == ["foreign_start"]
    assert "500 NSE:TCS" in alerts.raised[0].text
