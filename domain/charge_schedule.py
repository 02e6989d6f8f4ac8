"""Holds the rates of charges as dated tables: what the broker, the exchanges and the state take of a trade.

Sources of the table from 2026-04-01: zerodha.com/charges as of 2026-09-10 and 2026-10-07, which holds the
securities transaction tax (STT), the exchanges' and SEBI's fees, stamp duty and the depository's fee. STT is
rounded to the rupee by share and day: the word of Zerodha's staff. Not confirmed anywhere: the direction in
which half a rupee of STT is rounded (here up).

| FY 2026-27        | delivery       | intraday           | futures            | options           |
|-------------------|----------------|--------------------|--------------------|-------------------|
| brokerage         | 0              | 0.03 %, at most 20 | 0.03 %, at most 20 | 20                |
| STT               | 0.1 % of both  | 0.025 % of sales   | 0.05 % of sales    | 0.15 % of sales   |
| NSE               | 0.00307 %      | 0.00307 %          | 0.00183 %          | 0.03553 %         |
| BSE               | 0.00375 %      | 0.00375 %          | 0                  | 0.0325 %          |
| stamp, purchases  | 0.015 %        | 0.003 %            | 0.002 %            | 0.003 %           |

Brokerage is of an executed order; options are charged on their premium. SEBI takes 0.0001 % of everything;
GST is 18 % of brokerage, exchange and SEBI; the depository takes 13 rupees and GST of a sale from holdings,
once a share and day. Left out, since the account's books do not show them: 40 rupees of brokerage in place of
20 while an account has a margin shortfall, and 50 rupees and GST for a position the broker squares off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class TradeKind(StrEnum):
    """How a trade is charged."""

    DELIVERY = "delivery"
    """Shares that are held overnight."""
    INTRADAY = "intraday"
    """Shares bought and sold on one day, whatever their product."""
    FUTURES = "futures"
    OPTIONS = "options"


NSE, BSE = "NSE", "BSE"


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one kind of trade, as shares of the value traded (0.001 is 0.1 %).

    `brokerage`: None where each executed order costs the schedule's `most_brokerage`. `exchange`: by `NSE`
    and `BSE`, their derivatives included. `stamp`: of purchases.
    """

    brokerage: Decimal | None
    stt_on_buys: Decimal
    stt_on_sells: Decimal
    exchange: Mapping[str, Decimal]
    stamp: Decimal


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rates from a day on. `name` is what answers carry; `dp`: rupees, before GST."""

    name: str
    since: date
    rates: Mapping[TradeKind, Rates]
    most_brokerage: Decimal
    sebi: Decimal
    gst: Decimal
    dp: Decimal


_D = Decimal
_SHARES = {NSE: _D("0.0000307"), BSE: _D("0.0000375")}

FY_2026_27 = Schedule(
    name="zerodha-2026-04-01",
    since=date(2026, 4, 1),
    rates={
        TradeKind.DELIVERY: Rates(_D(0), _D("0.001"), _D("0.001"), _SHARES, _D("0.00015")),
        TradeKind.INTRADAY: Rates(_D("0.0003"), _D(0), _D("0.00025"), _SHARES, _D("0.00003")),
        TradeKind.FUTURES: Rates(
            _D("0.0003"), _D(0), _D("0.0005"), {NSE: _D("0.0000183"), BSE: _D(0)}, _D("0.00002")
        ),
        TradeKind.OPTIONS: Rates(
            None, _D(0), _D("0.0015"), {NSE: _D("0.0003553"), BSE: _D("0.000325")}, _D("0.00003")
        ),
    },
    most_brokerage=_D(20),
    sebi=_D("0.000001"),
    gst=_D("0.18"),
    dp=_D(13),
)

SCHEDULES = (FY_2026_27,)
"""Every table, oldest first; the newest holds until another one is written down."""


def schedule_on(day: date) -> Schedule | None:
    """Return the table that holds on a day; None before the oldest one: those charges are unknown."""
    return next((schedule for schedule in reversed(SCHEDULES) if schedule.since <= day), None)
