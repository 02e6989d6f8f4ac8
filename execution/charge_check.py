"""Compares charges with the broker's own answer, in the evening, beside everything that trades.

Rules are in `domain.charge_check`. One for a worker process; rounds are taken by turns of
`domain.ports.ChargeChecks`. It asks with the logins of readings, a few accounts a minute, and nothing waits
for it: what cannot be read is unchecked, and tried again a few times that evening.
"""

import asyncio
import logging

from domain.charge_check import (
    EVENING,
    AccountRounds,
    ChargeDifference,
    Differing,
    SymbolRounds,
    charges_alarm,
    differences,
    to_check,
)
from domain.errors import BrokerRefused, StopwatchError, StoreUnavailable
from domain.ports import Alerts, Broker, Brokers, ChargeChecks, Clock
from domain.session import exchange_time
from execution.look_loop import look_on
from execution.order_book import noting_a_dead_login

LOOK_EVERY = 60.0
"""Seconds between two looks for rounds that are to be checked."""
ACCOUNTS_A_LOOK = 20
SYMBOLS_A_TURN = 20
"""Symbols of one account that are asked about at one turn; the next turn has the others."""
ONE_WITHIN = 10.0
"""Seconds for one question."""

log = logging.getLogger("charges")


class ChargeCheck:
    """Asks the broker about the unchecked rounds of the day."""

    def __init__(
        self,
        checks: ChargeChecks,
        brokers: Brokers,
        alerts: Alerts,
        clock: Clock,
        one_within: float = ONE_WITHIN,
    ) -> None:
        self._checks = checks
        self._brokers = brokers
        self._alerts = alerts
        self._clock = clock
        self._one_within = one_within

    async def run(self) -> None:
        """Look until cancelled."""
        await look_on(self.look, self._clock, LOOK_EVERY, log)

    async def look(self) -> None:
        """Check some accounts of today, once the day's trading is over. Raises `StoreUnavailable`."""
        now = exchange_time(self._clock.now())
        if now.time() < EVENING:
            return
        for of in await self._checks.take(now.date(), ACCOUNTS_A_LOOK):
            try:
                await self._check(of)
            except StoreUnavailable:
                raise
            except (StopwatchError, TimeoutError) as why:
                log.info("charges of an account stay unchecked for now: %s", why or "no answer came")
            except Exception:  # a fault of one account must not keep the others from being checked
                log.exception("checking the charges of an account failed")

    async def _check(self, of: AccountRounds) -> None:
        broker = await self._brokers.of(of.user_id, of.account)
        async with noting_a_dead_login(self._brokers, of.user_id, broker):
            for number, group in enumerate(to_check(of)):
                if number == SYMBOLS_A_TURN:
                    return
                try:
                    await self._compare(of, group, broker)
                except BrokerRefused as why:
                    log.info("charges in %s stay unchecked for now: %s", group.symbol, why)

    async def _compare(self, of: AccountRounds, group: SymbolRounds, broker: Broker) -> None:
        async with asyncio.timeout(self._one_within):
            answers = await broker.order_charges(group.orders)
        found = differences(group.booked, group.orders, answers)
        if found:
            await self._tell(of, group, found)
        await self._checks.write(group.keys, agrees=not found)

    async def _tell(
        self, of: AccountRounds, group: SymbolRounds, found: tuple[ChargeDifference, ...]
    ) -> None:
        """Tell before it is written down: what was not written is told once more, never not at all."""
        differing = Differing(of, f"{group.exchange}:{group.symbol}", found)
        log.warning(
            "the broker's charges differ from those in the books",
            extra={
                "user_id": str(of.user_id),
                "trading_day": of.day.isoformat(),
                "symbol": differing.symbol,
                "schedule": group.booked.schedule,
                "booked": {one.part: str(one.booked) for one in found},
                "broker": {one.part: str(one.broker) for one in found},
            },
        )
        if not await self._checks.differed(of.day):
            await self._alerts.raise_(charges_alarm(differing))
