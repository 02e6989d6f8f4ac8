"""The timeline says why before what: the sender writes the reason of a sale, its run finds it written."""

from datetime import UTC, datetime

import pytest

from adapters.postgres.engine import Store
from domain.order import Leg, Reason
from domain.outcome import Accepted, PlaceOutcome, Unknown
from domain.ports import Claimed
from domain.run import PhaseChange, SaleLine
from domain.strategy import Phase
from domain.timeline import SOLD_ALREADY
from tests.store_rows import TERMS, Desk, just_now, seen

SALE_TEXT = "It is 14:30: selling 10 TCS."
SELL_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ACCEPTED = Accepted("2002")


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await Desk.made(store)


async def sold(
    desk: Desk, reason: Reason, why: SaleLine | None = None, outcome: PlaceOutcome = ACCEPTED
) -> None:
    """Sell all of it as a worker does that holds the sale."""
    exit_ = (await desk.log.leg(desk.key(Leg.EXIT)))[0]
    claim = await desk.log.claim(exit_, 10, reason, SELL_AT, None)
    assert isinstance(claim, Claimed)
    await desk.log.answer(claim.attempt, outcome, why)
    await desk.log.saw(claim.attempt, seen(claim.attempt, 10, broker_order_id="2002"))


async def texts(desk: Desk) -> list[str]:
    """Return the lines about the sale, in the order in which they are read."""
    lines = [line.text for line in await desk.lines()]
    about = lines[next(i for i, text in enumerate(lines) if text.startswith("Bought")) + 1 :]
    return [text for text in about if not text.startswith(("The broker took", "Found"))]


async def test_a_timed_sale_says_its_time_before_what_it_sold(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await sold(desk, Reason.SELL)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.EXITING, SALE_TEXT))
    said = await texts(desk)
    assert [text.split(",")[0] for text in said] == [SALE_TEXT, "Sold 10 TCS at 3501.25 (asked 10)"]
    assert (await desk.row()).phase == "exiting"


async def test_a_run_that_is_quicker_than_its_sender_says_it_alone(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.EXITING, SALE_TEXT))
    await sold(desk, Reason.SELL)
    assert [text.split(",")[0] for text in await texts(desk)] == [
        SALE_TEXT,
        "Sold 10 TCS at 3501.25 (asked 10)",
    ]
    assert (await desk.row()).phase == "exiting"


async def test_a_stop_that_was_sold_ahead_of_its_run_says_so_first_and_once(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await sold(desk, Reason.STOPLOSS)
    price = "The price is 3499, at or below the stop 3500: selling 10 TCS at once."
    change = PhaseChange(start.ref, Phase.EXITING, price, kind="stop_loss")
    await desk.runs.change_phase(change)
    kinds = await desk.kinds()
    assert kinds.count("stop_loss") == 1, "one notification"
    assert kinds.index("stop_loss") < kinds.index("sold")


async def test_what_only_the_run_knows_is_said_by_its_sender_first(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    why = SaleLine("cancelled", "The run was cancelled from outside: selling 10 TCS.")
    await sold(desk, Reason.STOP, why)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.EXITING, why.text, kind=why.kind))
    assert [text.split(",")[0] for text in await texts(desk)] == [
        why.text,
        "Stopped: sold 10 TCS at 3501.25 (asked 10)",
    ]


async def test_an_answer_that_was_lost_comes_after_its_cause_too(desk: Desk) -> None:
    await desk.runs.activate(desk.start())
    await desk.bought()
    exit_ = (await desk.log.leg(desk.key(Leg.EXIT)))[0]
    claim = await desk.log.claim(exit_, 10, Reason.SELL, SELL_AT, None)
    assert isinstance(claim, Claimed)
    # Its sender is killed here; another worker finds the order in the book.
    await desk.log.saw(claim.attempt, seen(claim.attempt, 10, broker_order_id="2002"))
    assert (await texts(desk))[0] == SALE_TEXT


async def test_a_sale_in_doubt_says_its_cause_before_the_doubt(desk: Desk) -> None:
    await desk.runs.activate(desk.start())
    await desk.bought()
    await sold(desk, Reason.SELL, outcome=Unknown("read timed out"))
    said = await texts(desk)
    assert said[0] == SALE_TEXT
    assert said[1].startswith("No clear answer")
    assert said.count(SALE_TEXT) == 1


async def test_a_run_that_reaches_its_holding_after_the_sale_does_not_say_that_it_holds(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await sold(desk, Reason.STOPLOSS)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.HOLDING, "Holding 10 TCS: sold at 14:30."))
    row, said = await desk.row(), await texts(desk)
    assert (row.phase, said[-1]) == ("holding", SOLD_ALREADY)


async def test_a_run_whose_shares_are_sold_never_says_that_it_sells_them(desk: Desk) -> None:
    """A stop was sold in the last instant before sell_time; the run wakes for its time."""
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await sold(desk, Reason.STOPLOSS)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.EXITING, SALE_TEXT))
    assert SALE_TEXT not in await texts(desk)
    assert (await desk.row()).phase == "exiting"


async def test_a_sale_that_was_refused_leaves_the_run_its_own_words(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    exit_ = (await desk.log.leg(desk.key(Leg.EXIT)))[0]
    claim = await desk.log.claim(exit_, 10, Reason.SELL, SELL_AT, None)
    assert isinstance(claim, Claimed)
    await desk.log.supersede(claim.attempt, TERMS, absent=False, message="no", due_at=just_now())
    stop = "The price is 3499, at or below the stop 3500: selling 10 TCS at once."
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.EXITING, stop, kind="stop_loss"))
    assert stop in await texts(desk), "a stop after a refused sale is told, with its notification"


async def test_each_start_says_it_anew(desk: Desk) -> None:
    for _ in range(2):
        start = desk.start()
        await desk.runs.activate(start)
        round_ = (await desk.row()).round
        attempt = await desk.accepted(desk.key(round_=round_), f"10{round_}")
        await desk.log.saw(attempt, seen(attempt, 10, broker_order_id=f"10{round_}"))
        exit_ = (await desk.log.leg(desk.key(Leg.EXIT, round_)))[0]
        claim = await desk.log.claim(exit_, 10, Reason.SELL, SELL_AT, None)
        assert isinstance(claim, Claimed)
        await desk.log.answer(claim.attempt, Accepted(f"20{round_}"))
        await desk.log.saw(claim.attempt, seen(claim.attempt, 10, broker_order_id=f"20{round_}"))
        await desk.runs.finish(desk.end(start))
    lines = [line.text for line in await desk.lines()]
    assert lines.count(SALE_TEXT) == 2
