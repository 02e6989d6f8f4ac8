"""Serves `stopwatch codec`: decrypts Temporal's payloads for an operator's own Web UI and `temporal` command.

Temporal's remote data encoder: POST /encode and /decode, with protobuf JSON of `Payloads`. A client that can
call it can read every history. So it listens on this machine alone unless a token is set, answers a page only
when it is one of the named origins, and under no host name but a local one.
"""

import argparse
import hmac
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address

from aiohttp import web
from google.protobuf.json_format import MessageToDict, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from adapters.process.hardening import no_core_dumps
from adapters.secrets.key_service import BadKey
from adapters.temporal.payload_codec import EncryptingCodec, PayloadUnreadable

KEYS, TOKEN = "STOPWATCH_PAYLOAD_KEYS", "STOPWATCH_CODEC_TOKEN"
LARGEST = 8 * 1024 * 1024
SHORTEST_TOKEN = 32
Change = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_METHODS = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
_HEADERS = "content-type, x-namespace, authorization"


class CodecServer:
    """Answers two paths. `origins`: pages whose scripts may call it; `token`: required of every caller."""

    def __init__(self, codec: EncryptingCodec, origins: Sequence[str], token: str | None = None) -> None:
        self._codec = codec
        self._origins = frozenset(origin.rstrip("/") for origin in origins)
        self._token = token

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST)
        for path, change in (("/encode", self._codec.encode), ("/decode", self._codec.decode)):
            app.router.add_post(path, partial(self._answer, change))
            app.router.add_options(path, _nothing)
        return app

    async def _answer(self, change: Change, request: web.Request) -> web.Response:
        try:
            asked = Parse(await request.text(), Payloads())
        except (ParseError, UnicodeDecodeError):
            return _refusal(
                400, "This is not the JSON of Temporal's Payloads: {payloads: [{metadata, data}]}."
            )
        try:
            changed = await change(asked.payloads)
        except PayloadUnreadable as unreadable:
            return _refusal(400, f"Not decrypted: {unreadable}.")
        return web.json_response(MessageToDict(Payloads(payloads=changed)))

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._origins:
            return _refusal(403, "This page may not ask: name its origin with --origin.")
        if self._token is None and not _local(request.host):
            return _refusal(403, "This server answers only under a local name: 127.0.0.1 or localhost.")
        if request.method != "OPTIONS" and not self._let_in(request):
            return _refusal(
                401, f"The token is wrong or missing: Authorization: Bearer, with {TOKEN}.", origin
            )
        answer = await handler(request)
        answer.headers.update(_cors(origin))
        return answer

    def _let_in(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        brought = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(brought.encode(), self._token.encode())


async def _nothing(_: web.Request) -> web.Response:
    return web.Response(status=204)


def _refusal(status: int, detail: str, origin: str | None = None) -> web.Response:
    return web.json_response({"status": status, "detail": detail}, status=status, headers=_cors(origin))


def _cors(origin: str | None) -> dict[str, str]:
    if origin is None:
        return {"Cache-Control": "no-store"}
    shown = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": _HEADERS,
        "Vary": "Origin",
    }
    return {**shown, **_METHODS, "Cache-Control": "no-store"}


def _local(host: str) -> bool:
    # Another name that leads here is a page's trick to be of our origin (DNS rebinding).
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    return name == "localhost" or _loopback(name)


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def main(words: Sequence[str]) -> int:
    """Serve until a signal; return the exit status: 2 when it cannot start as configured."""
    no_core_dumps()
    asked = _parser().parse_args(words)
    token = os.environ.get(TOKEN) or None
    reason = _reason_not_to(asked.host, token)
    if reason:
        sys.stderr.write(f"The codec server cannot start. {reason}\n")
        return 2
    try:
        codec = EncryptingCodec(os.environ.get(KEYS, ""), take_plain=True)
    except BadKey as bad:
        sys.stderr.write(f"The codec server cannot start. {bad}.\n")
        return 2
    sys.stderr.write(f"Codec server: temporal --codec-endpoint http://{asked.host}:{asked.port} …\n")
    app = CodecServer(codec, asked.origin, token).app()
    try:
        web.run_app(app, host=asked.host, port=asked.port, print=lambda *_: None, access_log=None)
    except OSError as error:
        sys.stderr.write(f"The codec server cannot listen on {asked.host}:{asked.port}: {error.strerror}.\n")
        return 2
    return 0


def _reason_not_to(host: str, token: str | None) -> str | None:
    if not os.environ.get(KEYS):
        return f"{KEYS} is not set: nothing in the histories is encrypted, or its keys are elsewhere."
    if token is not None and len(token) < SHORTEST_TOKEN:
        return f"{TOKEN} is too short: it needs {SHORTEST_TOKEN} characters."
    if token is None and not _local(host):
        return f"On {host} anybody could read every history: set {TOKEN}, or listen on 127.0.0.1."
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stopwatch codec", description="Decrypts histories for operators.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        help="the Web UI's address as the browser shows it (http://127.0.0.1:8233); may be repeated",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
