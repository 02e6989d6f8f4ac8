"""Bodies of finished rounds and of the report."""

from datetime import date
from uuid import UUID

from pydantic import Field

from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.http.words import ExchangeWord, OutcomeWord, ProductWord
from api.strategies.charges_schema import ChargesOut


class DayOut(ResponseBody):
    """A finished round. `gross` is of what was sold; what is not known is null."""

    strategy_id: UUID
    symbol: str
    trading_day: date
    round: int
    """Counted from 1 within the trading day."""
    outcome: OutcomeWord
    outcome_detail: str
    quantity: int
    entry_price: Money | None
    exit_price: Money | None
    gross: Money | None
    charges: ChargesOut | None
    """Final once the account has no other round of this symbol and day that still runs: they share them."""
    net: Money | None
    entry_lateness_ms: int | None
    exit_lateness_ms: int | None


class DayPage(ResponseBody):
    items: list[DayOut]
    next: str | None


class ReportRowOut(DayOut):
    """A round as accountants need it. `kind`: intraday, delivery, both, futures or options."""

    account: str
    exchange: ExchangeWord
    isin: str | None
    """Null until the broker's holdings have shown this share: no list of its has ISINs."""
    product: ProductWord
    kind: str
    sold_quantity: int
    buy_date: date | None
    buy_value: Money | None
    sell_date: date | None
    sell_value: Money | None
    turnover: Money | None
    """By the Guidance Note on Tax Audit: the difference won or lost; of delivered shares their sale."""


class SumOut(ResponseBody):
    """`unknown` of the rounds have no known figures, and are left out of them."""

    rounds: int
    unknown: int
    turnover: Money
    gross: Money
    charges: Money
    net: Money


class DaySumOut(SumOut):
    day: date


class MonthSumOut(SumOut):
    month: str


class SymbolSumOut(SumOut):
    symbol: str


class ReportOut(ResponseBody):
    """The oldest round first. Sums are by trading day."""

    from_: date | None = Field(alias="from")
    to: date | None
    items: list[ReportRowOut]
    by_day: list[DaySumOut]
    by_month: list[MonthSumOut]
    by_symbol: list[SymbolSumOut]
    total: SumOut
