"""Refusals that have to do with the user's broker account."""

from uuid import UUID

from adapters.kite.egress import Egress
from adapters.postgres.accounts import BrokerAccount
from domain.broker_login import LoginResult, LoginStatus
from services.errors import BrokerRejected, Conflict, ServiceError, TryLater


def refuse_without_address(egress: Egress, user_id: UUID) -> None:
    """Raise `Conflict` where nothing may be sent to the broker for this user."""
    refusal = egress.refusal(user_id)
    if refusal:
        raise Conflict("no_own_address", refusal)


def not_connected() -> Conflict:
    return Conflict(
        "broker_not_connected", "No broker account is connected: connect one with POST /broker/connect first."
    )


def refusal_of(result: LoginResult, account: BrokerAccount) -> ServiceError:
    """Return why the worker's login with a token failed."""
    if result.status is LoginStatus.OTHER_USER:
        return other_user(account)
    if result.status is LoginStatus.NOT_CONNECTED:
        return not_connected()
    if result.status is LoginStatus.UNAVAILABLE:
        return broker_away()
    return rejected()


def rejected() -> BrokerRejected:
    return BrokerRejected(
        "broker_rejected",
        "Zerodha does not accept this login. Tokens end every morning and request tokens work once, for a "
        "few minutes: log in at Zerodha again, and check api_key and api_secret.",
    )


def other_user(account: BrokerAccount) -> Conflict:
    return Conflict(
        "broker_other_user",
        f"This is a login of another broker account; {account.broker_user_id} is connected. To change the "
        "account, stop your strategies, forget the connected one with DELETE /broker, and connect again.",
    )


def broker_away() -> TryLater:
    return TryLater(
        "Zerodha does not answer at the moment. Try again in a few seconds.", "broker_unavailable"
    )
