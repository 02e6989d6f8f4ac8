"""Tells how a phone opens the app: its address in this network, also as a picture for the phone's camera."""

import io

import segno

from local.listening import Listening
from local.terminal import Terminal


def tell(listening: Listening, terminal: Terminal) -> None:
    """Print the app's address for a phone, its picture, and what it means that others can reach it."""
    address = f"{listening.from_outside}/app"
    terminal.line(f"  On a phone     {address}")
    for line in picture(address):
        terminal.line(f"  {line}", style="bright_white on black")
    terminal.alert(
        "  Every device in this network can reach it, and passwords cross it unencrypted: do this in a "
        "network of your own, with paper money only. Real money wants TLS before it (docs/growing.md)."
    )


def picture(address: str) -> list[str]:
    """Return the lines of a QR code."""
    drawn = io.StringIO()
    segno.make(address, micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue().splitlines()
