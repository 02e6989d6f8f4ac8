"""One-time codes (RFC 6238) at login, and the recovery codes that stand in for a lost device."""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pyotp
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.accounts import Account
from adapters.postgres.factors import SecondFactor, SecondFactors
from domain.audit import Action
from domain.errors import SecretUnreadable
from services.audit_trail import audit
from services.auth.dependencies import AuthDependencies
from services.errors import Conflict, FieldError, Invalid

ISSUER = "Stopwatch"
STEPS = (0, -1, 1)
"""Half minutes whose codes are taken: a phone's clock may be a little off, and people type slowly."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
"""80 random bits: a stolen hash of one cannot be reversed, so a plain SHA-256 will do."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewTotp:
    """A secret for an authenticator app, and the URI that an app reads it from."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)


async def begin(deps: AuthDependencies, account: Account) -> NewTotp:
    """Make a secret, shown this once; codes are asked for after `confirm`. Raises `Conflict`."""
    secret = pyotp.random_base32()
    sealed = deps.totp_secrets.seal(secret, user_id=account.user_id)
    async with deps.store.work(account.user_id) as session:
        begun = await SecondFactors(session, account.user_id).begin(sealed)
    if not begun:
        raise Conflict(
            "totp_on", "One-time codes are on already: turn them off with DELETE /auth/totp to start over."
        )
    uri = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=ISSUER)
    return NewTotp(secret, uri)


async def confirm(deps: AuthDependencies, user_id: UUID, code: str) -> list[str]:
    """Ask for codes from now on; return the recovery codes, shown this once. Raises `Conflict`, `Invalid`."""
    recovery_codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    hashes = [_recovery_hash(user_id, recovery_code) for recovery_code in recovery_codes]
    await deps.throttle.code(user_id)
    async with deps.store.work(user_id) as session:
        factors = SecondFactors(session, user_id)
        factor = await factors.get()
        if factor is None or factor.confirmed_at is not None:
            raise Conflict("totp_not_begun", "There is nothing to confirm: begin with POST /auth/totp.")
        if not await _one_time(deps, factors, user_id, factor, code):
            raise wrong_code()
        if not await factors.confirm(factor.secret, deps.clock.now(), hashes):
            raise Conflict(
                "totp_not_begun", "A newer secret was made after this one: confirm with the newest."
            )
        await audit(session, user_id, Action.TOTP_ON)
    await deps.throttle.code_right(user_id)
    return recovery_codes


async def turn_off(deps: AuthDependencies, user_id: UUID, code: str) -> None:
    """Ask for codes no more. Raises `Conflict` where they are off, `Invalid`, `TooMany`."""
    await deps.throttle.code(user_id)
    async with deps.store.work(user_id) as session:
        factors = SecondFactors(session, user_id)
        factor = await factors.get()
        if factor is None or factor.confirmed_at is None:
            raise Conflict("totp_off", "One-time codes are off.")
        if not await accepted(deps, session, user_id, code):
            raise wrong_code()
        await factors.remove()
        await audit(session, user_id, Action.TOTP_OFF)
    await deps.throttle.code_right(user_id)


async def accepted(deps: AuthDependencies, session: AsyncSession, user_id: UUID, code: str) -> bool:
    """Tell whether a one-time code or a recovery code is right, and use it up with this unit of work."""
    factors = SecondFactors(session, user_id)
    factor = await factors.get()
    if factor is None or factor.confirmed_at is None:
        return False
    if await _one_time(deps, factors, user_id, factor, code):
        return True
    return await factors.take_recovery_code(_recovery_hash(user_id, code), deps.clock.now())


def wrong_code() -> Invalid:
    return Invalid(
        [FieldError("code", "wrong_code", "is not right, or was used before: wait for the next one")]
    )


async def _one_time(
    deps: AuthDependencies, factors: SecondFactors, user_id: UUID, factor: SecondFactor, code: str
) -> bool:
    try:
        secret = deps.totp_secrets.open(factor.secret, user_id=user_id)
    except SecretUnreadable as error:
        _log.error("one-time codes cannot be checked; recovery codes can", reason=str(error))
        return False
    step = _step_of(secret, code, deps.clock.now())
    if step is None or not await factors.take_step(step):
        return False
    renewed = deps.totp_secrets.renewed(factor.secret, user_id=user_id)
    if renewed is not None and factor.confirmed_at is not None:
        await factors.reseal(renewed)
    return True


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the half minute whose code this is."""
    totp = pyotp.TOTP(secret)
    typed = "".join(code.split())
    right = None
    for away in STEPS:
        step = totp.timecode(now.astimezone(UTC)) + away
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode()):
            right = step
    return right


def _recovery_code() -> str:
    letters = pyotp.random_base32(length=32)[: _RECOVERY_BYTES * 8 // 5].lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _recovery_hash(user_id: UUID, code: str) -> bytes:
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return sha256(f"{user_id}|{letters}".encode()).digest()
