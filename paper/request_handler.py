"""Handles requests: parses one, routes it, writes the answer, and applies injected faults."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from paper.control_guard import check_caller
from paper.exchange import Exchange
from paper.faults import Fault, Request
from paper.kite_error import NEEDS_AUTHORISATION, KiteError, token_dead
from paper.response_writer import GONE, write
from paper.web import HTML, Answer, Call, Connection, Route, Routes

log = logging.getLogger("paper")

HANG_SECONDS = 60.0
TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
NGINX_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
    b"</center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
OMS_DOWN = KiteError(503, "NetworkException", "Request failed (kitetrade-oms)")
NOT_PLACED = {
    "http_503": Answer(OMS_DOWN.envelope(), 503),
    "html_502": Answer(NGINX_502, 502, HTML),
    "rate_limit_429": Answer(KiteError(429, "NetworkException", "Too many requests").envelope(), 429),
    "reject_400": Answer(
        KiteError(
            400, "InputException", "This instrument is blocked to avoid compliance violations."
        ).envelope(),
        400,
    ),
    # As it was seen: no error type.
    "authorise_428": Answer(
        orjson.dumps({"status": "error", "message": NEEDS_AUTHORISATION, "data": None}), 428
    ),
}
Socket = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class RequestHandler:
    """Serves every request of both ports."""

    def __init__(self, exchange: Exchange, routes: Routes, control: Routes, socket: Socket) -> None:
        self._exchange = exchange
        self._routes = routes
        self._control = control
        self._socket = socket
        self._late: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")
        if path == "/" and "upgrade" in request.headers.get("Connection", "").lower():
            return await self._socket(request)
        body = await request.read() if request.can_read_body else b""
        call = Call(
            method=request.method,
            path=path,
            query=query,
            body=body,
            headers=request.headers,
            received_at=_connection(request).received_at,
        )
        if path.startswith("/_paper/"):
            return write(request, await self._control_answer(request, call))
        return await self._serve_kite(request, call)

    async def _serve_kite(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        answer = self._admit(call)
        if isinstance(answer, Route):
            fault = self._answer_fault(call, answer) if self._exchange.faults.any else None
            if fault is not None:
                return await self._faulty(request, call, answer, fault)
            run = asyncio.to_thread(self._run, call, answer) if answer.threaded else None
            answer = self._run(call, answer) if run is None else await run
        return self._finish(request, call, answer)

    def _admit(self, call: Call) -> Route | Answer:
        """Find the route, check the token, count the limits; return an Answer when one of them refuses."""
        exchange = self._exchange
        try:
            route, call.args = self._routes.find(call.method, call.path)
            if route.auth:
                call.account = exchange.accounts.authorised(call.headers.get("Authorization", ""))
                exchange.roll(call.account)
                if exchange.faults.any and self._token_expires(call, route):
                    raise token_dead()
                self._count(call, route)
        except KiteError as error:
            return Answer(error.envelope(), error.status)
        return route

    def _run(self, call: Call, route: Route) -> Answer:
        try:
            answer = route.handler(call)
            if not isinstance(answer, Answer):
                raise TypeError(f"{call.path} must answer at once")
            return self._exchange.rows.into(call, answer) if self._exchange.rows.any else answer
        except KiteError as error:
            return Answer(error.envelope(), error.status)
        except Exception:
            log.exception("%s %s failed", call.method, call.path)
            broken = KiteError(500, "GeneralException", "Something went wrong. Please try again.")
            return Answer(broken.envelope(), 500)

    def _finish(self, request: web.BaseRequest, call: Call, answer: Answer) -> web.StreamResponse:
        if answer.status >= 400 and call.order is None:
            self._refuse(call, answer.status)
        response = write(request, answer)
        if call.order is not None and response is not GONE:
            self._exchange.answered(call.order)
        return response

    def _count(self, call: Call, route: Route) -> None:
        limits, now = self._exchange.limits, self._exchange.clock.wall()
        user = call.user
        if route.bucket == "order":
            limits.order(user.user_id, now, user.day)
        elif route.bucket == "change":
            limits.change(user.user_id, now)
        elif route.bucket:
            limits.read(route.bucket, user.api_key, now)

    def _refuse(self, call: Call, status: int) -> None:
        account = call.account
        tag = call.form.get("tag") if call.method == "POST" and call.path.startswith("/orders/") else None
        self._exchange.ledger.refuse(
            account.user_id if account else None, call.method, call.path, tag, status, call.received_at
        )

    async def _control_answer(self, request: web.BaseRequest, call: Call) -> Answer:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        try:
            check_caller(peer[0] if peer else None, request.headers)
            route, call.args = self._control.find(call.method, call.path)
            answer = route.handler(call)
            return answer if isinstance(answer, Answer) else await answer
        except KiteError as error:
            return _control_error(error.status, error.message)
        except ValueError as error:
            return _control_error(400, str(error))

    def _token_expires(self, call: Call, route: Route) -> bool:
        fault = self._exchange.faults.take("account", _request(call, route))
        if fault is not None:
            self._exchange.logout(call.user)
        return fault is not None

    def _answer_fault(self, call: Call, route: Route) -> Fault | None:
        return self._exchange.faults.take("answer", _request(call, route))

    async def _faulty(
        self, request: web.BaseRequest, call: Call, route: Route, fault: Fault
    ) -> web.StreamResponse:
        kind = fault.kind
        if kind in NOT_PLACED:
            return self._finish(request, call, NOT_PLACED[kind])
        if kind == "slow":
            await asyncio.sleep(fault.delay)
            return self._finish(request, call, self._run(call, route))
        if kind == "timeout_400_then_place":
            return self._place_late(request, call, route, fault.delay)
        if kind == "hang_without_accept":
            self._refuse(call, 0)
            return await self._hang(request)
        answer = self._run(call, route)
        if answer.status >= 400 and call.order is None:
            # The request was refused on its own account: there is nothing to be unsure about.
            return self._finish(request, call, answer)
        if kind == "http_503_but_placed":
            return self._finish(request, call, NOT_PLACED["http_503"])
        if kind == "accept_then_reset":
            _connection(request).reset()
            return GONE
        return await self._hang(request)

    def _place_late(
        self, request: web.BaseRequest, call: Call, route: Route, delay: float
    ) -> web.StreamResponse:
        error = KiteError(400, "OrderException", TIMED_OUT)
        response = write(request, Answer(error.envelope(), 400))
        task = asyncio.get_running_loop().create_task(self._run_late(call, route, delay, response))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return response

    async def _run_late(self, call: Call, route: Route, delay: float, response: web.StreamResponse) -> None:
        await asyncio.sleep(delay)
        answer = self._run(call, route)
        if call.order is None:
            self._refuse(call, answer.status)
        elif response is not GONE:
            self._exchange.answered(call.order)

    async def _hang(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = _connection(request)
        await connection.left(HANG_SECONDS)
        connection.force_close()
        return GONE


def _connection(request: web.BaseRequest) -> Connection:
    protocol = request.protocol
    if not isinstance(protocol, Connection):
        raise TypeError("The server was not made with our protocol.")
    return protocol


def _request(call: Call, route: Route) -> Request:
    user_id = call.account.user_id if call.account else None
    if not route.placement:
        return Request(user_id, call.path, False)
    form = call.form
    return Request(user_id, call.path, True, form.get("transaction_type"), form.get("tradingsymbol"))


def _control_error(status: int, message: str) -> Answer:
    return Answer(orjson.dumps({"error": message}), status)
