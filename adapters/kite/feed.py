"""Kite's price feed: as many sockets as the instruments need, each watched, each reconnected for ever.

The official client's KiteTicker is not used here. It sends no pings and never detects a silent socket, gives
up after fifty tries with waits of up to a minute, keeps its first access token for life, runs a reactor that
cannot be started twice, drops the connection when a callback raises, and stamps ticks with naive local time.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection
from enum import StrEnum

import aiohttp

from adapters.kite.feed_socket import TOKENS_EACH, FeedSocket, FeedTimes, Login, SocketState
from domain.market_data import PriceReceiver
from domain.ports import Clock

SOCKETS = 3
"""Connections Kite allows for one api_key; more are flagged as abuse."""


class FeedState(StrEnum):
    IDLE = "idle"
    """Nothing is watched, so nothing is connected."""
    ALIVE = "alive"
    LOST = "lost"
    LOGIN_NEEDED = "login_needed"


_DOWN = {
    FeedState.LOST: "the broker's price feed cannot be reached",
    # One answer for each of these (HTTP 403): the broker does not say which it is.
    FeedState.LOGIN_NEEDED: (
        "the broker refuses the price feed: the login has ended, the API key has more than three price "
        "connections open, or its plan has no live prices: log in again; if orders work, close other "
        "programs that use this API key, and look at its plan at the broker"
    ),
}


class KiteFeed:
    """Last prices of any instruments, for one account.

    `watch` says which tokens are wanted, all of them each time; the rest follows by itself. Prices, losses
    and order updates go to the receiver, in the event loop of `run`; a receiver that raises is only logged.
    """

    def __init__(
        self,
        ws_root: str,
        login: Login,
        receiver: PriceReceiver,
        clock: Clock,
        times: FeedTimes | None = None,
    ) -> None:
        self._sockets = [
            FeedSocket(ws_root, login, receiver, clock, times or FeedTimes()) for _ in range(SOCKETS)
        ]
        self._receiver = receiver
        self._usable = SOCKETS
        self._wanted: frozenset[int] = frozenset()
        self._place: dict[int, FeedSocket] = {}
        self._uncovered: frozenset[int] = frozenset()

    @property
    def uncovered(self) -> frozenset[int]:
        """Tokens beyond what Kite's connections carry; their prices must be polled."""
        return self._uncovered

    @property
    def state(self) -> FeedState:
        """Return the worst state among the sockets in use."""
        states = {socket.state for socket in self._sockets if socket.tokens}
        if not states:
            return FeedState.IDLE
        if SocketState.LOGIN_NEEDED in states:
            return FeedState.LOGIN_NEEDED
        return FeedState.ALIVE if states == {SocketState.ALIVE} else FeedState.LOST

    @property
    def down(self) -> str | None:
        """Say why prices do not come, in words for a person; None while all is well."""
        return _DOWN.get(self.state)

    @property
    def attempted(self) -> bool:
        """Tell whether every socket in use has tried to connect at least once."""
        return all(socket.attempts for socket in self._sockets if socket.tokens)

    @property
    def age(self) -> float | None:
        """Return the seconds since the quietest socket in use was heard; None while nothing is watched."""
        return max((socket.age for socket in self._sockets if socket.tokens), default=None)

    @property
    def dropped(self) -> int:
        """Return how many packets were garbage so far."""
        return sum(socket.dropped for socket in self._sockets)

    @property
    def joined(self) -> int:
        """Return how many frames were read together with an earlier one so far."""
        return sum(socket.joined for socket in self._sockets)

    def use(self, connections: int) -> None:
        """Have at most so many of the account's connections: others may have the rest."""
        if connections != self._usable:
            self._usable = connections
            self._share_out()

    def watch(self, tokens: Collection[int]) -> None:
        """Subscribe to exactly these tokens from now on, whatever happens to the connections."""
        self._wanted = frozenset(tokens)
        self._share_out()

    def _share_out(self) -> None:
        usable = self._sockets[: self._usable]
        kept = {token: place for token, place in self._place.items() if token in self._wanted}
        moved = {token for token, place in kept.items() if place not in usable}
        self._place = {token: place for token, place in kept.items() if token not in moved}
        uncovered = set()
        loads = Counter(self._place.values())
        for token in sorted(self._wanted - self._place.keys()):
            socket = next((one for one in usable if loads[one] < TOKENS_EACH), None)
            if socket is None:
                uncovered.add(token)
            else:
                self._place[token] = socket
                loads[socket] += 1
        self._uncovered = frozenset(uncovered)
        shares = defaultdict[FeedSocket, set[int]](set)
        for token, socket in self._place.items():
            shares[socket].add(token)
        for socket in self._sockets:
            socket.watch(shares[socket])
        if moved:
            self._receiver.on_lost(moved, "their connection is given up")

    def alive(self, token: int) -> bool:
        """Tell whether this token's prices come over a connection that was heard from within 5 s."""
        socket = self._place.get(token)
        return socket is not None and socket.carries(token)

    async def run(self) -> None:
        """Keep connected until cancelled."""
        async with (
            aiohttp.ClientSession(trace_configs=[_no_redirects()]) as http,
            asyncio.TaskGroup() as group,
        ):
            for socket in self._sockets:
                group.create_task(socket.run(http))


class SentElsewhere(aiohttp.ClientError):
    """The feed's host redirected to another one: only the settings choose the host."""


def _no_redirects() -> aiohttp.TraceConfig:
    async def refuse(*_: object) -> None:
        raise SentElsewhere

    traces = aiohttp.TraceConfig()
    traces.on_request_redirect.append(refuse)
    return traces
