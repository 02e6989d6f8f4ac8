"""Implements `stopwatch up`: runs the product in one terminal, from the first line to the last process."""

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from local import data_dir, phone
from local.data_dir import DataDir
from local.demo import play
from local.endpoints import Endpoints
from local.ports import HeldPort
from local.process_settings import Options
from local.run import Run
from local.start_errors import LocalError, words_of
from local.terminal import Terminal


def up(options: Options, terminal: Terminal) -> int:
    """Run until a signal; return the exit status."""
    stop = StopSignals()
    try:
        with data_dir.opened(options.data_dir) as data:
            return asyncio.run(_up(options, data, terminal, stop))
    except LocalError as error:
        terminal.line(str(error), style="red")
        if os.strerror(errno.ENOSPC) in str(error):  # what a part's log says of it
            terminal.line(words_of(OSError(errno.ENOSPC, ""), options.data_dir.absolute()), style="red")
        return error.status
    except OSError as error:
        terminal.line(words_of(error, options.data_dir.absolute()), style="red")
        return 1


class StopSignals:
    """SIGINT, SIGTERM and a closed terminal, during the whole program.

    The event loop's own handlers are gone while it closes, and a signal at that moment would end the program
    with a traceback; these stay.
    """

    def __init__(self) -> None:
        self.count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Callable[[int], None] = lambda count: None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A person who starts us with `nohup` wants the closed terminal ignored.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)

    def tell(self, told: Callable[[int], None]) -> None:
        """Call back in the running loop at each signal, and at once for earlier ones."""
        self._loop, self._told = asyncio.get_running_loop(), told
        if self.count:
            told(self.count)

    def _received(self, *_: object) -> None:
        self.count += 1
        if self._loop is not None:
            # A loop that is closed already has ended every process.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._told, self.count)


async def _up(options: Options, data: DataDir, terminal: Terminal, signals: StopSignals) -> int:
    port = HeldPort.named(options.port, options.host)
    terminal.line(f"Stopwatch starts; its data and logs are in {data.root}")
    run = Run(options, data, port, terminal)
    stop = asyncio.Event()

    def told(count: int) -> None:
        if count > 1 and stop.is_set():
            run.supervisor.hurry()
        stop.set()

    signals.tell(told)
    work = asyncio.create_task(_work(options, run, terminal))
    try:
        await _first_of(work, asyncio.create_task(stop.wait()))
        return 0
    finally:
        data.endpoints.unlink(missing_ok=True)
        if stop.is_set():
            terminal.line("Stopping: first what sends orders, last what remembers them …")
        await run.supervisor.stop()
        data.endpoints.unlink(missing_ok=True)
        port.release()
        terminal.line("Stopped. No process is left behind." if stop.is_set() else "Stopped.")


async def _work(options: Options, run: Run, terminal: Terminal) -> None:
    endpoints = await run.bring_up()
    if options.demo:
        login = await play(endpoints, terminal, lambda: run.supervisor.kill("worker"))
        _tell_where(endpoints, terminal)
        if login is not None:
            terminal.line(f"  The app's login for all of that: {login.email}, password {login.password}")
    else:
        _tell_where(endpoints, terminal)
    if run.listening.is_open:
        phone.tell(run.listening, terminal)
    await asyncio.Event().wait()


async def _first_of(*tasks: "asyncio.Task[object]") -> None:
    """Wait for the first to end, cancel the others; raise the error of the first."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _tell_where(endpoints: Endpoints, terminal: Terminal) -> None:
    terminal.line()
    terminal.line(f"  App            {endpoints.api}/app")
    terminal.line(f"  API            {endpoints.api}/docs")
    if endpoints.temporal_ui is not None:
        terminal.line(f"  Temporal       {endpoints.temporal_ui}")
    if endpoints.paper is not None:
        terminal.line(f"  Paper exchange {endpoints.paper}/_paper/ledger")
    terminal.line("  Ctrl-C stops all of it.")
    terminal.line()
