"""A paper exchange as a process of its own, for tests that trade against it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """What `POST /_paper/accounts` hands out."""

    user_id: str
    api_key: str
    api_secret: str
    access_token: str


class PaperProcess:
    """Starts `python -m paper` on a free port and speaks to its control endpoints.

    A context manager; `start` and `stop` by hand serve tests that kill and restart it on one data directory.
    """

    def __init__(self, *flags: str, port: int | None = None, data_dir: Path | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._flags = [*flags, *(["--data-dir", str(data_dir)] if data_dir else [])]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the paper exchange was not started"
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it says that it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "paper", "--port", str(self.port), *self._flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "Paper exchange on" in line, f"it said {line!r} and ended with {self._process.poll()}"

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and return the exit status."""
        return self._end(by)

    def kill(self) -> int:
        """SIGKILL: no chance to write anything down."""
        return self._end(signal.SIGKILL)

    def account(self, user_id: str | None = None, cash: float | None = None) -> PaperAccount:
        """A new account, or the morning login of a known one."""
        spec = {"user_id": user_id, "cash": cash}
        made = self.control(
            "POST", "accounts", {name: value for name, value in spec.items() if value is not None}
        )
        return PaperAccount(**made)

    def login(self, user_id: str) -> str:
        """A request token, as the login page hands it over."""
        token: str = self.control("POST", "login", {"user_id": user_id})["request_token"]
        return token

    def price(self, symbol: str, price: float, exchange: str = "NSE") -> None:
        self.control("POST", "price", {"exchange": exchange, "symbol": symbol, "price": price})

    def path(self, symbol: str, points: list[tuple[float, float]], exchange: str = "NSE") -> None:
        self.control("POST", "path", {"exchange": exchange, "symbol": symbol, "points": points})

    def clock(self, now: str | None = None, speed: float | None = None) -> dict[str, Any]:
        spec = {"now": now, "speed": speed}
        made: dict[str, Any] = self.control("POST", "clock", {k: v for k, v in spec.items() if v is not None})
        return made

    def fault(self, kind: str, match: dict[str, str] | None = None, **extent: float) -> int:
        """Arm a fault; `extent` is count, seconds, delay, fraction."""
        fault_id: int = self.control("POST", "faults", {"kind": kind, "match": match or {}, **extent})[
            "fault_id"
        ]
        return fault_id

    def clear_faults(self) -> None:
        self.control("DELETE", "faults")

    def hand(self, user_id: str, action: str, **what: Any) -> dict[str, Any]:
        """Act on an account as the broker's own app or its risk system does; return what was done."""
        spec = {"user_id": user_id, "action": action, **what}
        done: dict[str, Any] = self.control("POST", "hand", spec)
        return done

    def row(self, path: str, row: Any) -> None:
        """Put one extra row into the answer of a list, until `clear_rows`."""
        self.control("POST", "rows", {"path": path, "row": row})

    def clear_rows(self) -> None:
        self.control("DELETE", "rows")

    def ledger(self) -> list[dict[str, Any]]:
        """Every order that got an order_id."""
        rows: list[dict[str, Any]] = self.control("GET", "ledger")
        return rows

    def refused(self) -> list[dict[str, Any]]:
        """Every request that made no order."""
        rows: list[dict[str, Any]] = self.control("GET", "refused")
        return rows

    def control(self, method: str, name: str, spec: dict[str, Any] | None = None) -> Any:
        """One control call; an error answer fails the test with its sentence."""
        body = None if spec is None else json.dumps(spec).encode()
        request = urllib.request.Request(f"{self.url}/_paper/{name}", data=body, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} /_paper/{name}: {error.code} {error.read().decode()}") from None

    def _end(self, how: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(how)
        try:
            status = process.wait(STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            self._process = None
        return status


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Any, seconds: float = 10.0, every: float = 0.02) -> Any:
    """Wait until a condition holds and give back what it said; fails when it never does.

    Kite answers ten reads a second: a condition that reads over its client asks `every` 0.15.
    """
    until = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < until, f"never became true: {condition}"
        time.sleep(every)


__all__ = ["PaperAccount", "PaperProcess", "eventually", "free_port"]
