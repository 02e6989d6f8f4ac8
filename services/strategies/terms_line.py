"""Says all terms of a strategy in one line, for the audit."""

from domain.money import decimal_text
from domain.session import clock_text
from domain.strategy import Strategy
from domain.terms_texts import terms_words, times_words


def terms_line(strategy: Strategy) -> str:
    """Return `NSE:TCS ×10 CNC, 09:30 to 15:00, stop 3500, on_stop exit`."""
    times = f"{clock_text(strategy.buy_time)} to {clock_text(strategy.sell_time)}"
    what = f"{strategy.exchange}:{strategy.symbol} {times_words(strategy)} {strategy.product.value}"
    return f"{what}, {times}, {terms_words(strategy, decimal_text)}, on_stop {strategy.on_stop.value}"
