"""Wires the path of an order on the ports: one composition for the worker and for tests."""

from dataclasses import dataclass
from typing import Self

from domain.ports import Alerts, Brokers, Clock, OrderLog, RestingStops, RuntimeCache, TradingDays
from execution.account_snapshot import AccountSnapshots
from execution.due_orders import DueOrders
from execution.entries import Entries
from execution.entry_checks import EntryChecks
from execution.execution_rules import ExecutionRules
from execution.executor import OrderExecutor
from execution.exit_alerts import ExitAlerts
from execution.exit_lifts import ExitLifts
from execution.exits import Exits
from execution.follower import OrderFollower
from execution.kept_holding import KeeperPorts
from execution.order_book import OrderBooks
from execution.order_sender import OrderSender
from execution.price_wait import PriceWait
from execution.runtime_lock import RuntimeLock
from execution.untracked_orders import UntrackedOrders


@dataclass(frozen=True, slots=True)
class OrderPath:
    """Everything an order passes in one process."""

    entries: Entries
    exits: Exits
    executor: OrderExecutor
    sender: OrderSender
    books: OrderBooks
    lifts: ExitLifts
    prices: PriceWait
    keeping: KeeperPorts
    """What stops at the exchange are kept by."""

    @classmethod
    def on(
        cls,
        log: OrderLog,
        cache: RuntimeCache,
        brokers: Brokers,
        clock: Clock,
        days: TradingDays,
        alerts: Alerts,
        stops: RestingStops,
        rules: ExecutionRules | None = None,
    ) -> Self:
        """Build the path on the ports."""
        rules = rules or ExecutionRules()
        lock, due = RuntimeLock(cache, clock), DueOrders(clock)
        accounts = AccountSnapshots(log, brokers, clock)
        books, sender = OrderBooks(log, cache, brokers), OrderSender(log, brokers, clock)
        executor = OrderExecutor(log, sender, OrderFollower(log, books, clock), clock)
        checks = EntryChecks(brokers, lock, due, clock, days)
        return cls(
            Entries(executor, checks, lock, log, brokers, clock, rules, alerts),
            Exits(
                executor,
                accounts,
                UntrackedOrders(log, books, clock, rules.horizons),
                ExitAlerts(log, alerts),
                lock,
                due,
                log,
                brokers,
                clock,
                rules,
                stops,
            ),
            executor,
            sender,
            books,
            ExitLifts(accounts, brokers, clock),
            PriceWait(brokers, clock),
            KeeperPorts(stops, log, accounts, sender, books, brokers, clock, rules),
        )
