"""Starts and ends child processes that never outlive `up`, however it ends."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from local import watcher
from local.log_tail import last_lines, size
from local.process_spec import Account, ProcessSpec
from local.start_errors import CannotStart, ProcessFailed

_PR_SET_PDEATHSIG = 1


async def start(spec: ProcessSpec) -> Process:
    """Start the process in a session of its own, with its output in its log.

    Raises ProcessFailed if the program cannot be run.
    """
    if spec.ready_file is not None:
        spec.ready_file.unlink(missing_ok=True)
    return await _spawn(
        spec.name,
        spec.command,
        log=spec.log,
        environment=spec.environment,
        account=spec.account,
        inherits=spec.inherits,
        orphan_signal=spec.orphan_signal,
    )


async def run_to_end(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
    inherits: tuple[int, ...] = (),
    refuses_with: int | None = None,
) -> None:
    """Run one step of the start and wait for it.

    Raises ProcessFailed with its last lines if it fails, CannotStart if its status is `refuses_with`.
    """
    before = size(log)
    process = await _spawn(
        name, command, log=log, environment=environment, account=account, inherits=inherits
    )
    try:
        status = await process.wait()
    finally:
        await end(process, signal.SIGKILL, 0)
    if status != 0:
        failure = CannotStart if status == refuses_with else ProcessFailed
        raise failure(f"{name} failed ({how_it_ended(process)}).\n{last_lines(log, before)}")


async def end(process: Process, first: signal.Signals, grace_seconds: float) -> None:
    """Ask the process to end; after the grace, kill it and everything left in its session."""
    if process.returncode is None and grace_seconds > 0:
        tell(process, first)
        tell(process, signal.SIGCONT)  # a stopped process would not receive the other one
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()
    # The session's group has the number of its first process, and may hold children of its own.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def tell(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended.

    Not by its own `send_signal`: that asks first whether the process has ended. Asyncio, which waits for the
    same answer, then gets none, and says "Unknown child process" on the terminal.
    """
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def how_it_ended(process: Process) -> str:
    """Describe the return code: `killed by SIGKILL`, `exit status 1`."""
    status = process.returncode
    if status is None:
        return "still running"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


async def _spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
    inherits: tuple[int, ...] = (),
    orphan_signal: signal.Signals = signal.SIGKILL,
) -> Process:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
            pass_fds=inherits,
            preexec_fn=_bound_to_us(orphan_signal),
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            # A process with another user may not be able to stand where we stand.
            cwd=None if account is None else "/",
        )
    except OSError as error:
        raise ProcessFailed(
            f"{name} cannot be started: {command[0]}: {error.strerror}. Run `make setup` again."
        ) from error
    finally:
        os.close(output)
    if sys.platform != "linux":
        beside = watcher.command(os.getpid(), process.pid, orphan_signal)
        await asyncio.create_subprocess_exec(*beside, start_new_session=True)
    return process


def _bound_to_us(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """Have the kernel signal the child when this process dies; runs in the child."""
    if sys.platform != "linux":
        return None
    control = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def bind() -> None:
        control(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        # We may have died between the fork and the line above; the child would never be signalled.
        if os.getppid() != parent:
            os._exit(1)

    return bind
