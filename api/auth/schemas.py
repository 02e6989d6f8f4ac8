"""Bodies of `/auth`."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import Code, Email, LinkToken, NewEmail, OpaqueToken, Password


class Credentials(RequestBody):
    """`email`: one that can be mailed; its normal form is the account's."""

    email: NewEmail
    password: Password = Field(repr=False)


class ForgotIn(RequestBody):
    email: Email


class ResetIn(RequestBody):
    """`token`: of the link that was mailed."""

    token: LinkToken = Field(repr=False)
    password: Password = Field(repr=False)


class VerifyIn(RequestBody):
    """`token`: of the link that was mailed."""

    token: LinkToken = Field(repr=False)


class LoginIn(Credentials):
    """`code` only where one-time codes are on: of the app, or a recovery code."""

    email: Email
    code: Code | None = Field(None, repr=False)


class PasswordIn(RequestBody):
    current_password: Password = Field(repr=False)
    new_password: Password = Field(repr=False)


class TotpIn(RequestBody):
    password: Password = Field(repr=False)


class CodeIn(RequestBody):
    code: Code = Field(repr=False)


class TotpOffIn(RequestBody):
    password: Password = Field(repr=False)
    code: Code = Field(repr=False)


class RefreshIn(RequestBody):
    refresh_token: OpaqueToken = Field(repr=False)


class TokenPair(ResponseBody):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: str
    expires_in: int


class UserOut(ResponseBody):
    """`totp`: one-time codes are asked for at login. `email_verified`: mail to the address is known to reach
    its user; before, nothing but the question is mailed there. `mail`: this server sends mail."""

    user_id: UUID
    email: str
    created_at: datetime
    totp: bool
    email_verified: bool
    mail: bool


class LoginOut(ResponseBody):
    """One login of one device. `last_used_at` is when its tokens were renewed last."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool


class LoginPage(ResponseBody):
    """All of them: there are at most a hundred."""

    items: list[LoginOut]
    next: None = None


class TotpOut(ResponseBody):
    secret: str = Field(repr=False)
    otpauth_uri: str = Field(repr=False)
    picture: str = Field(repr=False)
    """The same as a QR code to scan: a `data:` address of an SVG, dark on white."""


class RecoveryOut(ResponseBody):
    recovery_codes: list[str] = Field(repr=False)
