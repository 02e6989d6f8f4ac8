"""Delete an account: erase what is personal, keep what money and law need under a pseudonym.

| in the account | then |
|---|---|
| a strategy runs or is starting, shares are held but not kept by choice, an order is in doubt | refused |
| e-mail, password, logins with their addresses, tokens, one-time codes | erased |
| broker account with name and sealed secrets, notification channels, notifications, mailed links | erased |
| orders, strategies, books, timeline, limits | stay, under the user's id, which names no person any more |
| audit lines | stay, without addresses and names; their chain holds (ADR 17, `domain.audit`) |

START and a deletion exclude each other by the row lock of the broker account, as START and `DELETE /broker`
do: a deletion that is first leaves no account to start in; a START that is first is seen.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.account_mails import MailTokens
from adapters.postgres.accounts import Account, Accounts, BrokerAccounts
from adapters.postgres.audit import audit, erased
from adapters.postgres.channels import Channels
from adapters.postgres.factors import SecondFactors
from adapters.postgres.logins import UserLogins
from adapters.postgres.starts import Starts
from adapters.postgres.strategies import Strategies
from domain.audit import Action, AuditLine
from services.auth import second_factor
from services.auth.dependencies import AuthDependencies
from services.auth.logins import confirmed
from services.errors import Conflict, FieldError, Invalid
from services.strategies.start_window import START_LASTS


async def delete_account(deps: AuthDependencies, user_id: UUID, password: str, code: str | None) -> None:
    """Delete the caller's account; every token of it ends. Raises `Conflict`, `Invalid`, `TooMany`."""
    account = await confirmed(deps, user_id, password)
    if account.second_factor:
        await _count_code(deps, user_id, code)
    async with deps.store.work(user_id) as session:
        # The account first, as START locks it: what begins between two looks is seen by the second.
        await BrokerAccounts(session, user_id).release()
        if not await Accounts(session).still_has(user_id, account.password_hash):
            raise Invalid([FieldError("password", "wrong_password", "is not your password")])
        await _refuse_in_use(session, user_id)
        if account.second_factor and not await second_factor.accepted(deps, session, user_id, code or ""):
            raise second_factor.wrong_code()
        ended = await UserLogins(session, user_id).end_all(deps.clock.now())
        await _erase(session, account)
        # The line proves what is left of the others, and stays as it is: it names no address itself.
        proof = await erased(session, user_id)
        await audit(session, AuditLine(user_id, Action.ACCOUNT_DELETED, reason=proof))
    deps.revoked_logins.add(ended)


async def _count_code(deps: AuthDependencies, user_id: UUID, code: str | None) -> None:
    if code is None:
        words = "is needed: the one-time code of your authenticator app, or a recovery code"
        raise Invalid([FieldError("code", "code_needed", words)])
    await deps.throttle.code(user_id)


async def _refuse_in_use(session: AsyncSession, user_id: UUID) -> None:
    starting = await Starts(session, user_id).any_under_way(START_LASTS)
    if starting or await Strategies(session, user_id).any_in_use():
        raise Conflict(
            "account_in_use",
            "A strategy runs or is being started, shares of a failed exit are held, or an order has no "
            "answer yet. Stop your strategies, have what they hold sold or keep it, and try again.",
        )


async def _erase(session: AsyncSession, account: Account) -> None:
    user_id = account.user_id
    await BrokerAccounts(session, user_id).delete()
    await Channels(session, user_id).remove_all()
    await SecondFactors(session, user_id).remove()
    await MailTokens(session).end_all(user_id)
    await UserLogins(session, user_id).erase()
    await Accounts(session).erase(user_id)
