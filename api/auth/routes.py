"""Serves `/auth`: accounts, logins and second factors.

What changes something is POST or DELETE, and asks for a bearer token.
"""

from typing import Annotated
from uuid import UUID

import segno
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from adapters.postgres.account_mails import MailRequests
from adapters.postgres.accounts import Accounts
from adapters.postgres.logins import Login
from api.auth.identity import CallerDep, SignedCaller, UserId
from api.auth.schemas import (
    CodeIn,
    Credentials,
    ForgotIn,
    LoginIn,
    LoginOut,
    LoginPage,
    PasswordIn,
    RecoveryOut,
    RefreshIn,
    ResetIn,
    TokenPair,
    TotpIn,
    TotpOffIn,
    TotpOut,
    UserOut,
    VerifyIn,
)
from api.dependencies import DependenciesDep
from api.http.client_info import ClientInfoDep
from api.http.json_answer import json_response
from api.http.limits import limited, limited_when_signed
from api.http.path_ids import path_id
from api.http.request_json import body_of, documented
from services.auth import logins, mail_links, second_factor
from services.auth.logins import IssuedTokens, LoginAttempt
from services.errors import Unauthorized

router = APIRouter(prefix="/auth", tags=["auth"])


async def session_id_of(session_id: Annotated[str, Path()]) -> UUID:
    """Return the id of the path."""
    return path_id(session_id, "session")


@router.post(
    "/register", status_code=201, openapi_extra=documented(Credentials), responses={201: {"model": TokenPair}}
)
async def register(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[Credentials, Depends(body_of(Credentials))]
) -> Response:
    """Create an account and log in."""
    return json_response(_pair(await logins.register(deps.auth, client, body.email, body.password)), 201)


@router.post("/login", openapi_extra=documented(LoginIn), responses={200: {"model": TokenPair}})
async def log_in(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[LoginIn, Depends(body_of(LoginIn))]
) -> Response:
    """Log in with e-mail and password, and a code where they are on.

    A device that sends an earlier access token of the account along, even an expired one, is not held up by
    what others guess.
    """
    asked = LoginAttempt(body.email, body.password, body.code)
    return json_response(_pair(await logins.log_in(deps.auth, client, asked)))


@router.post("/refresh", openapi_extra=documented(RefreshIn), responses={200: {"model": TokenPair}})
async def refresh(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[RefreshIn, Depends(body_of(RefreshIn))]
) -> Response:
    """Replace the token pair; the old refresh token is of no more use."""
    return json_response(_pair(await logins.refresh(deps.auth, client, body.refresh_token)))


@router.post(
    "/logout",
    status_code=204,
    openapi_extra=documented(RefreshIn),
    dependencies=[limited_when_signed("POST /auth/logout")],
)
async def log_out(
    found: SignedCaller, deps: DependenciesDep, body: Annotated[RefreshIn, Depends(body_of(RefreshIn))]
) -> Response:
    """End the login of this refresh token, with all its tokens; a second call answers the same."""
    await logins.log_out(deps.auth, found.user_id, body.refresh_token)
    return Response(status_code=204)


@router.post("/forgot", status_code=204, openapi_extra=documented(ForgotIn))
async def forgot(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[ForgotIn, Depends(body_of(ForgotIn))]
) -> Response:
    """Have a link for a new password mailed. The same answer whether or not the address has an account."""
    await mail_links.forgot(deps.auth, client, body.email)
    return Response(status_code=204)


@router.post("/reset", status_code=204, openapi_extra=documented(ResetIn))
async def reset(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[ResetIn, Depends(body_of(ResetIn))]
) -> Response:
    """Set a new password by a mailed link. Every login ends; one-time codes stay as they are."""
    await mail_links.reset(deps.auth, client, body.token, body.password)
    return Response(status_code=204)


@router.post("/verify", status_code=204, openapi_extra=documented(VerifyIn))
async def verify(
    deps: DependenciesDep, client: ClientInfoDep, body: Annotated[VerifyIn, Depends(body_of(VerifyIn))]
) -> Response:
    """Confirm an e-mail address by a mailed link."""
    await mail_links.verify(deps.auth, client, body.token)
    return Response(status_code=204)


@router.post("/verify/send", status_code=204, dependencies=[limited("POST /auth/verify/send")])
async def send_verification(user_id: UserId, deps: DependenciesDep) -> Response:
    """Have the link that confirms your e-mail address mailed once more."""
    await mail_links.ask_to_verify(deps.auth, user_id)
    return Response(status_code=204)


@router.get("/me", responses={200: {"model": UserOut}})
async def me(user_id: UserId, deps: DependenciesDep) -> Response:
    """The user that the token names."""
    async with deps.store.read(user_id) as session:
        account = await Accounts(session).by_id(user_id)
        mail = await MailRequests(session).are_sent()
    if account is None:
        raise Unauthorized
    return json_response(
        UserOut(
            user_id=account.user_id,
            email=account.email,
            created_at=account.created_at,
            totp=account.second_factor,
            email_verified=account.verified,
            mail=mail,
        )
    )


@router.post(
    "/password",
    openapi_extra=documented(PasswordIn),
    responses={200: {"model": TokenPair}},
    dependencies=[limited("POST /auth/password")],
)
async def change_password(
    user_id: UserId,
    deps: DependenciesDep,
    client: ClientInfoDep,
    body: Annotated[PasswordIn, Depends(body_of(PasswordIn))],
) -> Response:
    """Change the password. Every login ends at once, this one too; the answer is a new one."""
    issued = await logins.change_password(
        deps.auth, user_id, client, body.current_password, body.new_password
    )
    return json_response(_pair(issued))


@router.get("/sessions", responses={200: {"model": LoginPage}})
async def sessions(found: CallerDep, deps: DependenciesDep) -> Response:
    """Where you are logged in, the one used last first."""
    items = [_shown(login, found.login_id) for login in await logins.sessions_of(deps.auth, found.user_id)]
    return json_response(LoginPage(items=items))


@router.delete("/sessions", status_code=204, dependencies=[limited("DELETE /auth/sessions")])
async def end_sessions(user_id: UserId, deps: DependenciesDep) -> Response:
    """Log out everywhere, here too."""
    await logins.end_all(deps.auth, user_id)
    return Response(status_code=204)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    dependencies=[limited("DELETE /auth/sessions/{session_id}")],
)
async def end_session(
    user_id: UserId, deps: DependenciesDep, session_id: Annotated[UUID, Depends(session_id_of)]
) -> Response:
    """Log out one device."""
    await logins.end(deps.auth, user_id, session_id)
    return Response(status_code=204)


@router.post(
    "/totp",
    openapi_extra=documented(TotpIn),
    responses={200: {"model": TotpOut}},
    dependencies=[limited("POST /auth/totp")],
)
async def begin_totp(
    user_id: UserId, deps: DependenciesDep, body: Annotated[TotpIn, Depends(body_of(TotpIn))]
) -> Response:
    """Make a secret for an authenticator app. It counts once a code of it has confirmed it."""
    account = await logins.confirmed(deps.auth, user_id, body.password)
    begun = await second_factor.begin(deps.auth, account)
    picture = segno.make(begun.otpauth_uri).svg_data_uri(scale=4, light="white")
    return json_response(TotpOut(secret=begun.secret, otpauth_uri=begun.otpauth_uri, picture=picture))


@router.post(
    "/totp/confirm",
    openapi_extra=documented(CodeIn),
    responses={200: {"model": RecoveryOut}},
    dependencies=[limited("POST /auth/totp/confirm")],
)
async def confirm_totp(
    user_id: UserId, deps: DependenciesDep, body: Annotated[CodeIn, Depends(body_of(CodeIn))]
) -> Response:
    """Turn one-time codes on. The recovery codes are shown this once; each works once."""
    return json_response(
        RecoveryOut(recovery_codes=await second_factor.confirm(deps.auth, user_id, body.code))
    )


@router.delete(
    "/totp",
    status_code=204,
    openapi_extra=documented(TotpOffIn),
    dependencies=[limited("DELETE /auth/totp")],
)
async def turn_totp_off(
    user_id: UserId, deps: DependenciesDep, body: Annotated[TotpOffIn, Depends(body_of(TotpOffIn))]
) -> Response:
    """Turn one-time codes off, with the password and a code, which may be a recovery code."""
    await logins.confirmed(deps.auth, user_id, body.password)
    await second_factor.turn_off(deps.auth, user_id, body.code)
    return Response(status_code=204)


def _pair(issued: IssuedTokens) -> TokenPair:
    return TokenPair(
        access_token=issued.access_token,
        refresh_token=issued.refresh_token,
        token_type="bearer",  # noqa: S106 - the kind of token, not a secret
        expires_in=issued.expires_in,
    )


def _shown(login: Login, current: UUID) -> LoginOut:
    return LoginOut(
        id=login.login_id,
        created_at=login.created_at,
        last_used_at=login.last_used_at,
        ip=login.address,
        user_agent=login.agent,
        current=login.login_id == current,
    )
