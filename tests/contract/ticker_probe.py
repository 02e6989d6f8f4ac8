"""KiteTicker in a process of its own (its reactor cannot start twice): what it hears goes to stdout as JSON.

Run as `ticker_probe.py WS_URL API_KEY ACCESS_TOKEN MODE TOKEN…`; it ends when its stdin closes.
"""

import json
import os
import sys
import time
from typing import Any

from kiteconnect import KiteTicker


def say(kind: str, value: Any) -> None:
    sys.stdout.write(json.dumps({"kind": kind, "at": time.time(), "value": value}, default=str) + "\n")
    sys.stdout.flush()


def main() -> None:
    url, api_key, access_token, mode, *tokens = sys.argv[1:]
    ticker = KiteTicker(api_key, access_token, root=url)
    asked = [int(token) for token in tokens]

    def connected(ws: KiteTicker, response: Any) -> None:
        say("connect", None)
        ws.subscribe(asked)
        ws.set_mode(mode, asked)

    def heard(ws: KiteTicker, payload: bytes, is_binary: bool) -> None:
        if is_binary and len(payload) == 1:
            say("heartbeat", None)

    ticker.on_connect = connected
    ticker.on_message = heard
    ticker.on_ticks = lambda ws, ticks: say("ticks", ticks)
    ticker.on_order_update = lambda ws, order: say("order", order)
    ticker.on_error = lambda ws, code, reason: say("error", [code, str(reason)])
    ticker.on_close = lambda ws, code, reason: say("close", [code, str(reason)])
    ticker.connect(threaded=True)
    sys.stdin.read()
    # The reactor's thread would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
