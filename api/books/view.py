"""A finished round as its user sees it, and a report as JSON or CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from api.books.schemas import (
    DayOut,
    DaySumOut,
    MonthSumOut,
    ReportRowOut,
    SumOut,
    SymbolSumOut,
)
from api.http.json_answer import to_json
from api.strategies.charges_schema import charges_out
from domain.books import Booked
from domain.money import PAISA, decimal_text
from domain.order import Side
from domain.report import Report, Sum, turnover

COLUMNS = (
    *("trading_day", "round", "strategy_id", "account", "exchange", "symbol", "isin"),
    *("product", "kind", "outcome"),
    *("quantity", "buy_date", "buy_price", "buy_value"),
    *("sold_quantity", "sell_date", "sell_price", "sell_value", "turnover", "gross"),
    *("brokerage", "stt", "exchange_charges", "sebi", "stamp", "gst", "dp", "charges", "net", "schedule"),
)
"""The columns of the CSV report, one row for each round; what is not known, or did not happen, is empty."""


def day_out(booked: Booked) -> DayOut:
    """Return a round as `/strategy/{id}/days` and `/account/days` show it."""
    return DayOut(**_day(booked))


def row_out(booked: Booked) -> ReportRowOut:
    """Return a round as the report has it."""
    found = booked.round
    return ReportRowOut(
        **_day(booked),
        account=found.account,
        exchange=found.exchange,
        isin=booked.isin,
        product=found.product,
        kind=booked.kind,
        sold_quantity=found.sold,
        buy_date=found.day_of(Side.BUY),
        buy_value=_paise(found.value(Side.BUY)) if found.day_of(Side.BUY) else None,
        sell_date=found.day_of(Side.SELL),
        sell_value=_paise(found.value(Side.SELL)) if found.day_of(Side.SELL) else None,
        turnover=turnover(booked) if found.trades else None,
    )


def _day(booked: Booked) -> dict[str, object]:
    found = booked.round
    return {
        "strategy_id": found.key.strategy_id,
        "symbol": found.symbol,
        "trading_day": found.key.trading_day,
        "round": found.key.round,
        "outcome": found.outcome,
        "outcome_detail": found.outcome_detail,
        "quantity": found.quantity,
        "entry_price": found.entry_price,
        "exit_price": found.exit_price,
        "gross": found.gross,
        "charges": booked.charges and charges_out(booked.charges),
        "net": booked.net,
        "entry_lateness_ms": found.entry_lateness_ms,
        "exit_lateness_ms": found.exit_lateness_ms,
    }


def csv_head() -> bytes:
    """Return the CSV report's first line."""
    return _csv([COLUMNS])


def csv_rows(rounds: Iterable[Booked]) -> bytes:
    """Return the CSV report's lines of some rounds."""
    return _csv(_cells(booked) for booked in rounds)


def _cells(booked: Booked) -> Sequence[str]:
    row, cost = row_out(booked), booked.charges
    parts = (
        (None,) * 8
        if cost is None
        else (
            *(cost.brokerage, cost.stt, cost.exchange, cost.sebi, cost.stamp, cost.gst, cost.dp, cost.total),
        )
    )
    cells = (
        *(row.trading_day, row.round, row.strategy_id, row.account, row.exchange, row.symbol, row.isin),
        *(row.product, row.kind, row.outcome, row.quantity, row.buy_date, row.entry_price, row.buy_value),
        *(row.sold_quantity, row.sell_date, row.exit_price, row.sell_value, row.turnover, row.gross),
        *parts,
        row.net,
        "" if cost is None else cost.schedule,
    )
    return [_text(cell) for cell in cells]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return decimal_text(cell) if isinstance(cell, Decimal) else str(cell)


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def json_head(first: date | None, last: date | None) -> bytes:
    """Return how the JSON report begins, up to its items."""
    return b'{"from":%b,"to":%b,"items":[' % (to_json(first), to_json(last))


def json_rows(rounds: Sequence[Booked], *, begun: bool) -> bytes:
    """Return some items; `begun`: others came before."""
    return (b"," if begun else b"") + b",".join(to_json(row_out(booked)) for booked in rounds)


def json_tail(report: Report) -> bytes:
    """Return the sums, and the end."""
    by_day = [DaySumOut(day=day, **_sums(of)) for day, of in sorted(report.by_day.items())]
    by_month = [MonthSumOut(month=month, **_sums(of)) for month, of in sorted(report.by_month.items())]
    by_symbol = [SymbolSumOut(symbol=name, **_sums(of)) for name, of in sorted(report.by_symbol.items())]
    return b'],"by_day":%b,"by_month":%b,"by_symbol":%b,"total":%b}' % (
        to_json(by_day),
        to_json(by_month),
        to_json(by_symbol),
        to_json(SumOut(**_sums(report.total))),
    )


def _sums(of: Sum) -> dict[str, object]:
    return {name: getattr(of, name) for name in SumOut.model_fields}


def _paise(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(PAISA)
