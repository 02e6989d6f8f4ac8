"""Market protection: how far a market order may run, and the limit price it becomes."""

from paper.instruments import Instrument

# Kite's own bands, percent of the last price by the price in paise.
SHARE_BANDS = ((10_000, 2.0), (50_000, 1.0))
SHARE_BAND = 0.5
OPTION_BANDS = ((1_000, 5.0), (10_000, 3.0), (50_000, 2.0))
OPTION_BAND = 1.0
AUTOMATIC = -1.0


def band_percent(instrument: Instrument, last: int, protection: float) -> float:
    """Return the percentage that applies: the requested one, or Kite's for -1."""
    if protection != AUTOMATIC:
        return protection
    is_option = instrument.kind in ("CE", "PE")
    bands, otherwise = (OPTION_BANDS, OPTION_BAND) if is_option else (SHARE_BANDS, SHARE_BAND)
    return next((percent for below, percent in bands if last < below), otherwise)


def protected_price(side: str, last: int, tick: int, percent: float) -> int:
    """Return the worst price a protected market order takes, at least one tick from the last."""
    room = max(tick, int(last * percent / 100) // tick * tick)
    worst = last + room if side == "BUY" else last - room
    return max(tick, worst // tick * tick)


def system_tag(protection: float) -> str:
    """Return the tag that Kite adds to a protected order."""
    return "mktp" if protection == AUTOMATIC else f"mktp:{protection:.2f}"
