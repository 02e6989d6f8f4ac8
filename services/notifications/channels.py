"""Notification channels: set up, choose what they tell of, remove, and send a test message."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from adapters.notifications.mail_address import BadMailAddress, receiver_of
from adapters.postgres.accounts import Accounts
from adapters.postgres.channels import (
    Channel,
    Channels,
    NewChannel,
    SentNotification,
    SentNotifications,
)
from adapters.postgres.engine import Store
from adapters.secrets.vault import Sealer
from domain.audit import Action
from domain.notification import CHOICES, ChannelKind, NotificationKind, NotificationStatus, sealed_name
from domain.ports import Clock
from services.audit_trail import audit
from services.auth.mail_links import ask_if_possible
from services.bounds import USUAL, too_many_channels
from services.errors import NotFound, Unauthorized
from services.notifications.addresses import ChannelAddress, bad_address, service_address, webhook_address

_LOOK_EVERY = 0.2
_SECRET_BYTES = 24
_OVER = frozenset({NotificationStatus.SENT, NotificationStatus.FAILED, NotificationStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class NotificationChannels:
    """A user's channels; `anywhere` lets webhooks lead into private networks."""

    store: Store
    sealer: Sealer
    clock: Clock
    anywhere: bool
    test_wait_seconds: float
    most: int = USUAL.channels

    async def add(
        self, user_id: UUID, kind: ChannelKind, address: str | None, tells: Sequence[str] | None = None
    ) -> tuple[Channel, str | None]:
        """Set a channel up; return it and its secret, which is not shown again.

        Raises `Invalid` for the address, and `Conflict` where there are too many channels.
        """
        checked = await self._address(user_id, kind, address)
        secret = _new_secret() if kind is ChannelKind.WEBHOOK else None
        new = self._sealed(user_id, kind, checked, secret, tells)
        async with self.store.work(user_id) as session:
            channel = await Channels(session, user_id).add(new, self.most)
            if not await Accounts(session).hold(user_id):
                raise Unauthorized
            if channel is None:
                raise too_many_channels(self.most)
            why = _named(kind, checked.shown)
            await audit(session, user_id, Action.CHANNEL_ADDED, str(new.channel_id), why)
        return channel, secret

    async def choose(self, user_id: UUID, channel_id: UUID, tells: Sequence[str]) -> Channel:
        """Choose what a channel tells of. Raises `NotFound`."""
        async with self.store.work(user_id) as session:
            channel = await Channels(session, user_id).tell_of(channel_id, _chosen(tells))
            if channel is None:
                raise NotFound
            why = f"tells of {', '.join(channel.tells)}"
            await audit(session, user_id, Action.CHANNEL_CHANGED, str(channel_id), why)
        return channel

    async def remove(self, user_id: UUID, channel_id: UUID) -> None:
        """Forget a channel with its notifications; what is on its way still arrives. Raises `NotFound`."""
        async with self.store.work(user_id) as session:
            channel = await Channels(session, user_id).remove(channel_id)
            if channel is None:
                raise NotFound
            why = _named(ChannelKind(channel.kind), channel.shown)
            await audit(session, user_id, Action.CHANNEL_REMOVED, str(channel_id), why)

    async def test(self, user_id: UUID, channel_id: UUID) -> SentNotification:
        """Send a test message and wait for its end; return it as it stands. Raises `NotFound`."""
        async with self.store.work(user_id) as session:
            notice_id = await Channels(session, user_id).test(channel_id, self.clock.now())
        if notice_id is None:
            raise NotFound
        ends = asyncio.get_running_loop().time() + self.test_wait_seconds
        while True:
            async with self.store.read(user_id) as session:
                notice = await SentNotifications(session, user_id).one(notice_id)
            if notice is None:
                raise NotFound  # its channel has been removed since
            # A first try that failed is an answer too: a test is to say it now, not after the last try.
            if notice.status in _OVER or notice.message or asyncio.get_running_loop().time() >= ends:
                return notice
            await asyncio.sleep(_LOOK_EVERY)

    async def _address(self, user_id: UUID, kind: ChannelKind, given: str | None) -> ChannelAddress:
        if kind is ChannelKind.EMAIL:
            if given is not None:
                raise bad_address("is not given for mail: it goes to the e-mail address of your account")
            own = await self._own_email(user_id)
            return ChannelAddress(own, own)
        if given is None:
            raise bad_address("is required")
        if kind is ChannelKind.SERVICE:
            return await service_address(given.strip())
        return webhook_address(given.strip(), anywhere=self.anywhere)

    async def _own_email(self, user_id: UUID) -> str:
        async with self.store.work(user_id) as session:
            account = await Accounts(session).by_id(user_id)
            if account is None:
                raise NotFound
            _refuse_unmailable(account.email)
            if not account.verified:
                await ask_if_possible(session, account.email)
        return account.email

    def _sealed(
        self,
        user_id: UUID,
        kind: ChannelKind,
        checked: ChannelAddress,
        secret: str | None,
        tells: Sequence[str] | None,
    ) -> NewChannel:
        channel_id = uuid4()

        def seal(text: str, column: str) -> bytes:
            return self.sealer.seal(text, user_id=user_id, field=sealed_name(channel_id, column))

        return NewChannel(
            channel_id=channel_id,
            kind=kind,
            shown=checked.shown[:200],
            address=seal(checked.address, "address"),
            secret=seal(secret, "secret") if secret is not None else None,
            tells=_chosen(tells),
        )


def _named(kind: ChannelKind, shown: str) -> str:
    """Return a channel's name for the audit log, which holds no e-mail address."""
    return kind.value if kind is ChannelKind.EMAIL else f"{kind}: {shown}"


def _refuse_unmailable(email: str) -> None:
    try:
        receiver_of(email)
    except BadMailAddress:
        raise bad_address(
            "is your account's own, which cannot be mailed: it has other characters than ASCII before the @"
        ) from None


def _new_secret() -> str:
    """Return a secret as the Standard Webhooks specification writes it."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _chosen(tells: Sequence[str] | None) -> tuple[NotificationKind, ...]:
    """Return what a channel is to tell of, each once; everything by default."""
    return tuple(dict.fromkeys(map(NotificationKind, tells))) if tells is not None else CHOICES
