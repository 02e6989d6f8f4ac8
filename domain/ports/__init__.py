"""The ports of the rules, one a module: adapters implement them, the other rooms are built on them.

Every method that reads or writes outside raises `StoreUnavailable`, `CacheUnavailable` or `BrokerUnavailable`
when its dependency does not answer: an empty answer always means "there is none", never "I could not look".
Live prices have a port of their own, `domain.market_data`.
"""

from domain.ports.account_days import AccountDays
from domain.ports.account_mails import AccountMails
from domain.ports.account_moves import AccountMoves
from domain.ports.account_reads import AccountReads, ReadTurn
from domain.ports.alerts import Alerts
from domain.ports.broker import Broker
from domain.ports.brokers import Brokers
from domain.ports.cache_mark import CacheMark
from domain.ports.charge_checks import ChargeChecks
from domain.ports.clock import Clock
from domain.ports.courier import Courier
from domain.ports.fast_stops import FastStops
from domain.ports.held_stops import HeldStops
from domain.ports.instruments import Instruments
from domain.ports.isins import Isins
from domain.ports.logins import Logins
from domain.ports.membership import ListenerState, Membership
from domain.ports.noted_closes import NotedCloses
from domain.ports.open_runs import OpenRuns
from domain.ports.operator_alerts import OperatorAlerts
from domain.ports.order_log import Claimed, NotClaimed, OrderLog
from domain.ports.outages import Outages
from domain.ports.outbox import Outbox
from domain.ports.overdue_runs import OverdueRuns
from domain.ports.quote_turns import QuoteTurns
from domain.ports.read_turns import ReadTurns
from domain.ports.reconciliation import Reconciliation
from domain.ports.resting_stops import RestingStops
from domain.ports.rounds import Rounds
from domain.ports.run_store import RunStore
from domain.ports.runtime_cache import RuntimeCache, RuntimeUpdate
from domain.ports.scheduled_order_log import ScheduledOrderLog
from domain.ports.series import Bound, SeriesState, SeriesStore, WaitingDay
from domain.ports.stop_queue import StopQueue
from domain.ports.stop_signals import StopSignals
from domain.ports.trading_days import TradingDays
from domain.ports.watch_list import Digest, WatchList

__all__ = [
    "AccountDays",
    "AccountMails",
    "AccountMoves",
    "AccountReads",
    "Alerts",
    "Bound",
    "Broker",
    "Brokers",
    "CacheMark",
    "ChargeChecks",
    "Claimed",
    "Clock",
    "Courier",
    "Digest",
    "FastStops",
    "HeldStops",
    "Instruments",
    "Isins",
    "ListenerState",
    "Logins",
    "Membership",
    "NotClaimed",
    "NotedCloses",
    "OpenRuns",
    "OperatorAlerts",
    "OrderLog",
    "Outages",
    "Outbox",
    "OverdueRuns",
    "QuoteTurns",
    "ReadTurn",
    "ReadTurns",
    "Reconciliation",
    "RestingStops",
    "Rounds",
    "RunStore",
    "RuntimeCache",
    "RuntimeUpdate",
    "ScheduledOrderLog",
    "SeriesState",
    "SeriesStore",
    "StopQueue",
    "StopSignals",
    "TradingDays",
    "WaitingDay",
    "WatchList",
]
