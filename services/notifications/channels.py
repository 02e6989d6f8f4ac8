"""Notification channels: set up, choose what they tell of, remove, and send a test message."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from adapters.notifications.mail_address import BadMailAddress, receiver_of
from adapters.notifications.push_subscription import PushSubscription
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
from services.errors import Conflict, NotFound, NotSetUp, Unauthorized
from services.notifications.addresses import (
    ChannelAddress,
    bad_address,
    bad_subscription,
    push_address,
    service_address,
    webhook_address,
)

_LOOK_EVERY = 0.2
_SECRET_BYTES = 24
_NO_PUSH = (
    "push_not_set_up",
    "This server sends no notifications to browsers: its operator has not set a key for it.",
)
_OVER = frozenset({NotificationStatus.SENT, NotificationStatus.FAILED, NotificationStatus.UNKNOWN})


@dataclass(frozen=True, slots=True)
class AskedChannel:
    """A channel as its user asks for it, unchecked."""

    kind: ChannelKind
    address: str | None = field(default=None, repr=False)
    subscription: PushSubscription | None = None
    tells: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class AddedChannel:
    """A channel that is set up, with its secret, which is not shown again."""

    channel: Channel
    secret: str | None = field(repr=False)
    is_new: bool


@dataclass(frozen=True, slots=True)
class NotificationChannels:
    """A user's channels; `anywhere` lets webhooks lead into private networks."""

    store: Store
    sealer: Sealer
    clock: Clock
    anywhere: bool
    test_wait_seconds: float
    most: int = USUAL.channels
    push_key: str | None = None
    """The public key by which browsers subscribe; None where nothing is sent to browsers."""

    def public_push_key(self) -> str:
        """Return the key that a browser subscribes with. Raises `NotSetUp`."""
        if self.push_key is None:
            raise NotSetUp(*_NO_PUSH)
        return self.push_key

    async def add(self, user_id: UUID, asked: AskedChannel) -> AddedChannel:
        """Set a channel up. A browser that is set up already keeps the channel it has.

        Raises `Invalid` for the address, and `Conflict` where there are too many channels or no key for
        browsers.
        """
        checked = await self._address(user_id, asked)
        secret = _new_secret() if asked.kind is ChannelKind.WEBHOOK else None
        new = self._sealed(user_id, asked, checked, secret)
        async with self.store.work(user_id) as session:
            channel = await Channels(session, user_id).add(new, self.most)
            if not await Accounts(session).hold(user_id):
                raise Unauthorized
            if channel is None:
                raise too_many_channels(self.most)
            is_new = channel.channel_id == new.channel_id
            if is_new:
                why = _named(asked.kind, checked.shown)
                await audit(session, user_id, Action.CHANNEL_ADDED, str(new.channel_id), why)
        return AddedChannel(channel, secret, is_new)

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

    async def _address(self, user_id: UUID, asked: AskedChannel) -> ChannelAddress:
        if asked.kind is ChannelKind.PUSH:
            return self._browser(asked)
        if asked.subscription is not None:
            raise bad_subscription("is given for a browser only, with the kind push")
        if asked.kind is ChannelKind.EMAIL:
            if asked.address is not None:
                raise bad_address("is not given for mail: it goes to the e-mail address of your account")
            own = await self._own_email(user_id)
            return ChannelAddress(own, own)
        if asked.address is None:
            raise bad_address("is required")
        if asked.kind is ChannelKind.SERVICE:
            return await service_address(asked.address.strip())
        return webhook_address(asked.address.strip(), anywhere=self.anywhere)

    def _browser(self, asked: AskedChannel) -> ChannelAddress:
        if asked.address is not None:
            raise bad_address("is not given for a browser: its subscription has it")
        if asked.subscription is None:
            raise bad_subscription("is required")
        if self.push_key is None:
            raise Conflict(*_NO_PUSH)
        return push_address(asked.subscription, anywhere=self.anywhere)

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
        asked: AskedChannel,
        checked: ChannelAddress,
        secret: str | None,
    ) -> NewChannel:
        channel_id = uuid4()

        def seal(text: str, column: str) -> bytes:
            return self.sealer.seal(text, user_id=user_id, field=sealed_name(channel_id, column))

        return NewChannel(
            channel_id=channel_id,
            kind=asked.kind,
            shown=checked.shown[:200],
            address=seal(checked.address, "address"),
            secret=seal(secret, "secret") if secret is not None else None,
            tells=_chosen(asked.tells),
            digest=checked.digest,
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
