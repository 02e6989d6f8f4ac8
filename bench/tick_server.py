"""Sends Kite's frames over a WebSocket at a steady rate: `python -m bench.tick_server RATE PROBES`.

It prints its port. Ordinary shares trade from the first connection on; POST /go sends the probes, spread over
the time. A probe's price is the instant at which its frame was handed to the socket, in microseconds since
the server's start: the tick itself says when it was sent. GET /sent says how it kept its rate.
"""

import asyncio
import sys
import time

import numpy as np
import uvloop
from aiohttp import WSMsgType, web

from bench.tick_floor import PRICES, Share, ltp_frame, shares

EACH = 50
"""Ticks in a frame: at 50,000 a second, a frame every millisecond."""


class Sender:
    """Sends to each connection, one at a time."""

    def __init__(self, rate: int, probes: int, seconds: float) -> None:
        listed = shares(probes)
        self._ordinary = [share.token for share in listed if not share.probe]
        self._probes: list[Share] = []
        self._listed = listed
        self._every = EACH / rate
        self._probe_every = seconds / max(1, probes)
        self._random = np.random.default_rng(9)
        self._next_probe = 0.0
        self.began = time.time()
        self.sent = 0
        self.sending_since = 0.0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=2**22)
        await socket.prepare(request)
        sending = asyncio.create_task(self._send(socket))
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        sending.cancel()
        return socket

    async def go(self, request: web.Request) -> web.Response:
        self._probes = [share for share in self._listed if share.probe]
        self._next_probe = time.monotonic()
        return web.json_response({"began": self.began})

    async def told(self, request: web.Request) -> web.Response:
        seconds = time.monotonic() - self.sending_since
        return web.json_response({"ticks_per_second": self.sent / seconds, "probes_left": len(self._probes)})

    async def _send(self, socket: web.WebSocketResponse) -> None:
        due = self.sending_since = time.monotonic()
        self.sent = 0
        tokens = self._random.choice(self._ordinary, (512, EACH)).tolist()
        prices = self._random.integers(*PRICES, (512, EACH)).tolist()
        at = 0
        while True:
            now = time.monotonic()
            while due <= now:
                at = (at + 1) % 512
                await socket.send_bytes(self._frame(tokens[at], prices[at], now))
                self.sent += EACH
                due += self._every
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _frame(self, tokens: list[int], prices: list[int], now: float) -> bytes:
        if self._probes and now >= self._next_probe:
            self._next_probe += self._probe_every
            probe = self._probes.pop()
            sent_at = int((time.time() - self.began) * 1e6)
            return ltp_frame([*tokens[1:], probe.token], [*prices[1:], sent_at])
        return ltp_frame(tokens, prices)


async def main(rate: int, probes: int, seconds: float) -> None:
    sender = Sender(rate, probes, seconds)
    app = web.Application()
    app.router.add_get("/", sender.serve)
    app.router.add_post("/go", sender.go)
    app.router.add_get("/sent", sender.told)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
