"""A measuring function in a process of its own: nothing of the harness is in its memory or its time.

`python -m bench.apart MODULE FUNCTION [NUMBER]` prints what it returns as the last line, JSON.
"""

import asyncio
import importlib
import inspect
import json
import signal
import sys
from importlib.util import find_spec
from typing import Any


class Apart(Exception):
    """The function failed, with the end of what its process said."""


def is_there(module: str) -> bool:
    """Tell whether this checkout has the module at all."""
    return find_spec(module) is not None


async def called(module: str, function: str, *arguments: int) -> dict[str, Any]:
    """Call `module.function(*arguments)` in a new process; return the dict it gives back. Raises `Apart`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.apart", module, function, *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complained = await process.communicate()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)  # so that it takes down what it has started
        await process.wait()
        raise
    if process.returncode != 0:
        raise Apart(f"{module}.{function}: {complained.decode(errors='replace')[-2000:]}")
    found: dict[str, Any] = json.loads(said.decode().strip().splitlines()[-1])
    return found


def main(module: str, function: str, *arguments: str) -> None:
    made = getattr(importlib.import_module(module), function)(*map(int, arguments))
    print(json.dumps(asyncio.run(made) if inspect.iscoroutine(made) else made))


if __name__ == "__main__":
    main(*sys.argv[1:])
