"""`/account`: the limits that protect a user, and the switch that stops everything."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.account.schemas import AccountOut, DeletionIn, KillSwitchIn, LimitsIn
from api.account.view import shown
from api.auth.identity import UserId
from api.dependencies import DependenciesDep
from api.http.json_answer import json_response
from api.http.limits import limited
from api.http.request_json import body_of, documented
from domain.limits import KillExits, Limits
from services.account.deletion import delete_account
from services.account.limits import change_limits

router = APIRouter(prefix="/account", tags=["account"])


@router.get("", responses={200: {"model": AccountOut}})
async def account(user_id: UserId, deps: DependenciesDep) -> Response:
    """Your limits and kill switch, and the operator's."""
    return json_response(await shown(deps, user_id))


@router.delete(
    "", status_code=204, openapi_extra=documented(DeletionIn), dependencies=[limited("DELETE /account")]
)
async def delete(
    user_id: UserId, deps: DependenciesDep, body: Annotated[DeletionIn, Depends(body_of(DeletionIn))]
) -> Response:
    """Delete your account: what is personal is erased. Refused while anything runs or is held."""
    await delete_account(deps.auth, user_id, body.password, body.code)
    return Response(status_code=204)


@router.post(
    "/kill-switch",
    openapi_extra=documented(KillSwitchIn),
    responses={200: {"model": AccountOut}},
    dependencies=[limited("POST /account/kill-switch")],
)
async def kill_switch(
    user_id: UserId, deps: DependenciesDep, body: Annotated[KillSwitchIn, Depends(body_of(KillSwitchIn))]
) -> Response:
    """Stop buying at once, and sell everything with `exits` "exit"; or allow it again."""
    exits = KillExits(body.exits) if body.on else None
    sales = await deps.kill_switch.turn(user_id, exits, body.reason)
    return json_response(await shown(deps, user_id, sales))


@router.put(
    "/limits",
    openapi_extra=documented(LimitsIn),
    responses={200: {"model": AccountOut}},
    dependencies=[limited("PUT /account/limits")],
)
async def limits(
    user_id: UserId, deps: DependenciesDep, body: Annotated[LimitsIn, Depends(body_of(LimitsIn))]
) -> Response:
    """Replace all your limits. They bar what is bought, never what is sold, and sell only as you choose."""
    symbols = tuple(dict.fromkeys(body.symbols)) if body.symbols is not None else None
    wanted = Limits(
        body.order_quantity,
        body.order_value,
        body.daily_loss,
        symbols,
        body.daily_profit,
        body.trades_a_day,
        body.on_breach,
    )
    await change_limits(deps.store, user_id, wanted)
    return json_response(await shown(deps, user_id))
