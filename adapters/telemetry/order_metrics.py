"""Order metrics: outcomes, and how late each order left. No label names a user or a strategy."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from domain.order import Attempt, Leg, OrderStatus
from domain.outcome import Denied, PlaceOutcome
from domain.run import SaleLine
from domain.strategy import Outcome

OUTCOMES = ("accepted", "rejected", "denied", "unknown")
_LATE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds. An entry more than five seconds late is not sent, a sale is sent however late."""


class OrderNumbers:
    """Counts the outcomes of sending, by leg and outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._orders = Counter(
            "stopwatch_orders_total",
            "Orders, by leg and by what came of sending them",
            ("leg", "outcome"),
            registry=registry,
        )
        self._late = Histogram(
            "stopwatch_order_lateness_seconds",
            "How long after its due time an order was sent",
            ("leg",),
            buckets=_LATE,
            registry=registry,
        )
        for leg in Leg:  # from the first scrape on, so that the first order is an increase
            self._late.labels(leg.value)
            for outcome in OUTCOMES:
                self._orders.labels(leg.value, outcome)

    def answered(self, attempt: Attempt, outcome: PlaceOutcome) -> None:
        """Count an attempt that was claimed; one stopped by our own checks was never sent, so never late."""
        self._orders.labels(attempt.key.leg.value, type(outcome).__name__.lower()).inc()
        if isinstance(outcome, Denied) or attempt.sent_at is None or attempt.due_at is None:
            return
        late = (attempt.sent_at - attempt.due_at).total_seconds()
        self._late.labels(attempt.key.leg.value).observe(max(0.0, late))

    def denied(self, attempt: Attempt) -> None:
        """Count an intent that was closed before it was claimed."""
        self._orders.labels(attempt.key.leg.value, "denied").inc()


class MeteredOrderLog(PostgresOrderLog):
    """An order log that counts outcomes. Orders sent while Postgres is away are not counted."""

    def __init__(self, store: Store, numbers: OrderNumbers) -> None:
        super().__init__(store)
        self._numbers = numbers

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome, why: SaleLine | None = None) -> Attempt:
        """Write the outcome of sending, and count it, written or not."""
        self._numbers.answered(attempt, outcome)
        return await super().answer(attempt, outcome, why)

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        """Mark an intent that was never sent as not placed, and count it once."""
        denied = await super().deny(attempt, message, verdict)
        if attempt.status is OrderStatus.PLANNED and denied.status is OrderStatus.NOT_PLACED:
            self._numbers.denied(attempt)
        return denied
