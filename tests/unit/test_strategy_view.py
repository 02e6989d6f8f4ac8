"""What a user is shown of a strategy's profit: known, or null."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from adapters.postgres.strategies import StrategyRecord
from api.strategies.view import charges, profit, shown
from domain.kept_stop import Protection, why_alone
from domain.protected_exit import Bar
from domain.session import at
from domain.strategy import Outcome, Phase, Position, Status, Strategy
from domain.terms import PLAIN, WEEK, Protect, Repeat, Terms
from services.market.told_days import changed_words
from tests.fakes.calendar import ClosedOn, Weekdays
from tests.fakes.starts import a_start

STRATEGY = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15), Decimal(3400), 10)
RECORD = StrategyRecord(
    strategy=STRATEGY,
    created_at=datetime(2026, 11, 23, tzinfo=UTC),
    status=Status.STOPPED,
    phase=Phase.DONE,
    position=Position.SOLD,
    outcome=Outcome.SOLD,
    outcome_detail="",
    trading_day=None,
    workflow_id=None,
    run_id=None,
    buy_at=None,
    sell_at=None,
    closes_at=None,
    warnings=(),
    bought_quantity=10,
    sold_quantity=10,
    outside_quantity=0,
    missing_note=None,
    unread_since=None,
    entry_price=Decimal(100),
    exit_price=Decimal(101),
    kept=False,
    started_at=None,
    stopped_at=None,
    bought_at=None,
)


def test_profit_is_what_was_sold_less_what_it_cost() -> None:
    assert profit(RECORD, None) == 10


@pytest.mark.parametrize(("sold", "exit_price"), [(0, None), (6, Decimal(101))])
def test_profit_is_not_invented_for_shares_that_were_sold_outside(
    sold: int, exit_price: Decimal | None
) -> None:
    gone = replace(RECORD, sold_quantity=sold, outside_quantity=10 - sold, exit_price=exit_price)
    assert profit(gone, Decimal(120)) is None


def test_what_is_held_counts_at_the_last_price() -> None:
    held = replace(RECORD, position=Position.BOUGHT, sold_quantity=0, exit_price=None)
    assert profit(held, Decimal(90)) == -100
    assert profit(held, None) is None


def test_stop_of_held_shares_lies_with_the_server_from_the_first_fill_on() -> None:
    bought_at = datetime(2026, 11, 23, 4, tzinfo=UTC)
    held = replace(RECORD, status=Status.RUNNING, position=Position.BOUGHT, bought_at=bought_at)
    said = shown(held, None, bought_at).protection
    assert said is not None
    assert (said.where, said.since, said.order_id) == ("server", bought_at, None)
    for other in (RECORD, replace(held, status=Status.STOPPED), replace(held, position=Position.SOLD)):
        assert shown(other, None, bought_at).protection is None


def test_a_stop_is_said_to_rest_at_the_exchange_only_where_an_order_of_this_round_does() -> None:
    bought_at = datetime(2026, 11, 23, 4, tzinfo=UTC)
    wanted = replace(STRATEGY, terms=replace(PLAIN, protect=Protect.EXCHANGE))
    held = replace(
        RECORD,
        strategy=wanted,
        status=Status.RUNNING,
        phase=Phase.HOLDING,
        position=Position.BOUGHT,
        bought_at=bought_at,
    )
    rests = Protection(Protect.EXCHANGE, bought_at, "260000000000001", Decimal(3400))

    def said(record: StrategyRecord) -> tuple[str, str | None, str | None]:
        found = shown(record, None, bought_at).protection
        assert found is not None
        return found.where, found.order_id, found.why

    assert said(replace(held, protection=rests)) == ("exchange", "260000000000001", None)
    assert said(held) == ("server", None, "it is being placed")
    of_before = replace(rests, since=bought_at - timedelta(hours=1))
    assert said(replace(held, protection=of_before)) == ("server", None, "it is being placed")
    selling = replace(held, phase=Phase.EXITING)
    assert said(selling) == ("server", None, "the shares are being sold")
    assert said(replace(selling, protection=rests))[0] == "exchange", "until the book shows it changed"
    by_hand = Protection(Protect.SERVER, bought_at, why=why_alone(Bar.HAND))
    assert said(replace(held, protection=by_hand))[2] == by_hand.why


def test_what_the_account_shows_else_is_a_warning() -> None:
    now = datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert shown(RECORD, None, now).warnings == []
    differs = replace(RECORD, missing_note="The account shows 6 of the 10.", unread_since=now)
    told, unread = shown(differs, None, now).warnings
    assert told == "The account shows 6 of the 10."
    assert "could not be read since 10:30" in unread


TRADED = replace(
    RECORD,
    trading_day=date(2026, 11, 30),
    bought_quantity=1000,
    sold_quantity=1000,
    entry_price=Decimal(100),
    exit_price=Decimal(101),
)


def test_what_is_won_is_shown_after_what_it_cost() -> None:
    answer = shown(TRADED, None, datetime(2026, 11, 30, 10, tzinfo=UTC))
    assert answer.charges is not None
    assert answer.charges.total == Decimal("82.97")  # Zerodha's own example: bought and sold on one day
    assert (answer.pnl, answer.net_pnl) == (Decimal(1000), Decimal("917.03"))


@pytest.mark.parametrize(
    "unknown",
    [
        {"trading_day": None},
        {"trading_day": date(2020, 1, 1)},
        {"exit_price": None},
        {"entry_price": None},
        {"bought_quantity": 0, "sold_quantity": 0},
    ],
)
def test_charges_that_are_not_known_are_null_and_never_zero(unknown: dict[str, object]) -> None:
    record = replace(TRADED, **unknown)  # type: ignore[arg-type]
    assert charges(record) is None
    assert shown(record, None, datetime(2026, 11, 30, 10, tzinfo=UTC)).net_pnl is None


@pytest.mark.parametrize(("live", "mode"), [(True, "live"), (False, "paper")])
def test_an_answer_says_whether_its_orders_are_real(live: bool, mode: str) -> None:
    assert shown(TRADED, None, datetime(2026, 11, 30, 10, tzinfo=UTC), live=live).mode == mode


def waiting_for(day: date, terms: Terms = PLAIN) -> StrategyRecord:
    return replace(
        RECORD,
        strategy=replace(STRATEGY, terms=terms),
        status=Status.RUNNING,
        phase=Phase.WAITING,
        position=Position.NONE,
        outcome=None,
        bought_quantity=0,
        sold_quantity=0,
        trading_day=day,
        buy_at=at(day, time(9, 30)),
        sell_at=at(day, time(15)),
    )


def test_a_day_that_turns_out_closed_is_a_warning_the_evening_before() -> None:
    day, evening = date(2026, 12, 2), datetime(2026, 12, 1, 12, tzinfo=UTC)
    calendar = ClosedOn(Weekdays(), {day})
    assert shown(waiting_for(day), None, evening, calendar=calendar).warnings == [
        "Nothing will be bought: the exchange is closed on 2026-12-02, by the operator's calendar. STOP it, "
        "then START it for its next trading day."
    ]
    series = waiting_for(day, Terms(repeat=Repeat(WEEK)))
    assert shown(series, None, evening, calendar=calendar).warnings == []
    calendar.closed.clear()
    assert shown(waiting_for(day), None, evening, calendar=calendar).warnings == []


def test_what_an_operators_word_means_for_a_day_that_waits_is_said() -> None:
    day = date(2026, 12, 2)
    start = a_start(STRATEGY, datetime(2026, 12, 2, 2, tzinfo=UTC))
    start = replace(start, plan=replace(start.plan, trading_day=day))
    opened, closed = ClosedOn(Weekdays()), ClosedOn(Weekdays(), {day})
    assert "closed on 2026-12-02" in changed_words(start, opened, closed)
    assert changed_words(start, closed, opened) == (
        "The exchange trades on 2026-12-02 after all: it is bought at 09:30, unless you stop it."
    )
    assert changed_words(start, closed, closed) == changed_words(start, opened, opened) == ""
