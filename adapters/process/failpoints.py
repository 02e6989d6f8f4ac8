"""Arms failpoints from a setting: `entry.claimed=kill`, `exit.sent=stop@2`, `stop.crossed=sleep:5`.

Several are separated by semicolons. kill: SIGKILL to this process; stop: SIGSTOP (another process continues
it); sleep:S; raise. `@n`: at the n-th passing only (the first by default). With a log file every passing is
logged, so that a harness can show that every step was hit.

`dir:PATH` instead of actions: a harness puts a file named by the step there at any time, its text the action;
the one process that takes the file (renames it to `STEP.PID`) performs it.
"""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from domain.failpoint import CHASE_STEPS, SERIES_STEPS, STEPS, STOP_STEPS, Action, arm

_FROM = "dir:"


class Planned(Exception):
    """A failure that a failpoint was asked for."""


class BadFailpoint(ValueError):
    """The setting names a step or an action that does not exist."""


@dataclass(frozen=True, slots=True)
class _Deed:
    word: str
    seconds: float
    at: int


def arm_from(setting: str, log: Path | None = None) -> None:
    """Arm what the setting says; an empty one arms nothing, unless passings are logged."""
    if setting.startswith(_FROM):
        return arm(_from_directory(Path(setting.removeprefix(_FROM))))
    deeds = _parsed(setting)
    if not deeds and log is None:
        return None
    passed: Counter[str] = Counter()

    async def action(step: str) -> None:
        passed[step] += 1
        if log is not None:
            with log.open("a") as file:
                file.write(f"{step}\n")
        deed = deeds.get(step)
        if deed is not None and passed[step] == deed.at:
            await _do(deed, step)

    return arm(action)


def _from_directory(directory: Path) -> Action:
    async def action(step: str) -> None:
        taken = directory / f"{step}.{os.getpid()}"
        try:
            (directory / step).rename(taken)
        except FileNotFoundError:
            return
        await _do(_deed(step, taken.read_text().strip()), step)

    return action


async def _do(deed: _Deed, step: str) -> None:
    if deed.word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed.word == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif deed.word == "sleep":
        await asyncio.sleep(deed.seconds)
    else:
        raise Planned(step)


def _parsed(setting: str) -> dict[str, _Deed]:
    deeds = {}
    for part in filter(None, (word.strip() for word in setting.split(";"))):
        step, _, deed = part.partition("=")
        deeds[step] = _deed(step, deed)
    return deeds


def _deed(step: str, text: str) -> _Deed:
    word, _, at = text.partition("@")
    name, _, seconds = word.partition(":")
    if step not in (*STEPS, *CHASE_STEPS, *STOP_STEPS, *SERIES_STEPS) or name not in {
        "kill",
        "stop",
        "sleep",
        "raise",
    }:
        raise BadFailpoint(
            f"STOPWATCH_FAILPOINTS: '{step}={text}' is no step=deed. Steps: {', '.join(STEPS)}"
        )
    return _Deed(name, float(seconds or 0), int(at or 1))
