"""Bodies of `/strategy`."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from api.books.schemas import DayOut
from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import ClockTime, Id, Money, Price, Quantity, Symbol
from api.http.request_json import field_errors
from api.http.words import (
    EventKindWord,
    ExchangeWord,
    OnStopWord,
    OutcomeWord,
    PhaseWord,
    PositionWord,
    ProductWord,
    ProtectWord,
    StatusWord,
)
from api.strategies.charges_schema import ChargesOut
from api.strategies.terms_answer import (
    RepeatOut,
    TermsOut,
    terms_body,
)
from api.strategies.terms_schema import (
    TERMS_FIELDS,
    Day,
    TermsIn,
    read_terms_of,
)
from domain.session import clock_text
from domain.strategy import OnStop, Product, Strategy
from services.errors import FieldError
from services.strategies.draft import StrategyDraft
from services.strategies.edit import Change

STOPS, SIZES = ("stop_loss", "stop"), ("quantity", "amount", "risk")
PRICES = (*STOPS, "target", "entry")
"""What may be at one price of a share."""
"""Fields of which a strategy has exactly one."""
MISSING_SIZE = "is missing: give quantity (shares), or amount or risk (rupees)"
MISSING_STOP = "is missing: give stop_loss (a price) or stop (measured from the fill)"


class StrategyIn(TermsIn):
    """`stop_loss` (a price) or `stop` (measured from the fill): exactly one of the two.

    `quantity` (shares), `amount` or `risk` (rupees): exactly one of the three.
    """

    symbol: Symbol
    buy_time: ClockTime
    sell_time: ClockTime
    stop_loss: Price | None = None
    quantity: Quantity | None = None
    exchange: Literal["NSE", "BSE", "NFO", "BFO"] = "NSE"
    product: Literal["CNC", "MIS", "NRML"] = "CNC"
    on_stop: Literal["exit", "keep"] = "exit"


def _kept() -> Any:
    """Return the default of a field that stays as it is where it is absent; it has none to be shown."""
    return Field(None, json_schema_extra=_without_default)


def _without_default(shown: dict[str, Any]) -> None:
    shown.pop("default", None)


class StrategyChange(TermsIn):
    """What is to change; what is absent stays as it is.

    null takes `stop`, `target`, `trail`, `lock` or `entry` away. `stop` takes the place of `stop_loss`, and
    the other way round; so do `quantity`, `amount` and `risk`.
    """

    symbol: Symbol = _kept()
    buy_time: ClockTime = _kept()
    sell_time: ClockTime = _kept()
    stop_loss: Price | None = None
    quantity: Quantity | None = None
    exchange: Literal["NSE", "BSE", "NFO", "BFO"] = _kept()
    product: Literal["CNC", "MIS", "NRML"] = _kept()
    on_stop: Literal["exit", "keep"] = _kept()


class StartIn(RequestBody):
    strategy_id: Id


class StopIn(RequestBody):
    strategy_id: Id
    on_stop: Literal["exit", "keep"] | None = None


class SkipIn(RequestBody):
    trading_day: Day


class ProtectionOut(ResponseBody):
    """Where the stop of held shares lies now; `order_id` and `trigger_price` of an order that rests."""

    where: ProtectWord
    order_id: str | None = None
    trigger_price: Money | None = None
    since: datetime
    why: str | None = None
    """Why it does not lie where the terms say; null where it does."""


class StrategyOut(ResponseBody):
    strategy_id: UUID
    symbol: str
    exchange: ExchangeWord
    product: ProductWord
    buy_time: str
    sell_time: str
    stop_loss: Money | None
    quantity: int | None
    """null where `amount` or `risk` has it computed at buy_time."""
    on_stop: OnStopWord
    terms: TermsOut
    stop_price: Money | None
    """Where the stop stands now; null before the fill where it is measured from it."""
    target_price: Money | None
    peak_price: Money | None
    """The highest price that could act since the fill, where the stop follows it."""
    protection: ProtectionOut | None
    """Where the stop lies; null while no shares are watched."""
    status: StatusWord
    phase: PhaseWord | None
    position: PositionWord
    outcome: OutcomeWord | None
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
    """Before charges."""
    charges: ChargesOut | None
    """Of what was bought and sold so far; null where that, or its rates, are not known."""
    net_pnl: Money | None
    repeat: RepeatOut | None
    next_trading_day: date | None
    """The next day that it trades, as the calendar is known now; null where none follows."""
    last_day: DayOut | None
    """The last round that is over, as `/strategy/{id}/days` has it."""
    mode: Literal["paper", "live"]
    warnings: list[str]
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None


class StartedOut(StrategyOut):
    """A strategy that was started."""

    while_away: str
    """What it cannot do while this server, its network or the broker's API is away."""


class StrategyPage(ResponseBody):
    items: list[StrategyOut]
    next: str | None


class EventOut(ResponseBody):
    event_id: int
    at: datetime
    strategy_id: UUID
    kind: EventKindWord
    phase: PhaseWord | None
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
    if not set(SIZES) & (wrong | {name for name in body if body[name] is not None}):
        errors.append(FieldError("quantity", "missing", MISSING_SIZE))
        wrong.add("quantity")
    errors += _more_than_one_size(body)
    known = {name: None if name in wrong else getattr(asked, name, None) for name in StrategyIn.model_fields}
    terms = read_terms_of(**{name: known.pop(name) for name in TERMS_FIELDS})
    product, on_stop = known.pop("product"), known.pop("on_stop")
    return StrategyDraft(
        **known, product=product and Product(product), on_stop=on_stop and OnStop(on_stop), terms=terms
    ), errors


def _more_than_one_size(body: dict[str, Any]) -> list[FieldError]:
    given = [name for name in SIZES if body.get(name) is not None]
    words = f"give one of {', '.join(SIZES)}, not {' and '.join(given)}"
    return [FieldError(name, "two_sizes", words) for name in given[1:]]


def change_of(body: dict[str, Any]) -> Change:
    """Return the change that a body asks for."""
    errors: list[FieldError] = []
    try:
        StrategyChange.model_validate(body)
    except ValidationError as error:
        errors = field_errors(error)
    return Change(
        lambda strategy: draft_of(_body_of(strategy, without=_replaced(body)) | body),
        errors,
        names_prices=any(name in body for name in PRICES),
    )


def _replaced(body: dict[str, Any]) -> set[str]:
    """Return the kinds of stop and size that go because a body gives another kind."""
    gone: set[str] = set()
    for kinds in (STOPS, SIZES):
        if any(body.get(name) is not None for name in kinds):
            gone |= set(kinds)
    return gone


def _body_of(strategy: Strategy, without: set[str]) -> dict[str, Any]:
    """Return the body that would create a strategy, without some of its fields."""
    said = {name: getattr(strategy, name) for name in StrategyIn.model_fields if name not in TERMS_FIELDS}
    said |= terms_body(strategy.terms)
    said |= {name: clock_text(said[name]) for name in ("buy_time", "sell_time")}
    said |= {name: said[name].value for name in ("product", "on_stop")}
    return {name: value for name, value in said.items() if name not in without}


def _first(field: str) -> str:
    """Return the field of the body that a field within it belongs to."""
    return field.split(".")[0]
