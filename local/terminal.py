"""Prints to the terminal; a closed terminal never ends a run."""

from rich.console import Console


class _LastingConsole(Console):
    def on_broken_pipe(self) -> None:
        # The reader of our output left (`stopwatch up | head`). The product goes on.
        self.quiet = True


class Terminal:
    """One line a fact, on standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _LastingConsole(highlight=False)

    def line(self, text: str = "", style: str | None = None) -> None:
        try:
            self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        except OSError:
            self.console.quiet = True

    def alert(self, text: str) -> None:
        self.line(text, style="yellow")
