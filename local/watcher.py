"""A process that ends a part when `up` is gone, where the kernel has no such thing (anything but Linux)."""

import signal

# Ends by itself within a second of the part's end; a part that is gone needs no watcher.
_SCRIPT = (
    'while kill -0 "$1" 2>/dev/null; do kill -0 "$2" 2>/dev/null || exit 0; sleep 1; done; kill -s "$3" "$2"'
)


def command(watched: int, part: int, orphan_signal: signal.Signals) -> tuple[str, ...]:
    """Return what to run beside a part: once process `watched` is gone, the part gets the signal."""
    name = orphan_signal.name.removeprefix("SIG")
    return ("/bin/sh", "-c", _SCRIPT, "watcher", str(watched), str(part), name)
