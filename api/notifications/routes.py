"""`/notices`: where you want to be told, and what you were told."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from adapters.notifications.push_subscription import PushSubscription
from adapters.postgres.channels import Channels, SentNotification, SentNotifications
from api.auth.identity import UserId
from api.dependencies import DependenciesDep
from api.http.cursors import Cursor, Cursors, Limit
from api.http.json_answer import json_response
from api.http.limits import limited
from api.http.path_ids import path_id
from api.http.request_json import body_of, documented
from api.notifications.schemas import (
    ChannelIn,
    ChannelMade,
    ChannelOut,
    ChannelPage,
    NoticeOut,
    NoticePage,
    PushKeyOut,
    SubscriptionIn,
    TellsIn,
)
from domain.notification import ChannelKind
from services.notifications.channels import AskedChannel

router = APIRouter(prefix="/notices", tags=["notices"])


async def channel_id_of(channel_id: Annotated[str, Path()]) -> UUID:
    """Return the id of the path."""
    return path_id(channel_id)


ChannelId = Annotated[UUID, Depends(channel_id_of)]


@router.get("", responses={200: {"model": NoticePage}})
async def page(user_id: UserId, deps: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """What was sent to you in the last thirty days, newest first, and what became of it."""
    cursors = Cursors(user_id, "notices")
    spot = cursors.spot(cursor)
    async with deps.store.read(user_id) as session:
        found = await SentNotifications(session, user_id).page(limit + 1, spot)
    notices, following = cursors.page(found, limit)
    return json_response(NoticePage(items=[_shown(notice) for notice in notices], next=following))


@router.get("/channels", responses={200: {"model": ChannelPage}})
async def channels(user_id: UserId, deps: DependenciesDep) -> Response:
    """Your channels, the oldest first. Their addresses are not shown again."""
    async with deps.store.read(user_id) as session:
        found = await Channels(session, user_id).all()
    return json_response(ChannelPage(items=[ChannelOut(**asdict(channel)) for channel in found], next=None))


@router.get("/push-key", responses={200: {"model": PushKeyOut}})
async def push_key(user_id: UserId, deps: DependenciesDep) -> Response:
    """The key that a browser subscribes with; 404 `push_not_set_up` where nothing is sent to browsers."""
    return json_response(PushKeyOut(key=deps.channels.public_push_key()))


@router.post(
    "/channels",
    status_code=201,
    openapi_extra=documented(ChannelIn),
    responses={200: {"model": ChannelMade}, 201: {"model": ChannelMade}},
    dependencies=[limited("POST /notices/channels")],
)
async def add(
    user_id: UserId, deps: DependenciesDep, body: Annotated[ChannelIn, Depends(body_of(ChannelIn))]
) -> Response:
    """Set a channel up: a webhook of yours, mail, a service such as Telegram, or this browser.

    200 for a browser that is set up already: the channel it has, as it is.
    """
    asked = AskedChannel(ChannelKind(body.kind), body.address, _subscription(body.subscription), body.tells)
    added = await deps.channels.add(user_id, asked)
    made = ChannelMade(**asdict(added.channel), secret=added.secret)
    return json_response(made, 201 if added.is_new else 200)


@router.put(
    "/channels/{channel_id}",
    openapi_extra=documented(TellsIn),
    responses={200: {"model": ChannelOut}},
    dependencies=[limited("PUT /notices/channels/{channel_id}")],
)
async def change(
    user_id: UserId,
    deps: DependenciesDep,
    channel_id: ChannelId,
    body: Annotated[TellsIn, Depends(body_of(TellsIn))],
) -> Response:
    """Choose what a channel tells of."""
    channel = await deps.channels.choose(user_id, channel_id, body.tells)
    return json_response(ChannelOut(**asdict(channel)))


@router.delete(
    "/channels/{channel_id}",
    status_code=204,
    dependencies=[limited("DELETE /notices/channels/{channel_id}")],
)
async def remove(user_id: UserId, deps: DependenciesDep, channel_id: ChannelId) -> Response:
    """Forget a channel with its notifications; what is on its way still arrives."""
    await deps.channels.remove(user_id, channel_id)
    return Response(status_code=204)


@router.post(
    "/channels/{channel_id}/test",
    responses={200: {"model": NoticeOut}},
    dependencies=[limited("POST /notices/channels/{channel_id}/test")],
)
async def test(user_id: UserId, deps: DependenciesDep, channel_id: ChannelId) -> Response:
    """Send a test message, and tell what became of it within some seconds."""
    return json_response(_shown(await deps.channels.test(user_id, channel_id)))


def _subscription(given: SubscriptionIn | None) -> PushSubscription | None:
    if given is None:
        return None
    return PushSubscription(given.endpoint, given.keys.p256dh, given.keys.auth)


def _shown(notice: SentNotification) -> NoticeOut:
    return NoticeOut(**asdict(notice))
