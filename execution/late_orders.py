"""Orders that turn up at the broker when no run follows them any more: given up, and there after all."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from domain.errors import BrokerNotConnected, BrokerRefused, LoginNeeded, Unavailable
from domain.operator_alerts import late_entry_alarm, late_exit_alarm
from domain.order import BrokerOrder, Leg, OrderStatus
from domain.ports import Alerts, Broker, Brokers, OpenRuns, OrderLog
from domain.reconciler import DoubtfulOrder
from domain.run import Adoption

Late = dict[Leg, list[UUID]]


class LateOrders:
    """Reads the books of those who have an order in doubt; what turns up is owned, cancelled or told of.

    Nothing here is sent: a late entry gets a run that brings it to its end, a late exit is called back.
    Each step may be done again in the next round.
    """

    def __init__(self, runs: OpenRuns, log: OrderLog, brokers: Brokers, alerts: Alerts) -> None:
        self._runs = runs
        self._log = log
        self._brokers = brokers
        self._alerts = alerts

    async def look_for(self, doubtful: Sequence[DoubtfulOrder], away: list[str]) -> Late:
        """Return whose orders turned up, by leg; note in `away` whose broker did not answer."""
        by_account: dict[tuple[UUID, str], list[DoubtfulOrder]] = defaultdict(list)
        for order in doubtful:
            by_account[order.start.strategy.user_id, order.terms.account].append(order)
        late: Late = {Leg.ENTRY: [], Leg.EXIT: []}
        for (user_id, account), orders in by_account.items():
            try:
                await self._look_in_book(user_id, account, orders, late)
            except (Unavailable, LoginNeeded, BrokerNotConnected, BrokerRefused):
                away.append(f"broker of {user_id}")
        return late

    async def _look_in_book(
        self, user_id: UUID, account: str, orders: Sequence[DoubtfulOrder], late: Late
    ) -> None:
        broker = await self._brokers.of(user_id, account)
        book = await broker.orders()
        for order in orders:
            row = next((row for row in book if order.attempt.tag in row.tags), None)
            if row is None:
                continue
            if order.attempt.key.leg is Leg.ENTRY:
                await self._own(order, row)
            else:
                await self._call_back(order, row, broker)
            late[order.attempt.key.leg].append(order.start.strategy.strategy_id)

    async def _own(self, entry: DoubtfulOrder, row: BrokerOrder) -> None:
        await self._log.saw(entry.attempt, row)
        await self._runs.adopt(replace(entry.start, adopted=Adoption.LATE_ENTRY))
        await self._alerts.raise_(late_entry_alarm(entry, row))

    async def _call_back(self, exit_: DoubtfulOrder, row: BrokerOrder, broker: Broker) -> None:
        """Told before it is written down: once written it is not looked for any more."""
        if row.filled_quantity > exit_.attempt.filled_quantity:
            await self._alerts.raise_(late_exit_alarm(exit_, row))
        await self._log.saw(exit_.attempt, row)
        if row.status is OrderStatus.OPEN and row.broker_order_id:
            await broker.cancel(row.broker_order_id)
