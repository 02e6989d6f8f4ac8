"""Bodies of `/instruments` and `/market`."""

from datetime import date, datetime
from typing import Literal

from api.http.bodies import ResponseBody
from api.http.fields import Money


class InstrumentOut(ResponseBody):
    """`freeze_quantity`: the most in one order at the exchange, null where none is known.

    What is above it is bought and sold in several orders. `last_price`: while a running strategy watches the
    symbol, else null.
    """

    exchange: str
    symbol: str
    name: str
    tick_size: Money
    lot_size: int
    freeze_quantity: int | None
    segment: str
    products: list[str]
    last_price: Money | None = None


class InstrumentPage(ResponseBody):
    items: list[InstrumentOut]
    next: str | None


class SessionOut(ResponseBody):
    """`source`: how it is known that the day trades; `provisional` is an estimate."""

    trading_day: date
    opens_at: datetime
    closes_at: datetime
    source: Literal["operator", "exchange", "provisional"]


class MarketOut(ResponseBody):
    """`trading_day` is today where today trades, else null. The hours are those of `segment`.

    `mode`: whether orders are real ones, in rupees, or those of a paper exchange.

    Days after `last_known_day`, to `last_estimated_day`, are estimates; null where every day is known.
    """

    now: datetime
    calendar: str
    last_known_day: date | None
    last_estimated_day: date | None
    segment: str
    status: Literal["open", "closed"]
    trading_day: date | None
    session: SessionOut | None
    next_session: SessionOut | None
    mode: Literal["paper", "live"]


class SegmentHoursOut(ResponseBody):
    """Continuous trading of one segment. `mis_cutoff`: when the broker squares intraday positions off."""

    segment: Literal["cash", "cash_cas", "derivatives"]
    opens_at: datetime
    closes_at: datetime
    mis_cutoff: datetime | None


class CalendarDayOut(ResponseBody):
    """One day. `status` is `unknown`, and `source` null, where nothing is known of it.

    `source`: `exchange` (its published list), `provisional` (an estimate), `operator`. `name`: the holiday's.
    """

    day: date
    status: Literal["open", "closed", "unknown"]
    source: Literal["operator", "exchange", "provisional"] | None
    name: str
    sessions: list[SegmentHoursOut]


class CalendarOut(ResponseBody):
    """The days asked for, in their order."""

    calendar: str
    last_known_day: date | None
    last_estimated_day: date | None
    items: list[CalendarDayOut]
