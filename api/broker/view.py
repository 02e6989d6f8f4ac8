"""A broker account as its user sees it."""

from datetime import datetime

from adapters.postgres.accounts import BrokerAccount
from api.broker.schemas import BrokerOut
from domain.broker_login import NO_QUOTES


def shown(account: BrokerAccount | None, now: datetime) -> BrokerOut:
    """Return the answer: nothing secret."""
    if account is None:
        return BrokerOut(status="none")
    return BrokerOut(
        broker=account.broker,
        broker_user_id=account.broker_user_id,
        user_name=account.user_name,
        status="connected" if account.alive_at(now) else "login_needed",
        connected_at=account.connected_at,
        token_expires_at=account.token_expires_at,
        warnings=[NO_QUOTES] if account.has_quotes is False else [],
    )
