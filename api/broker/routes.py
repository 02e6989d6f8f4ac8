"""`/broker`: the user's own account at the broker. Secrets go in and never come out."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from api.auth.identity import CallerDep, UserId
from api.broker.schemas import BrokerOut, ConnectIn, LoginUrlOut
from api.broker.view import shown
from api.dependencies import DependenciesDep
from api.http.client_info import ClientInfoDep
from api.http.errors import BadRequest
from api.http.fields import BrokerWord, is_broker_word
from api.http.json_answer import json_response
from api.http.limits import limited
from api.http.request_json import body_of, documented
from domain.broker_login import LoginKind
from services.auth.tokens import invalid_state
from services.broker.accounts import account_of
from services.broker.forgetting import forget_account
from services.broker.offered_login import OfferedLogin
from services.errors import ServiceError

router = APIRouter(prefix="/broker", tags=["broker"])


@router.post(
    "/connect",
    openapi_extra=documented(ConnectIn),
    responses={200: {"model": BrokerOut}},
    dependencies=[limited("POST /broker/connect")],
)
async def connect(
    user_id: UserId, deps: DependenciesDep, body: Annotated[ConnectIn, Depends(body_of(ConnectIn))]
) -> Response:
    """Connect an account, or log in again with one token; checked at the broker before it is stored."""
    account = await deps.broker.connect(user_id, OfferedLogin(**body.model_dump()))
    return json_response(shown(account, deps.clock.now()))


@router.get("", responses={200: {"model": BrokerOut}})
async def status(user_id: UserId, deps: DependenciesDep) -> Response:
    """The connected account, without its secrets."""
    return json_response(shown(await account_of(deps.store, user_id), deps.clock.now()))


@router.delete("", status_code=204, dependencies=[limited("DELETE /broker")])
async def forget(user_id: UserId, deps: DependenciesDep) -> Response:
    """Forget the account and its secrets."""
    await forget_account(deps.store, user_id)
    return Response(status_code=204)


@router.get("/login-url", responses={200: {"model": LoginUrlOut}})
async def login_url(
    found: CallerDep, deps: DependenciesDep, api_key: Annotated[BrokerWord | None, Query()] = None
) -> Response:
    """The broker's login page for the morning login; it comes back to /broker/callback.

    With the `api_key` of a Kite Connect app it is the page of a first connection, where none is connected
    yet: the app then gets the request token at /app#/broker/REQUEST_TOKEN, and sends it with key and secret
    to POST /broker/connect.
    """
    state, expires_at = deps.tokens.login_state(found.user_id, found.login_id)
    url = await deps.broker.login_url(found.user_id, state, api_key)
    return json_response(LoginUrlOut(url=url, expires_at=expires_at))


@router.get("/callback", status_code=303, include_in_schema=True)
async def callback(
    deps: DependenciesDep,
    client: ClientInfoDep,
    state: str = "",
    request_token: str = "",
    status: str = "success",
) -> Response:
    """Where the broker's login page sends the browser back."""
    found = deps.tokens.caller_of_state(state)
    if await deps.revoked_logins.has(found.login_id):
        raise invalid_state()
    await deps.throttle.call("GET /broker/callback", found.user_id, client)
    if not is_broker_word(request_token) or status != "success":
        raise BadRequest("login_failed", "The broker did not confirm the login: start it again.")
    if await account_of(deps.store, found.user_id) is None:
        # The secret is not here yet: the app has it. Behind the #, so that it is in no log and no Referer.
        return RedirectResponse(f"/app#/broker/{quote(request_token, safe='')}", 303)
    try:
        await deps.broker.renew(found.user_id, LoginKind.REQUEST_TOKEN, request_token)
    except ServiceError as refusal:
        return _back(refusal.code)
    return _back("connected")


def _back(word: str) -> Response:
    # Relative: where the browser is was never asked of the Host header.
    return RedirectResponse(f"/app?broker={word}", 303)
