"""Injects faults for tests: their kinds, the requests or orders they match, and their duration."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paper.orders import Order

ANSWER = frozenset(
    {
        "accept_then_hang",
        "accept_then_reset",
        "hang_without_accept",
        "timeout_400_then_place",
        "http_503",
        "http_503_but_placed",
        "html_502",
        "rate_limit_429",
        "reject_400",
        "authorise_428",
        "slow",
    }
)
BOOK = frozenset({"late_visibility", "stuck_open_pending"})
FILL = frozenset({"reject_async", "partial_fill", "partial_then_cancel"})
# On orders that rest. `change` strikes the next modification of one; `exchange` cancels one: at its trigger,
# when the other side arrives from the same user, at once.
CHANGE = frozenset({"modify_too_late", "modify_lost"})
EXCHANGE = frozenset({"cancel_17070", "self_trade_cancel", "sweep"})
ACCOUNT = frozenset({"token_expired"})
FEED = frozenset({"ws_drop", "ws_silent", "ws_garbage", "ws_out_of_order", "ws_duplicate"})
GROUPS = {
    kind: name
    for name, kinds in (
        ("answer", ANSWER),
        ("book", BOOK),
        ("fill", FILL),
        ("change", CHANGE),
        ("exchange", EXCHANGE),
        ("account", ACCOUNT),
        ("feed", FEED),
    )
    for kind in kinds
}
# Seconds, where a fault needs a delay and none was given. Kite's own late placement was seen after 8.
DEFAULT_DELAY = {"timeout_400_then_place": 2.0, "late_visibility": 2.0, "slow": 1.0}
DEFAULT_FEED_SECONDS = 5.0
DEFAULT_FRACTION = 0.5
MATCH_KEYS = frozenset({"user_id", "side", "symbol", "path"})


@dataclass(slots=True, frozen=True)
class Request:
    """The properties of a request that a fault can match."""

    user_id: str | None
    path: str
    is_placement: bool
    side: str | None = None
    symbol: str | None = None
    # An order of the broker's app: only a fault that names the path of the hands means it.
    by_hand: bool = False


@dataclass(slots=True, eq=False)
class Fault:
    """One fault; `left` None is no count, `until` is an instant of the wall clock."""

    fault_id: int
    kind: str
    user_id: str | None
    side: str | None
    symbol: str | None
    path: str | None
    left: int | None
    until: float | None
    delay: float
    fraction: float

    @property
    def group(self) -> str:
        return GROUPS[self.kind]

    def is_over(self, now: float) -> bool:
        return self.left == 0 or (self.until is not None and now >= self.until)

    def matches(self, request: Request) -> bool:
        if self.user_id is not None and self.user_id != request.user_id:
            return False
        if (self.side or self.symbol) and not request.is_placement:
            return False
        if self.side is not None and self.side != request.side:
            return False
        if self.symbol is not None and self.symbol != request.symbol:
            return False
        if self.path is None:
            return request.is_placement and not request.by_hand
        return request.path.startswith(self.path)


class Faults:
    """The faults that wait for their request, oldest first."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._faults: list[Fault] = []
        self._next = 0
        # How often each kind has struck so far: who asked for a fault can see that it came.
        self.struck: Counter[str] = Counter()

    @property
    def any(self) -> bool:
        """Whether there is a fault to match; keeps common requests cheap."""
        return bool(self._faults)

    def add(self, spec: dict[str, Any]) -> Fault:
        """Take a fault.

        Raises ValueError with a sentence when the spec is not one.
        """
        fault = self._read(spec)
        self._faults.append(fault)
        return fault

    def clear(self, user_id: str | None = None) -> None:
        """Forget the faults that wait; with an account those that wait for it alone."""
        self._faults = [fault for fault in self._faults if user_id is not None and fault.user_id != user_id]

    def take(self, group: str, request: Request, kind: str | None = None) -> Fault | None:
        """Return the oldest matching fault of a group, of one kind or any, and use up one of its count."""
        self._sweep()
        for fault in self._faults:
            if fault.group == group and kind in (None, fault.kind) and fault.matches(request):
                return self._used(fault)
        return None

    def feed(self, kind: str, user_id: str, *, use: bool = False) -> Fault | None:
        """Return the oldest feed fault of a kind that matches a user's sockets."""
        for fault in self._faults:
            if fault.kind == kind and fault.user_id in (None, user_id) and not fault.is_over(self._wall()):
                return self._used(fault) if use else fault
        return None

    def _used(self, fault: Fault) -> Fault:
        self.struck[fault.kind] += 1
        if fault.left is not None:
            fault.left -= 1
        return fault

    def _sweep(self) -> None:
        now = self._wall()
        if any(fault.is_over(now) for fault in self._faults):
            self._faults = [fault for fault in self._faults if not fault.is_over(now)]

    def _read(self, spec: dict[str, Any]) -> Fault:
        kind = spec.get("kind")
        if kind not in GROUPS:
            raise ValueError(f"Unknown fault kind {kind!r}; known are {', '.join(sorted(GROUPS))}.")
        match = spec.get("match") or {}
        if not isinstance(match, dict) or not match.keys() <= MATCH_KEYS:
            raise ValueError(f"`match` is an object with some of {', '.join(sorted(MATCH_KEYS))}.")
        count, seconds = spec.get("count"), _number(spec, "seconds")
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ValueError("`count` is a whole number from 1 up.")
        if seconds is None and kind in ("ws_silent", "ws_garbage"):
            # These go on for a time: there is nothing to count.
            count, seconds = None, DEFAULT_FEED_SECONDS
        elif seconds is None and count is None:
            count = 1
        self._next += 1
        delay, fraction = _number(spec, "delay"), _number(spec, "fraction")
        return Fault(
            fault_id=self._next,
            kind=kind,
            user_id=match.get("user_id"),
            side=match.get("side"),
            symbol=match.get("symbol"),
            path=match.get("path"),
            left=count,
            until=None if seconds is None else self._wall() + seconds,
            delay=DEFAULT_DELAY.get(kind, 0.0) if delay is None else delay,
            fraction=DEFAULT_FRACTION if fraction is None else fraction,
        )


def request_of(order: Order) -> Request:
    """Return what a fault on a resting order can match: its own user, side and symbol."""
    path = f"/orders/{order.variety}/{order.order_id}"
    return Request(order.user_id, path, True, order.side, order.instrument.symbol)


def _number(spec: dict[str, Any], name: str) -> float | None:
    value = spec.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"`{name}` is a number from 0 up.")
    return float(value)
