"""`/auth`: who may use the product."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from adapters.store.accounts import Accounts
from api import logins
from api.answer import json_response
from api.body import body_of, documented
from api.errors import Unauthorized
from api.identity import UserId
from api.parts import PartsDep
from api.schemas import Credentials, RefreshIn, TokenPair, UserOut

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/register", status_code=201, openapi_extra=documented(Credentials), responses={201: {"model": TokenPair}}
)
async def register(parts: PartsDep, body: Annotated[Credentials, Depends(body_of(Credentials))]) -> Response:
    """Create an account and log in."""
    return json_response(await logins.register(parts, body.email, body.password), 201)


@router.post("/login", openapi_extra=documented(Credentials), responses={200: {"model": TokenPair}})
async def log_in(parts: PartsDep, body: Annotated[Credentials, Depends(body_of(Credentials))]) -> Response:
    """Log in with e-mail and password."""
    return json_response(await logins.log_in(parts, body.email, body.password))


@router.post("/refresh", openapi_extra=documented(RefreshIn), responses={200: {"model": TokenPair}})
async def refresh(parts: PartsDep, body: Annotated[RefreshIn, Depends(body_of(RefreshIn))]) -> Response:
    """Replace the token pair; the old refresh token is of no more use."""
    return json_response(await logins.refresh(parts, body.refresh_token))


@router.post("/logout", status_code=204, openapi_extra=documented(RefreshIn))
async def log_out(
    user_id: UserId, parts: PartsDep, body: Annotated[RefreshIn, Depends(body_of(RefreshIn))]
) -> Response:
    """End this login; its refresh tokens are of no more use."""
    await logins.log_out(parts, user_id, body.refresh_token)
    return Response(status_code=204)


@router.get("/me", responses={200: {"model": UserOut}})
async def me(user_id: UserId, parts: PartsDep) -> Response:
    """Who the token says is calling."""
    async with parts.store.read(user_id) as session:
        account = await Accounts(session).by_id(user_id)
    if account is None:
        raise Unauthorized
    return json_response(UserOut(user_id=account.user_id, email=account.email, created_at=account.created_at))
