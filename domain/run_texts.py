"""Texts of a run: the lines of its timeline, and its description in Temporal's Web UI."""

from datetime import datetime
from typing import TypeAlias

from domain.day import Day
from domain.money import decimal_text, price_text
from domain.order import Reason
from domain.reentry import due_words
from domain.run import StartRun
from domain.session import clock_text, exchange_time
from domain.strategy import OnStop, Phase
from domain.terms_texts import shares_words, terms_words, times_words
from domain.timeline import EventKind, sale_line

PhaseWords: TypeAlias = tuple[EventKind, str]
"""Kind and text of a timeline line."""


def clock(instant: datetime) -> str:
    """Return the exchange's time of day of an instant, `09:30` or `09:30:05`."""
    return clock_text(exchange_time(instant).timetz())


def summary(start: StartRun) -> str:
    """Return one line that names a run: `TCS ×10 · buy 09:30 · sell 15:14 · stop 3500`."""
    strategy, plan = start.strategy, start.plan
    if start.release is not None:
        return f"{strategy.symbol} · {start.release} what is held"
    if start.sell_only:
        return f"{strategy.symbol} · sell what is held"
    return (
        f"{strategy.symbol} {times_words(strategy)} · buy {clock(plan.buy_at)} · sell {clock(plan.sell_at)} "
        f"· {terms_words(strategy, decimal_text)}"
    )


def entry_summary(start: StartRun) -> str:
    """Return what a run's purchase is called in the Web UI: `buy 10 TCS at 09:30`."""
    return f"buy {_purchase(start)}"


def phase_words(day: Day) -> PhaseWords:
    """Return the timeline's line for the phase the day has just entered."""
    strategy = day.start.strategy
    if day.phase is Phase.ENTERING:
        return EventKind.PHASE, f"Getting ready to buy {_purchase(day.start)}."
    if day.phase is Phase.HOLDING:
        words = day.purchase_words
        return (
            EventKind.PHASE,
            f"Holding {day.held} {strategy.symbol}: sold at {clock(day.sell_at)}, "
            f"or at once when the price reaches {_levels(day)}."
            + (f" {words[0].upper()}{words[1:]}." if words else ""),
        )
    return EventKind.PHASE, f"The day is {day.phase}."


def exit_words(day: Day, reason: Reason) -> PhaseWords:
    """Return the timeline's line for why the shares are sold now."""
    strategy = day.start.strategy
    what = f"{day.held} {strategy.symbol}"
    if reason.by_price:
        kind = EventKind.STOP_LOSS if reason is Reason.STOPLOSS else EventKind.TARGET
        words = day.price_words(reason)
        return kind, f"{words[0].upper()}{words[1:]}: selling {what} at once."
    line = sale_line(reason, day.held, strategy.symbol, day.sell_at, None)
    if reason is Reason.SELL and line is not None:
        return EventKind(line.kind), line.text
    if day.cancelled:
        return EventKind.CANCELLED, f"The run was cancelled from outside: selling {what}."
    if words := day.stopper:
        return EventKind.STOP_ASKED, f"{words[0].upper()}{words[1:]}: selling {what}."
    return EventKind.STOP_ASKED, f"Stopped by the user: selling {what}."


def slept_words(day: Day) -> PhaseWords:
    """Return the timeline's line for a sale that was slept through and waits for the next opening."""
    return EventKind.LATE, day.slept


def day_in_brief(day: Day) -> str:
    """Return the run's state in Markdown, for the Web UI's current details."""
    strategy, plan, end = day.start.strategy, day.start.plan, day.conclusion
    keeps = "keeps the shares" if strategy.on_stop is OnStop.KEEP else "sells"
    lines = [
        f"**{strategy.symbol}** {times_words(strategy)} on {plan.trading_day}, phase **{day.phase}**",
        f"- buy at {clock(plan.buy_at)}, sell at {clock(day.sell_at)}, {terms_words(strategy)}",
        f"- bought {day.bought}, sold {day.sold}, holding {day.held}",
        f"- cancelling this run stops the strategy and {keeps}",
    ]
    if end is not None:
        lines.append(f"- ended: **{end.outcome}** – {end.detail}")
    return "\n".join(lines)


def _purchase(start: StartRun) -> str:
    """Name a purchase: of a round that follows another one with its reason, since buy_time is long over."""
    strategy, plan = start.strategy, start.plan
    what = f"{shares_words(strategy)} {strategy.symbol}"
    reenter = strategy.terms.reenter
    if start.again is None or reenter is None:
        return f"{what} at {clock(plan.buy_at)}"
    return f"{what} again, {due_words(reenter, plan, start.again)}"


def _levels(day: Day) -> str:
    stands = day.standing()
    prices = [price_text(at) for at in (stands.stop, stands.target) if at is not None]
    return " or ".join(prices) or "its stop"
