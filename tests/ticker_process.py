"""KiteTicker, unmodified, in a process of its own, for tests that listen to the exchange's WebSocket."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.paper_process import PaperAccount, PaperProcess, eventually

PROBE = Path(__file__).parent / "contract" / "ticker_probe.py"
Heard = dict[str, Any]


class Probe:
    """The ticker's process, and what it has heard so far."""

    def __init__(self, paper: PaperProcess, account: PaperAccount, mode: str, *tokens: int) -> None:
        self.heard: list[Heard] = []
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(PROBE),
                paper.ws_url,
                account.api_key,
                account.access_token,
                mode,
                *map(str, tokens),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()

    def all(self, kind: str) -> list[Heard]:
        return [line for line in self.heard if line["kind"] == kind]

    def ticks(self, token: int) -> list[Heard]:
        batches = (line["value"] for line in self.all("ticks"))
        return [tick for batch in batches for tick in batch if tick["instrument_token"] == token]

    def waits(self, condition: Callable[[], Any]) -> Any:
        return eventually(condition, seconds=20)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.heard.append(json.loads(line))
