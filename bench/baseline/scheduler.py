"""The scheduler: APScheduler timers that push BUY and SELL into the queue at their second."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from redis import Redis

from bench.baseline.house import (
    BLOCK_SECONDS,
    QUEUE,
    STARTED_SCHEDULER,
    Addresses,
    Strategy,
    event,
    say_ready,
)

INDIA = ZoneInfo("Asia/Kolkata")
MISSED_AFTER = 5
THREADS = 10


class Scheduler:
    """Registers the timers of each strategy that is started."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._scheduler = BackgroundScheduler(
            timezone=INDIA,
            executors={"default": ThreadPoolExecutor(THREADS)},
            job_defaults={"misfire_grace_time": MISSED_AFTER, "coalesce": True},
        )

    def run(self) -> None:
        """Take in started strategies, for ever."""
        self._scheduler.start()
        while True:
            started = self._redis.blpop(STARTED_SCHEDULER, BLOCK_SECONDS)
            if started is not None:
                self._register(started[1])

    def _register(self, strategy_id: str) -> None:
        strategy = Strategy.read(self._redis.hgetall(f"strategy:{strategy_id}"))
        for kind, at in (("BUY", strategy.buy_at), ("SELL", strategy.sell_at)):
            self._scheduler.add_job(
                self._due,
                "date",
                run_date=datetime.fromtimestamp(at, INDIA),
                args=[strategy_id, kind],
                id=f"{strategy_id}:{kind}",
                replace_existing=True,
            )

    def _due(self, strategy_id: str, kind: str) -> None:
        """Push the event, if the strategy still runs."""
        if self._redis.hget(f"strategy:{strategy_id}", "status") == "running":
            self._redis.rpush(QUEUE, event(strategy_id, kind))


def main() -> None:
    addresses = Addresses.of_environment()
    redis = Redis.from_url(addresses.redis, decode_responses=True, max_connections=THREADS + 2)
    redis.ping()
    say_ready()
    Scheduler(redis).run()


if __name__ == "__main__":
    main()
