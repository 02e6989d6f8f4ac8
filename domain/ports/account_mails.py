"""Mails about accounts: confirmations of an address, links for a new password."""

from typing import Protocol


class AccountMails(Protocol):
    """Sends mails about accounts. Every method raises `StoreUnavailable`."""

    async def begin(self) -> None:
        """Say whether mails can be sent, and forget old ones: called now and then."""
        ...

    async def send_due(self) -> None:
        """Send what is due, each mail once; ends within half a minute."""
        ...
