"""The books on a real Postgres: what is written of a round when it ends, and of rounds from before."""

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import select

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.engine import Store
from adapters.postgres.terms_json import terms_json
from domain.order import Leg
from domain.reentry import Again
from domain.run import ActivateRun
from domain.strategy import Outcome, Position
from domain.terms import After, Reenter, Target, Terms, When
from migrations import schema
from tests.integration.test_store_migrations import upgrade_to
from tests.postgres import PostgresServer
from tests.store_rows import TODAY, Desk, just_now, seen

ONCE_AGAIN = Reenter(1, After.BOTH, When.AT_ONCE, time(15, 0))


async def books(desk: Desk) -> list[FinishedRoundRow]:
    """Return what the books have of a strategy, the oldest round first."""
    row = FinishedRoundRow
    query = select(row).where(row.strategy_id == desk.strategy.strategy_id)
    async with desk.store.read() as session:
        return list(await session.scalars(query.order_by(row.trading_day, row.round)))


async def filled(desk: Desk, leg: Leg, price: str | None, round_: int = 1) -> None:
    attempt = await desk.sent(desk.key(leg, round_))
    await desk.log.saw(attempt, seen(attempt, 10, price, broker_order_id=f"{leg}-{round_}-{uuid4()}"))


async def sold(desk: Desk, start: ActivateRun, outcome: Outcome = Outcome.SOLD) -> None:
    """Buy and sell ten shares, and end the round."""
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3520.50")
    await desk.runs.finish(desk.end(start, outcome, Position.SOLD))


async def test_a_round_is_written_down_when_it_ends(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    assert await books(desk) == []
    await sold(desk, start)
    (row,) = await books(desk)
    assert (row.trading_day, row.round, row.outcome, row.outcome_detail) == (TODAY, 1, "sold", "because")
    assert (row.quantity, row.sold, row.entry_price, row.exit_price) == (
        *(10, 10, Decimal(3500), Decimal("3520.50")),
    )
    assert [(one["side"], one["quantity"]) for one in row.trades] == [("BUY", 10), ("SELL", 10)]
    assert row.account == "zerodha:AB1234"
    assert row.entry_lateness_ms is not None


async def test_a_round_that_ends_twice_is_one_row(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await sold(desk, start)
    await desk.runs.finish(desk.end(start, Outcome.STOPPED, Position.SOLD))
    assert [row.outcome for row in await books(desk)] == ["sold"]


async def test_a_day_without_a_purchase_is_in_the_books(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk.runs.finish(desk.end(start, Outcome.SKIPPED))
    (row,) = await books(desk)
    assert (row.outcome, row.quantity, row.trades, row.last_day) == ("skipped", 0, [], None)


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.CANCELLED, Outcome.TERMINATED])
async def test_a_day_that_was_ended_before_it_came_is_not_in_the_books(
    store: Store, outcome: Outcome
) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk._set(buy_at=just_now() + timedelta(hours=12))
    await desk.runs.finish(desk.end(start, outcome))
    assert await books(desk) == []
    assert (await desk.row()).outcome == outcome.value


async def test_a_day_that_is_skipped_shortly_before_it_buys_is_in_the_books(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk._set(buy_at=just_now() + timedelta(seconds=20))
    await desk.runs.finish(desk.end(start, Outcome.SKIPPED))
    assert [row.outcome for row in await books(desk)] == ["skipped"]


async def test_a_price_that_comes_after_the_end_is_added(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    attempt = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.saw(attempt, seen(attempt, 10, None, broker_order_id="S-1"))
    await desk.runs.finish(desk.end(start, Outcome.SOLD, Position.SOLD))
    assert [row.exit_price for row in await books(desk)] == [None]
    await desk.log.saw(attempt, seen(attempt, 10, "3490", broker_order_id="S-1"))
    (row,) = await books(desk)
    assert (row.exit_price, row.trades[1]["price"]) == (Decimal(3490), "3490")


async def test_shares_that_were_kept_are_sold_at_their_cost_by_a_later_round(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await desk.runs.finish(desk.end(start, Outcome.KEPT, Position.BOUGHT))
    sale = desk.start(sell_only=True)
    await desk.runs.activate(sale)
    await filled(desk, Leg.EXIT, "3600", round_=2)
    await desk.runs.finish(desk.end(sale, Outcome.STOPPED, Position.SOLD))
    kept, later = await books(desk)
    assert (kept.outcome, kept.quantity, kept.sold, kept.exit_price) == ("kept", 10, 0, None)
    assert (later.quantity, later.sold, later.entry_price, later.exit_price) == (
        *(10, 10, Decimal(3500), Decimal(3600)),
    )


async def test_a_run_that_only_keeps_what_is_held_is_no_round(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED, Position.BOUGHT))
    keep = desk.start(sell_only=True)
    await desk.runs.activate(keep)
    await desk.runs.finish(desk.end(keep, Outcome.KEPT, Position.BOUGHT))
    assert [(row.round, row.outcome) for row in await books(desk)] == [(1, "order_failed")]


async def test_each_round_of_one_start_has_its_line_and_one_never_bought_has_none(store: Store) -> None:
    made = await Desk.made(store)
    terms = Terms(target=Target(Decimal(3700)), reenter=ONCE_AGAIN)
    await made._set(terms=terms_json(terms))
    desk = replace(made, strategy=replace(made.strategy, terms=terms))
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3450")
    again = Again(1, Outcome.STOP_LOSS, Decimal(3500), "sold 10 TCS")
    ref = replace(start.ref, run_id="the second", began=just_now())
    await desk.runs.activate(ActivateRun(ref, replace(start.start, again=again)))
    (first,) = await books(desk)
    assert (first.round, first.outcome, first.exit_price) == (1, "stop_loss", Decimal(3450))
    await desk.runs.finish(replace(desk.end(start, Outcome.STOP_LOSS, Position.SOLD), ref=ref))
    assert [row.round for row in await books(desk)] == [1]


async def test_a_round_ended_from_outside_is_written_by_the_start_that_takes_over(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3450")
    await desk.runs.activate(desk.start())
    assert [(row.round, row.outcome, row.sold) for row in await books(desk)] == [(1, "terminated", 10)]


async def test_rounds_of_before_come_from_the_order_log(postgres: PostgresServer) -> None:
    url = await postgres.empty_database()
    await upgrade_to(url, "0029")
    connection = await asyncpg.connect(url)
    user, strategy = uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b.test', '')", user
    )
    await connection.execute(
        "INSERT INTO strategies (strategy_id, user_id, symbol, exchange, product, buy_time, sell_time, "
        "stop_loss, quantity, on_stop, status, position, outcome, outcome_detail, trading_day, round, "
        "bought_quantity, sold_quantity, entry_price, stopped_at) VALUES ($1, $2, 'TCS', 'NSE', 'CNC', "
        "'09:30', '15:00', 900, 10, 'exit', 'stopped', 'sold', 'stopped', 'by hand', '2026-11-25', 1, "
        "10, 10, 1000, '2026-11-25 10:00+05:30')",
        *(strategy, user),
    )
    orders = [
        (date(2026, 11, 23), 1, "entry", 1, "BUY", "BUY", 10, 1000, "2026-11-23T04:00:00.250Z"),
        (date(2026, 11, 23), 1, "exit", 1, "SELL", "STOPLOSS", 4, 950, "2026-11-23T05:00:00Z"),
        (date(2026, 11, 23), 1, "exit", 2, "SELL", "STOPLOSS", 6, 940, "2026-11-23T05:00:01Z"),
        (date(2026, 11, 24), 1, "entry", 1, "BUY", "BUY", 10, 1000, "2026-11-24T04:00:00Z"),
        (date(2026, 11, 25), 1, "exit", 1, "SELL", "STOP", 10, 1010, "2026-11-25T04:30:00Z"),
        (date(2026, 11, 26), 1, "entry", 1, "BUY", "BUY", 0, None, None),
    ]
    for day, round_, leg, attempt, side, reason, quantity, price, sent in orders:
        await connection.execute(
            "INSERT INTO orders (order_id, user_id, strategy_id, trading_day, round, leg, attempt, tag, "
            "exchange, symbol, product, side, reason, quantity, filled_quantity, average_price, status, "
            "due_at, sent_at, filled_at) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, 'NSE', "
            "'TCS', 'CNC', $8, $9, $10, $10, $11, 'complete', date_trunc('second', $12::text::timestamptz), "
            "$12::text::timestamptz, $12::text::timestamptz)",
            *(
                user,
                strategy,
                day,
                round_,
                leg,
                attempt,
                uuid4().hex[:20],
                side,
                reason,
                quantity,
                price,
                sent,
            ),
        )
    await connection.execute(
        "INSERT INTO events (user_id, strategy_id, kind, text, data, once) VALUES "
        "($1, $2, 'started', '', '{\"round\": \"1\", \"trading_day\": \"2026-11-24\"}', 'a'), "
        "($1, $2, 'stopped', 'kept them', '{\"outcome\": \"kept\"}', 'b')",
        *(user, strategy),
    )
    await schema.upgrade(url)
    rows = await connection.fetch("SELECT * FROM strategy_days ORDER BY trading_day, round")
    await connection.close()
    assert [(row["trading_day"].day, row["outcome"], row["quantity"], row["sold"]) for row in rows] == [
        (23, "stop_loss", 10, 10),
        (24, "kept", 10, 0),
        (25, "stopped", 10, 10),
    ]
    assert [(row["entry_price"], row["exit_price"]) for row in rows] == [
        (1000, 944),
        (1000, None),
        (1000, 1010),
    ]
    assert (rows[0]["entry_lateness_ms"], rows[2]["outcome_detail"]) == (250, "by hand")
    assert (rows[0]["first_day"], rows[1]["last_day"]) == (date(2026, 11, 23), date(2026, 11, 24))
