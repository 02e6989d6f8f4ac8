"""The `stopwatch` command: it parses, then starts a room as a process or brings the product up locally."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

if sys.argv[1:2] == ["up"]:
    # Until the first part starts there is nothing to end in order: a signal ends us at once. Set before the
    # imports below, which take a tenth of a second in which the default is a traceback.
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda *_: os._exit(0))

import typer
from dotenv import dotenv_values

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Buys at a time, sells at a time, and watches the stop in between.",
)

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Play two strategies once everything runs.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    data_dir: Annotated[Path, typer.Option(help="Where data, logs and secrets are kept.")] = Path(
        ".stopwatch"
    ),
    workers: Annotated[int, typer.Option(min=1, help="Processes that place orders.")] = 1,
    listeners: Annotated[int, typer.Option(min=1, help="Processes that watch prices.")] = 1,
) -> None:
    """Run the whole product in this terminal; parts without an address are embedded."""
    from local.given import Given, Wish
    from local.terminal import Terminal
    from local.up import up as run_up

    wish = Wish(
        data_dir=data_dir,
        port=port,
        workers=workers,
        listeners=listeners,
        demo=demo,
        given=Given(_given_settings()),
        environment={name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")},
    )
    _leave(run_up(wish, Terminal()))


@app.command(context_settings=_PASSED_ON)
def api(context: typer.Context) -> None:
    """Run one API process."""
    _become("api", context.args)


@app.command(context_settings=_PASSED_ON)
def worker(context: typer.Context) -> None:
    """Run one worker: it carries out strategies and places orders."""
    _become("worker", context.args)


@app.command(context_settings=_PASSED_ON)
def listener(context: typer.Context) -> None:
    """Run one listener: it watches prices and triggers stop-losses."""
    _become("listener", context.args)


@app.command(context_settings=_PASSED_ON)
def paper(context: typer.Context) -> None:
    """Run the paper exchange, which speaks Kite Connect v3."""
    _become("paper", context.args)


@app.command(context_settings=_PASSED_ON)
def migrate(context: typer.Context) -> None:
    """Bring the schema, the database roles and Temporal's search attributes."""
    _become("migrations", context.args)


def main() -> None:
    app()


def _become(module: str, arguments: list[str]) -> None:
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606


def _given_settings() -> dict[str, str]:
    """The environment's settings win over those of `.env`, as everywhere."""
    prefix = "STOPWATCH_"
    named = {**dotenv_values(".env"), **os.environ}
    return {
        name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix) and value
    }


def _leave(status: int) -> None:
    # The interpreter's own end would put the default signal handlers back while it works.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
