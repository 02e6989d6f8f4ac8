"""Serves the WebSocket: subscriptions, ticks, order updates, heartbeats, faults."""

import asyncio
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import WSMsgType, web

from paper.exchange import Exchange
from paper.kite_error import token_dead
from paper.malformed_frames import garbage
from paper.orders import Order
from paper.packets import HEARTBEAT, frame, packet
from paper.push import order_update
from paper.subscriber import Subscriber
from paper.tape import Tape

HEARTBEAT_SECONDS = 1.0
GARBAGE_SECONDS = 0.25
# How long a client has to answer a close.
CLOSE_SECONDS = 1.0
# An update that is held back for its successor goes out alone after this.
HELD_SECONDS = 0.5
# How long a tick may take to reach the first socket before the time is given up as unknown.
HANDED_SECONDS = 1.0


class Feed:
    """All sockets, on either port."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._by_token: dict[int, set[Subscriber]] = defaultdict(set)
        self._by_user: dict[str, set[Subscriber]] = defaultdict(set)
        self._held: dict[str, list[bytes]] = {}
        exchange.market.on_print.append(self.printed)
        exchange.on_push.append(self.pushed)
        exchange.on_drop.append(self.drop)
        exchange.on_token_dead.append(lambda account: self.drop(account.user_id))

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one socket, from its upgrade to its end."""
        query = dict(parse_qsl(request.raw_path.partition("?")[2]))
        account = self._exchange.accounts.with_token(query.get("api_key", ""), query.get("access_token", ""))
        if account is None:
            return self._refuse(request)
        if self._exchange.faults.feed("ws_drop", account.user_id, use=True):
            return web.Response(status=503)
        socket = web.WebSocketResponse(compress=False, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        subscriber = Subscriber(socket, account.user_id)
        self._by_user[account.user_id].add(subscriber)
        sender = asyncio.get_running_loop().create_task(self._send(subscriber, request))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._hear(subscriber, message.data)
        finally:
            sender.cancel()
            self._forget(subscriber)
        return socket

    def printed(self, tape: Tape) -> None:
        """Send a price to all its subscribers, at once."""
        subscribers = self._by_token.get(tape.instrument.token)
        if not subscribers:
            return
        now = self._exchange.clock.wall()
        bodies: dict[str, bytes] = {}
        for subscriber in subscribers:
            mode = subscriber.modes[tape.instrument.token]
            if mode not in bodies:
                bodies[mode] = packet(tape, mode, now)
            subscriber.tick(bodies[mode])

    async def handed_over(self, token: int) -> float | None:
        """Return when the last printed price of an instrument was first handed to a socket.

        Wall clock, epoch seconds: no byte of it left earlier. None without subscribers, or when no send
        succeeded.
        """
        marks = [subscriber.mark() for subscriber in self._by_token.get(token, ())]
        if not marks:
            return None
        done, _ = await asyncio.wait(marks, timeout=HANDED_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return min((mark.result() for mark in done if not mark.cancelled()), default=None)

    def pushed(self, order: Order, status: str) -> None:
        """Send an order update to every socket of its user; without a socket it is dropped."""
        if not self._by_user.get(order.user_id):
            return
        account = self._exchange.accounts.get(order.user_id)
        if account is None:
            return
        text = order_update(order, status, account.api_secret)
        if self._exchange.faults.any:
            self._push_faulty(order.user_id, text)
        else:
            self._say(order.user_id, text)

    def drop(self, user_id: str | None) -> None:
        """Cut sockets without a close frame, of one user or of all."""
        users = [user_id] if user_id is not None else list(self._by_user)
        for user in users:
            for subscriber in list(self._by_user.get(user, ())):
                subscriber.cut()

    async def close(self) -> None:
        """Close every socket with a close frame."""
        sockets = [subscriber.socket for subscribers in self._by_user.values() for subscriber in subscribers]
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)

    async def run(self) -> None:
        """Send malformed frames to the users that a fault names, for ever."""
        while True:
            await asyncio.sleep(GARBAGE_SECONDS)
            if self._exchange.faults.any:
                self._garble()

    def _refuse(self, request: web.BaseRequest) -> web.StreamResponse:
        error = token_dead()
        received = self._exchange.clock.wall()
        self._exchange.ledger.refuse(None, "GET", "/", None, error.status, received)
        return web.Response(body=error.envelope(), status=error.status, content_type="application/json")

    def _hear(self, subscriber: Subscriber, text: str) -> None:
        try:
            message = orjson.loads(text)
            action, value = message["a"], message["v"]
            if action == "subscribe":
                self._listen(subscriber, [int(token) for token in value], None)
            elif action == "unsubscribe":
                for token in value:
                    self._unsubscribe(subscriber, int(token))
            elif action == "mode":
                self._listen(subscriber, [int(token) for token in value[1]], value[0])
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
            subscriber.put(_error("Invalid message."))

    def _listen(self, subscriber: Subscriber, tokens: list[int], mode: str | None) -> None:
        """Subscribe to tokens and send their last tick at once."""
        first: list[bytes] = []
        now = self._exchange.clock.wall()
        for token in tokens:
            instrument = self._exchange.market.listing.by_token(token)
            if instrument is None:
                continue
            is_new = token not in subscriber.modes
            if not subscriber.listen(token, mode):
                subscriber.put(_error("Number of instruments exceeds the limit of 3000."))
                break
            tape = self._exchange.market.tape(instrument)
            if is_new:
                tape.watchers += 1
                self._by_token[token].add(subscriber)
            first.append(packet(tape, subscriber.modes[token], now))
        if first:
            subscriber.put(frame(first))

    def _unsubscribe(self, subscriber: Subscriber, token: int) -> None:
        instrument = self._exchange.market.listing.by_token(token)
        if subscriber.modes.pop(token, None) is None or instrument is None:
            return
        self._by_token[token].discard(subscriber)
        self._exchange.market.tape(instrument).watchers -= 1

    def _forget(self, subscriber: Subscriber) -> None:
        for token in list(subscriber.modes):
            self._unsubscribe(subscriber, token)
        self._by_user[subscriber.user_id].discard(subscriber)

    async def _send(self, subscriber: Subscriber, request: web.BaseRequest) -> None:
        """Send one socket's outbox; a heartbeat byte after a second without messages."""
        subscriber.transport = request.transport
        handing = 0.0
        try:
            while True:
                item = await subscriber.next(HEARTBEAT_SECONDS)
                if self._exchange.faults.any and self._strikes("ws_silent", subscriber.user_id):
                    if isinstance(item, asyncio.Future):
                        item.cancel()  # what it marks was not sent
                    continue
                if isinstance(item, asyncio.Future):
                    if not item.done():
                        item.set_result(handing)
                    continue
                handing = self._exchange.clock.wall()
                if item is None:
                    await subscriber.socket.send_bytes(HEARTBEAT)
                elif isinstance(item, str):
                    await subscriber.socket.send_str(item)
                else:
                    await subscriber.socket.send_bytes(item)
        except ConnectionError:
            return

    def _garble(self) -> None:
        for user_id, subscribers in self._by_user.items():
            if self._strikes("ws_garbage", user_id):
                for subscriber in subscribers:
                    for item in garbage(list(subscriber.modes)):
                        subscriber.put(item)

    def _push_faulty(self, user_id: str, text: str) -> None:
        faults = self._exchange.faults
        copies = 2 if faults.feed("ws_duplicate", user_id, use=True) else 1
        if not faults.feed("ws_out_of_order", user_id, use=True):
            for _ in range(copies):
                self._say(user_id, text)
            self._release(user_id)
            return
        # The newer one goes first, the older one follows it: late, or never seen in order.
        held = self._held.setdefault(user_id, [])
        held[:0] = [text.encode()] * copies
        if len(held) > copies:
            self._release(user_id)
        else:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self._release, user_id)

    def _release(self, user_id: str) -> None:
        for text in self._held.pop(user_id, ()):
            self._say(user_id, text.decode())

    def _say(self, user_id: str, text: str) -> None:
        for subscriber in self._by_user.get(user_id, ()):
            subscriber.put(text)

    def _strikes(self, kind: str, user_id: str) -> bool:
        return self._exchange.faults.feed(kind, user_id) is not None


def _error(text: str) -> str:
    message: dict[str, Any] = {"type": "error", "data": text}
    return orjson.dumps(message).decode()
