"""Makes the calls of one account and hands each with its raw answer to a recorder, without the secrets."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.kite import outcomes, routes
from adapters.kite.brokers import KiteCredentials
from adapters.kite.client import KiteClient
from adapters.kite.compression import unpacked
from adapters.kite.connection import LARGEST_ANSWER, Answer
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.reply import Reply
from adapters.kite.routes import KiteRequest
from domain.order import CALL_DEADLINE, LEAVE_WITHIN, OrderRequest
from domain.outcome import PlaceOutcome

HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One call as it was: path, form and body as text. `status` is None where no answer came.

    `failure` names what went wrong below the answer; `left` is False where nothing was sent.
    """

    method: str
    target: str
    form: str
    left: bool
    status: int | None
    failure: str | None
    body: str


class RecordingClient(KiteClient):
    """A client whose calls come one after the other; headers, which hold the login, are not recorded."""

    def __init__(
        self, login: KiteCredentials, root: str, pool: ConnectionPool, record: Callable[[RawAnswer], None]
    ) -> None:
        super().__init__(login.api_key, login.access_token, root, pool, login.proxies, (login.api_key,))
        self._record = record
        self._hidden = tuple(word for word in (login.access_token, login.api_key) if word)
        self._answer: Answer | None = None

    async def call(self, request: KiteRequest, deadline: float, leave_within: float | None = None) -> Reply:
        """Make one call as `KiteClient.call` does; record it, also where it is cancelled half way."""
        self._answer = None
        failure: str | None = "Cancelled"
        left = True
        try:
            reply = await super().call(request, deadline, leave_within)
            left, failure = reply.left, reply.failure
            return reply
        finally:
            self._record(self._raw(request, left, failure))

    async def place(self, order: OrderRequest) -> tuple[PlaceOutcome, Reply]:
        """Send one order, once, as `KiteBroker.place` does; return its outcome and the answer itself."""
        reply = await self.call(routes.placement(order), CALL_DEADLINE, LEAVE_WITHIN)
        return outcomes.placed(reply), reply

    def _read(self, request: KiteRequest, answer: Answer) -> Reply:
        self._answer = answer
        return super()._read(request, answer)

    def _raw(self, request: KiteRequest, left: bool, failure: str | None) -> RawAnswer:
        answer = self._answer
        return RawAnswer(
            method=request.method,
            target=self._shown(request.target),
            form=self._shown(request.form or request.json or ""),
            left=left,
            status=None if answer is None else answer.status,
            failure=failure,
            body="" if answer is None else self._shown(_text(answer)),
        )

    def _shown(self, text: str) -> str:
        for word in self._hidden:
            text = text.replace(word, HIDDEN)
        return text


def _text(answer: Answer) -> str:
    try:
        body = unpacked(answer.body, answer.headers.get("content-encoding", ""), LARGEST_ANSWER)
    except Exception:  # an odd body raises nearly anything; what came is kept as it is
        body = bytes(answer.body)
    return body.decode(errors="replace")
