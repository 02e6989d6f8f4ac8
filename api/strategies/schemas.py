"""Bodies of `/strategy`."""

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import ClockTime, Id, Money, Price, Quantity, Symbol
from api.http.request_json import field_errors
from api.strategies.terms_schema import TERMS_FIELDS, TermsIn, TermsOut, read_terms_of
from domain.strategy import OnStop, Product
from services.errors import FieldError
from services.strategies.draft import StrategyDraft

MISSING_STOP = "is missing: give stop_loss (a price) or stop (measured from the fill)"


class StrategyIn(TermsIn):
    """`stop_loss` (a price) or `stop` (measured from the fill): exactly one of the two."""

    symbol: Symbol
    buy_time: ClockTime
    sell_time: ClockTime
    stop_loss: Price | None = None
    quantity: Quantity
    exchange: Literal["NSE", "BSE", "NFO", "BFO"] = "NSE"
    product: Literal["CNC", "MIS", "NRML"] = "CNC"
    on_stop: Literal["exit", "keep"] = "exit"


class StartIn(RequestBody):
    strategy_id: Id


class StopIn(RequestBody):
    strategy_id: Id
    on_stop: Literal["exit", "keep"] | None = None


class StrategyOut(ResponseBody):
    strategy_id: UUID
    symbol: str
    exchange: str
    product: str
    buy_time: str
    sell_time: str
    stop_loss: Money | None
    quantity: int
    on_stop: str
    terms: TermsOut
    stop_price: Money | None
    """Where the stop stands now; null before the fill where it is measured from it."""
    target_price: Money | None
    peak_price: Money | None
    """The highest price that could act since the fill, where the stop follows it."""
    status: str
    phase: str | None
    position: str
    outcome: str | None
    outcome_detail: str | None
    trading_day: date | None
    buy_at: datetime | None
    sell_at: datetime | None
    workflow_id: str | None
    run_id: str | None
    last_price: Money | None
    entry_price: Money | None
    exit_price: Money | None
    filled_quantity: int
    pnl: Money | None
    warnings: list[str]
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None


class StrategyPage(ResponseBody):
    items: list[StrategyOut]
    next: str | None


class EventOut(ResponseBody):
    event_id: int
    at: datetime
    strategy_id: UUID
    kind: str
    phase: str | None
    text: str
    data: dict[str, Any]


class EventPage(ResponseBody):
    items: list[EventOut]
    next: str | None


def draft_of(body: dict[str, Any]) -> tuple[StrategyDraft, list[FieldError]]:
    """Return the well-formed fields of a create, and what is wrong with the others."""
    errors: list[FieldError] = []
    nothing: dict[str, Any] = {}
    try:
        asked = StrategyIn.model_validate(body)
    except ValidationError as error:
        errors = field_errors(error)
        asked = StrategyIn.model_construct(**nothing)
        for name in StrategyIn.model_fields.keys() & body.keys() - {_first(wrong.field) for wrong in errors}:
            setattr(asked, name, body[name])
    wrong = {_first(error.field) for error in errors}
    if not {"stop_loss", "stop"} & (wrong | {name for name in body if body[name] is not None}):
        errors.append(FieldError("stop_loss", "missing", MISSING_STOP))
        wrong.add("stop_loss")
    known = {name: None if name in wrong else getattr(asked, name, None) for name in StrategyIn.model_fields}
    terms = read_terms_of(SimpleNamespace(**{name: known.pop(name) for name in TERMS_FIELDS}))
    product, on_stop = known.pop("product"), known.pop("on_stop")
    return StrategyDraft(
        **known, product=product and Product(product), on_stop=on_stop and OnStop(on_stop), terms=terms
    ), errors


def _first(field: str) -> str:
    """Return the field of the body that a field within it belongs to."""
    return field.split(".")[0]
