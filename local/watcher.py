"""Ends a process when `up` is gone, on systems whose kernel cannot (all but Linux)."""

import signal

# Ends by itself within a second of the process's end; a process that is gone needs no watcher.
_SCRIPT = (
    'while kill -0 "$1" 2>/dev/null; do kill -0 "$2" 2>/dev/null || exit 0; sleep 1; done; kill -s "$3" "$2"'
)


def command(watched: int, child: int, orphan_signal: signal.Signals) -> tuple[str, ...]:
    """Return the command to run beside a process: once process `watched` is gone, it sends the signal."""
    name = orphan_signal.name.removeprefix("SIG")
    return ("/bin/sh", "-c", _SCRIPT, "watcher", str(watched), str(child), name)
