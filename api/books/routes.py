"""`/strategy/{id}/days`, `/account/days` and `/account/report`: what finished rounds came to."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from api.auth.identity import UserId
from api.books import view
from api.books.schemas import DayPage, ReportOut
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import Cursor, Cursors, Limit
from api.http.day_range import day_of
from api.http.json_answer import json_response
from api.http.limits import limited
from api.strategies.strategy_id import StrategyId
from domain.books import Booked
from domain.report import Report
from services.account.books import Period
from services.errors import FieldError, Invalid
from services.strategies.lookup import find_strategy

CSV = "text/csv; charset=utf-8"
From = Annotated[str | None, Query(alias="from", description="first trading day, 2026-11-30")]
To = Annotated[str | None, Query(alias="to", description="last trading day")]
Format = Annotated[Literal["csv", "json"], Query(alias="format")]
router = APIRouter(tags=["account"])


@router.get("/strategy/{strategy_id}/days", responses={200: {"model": DayPage}})
async def of_strategy(
    user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId, limit: Limit, cursor: Cursor = None
) -> Response:
    """One strategy's finished rounds, newest first: what each earned, after charges, and how late it was."""
    await find_strategy(deps.store, user_id, strategy_id)
    return await _page(deps, user_id, limit, cursor, strategy_id=strategy_id)


@router.get("/account/days", responses={200: {"model": DayPage}})
async def of_account(
    user_id: UserId,
    deps: DependenciesDep,
    limit: Limit,
    cursor: Cursor = None,
    first: From = None,
    last: To = None,
) -> Response:
    """All your finished rounds of a period, newest first; those of deleted strategies among them."""
    return await _page(deps, user_id, limit, cursor, period=_period(first, last))


@router.get(
    "/account/report",
    response_class=StreamingResponse,
    responses={200: {"model": ReportOut, "content": {"text/csv": {"schema": {"type": "string"}}}}},
    dependencies=[limited("GET /account/report")],
)
async def report(
    user_id: UserId,
    deps: DependenciesDep,
    first: From = None,
    last: To = None,
    how: Format = "json",
) -> Response:
    """Your finished rounds of a period, oldest first: as JSON with sums by day, month and symbol, or as CSV.

    It is streamed, however long the period is.
    """
    period = _period(first, last)
    rounds = deps.books.report(user_id, period)
    # The first ones now, so that a store that is away is an answer, not a broken stream.
    begun = await anext(rounds, None) or ()
    if how == "csv":
        name = 'attachment; filename="stopwatch-report.csv"'
        return StreamingResponse(_csv(begun, rounds), media_type=CSV, headers={"Content-Disposition": name})
    return StreamingResponse(_json(period, begun, rounds), media_type="application/json")


async def _csv(begun: Sequence[Booked], rounds: AsyncIterator[Sequence[Booked]]) -> AsyncIterator[bytes]:
    yield view.csv_head() + view.csv_rows(begun)
    async for found in rounds:
        yield view.csv_rows(found)


async def _json(
    period: Period, begun: Sequence[Booked], rounds: AsyncIterator[Sequence[Booked]]
) -> AsyncIterator[bytes]:
    sums = Report()
    yield view.json_head(period.first, period.last) + view.json_rows(_added(sums, begun), begun=False)
    async for found in rounds:
        yield view.json_rows(_added(sums, found), begun=True)
    yield view.json_tail(sums)


def _added(sums: Report, rounds: Sequence[Booked]) -> Sequence[Booked]:
    for booked in rounds:
        sums.add(booked)
    return rounds


async def _page(
    deps: Dependencies,
    user_id: UUID,
    limit: int,
    cursor: str | None,
    *,
    strategy_id: UUID | None = None,
    period: Period = Period(),  # noqa: B008 - it is frozen
) -> Response:
    name = f"days of {strategy_id}" if strategy_id else f"days {period.first} {period.last}"
    cursors = Cursors(user_id, name)
    spot = cursors.spot(cursor)
    found = await deps.books.page(user_id, limit + 1, spot, strategy_id=strategy_id, period=period)
    lines, following = cursors.page(found, limit)
    return json_response(DayPage(items=[view.day_out(line.booked) for line in lines], next=following))


def _period(first: str | None, last: str | None) -> Period:
    begins, ends = day_of("from", first), day_of("to", last)
    if begins is not None and ends is not None and ends < begins:
        raise Invalid([FieldError("to", "bad_range", f"must not be before from ({begins})")])
    return Period(begins, ends)
