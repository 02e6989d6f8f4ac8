"""Links by mail: confirm an address, choose a new password.

| asked | answer |
|---|---|
| a new password for an address | the same for every address, after the same work |
| a link with an unknown, used or expired token, or one from before a new password | `invalid_link` |
| anything while no worker sends mail | `mail_not_set_up` |

A reset works once, ends every login and every other link, and leaves one-time codes as they are. The worker
finds out whether an address has an account, makes the token and mails it (`domain.account_mail`).
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.account_mails import MailRequests, MailTokens, TokenOwner, mail_token_hash
from adapters.postgres.accounts import Accounts
from adapters.postgres.logins import UserLogins
from domain.account_mail import MailPurpose
from domain.audit import Action
from services.audit_trail import audit
from services.auth.client_info import ClientInfo
from services.auth.dependencies import AuthDependencies
from services.auth.password_choice import refuse_easy
from services.errors import BadLink, Conflict, NotFound


async def forgot(deps: AuthDependencies, client: ClientInfo, email: str) -> None:
    """Have a link for a new password mailed, where there is an account. Raises `Conflict`, `TooMany`."""
    await deps.throttle.forgot(email, client)
    async with deps.store.work() as session:
        await _need_mail(session)
        await MailRequests(session).ask(email, MailPurpose.RESET)
        await audit(session, None, Action.PASSWORD_FORGOTTEN)


async def reset(deps: AuthDependencies, client: ClientInfo, token: str, password: str) -> None:
    """Set a new password by a mailed link, and end every login. Raises `BadLink`, `Invalid`, `TooMany`."""
    await deps.throttle.link(client)
    hashed_token = mail_token_hash(token)
    owner = await _owner(deps, hashed_token, MailPurpose.RESET)
    refuse_easy(password, owner.email, "password")
    hashed = await deps.passwords.hash(password)
    async with deps.store.work(owner.user_id) as session:
        accounts, tokens = Accounts(session), MailTokens(session)
        await _use_up(session, owner, hashed_token, MailPurpose.RESET)
        await accounts.change_hash(owner.user_id, hashed)
        await tokens.end_all(owner.user_id)
        ended = await UserLogins(session, owner.user_id).end_all(deps.clock.now())
        await MailRequests(session).ask(owner.email, MailPurpose.CHANGED)
        await audit(session, owner.user_id, Action.PASSWORD_RESET, why="by a mailed link")
    deps.revoked_logins.add(ended)


async def verify(deps: AuthDependencies, client: ClientInfo, token: str) -> None:
    """Confirm an address by a mailed link. Raises `BadLink`, `TooMany`."""
    await deps.throttle.link(client)
    hashed_token = mail_token_hash(token)
    owner = await _owner(deps, hashed_token, MailPurpose.VERIFY)
    async with deps.store.work(owner.user_id) as session:
        await _use_up(session, owner, hashed_token, MailPurpose.VERIFY)
        await Accounts(session).verify(owner.user_id)
        await audit(session, owner.user_id, Action.EMAIL_VERIFIED)


async def ask_to_verify(deps: AuthDependencies, user_id: UUID) -> None:
    """Have the link that confirms the caller's address mailed once more. Raises `Conflict`."""
    async with deps.store.work(user_id) as session:
        await _need_mail(session)
        account = await Accounts(session).by_id(user_id)
        if account is None:
            raise NotFound("account")
        if account.verified:
            raise Conflict("email_verified", "Your e-mail address is confirmed already.")
        await MailRequests(session).ask(account.email, MailPurpose.VERIFY)


async def ask_if_possible(session: AsyncSession, email: str) -> None:
    """Have the link that confirms an address mailed, where mail is sent at all."""
    requests = MailRequests(session)
    if await requests.are_sent():
        await requests.ask(email, MailPurpose.VERIFY)


async def _need_mail(session: AsyncSession) -> None:
    if not await MailRequests(session).are_sent():
        raise Conflict(
            "mail_not_set_up", "This server sends no mail about accounts: ask its operator for help."
        )


async def _owner(deps: AuthDependencies, token_hash: bytes, purpose: MailPurpose) -> TokenOwner:
    """Return whose link it is: a guess costs no hashing of a password."""
    async with deps.store.read() as session:
        owner = await MailTokens(session).owner(token_hash, purpose)
    if owner is None:
        raise _invalid_link()
    return owner


async def _use_up(session: AsyncSession, owner: TokenOwner, token_hash: bytes, purpose: MailPurpose) -> None:
    """Use a link up, under the lock of its user's row: of two at once, one succeeds."""
    email = await Accounts(session).lock(owner.user_id)
    if email != owner.email or not await MailTokens(session).use_up(token_hash, purpose):
        raise _invalid_link()


def _invalid_link() -> BadLink:
    return BadLink(
        "invalid_link", "This link is not ours, was used, or has expired: ask for a new one and try again."
    )
