"""The market listener: KiteTicker, and a loop over the stops of a symbol at each of its ticks."""

from collections import defaultdict
from typing import Any

from kiteconnect import KiteConnect, KiteTicker
from redis import Redis
from twisted.internet import reactor

from bench.baseline.house import BLOCK_SECONDS, QUEUE, STARTED_LISTENER, Addresses, Strategy, event, say_ready


class Listener:
    """Stops by instrument token, in memory; Redis is asked only when a strategy is started."""

    def __init__(self, redis: Any, ticker: KiteTicker, tokens: dict[str, int]) -> None:
        self._redis = redis
        self._ticker = ticker
        self._tokens = tokens
        self._stops: defaultdict[int, dict[str, float]] = defaultdict(dict)
        ticker.on_ticks = self._heard
        ticker.on_connect = lambda ws, response: self._subscribe(list(self._stops))

    def run(self) -> None:
        """Take in started strategies, for ever."""
        while True:
            started = self._redis.blpop(STARTED_LISTENER, BLOCK_SECONDS)
            if started is None:
                continue
            strategy = Strategy.read(self._redis.hgetall(f"strategy:{started[1]}"))
            reactor.callFromThread(self._watch, strategy)

    def _watch(self, strategy: Strategy) -> None:
        token = self._tokens[strategy.symbol]
        is_new = token not in self._stops
        self._stops[token][strategy.strategy_id] = strategy.stop_loss
        if is_new and self._ticker.is_connected():
            self._subscribe([token])

    def _subscribe(self, tokens: list[int]) -> None:
        if tokens:
            self._ticker.subscribe(tokens)
            self._ticker.set_mode(self._ticker.MODE_LTP, tokens)

    def _heard(self, ws: Any, ticks: list[dict[str, Any]]) -> None:
        """Push STOPLOSS for every stop at or above the price, in front of everything else, in one write."""
        pipe = self._redis.pipeline(transaction=False)
        for tick in ticks:
            price, stops = tick["last_price"], self._stops[tick["instrument_token"]]
            hit = [strategy_id for strategy_id, stop in stops.items() if price <= stop]
            for strategy_id in hit:
                del stops[strategy_id]
                pipe.lpush(QUEUE, event(strategy_id, "STOPLOSS"))
        if pipe:
            pipe.execute()


def main() -> None:
    addresses = Addresses.of_environment()
    redis = Redis.from_url(addresses.redis, decode_responses=True)
    kite = KiteConnect(addresses.feed_api_key, addresses.feed_access_token, root=addresses.kite)
    tokens = {row["tradingsymbol"]: row["instrument_token"] for row in kite.instruments("NSE")}
    ticker = KiteTicker(addresses.feed_api_key, addresses.feed_access_token, root=addresses.feed)
    listener = Listener(redis, ticker, tokens)
    ticker.connect(threaded=True)
    say_ready()
    listener.run()


if __name__ == "__main__":
    main()
