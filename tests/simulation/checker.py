"""The judge of a day. It trusts the exchange's ledger, the intents and the outcome, nothing in between."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from domain.entry_price import MOVES
from domain.order import FINAL, Leg, OrderStatus, Side
from domain.strategy import Outcome
from tests.simulation.account_rules import ACCOUNT_RULES, FLAT, OUTSIDE, filled, oversold
from tests.simulation.day_terms import BUY, CHASED, CLOSE, MOST, SELL, WANTED
from tests.simulation.exchange import OURS, Entry
from tests.simulation.played import Played

MISSED_AFTER = 5.0
CLOCK_TOLERANCE = 2.0
"""Seconds a worker's clock may be ahead of the store's before a claim is refused."""
PRICE_IS_OLD_AFTER = 5.0
"""Seconds a price may act (design, section 5)."""
KEPT_WITHIN = 60.0
"""Seconds from the word to keep to the end, whatever is in doubt."""
STORE_AWAY = 60.0
"""More where the store is away meanwhile: the end has to be written down."""
PRICE = Decimal(3500)
"""At buy time."""
HEARD_WITHIN = 1.0
"""Seconds in which a word reaches a run that is about to buy."""
RESTS = 30.0
"""Seconds an entry may rest by its terms."""
LATE_CANCEL = 40.0
"""More that a dead worker, a frozen one or a broker that does not answer may cost."""
CLOSED_WITHIN = 60.0 + 600.0 + 30.0
"""Seconds after the close in which a sale may still learn what it came to."""


def judge(day: Played) -> list[str]:
    """Return what is wrong with a day, in words; an empty list is a good day."""
    return [f"{rule.__name__}: {words}" for rule in RULES for words in rule(day)]


def it_ends(day: Played) -> Iterator[str]:
    """The run ends, once, and leaves no key behind."""
    if day.broken:
        yield day.broken
    if len(day.finished) != 1:
        yield f"finished {len(day.finished)} times"
    elif day.keys_left:
        yield "Redis keys were left behind"
    if day.stopped_with_keys:
        yield "Postgres said stopped while the Redis keys were there"


def one_entry(day: Played) -> Iterator[str]:
    """One is accepted; another one where the terms have it bought again, and never while shares are held."""
    placed = [entry for entry in day.ledger if entry.what == "placed" and entry.side is Side.BUY]
    if _is_sliced(day):
        return
    if len(placed) > 1 + _buys_again(day):
        yield f"{len(placed)} entries were accepted"
    for again in placed[1:]:
        before = day.ledger[: day.ledger.index(again)]
        filled = {
            side: sum(e.quantity for e in before if e.what == "filled" and e.side is side) for side in Side
        }
        if filled[Side.BUY] > filled[Side.SELL]:
            yield f"bought again at {again.at:.2f} while shares were held"
        words = [at for at, word in day.events if word.startswith(("STOP", "CANCEL"))]
        if words and again.at > words[0] + HEARD_WITHIN:
            yield f"bought again at {again.at:.2f}, and was stopped at {words[0]:.2f}"


def slices_go_out_one_after_the_other(day: Played) -> Iterator[str]:
    """None is above what one order may have, or sent before the last is filled; all of them are the whole."""
    if not _is_sliced(day):
        return
    ours = [entry for entry in day.ledger if entry.what in ("sent", "filled") and entry.account == OURS]
    yield from (
        f"an order of {entry.quantity} was sent, {MOST} are the most"
        for entry in ours
        if entry.what == "sent" and entry.quantity > MOST
    )
    bought = 0
    for entry in (entry for entry in ours if entry.side is Side.BUY):
        if entry.what == "filled":
            bought += entry.quantity
        elif bought + entry.quantity > WANTED:
            yield f"{entry.quantity} more were asked for when {bought} of {WANTED} had been bought"
        elif bought % MOST:
            yield f"another purchase was sent when {bought} had been bought: the last was no full slice"
    words = [at for at, word in day.events if word.startswith(("STOP", "CANCEL"))]
    late = [e.at for e in ours if words and e.what == "sent" and e.side is Side.BUY][1:]
    if late and late[-1] > words[0] + HEARD_WITHIN:
        yield f"a slice was bought at {late[-1]:.2f}, and it was stopped at {words[0]:.2f}"


def an_entry_costs_no_more_than_its_terms(day: Played) -> Iterator[str]:
    """No limit, and no change of one, is above what the terms allow, whatever is lost; and few are sent."""
    limits = [entry for entry in day.ledger if entry.side is Side.BUY and entry.price is not None]
    if not limits or limits[0].what == "by hand":
        return
    first = next(entry.price for entry in limits if entry.price is not None)
    ceiling = first if first < PRICE else PRICE + CHASED
    yield from (
        f"{entry.what} at {entry.price}, above {ceiling}"
        for entry in limits
        if entry.price is not None and entry.price > ceiling
    )
    changes = sum(entry.what == "moved" for entry in limits)
    if changes > MOVES:
        yield f"its price was changed {changes} times"


def an_entry_that_waits_is_over_before_its_sale(day: Played) -> Iterator[str]:
    """A LIMIT order is cancelled after its seconds, unless what would cancel it was away for longer."""
    if day.store_was_down or any(" 40" in f.action or " 200" in f.action for f in day.faults):
        return
    for entry in day.ledger:
        if entry.what == "filled" and entry.side is Side.BUY and entry.price is not None:
            placed = next(e.at for e in day.ledger if e.what == "placed" and e.tag == entry.tag)
            if entry.at > placed + RESTS + LATE_CANCEL:
                yield f"filled at {entry.at:.2f}, placed at {placed:.2f}"


def every_order_was_intended(day: Played) -> Iterator[str]:
    for entry in day.ledger:
        if (
            entry.what == "sent"
            and not entry.intended
            and not (entry.side is Side.SELL and day.store_was_down)
        ):
            yield f"an order was sent at {entry.at:.2f} without an intent"


def every_tag_is_sent_once(day: Played) -> Iterator[str]:
    """A tag is sent again only when the broker itself said that it placed nothing under it."""
    sent = Counter(entry.tag for entry in day.ledger if entry.what == "sent")
    sent.subtract(entry.tag for entry in day.ledger if entry.what == "refused")
    for tag, times in sent.items():
        if times > 1:
            yield f"{tag} was sent {times} times"


def every_intent_is_resolved(day: Played) -> Iterator[str]:
    told = any(alarm.startswith("position_left") for alarm in day.alarms) or _says_doubt(day)
    for row in day.rows:
        if not row.over and not told:
            yield f"{row.key.leg} attempt {row.attempt} is left {row.status}"
        if row.status in FINAL:
            filled = sum(e.quantity for e in day.ledger if e.what == "filled" and e.tag == row.tag)
            if filled != row.filled_quantity:
                yield f"{row.key.leg} attempt {row.attempt}: {filled} filled, {row.filled_quantity} logged"


def nothing_visible_is_given_up(day: Played) -> Iterator[str]:
    """An order that the order book shows is never called absent: who could not look does not know."""
    if any(fault.action.startswith(("late", "placed later")) for fault in day.faults):
        return
    placed = {entry.tag for entry in day.ledger if entry.what == "placed"}
    for row in day.rows:
        if row.status is OrderStatus.ABSENT and row.tag in placed:
            yield f"{row.key.leg} attempt {row.attempt} was given up, and was in the order book all the time"


def no_late_entry(day: Played) -> Iterator[str]:
    for entry in day.ledger:
        if entry.what == "sent" and entry.side is Side.BUY:
            if entry.at > BUY + MISSED_AFTER + 0.001 and not _buys_again(day):
                yield f"an entry was sent {entry.at - BUY:.2f} s after buy time"
            if entry.at < BUY - CLOCK_TOLERANCE:
                yield f"an entry was sent {BUY - entry.at:.2f} s before buy time"


def no_entry_at_the_stop(day: Played) -> Iterator[str]:
    for entry in day.ledger:
        if entry.what == "sent" and entry.side is Side.BUY:
            for begun, ended in day.crossed:
                if begun + PRICE_IS_OLD_AFTER < entry.at < ended:
                    yield f"bought at {entry.at:.2f}, the price had been at the stop since {begun:.2f}"


def a_dip_before_buy_time_is_over(day: Played) -> Iterator[str]:
    """A price that has recovered by buy time keeps nobody from buying."""
    early = all(word.startswith("DIP") and "STOP" not in word and at < BUY - 0.5 for at, word in day.events)
    outside = all(fault.point.startswith("time.") for fault in day.faults)
    if day.events and early and outside and not filled(day, Side.BUY):
        yield f"the price had recovered before buy time, but it says {day.finished[0].outcome}"


def nothing_after_the_end(day: Played) -> Iterator[str]:
    for entry in day.ledger:
        if entry.what == "sent" and day.finished_at is not None and entry.at > day.finished_at:
            yield f"an order was sent at {entry.at:.2f}, after the run had ended at {day.finished_at:.2f}"


def the_outcome_is_true(day: Played) -> Iterator[str]:
    if not day.finished:
        return
    end = day.finished[0]
    bought, sold = filled(day, Side.BUY), filled(day, Side.SELL)
    known = sum(row.filled_quantity for row in day.rows if row.key.leg is Leg.ENTRY)
    in_doubt = _is_sliced(day) and _says_doubt(day)
    if end.outcome in FLAT and bought - end.outside != sold and not oversold(day) and not in_doubt:
        yield f"it says {end.outcome}, but {bought} were bought and {sold} sold"
    if sold and sold == bought and end.outcome not in FLAT and not _says_doubt(day):
        yield f"everything was sold, but it says {end.outcome}: {end.detail}"
    if end.outcome in (Outcome.MISSED, Outcome.SKIPPED, Outcome.REJECTED) and bought:
        yield f"{bought} were bought, but it says {end.outcome}"
    if end.outcome is Outcome.STOP_LOSS and not _happened(day, "DIP", "FALL"):
        yield "it says stop_loss, but no price reached the stop"
    if end.outcome is Outcome.TARGET and not _happened(day, "RISE"):
        yield "it says target, but no price reached it"
    if end.outcome in (Outcome.STOPPED, Outcome.KEPT) and not _happened(day, "STOP"):
        yield f"it says {end.outcome}, but nobody stopped it"
    if end.outcome is Outcome.CANCELLED and not _happened(day, "CANCEL"):
        yield "it says cancelled, but nobody cancelled it"
    if _buys_again(day):
        return  # of several rounds the last one is told
    if end.outcome is Outcome.SOLD and any(
        e.what == "sent" and e.at < SELL - CLOCK_TOLERANCE for e in _sales(day)
    ):
        yield "it says sold at sell time, but it was sold before"
    if str(known) not in end.detail and end.outcome in FLAT and known and bought == sold:
        yield f"{known} were bought and sold, but it says: {end.detail}"


def a_stop_that_fires(day: Played) -> Iterator[str]:
    """Once the price stands at the stop and shares are held, they are sold soon, or a person knows."""
    bought = next((e.at for e in day.ledger if e.what == "filled" and e.side is Side.BUY), None)
    for begun, _ in day.crossed:
        if bought is None or any(word.startswith(("STOP", "CANCEL")) for _, word in day.events):
            continue
        sent = [e.at for e in _sales(day) if e.what in OUTSIDE | {"sent"}]
        known = any(row.filled_quantity for row in day.rows if row.key.leg is Leg.ENTRY)
        if known and not sent:
            yield f"the price stood at the stop from {begun:.2f}, and nothing was sold"


def _buys_again(day: Played) -> bool:
    return any("AGAIN" in fault.action for fault in day.faults)


def _is_sliced(day: Played) -> bool:
    return any("SLICES" in fault.action for fault in day.faults)


def _says_doubt(day: Played) -> bool:
    return any("in doubt" in end.detail for end in day.finished)


def keep_ends_the_day(day: Played) -> Iterator[str]:
    """The user's word to keep the shares ends an exit, whatever the broker does."""
    keeps = [at for at, word in day.events if word.startswith("STOP keep")]
    words = [word for _, word in day.events if word.startswith(("STOP", "CANCEL"))]
    if not keeps or not words[-1].startswith("STOP keep") or day.finished_at is None:
        return
    if not any(e.what == "sent" and e.at < keeps[-1] for e in _sales(day)):
        return
    if any(fault.action == "down 900" for fault in day.faults):
        return  # its keys in Redis are still to be deleted
    if day.finished_at - keeps[-1] > KEPT_WITHIN + (STORE_AWAY if day.store_was_down else 0):
        yield f"asked to keep at {keeps[-1]:.2f}, ended at {day.finished_at:.2f}"


def the_close_ends_the_day(day: Played) -> Iterator[str]:
    """The market's close ends the run, whatever was in doubt; a worker's clock may be an hour behind."""
    if any(fault.action in ("clock -3600", "down 900") for fault in day.faults):
        return
    if day.finished_at is not None and day.finished_at > CLOSE + CLOSED_WITHIN:
        yield f"the market closed at {CLOSE:.0f}, and the run ended at {day.finished_at:.2f}"


def a_refusal_is_not_hammered(day: Played) -> Iterator[str]:
    """What a person has to lift is tried once, and again only on a word or with another login."""
    if not any(fault.action == "authorise" for fault in day.faults):
        return
    refused = [e for e in day.ledger if e.what == "refused" and e.side is Side.SELL]
    lifts = 1 + len(day.events) + sum(fault.action.startswith("dead login") for fault in day.faults)
    if len(refused) > lifts + sum(fault.point == "place.exit" for fault in day.faults):
        yield f"a sale that only its user can have taken was sent {len(refused)} times"


def a_word_is_kept(day: Played) -> Iterator[str]:
    """Shares that the user said to keep before anything was sold are not sold."""
    words = [(at, word) for at, word in day.events if word.startswith("STOP")]
    if not words or not all(word.endswith("keep") for _, word in words):
        return
    if any(word in ("DIP", "FALL", "RISE") and at <= words[0][0] for at, word in day.events):
        return  # the stop or the target came first
    first = next((e.at for e in _sales(day) if e.what == "sent"), None)
    if first is not None and first > words[0][0] + 3 and day.finished_at and words[0][0] < day.finished_at:
        yield f"asked to keep at {words[0][0]:.2f}, sold at {first:.2f}"


def _sales(day: Played) -> list[Entry]:
    return [entry for entry in day.ledger if entry.side is Side.SELL]


def _happened(day: Played, *words: str) -> bool:
    return any(event.startswith(words) for _, event in day.events)


RULES: tuple[Callable[[Played], Iterator[str]], ...] = (
    it_ends,
    one_entry,
    slices_go_out_one_after_the_other,
    an_entry_costs_no_more_than_its_terms,
    an_entry_that_waits_is_over_before_its_sale,
    every_order_was_intended,
    every_tag_is_sent_once,
    every_intent_is_resolved,
    nothing_visible_is_given_up,
    no_late_entry,
    a_dip_before_buy_time_is_over,
    no_entry_at_the_stop,
    nothing_after_the_end,
    the_outcome_is_true,
    a_stop_that_fires,
    a_word_is_kept,
    keep_ends_the_day,
    the_close_ends_the_day,
    a_refusal_is_not_hammered,
    *ACCOUNT_RULES,
)
