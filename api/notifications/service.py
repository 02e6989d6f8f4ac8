"""Channels as they are set up: what an address must be, how it is sealed, and the test message."""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import urldefrag, urlsplit
from uuid import UUID, uuid4

from adapters.notifications.public_address import may_be_called
from adapters.notifications.services import BadAddress, service_of
from adapters.postgres.accounts import Accounts
from adapters.postgres.channels import (
    MOST_CHANNELS,
    Channel,
    Channels,
    NewChannel,
    SentNotification,
    SentNotifications,
)
from api.dependencies import Dependencies
from api.notifications.schemas import ChannelIn
from domain.audit import Action
from domain.notification import CHOICES, ChannelKind, NotificationKind, NotificationStatus, sealed_name
from services.audit_trail import audit
from services.errors import Conflict, FieldError, Invalid, NotFound

_LOOK_EVERY = 0.2
_SECRET_BYTES = 24
_OVER = frozenset({NotificationStatus.SENT, NotificationStatus.FAILED, NotificationStatus.UNKNOWN})


async def add(deps: Dependencies, user_id: UUID, asked: ChannelIn) -> tuple[Channel, str | None]:
    """Set a channel up; return it, and its secret, which is not shown again. Raises `Invalid`, `Conflict`."""
    kind = ChannelKind(asked.kind)
    address, shown = await _address(deps, user_id, kind, asked.address)
    secret = _new_secret() if kind is ChannelKind.WEBHOOK else None
    new = _sealed(deps, user_id, kind, address, shown, secret, asked.tells)
    async with deps.store.work(user_id) as session:
        channel = await Channels(session, user_id).add(new)
        if channel is None:
            raise Conflict(
                "too_many_channels",
                f"You have {MOST_CHANNELS} channels, which is the most: remove one first.",
            )
        await audit(session, user_id, Action.CHANNEL_ADDED, str(new.channel_id), f"{kind}: {shown}")
    return channel, secret


async def tested(deps: Dependencies, user_id: UUID, channel_id: UUID) -> SentNotification:
    """Send a test message and wait for what becomes of it, or tell how far it is. Raises `NotFound`."""
    async with deps.store.work(user_id) as session:
        notice_id = await Channels(session, user_id).test(channel_id, deps.clock.now())
    if notice_id is None:
        raise NotFound
    ends = asyncio.get_running_loop().time() + deps.test_wait_seconds
    while True:
        async with deps.store.read(user_id) as session:
            notice = await SentNotifications(session, user_id).one(notice_id)
        if notice is None:
            raise NotFound  # its channel was removed meanwhile
        # Not yet arrived is an answer too: whoever tests wants to know now, not after the last try.
        if notice.status in _OVER or notice.message or asyncio.get_running_loop().time() >= ends:
            return notice
        await asyncio.sleep(_LOOK_EVERY)


async def _address(
    deps: Dependencies, user_id: UUID, kind: ChannelKind, given: str | None
) -> tuple[str, str]:
    """Return the address, and what its user may see of it. Raises `Invalid`."""
    if kind is ChannelKind.EMAIL:
        if given is not None:
            raise _refused("is not given for mail: it goes to the e-mail address of your account")
        own = await _own_email(deps, user_id)
        return own, own
    if given is None:
        raise _refused("is required")
    if kind is ChannelKind.SERVICE:
        try:
            service = await asyncio.to_thread(service_of, given.strip())
        except BadAddress as bad:
            raise _refused(str(bad)) from None
        return given.strip(), service.name
    return _webhook(given.strip(), anywhere=deps.notices_anywhere)


def _webhook(given: str, *, anywhere: bool) -> tuple[str, str]:
    schemes = ("https", "http") if anywhere else ("https",)
    try:
        url = urlsplit(given)
        host = (url.hostname or "").encode("idna").decode()
        usable = url.scheme in schemes and host and url.port != 0 and "@" not in url.netloc
    except ValueError:
        raise _refused("must be a URL, such as https://example.com/stopwatch") from None
    if not usable or not given.isprintable() or " " in given:
        raise _refused("must be an https URL without a user name, such as https://example.com/stopwatch")
    if not anywhere and not may_be_called(host):
        raise _refused("leads into a private network: notices go to servers on the internet")
    return urldefrag(given).url, host


async def _own_email(deps: Dependencies, user_id: UUID) -> str:
    async with deps.store.read(user_id) as session:
        account = await Accounts(session).by_id(user_id)
    if account is None:
        raise NotFound
    return account.email


def _new_secret() -> str:
    """Return a secret as the Standard Webhooks specification writes it."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _sealed(
    deps: Dependencies,
    user_id: UUID,
    kind: ChannelKind,
    address: str,
    shown: str,
    secret: str | None,
    tells: Sequence[str] | None,
) -> NewChannel:
    channel_id = uuid4()

    def seal(text: str, column: str) -> bytes:
        return deps.sealer.seal(text, user_id=user_id, field=sealed_name(channel_id, column))

    return NewChannel(
        channel_id=channel_id,
        kind=kind,
        shown=shown[:200],
        address=seal(address, "address"),
        secret=seal(secret, "secret") if secret is not None else None,
        tells=chosen(tells),
    )


def chosen(tells: Sequence[str] | None) -> tuple[NotificationKind, ...]:
    """Return what a channel is to tell of, each once: everything where nothing is said."""
    return tuple(dict.fromkeys(map(NotificationKind, tells))) if tells is not None else CHOICES


def _refused(words: str) -> Invalid:
    return Invalid([FieldError("address", "bad_address", words)])
