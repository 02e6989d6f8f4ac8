"""Decides stops as a plain bot does: the official KiteTicker, and a loop over the stops for each tick.

`python -m bench.tick_baseline PORT PROBES SECONDS` prints, of each probe, the
milliseconds from tick to decision.
"""

import json
import sys
import time
import urllib.request
from collections import defaultdict
from threading import Event
from typing import Any

from kiteconnect import KiteTicker

from bench.tick_floor import Share, shares, stops

Stops = dict[int, list[tuple[float, str]]]
Ticks = list[dict[str, Any]]


def stops_by_token(listed: list[Share]) -> Stops:
    """Return the same stops as the price monitor has, in the shape a plain bot keeps them in."""
    tokens = {share.name: share.token for share in listed}
    found: Stops = defaultdict(list)
    for one in stops(listed):
        found[tokens[one.symbol]].append((float(one.stop_loss or 0), str(one.strategy_id)))
    return found


def crossed(ticks: Ticks, book: Stops) -> list[tuple[str, float]]:
    """Return every stop that the ticks cross, with the price."""
    hit = []
    for tick in ticks:
        price = tick["last_price"]
        for stop, strategy_id in book.get(tick["instrument_token"], ()):
            if price <= stop:
                hit.append((strategy_id, price))
    return hit


def main(port: int, probes: int, seconds: float) -> None:
    book = stops_by_token(shares(probes))
    connected, done = Event(), Event()
    seen: dict[str, float] = {}
    began: list[float] = []

    def on_ticks(socket: KiteTicker, ticks: Ticks) -> None:
        for strategy_id, price in crossed(ticks, book):
            if strategy_id not in seen:
                seen[strategy_id] = (time.time() - began[0] - price / 1e4) * 1e3
        if len(seen) == probes:
            done.set()

    ticker = KiteTicker("bench", "token", root=f"ws://127.0.0.1:{port}")
    ticker.on_ticks = on_ticks
    ticker.on_connect = lambda socket, response: connected.set()
    ticker.connect(threaded=True)
    connected.wait(20)
    time.sleep(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/go", data=b"") as answer:
        began.append(json.load(answer)["began"])
    done.wait(seconds * 2 + 10)
    sys.stdout.write(json.dumps(list(seen.values())))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
