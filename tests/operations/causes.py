"""Makes the desk ill with what an alert is for, again and again until it is seen, and well again."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from domain.hit_stop import Dropped
from tests.operations.told_desk import HEALTHY, ToldDesk

HOURS, DAYS = 3600.0, 86400.0
Act = Callable[[ToldDesk], None]
Cause = tuple[Act, Act]


def _numbers(**ill: float) -> Cause:
    """Have the workers read such numbers, and zeros again."""
    return lambda desk: desk.tell(**ill), lambda desk: desk.tell(**dict.fromkeys(ill, 0))


def _market(**ill: int) -> Cause:
    def well(desk: ToldDesk) -> None:
        desk.market = HEALTHY

    return lambda desk: desk.market_is(**ill), well


def _gone(*pages: str) -> Cause:
    return lambda desk: desk.gone.update(pages), lambda desk: desk.gone.difference_update(pages)


def _left(free: float) -> Cause:
    def ill(desk: ToldDesk) -> None:
        desk.disk.left = free

    def well(desk: ToldDesk) -> None:
        desk.disk.left = 50e9

    return ill, well


def _read(ago: float) -> Cause:
    def ill(desk: ToldDesk) -> None:
        desk.read_ago = ago

    def well(desk: ToldDesk) -> None:
        desk.read_ago = 0

    return ill, well


def _certificate(days: float) -> Cause:
    def ill(desk: ToldDesk) -> None:
        desk.certificate_days = days

    def well(desk: ToldDesk) -> None:
        desk.certificate_days = 80

    return ill, well


def _happens(what: Act) -> Cause:
    """Count something; it is over when it happens no more."""
    return what, lambda desk: None


def _order(outcome: str, times: int) -> Act:
    return lambda desk: desk.worker._orders._orders.labels("entry", outcome).inc(times)


def _late(desk: ToldDesk) -> None:
    desk.worker._orders._late.labels("entry").observe(4)


def _fails(desk: ToldDesk) -> None:
    desk.api.answered("POST", "/strategy/start", 500, 0.1)


CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        "PositionsLeft": _numbers(left=1),
        "PositionsOversold": _numbers(oversold=1),
        "RunsOverdue": _numbers(overdue=1, step_age=45),
        "StopsUnwatched": _numbers(watch_age=12),
        "OrdersInDoubt": _numbers(in_doubt=1),
        "OrdersUnknown": _happens(_order("unknown", 4)),
        "OrdersLate": _happens(_late),
        "OrdersRefused": _happens(_order("rejected", 6)),
        "AlarmRaised": _happens(lambda desk: desk.alerts._raised.labels("emergency_exit").inc()),
        "LoginsNeeded": _numbers(logins_soon=2),
        "FeedStale": _market(stale=1),
        "StopsUnsignalled": _market(unsignalled=1),
        "QueueNotRead": _numbers(queued=3),
        "StopEventsForged": _happens(lambda desk: desk.worker.count_dropped_stops(Dropped.UNSIGNED, 1)),
        "ProcessDown": _gone("worker-2"),
        "NoneLeft": _gone("listener"),
        "PartDown": (lambda desk: desk.down.add("redis"), lambda desk: desk.down.discard("redis")),
        "DeskNotRead": _read(90),
        "ReconcilerStill": _numbers(round_age=float("inf")),
        "AccountsUnread": _numbers(account_age=130),
        "DiskFull": _left(400e6),
        "DiskFilling": _left(9e9),
        "BackupOld": _numbers(backup_age=27 * HOURS),
        "BaseBackupOld": _numbers(base_backup_age=float("inf")),
        "WalNotArchived": _numbers(wal_archive_age=301),
        "RestoreDrillOld": _numbers(drill_age=9 * DAYS),
        "CertificateOld": _certificate(19),
        "RunsStuck": _numbers(stuck=1),
        "RunsWait": _happens(lambda desk: desk.waits.observe(4)),
        "ApiFails": _happens(_fails),
    }
)
"""By the alert. The first of the two may be done several times."""
COMES_WITH = MappingProxyType({"NoneLeft": {"ProcessDown"}, "DiskFull": {"DiskFilling"}})
"""Alerts that another one implies."""
EXPORTED = MappingProxyType(
    {
        "up": "Prometheus",
        "temporal_workflow_task_schedule_to_start_latency_seconds": "Temporal's SDK",
        "traefik_tls_certs_not_after": "Traefik",
    }
)
"""Metrics of the rules that are not ours, and who exposes them."""
