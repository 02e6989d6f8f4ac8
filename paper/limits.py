"""Counts rate limits as Kite does: by calendar second of the server, by minute, by day."""

from paper.kite_error import KiteError, bad_order, too_many

ORDERS_PER_SECOND = 10
ORDERS_PER_MINUTE = 400
ORDERS_PER_DAY = 5000
MODIFICATIONS = 25
PER_SECOND = {"other": 10, "quote": 1, "historical": 3}


class Limits:
    """Counters of all accounts; a key's counters start again when their window has passed."""

    def __init__(self, *, only_orders: bool = False) -> None:
        # The client's own integration tests read faster than any real link lets them.
        self._only_orders = only_orders
        self._windows: dict[tuple[str, str], tuple[int | str, int]] = {}

    def order(self, user_id: str, now: float, day: str) -> None:
        """Count one placement.

        Raises KiteError 429 for the second and the minute, 400 for the day; refused requests count too.
        """
        over_second = self._count("s", user_id, int(now)) > ORDERS_PER_SECOND
        over_minute = self._count("m", user_id, int(now) // 60) > ORDERS_PER_MINUTE
        over_day = self._count("d", user_id, day) > ORDERS_PER_DAY
        if over_second or over_minute:
            raise too_many()
        if over_day:
            raise bad_order("Maximum allowed order requests exceeded.")

    def change(self, user_id: str, now: float) -> None:
        """Count one modification or cancellation: it shares the second with placements, nothing else."""
        if self._count("s", user_id, int(now)) > ORDERS_PER_SECOND:
            raise too_many()

    def read(self, bucket: str, api_key: str, now: float) -> None:
        """Count one other request."""
        if not self._only_orders and self._count(bucket, api_key, int(now)) > PER_SECOND[bucket]:
            raise too_many()

    def _count(self, kind: str, who: str, window: int | str) -> int:
        current, count = self._windows.get((kind, who), (window, 0))
        count = count + 1 if current == window else 1
        self._windows[kind, who] = (window, count)
        return count


def too_many_modifications() -> KiteError:
    """Return the refusal of the 26th change of one order, a NetworkException at Kite."""
    return KiteError(400, "NetworkException", "Maximum allowed order modifications exceeded.")
