"""The `stopwatch` command: parses arguments, then starts a process or runs the product locally."""

import os
import signal
import sys
from importlib import metadata
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

if sys.argv[1:2] == ["up"]:
    # Until the first part starts there is nothing to end in order: a signal ends us at once. Set before the
    # imports below, which take a tenth of a second in which the default is a traceback.
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda *_: os._exit(0))

import typer

from cli_settings import (
    addresses_in,
    ask_store,
    become,
    broker_environment,
    database_address,
    given_settings,
    leave,
    read_settings,
    unset_secrets,
    with_dotenv,
    with_files,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Buys at a time, sells at a time, and watches the stop in between.",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"stopwatch {metadata.version('stopwatch-trading')}")
        raise typer.Exit


@app.callback()
def stopwatch(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Buys at a time, sells at a time, and watches the stop in between."""


keys = typer.Typer(no_args_is_help=True, help="The secrets of a deployment.")
app.add_typer(keys, name="keys")
orders = typer.Typer(no_args_is_help=True, help="Orders that need a person.")
app.add_typer(orders, name="orders")
audit = typer.Typer(no_args_is_help=True, help="The audit log: who did what, when, from where, and why.")
app.add_typer(audit, name="audit")
calendar = typer.Typer(no_args_is_help=True, help="The trading days, and the operator's word on them.")
app.add_typer(calendar, name="calendar")

_HERE = IPv4Address("127.0.0.1")
_LISTENS = "Where the API listens. 0.0.0.0: at each of this machine's, for a phone."
_Host = Annotated[IPv4Address, typer.Option(parser=IPv4Address, metavar="ADDRESS", help=_LISTENS)]
_CALENDAR = "services.market.calendar_command"
_VERDICTS = {True: "ok  ", False: "FAIL", None: "-   "}
_DataDir = Annotated[
    Path | None,
    typer.Option(help="Of a running `stopwatch up`: its database is asked. Without settings: .stopwatch"),
]
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Play two strategies once everything runs.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    host: _Host = _HERE,
    data_dir: Annotated[Path, typer.Option(help="Where data, logs and secrets are kept.")] = Path(
        ".stopwatch"
    ),
    workers: Annotated[int, typer.Option(min=1, help="Processes that place orders.")] = 1,
    listeners: Annotated[int, typer.Option(min=1, help="Processes that watch prices.")] = 1,
) -> None:
    """Run the whole product in this terminal; dependencies without an address are embedded."""
    import resource

    from local.process_settings import Options, ProcessSettings
    from local.terminal import Terminal
    from local.up import up as run_up

    # For every part, since they inherit it: their memory holds what must not lie about on a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    options = Options(
        data_dir=data_dir,
        host=str(host),
        port=port,
        workers=workers,
        listeners=listeners,
        demo=demo,
        given=ProcessSettings(given_settings()),
        environment={name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")},
    )
    leave(run_up(options, Terminal()))


@app.command(context_settings=_PASSED_ON)
def api(context: typer.Context) -> None:
    """Run one API process."""
    become("api", context.args)


@app.command(context_settings=_PASSED_ON)
def worker(context: typer.Context) -> None:
    """Run one worker: it carries out strategies and places orders."""
    become("worker", context.args)


@app.command(context_settings=_PASSED_ON)
def listener(context: typer.Context) -> None:
    """Run one listener: it watches prices and triggers stop-losses."""
    become("listener", context.args)


@app.command(context_settings=_PASSED_ON)
def paper(context: typer.Context) -> None:
    """Run the paper exchange, which speaks Kite Connect v3."""
    become("paper", context.args)


@app.command(context_settings=_PASSED_ON)
def codec(context: typer.Context) -> None:
    """Decrypt Temporal's payloads for the Web UI and the `temporal` command of an operator."""
    keys = read_settings().payload_keys
    environment = {**os.environ, "STOPWATCH_PAYLOAD_KEYS": keys.get_secret_value() if keys else ""}
    command = [sys.executable, "-P", "-m", "adapters.temporal.codec_server", *context.args]
    os.execve(sys.executable, command, environment)  # noqa: S606


@app.command(context_settings=_PASSED_ON)
def migrate(context: typer.Context) -> None:
    """Update the schema, the database roles and Temporal's search attributes."""
    become("migrations", context.args, with_files(with_dotenv()))


@keys.command()
def new(
    secrets_dir: Annotated[
        Path | None, typer.Option(help="Write them there as the files that docker-compose.yml names.")
    ] = None,
) -> None:
    """Print fresh secrets for a new deployment, as lines for its `.env`, or write them as files."""
    from local.keys import fresh
    from local.secret_files import AlreadyThere, write_files

    if secrets_dir is not None:
        try:
            written = write_files(secrets_dir)
        except (AlreadyThere, OSError) as refused:
            typer.echo(str(refused), err=True)
            leave(1)
        typer.echo(f"{len(written)} secrets are in {secrets_dir}: {', '.join(written)}.")
        return
    for name, value in fresh().items():
        typer.echo(f"{name}={value}")


@keys.command("new-encryption-key")
def new_encryption_key(
    data_dir: Annotated[
        Path | None, typer.Option(help="Of `stopwatch up`: the key is added there instead of printed.")
    ] = None,
) -> None:
    """Put a new current encryption key before the ones in use, as the first step of a rotation."""
    from local.keys import add_encryption_key, seal_key, with_new_encryption_key

    try:
        if data_dir is not None:
            add_encryption_key(data_dir)
            typer.echo(
                f"{data_dir} has a new current key, and keeps the old ones. Next: restart `stopwatch up`, "
                f"then `stopwatch keys rotate --data-dir {data_dir}`."
            )
            return
        given = read_settings().encryption_keys
        words = with_new_encryption_key(given.get_secret_value() if given else "")
    except (ValueError, OSError):
        where = f"{data_dir}/secrets/encryption_keys" if data_dir else "STOPWATCH_ENCRYPTION_KEYS"
        typer.echo(
            f"No key was made: {where} cannot be read as keys. Name a directory of `stopwatch up`, "
            "or check the setting.",
            err=True,
        )
        leave(2)
    typer.echo(f"STOPWATCH_ENCRYPTION_KEYS={words}")
    typer.echo(f"STOPWATCH_SEAL_KEY={seal_key(words)}")
    typer.echo(
        "Next: give the first line to workers and listeners and restart them; then `stopwatch keys rotate`; "
        "then give the second line to the API and restart it; then rotate once more.",
        err=True,
    )


@keys.command()
def rotate(data_dir: _DataDir = None) -> None:
    """Seal every broker secret anew to the current encryption key, while orders run."""
    from local.keys import encryption_keys_of

    given = read_settings().encryption_keys
    words = given.get_secret_value() if given else encryption_keys_of(data_dir or Path(".stopwatch"))
    environment = {
        **os.environ,
        "STOPWATCH_DATABASE_URL": database_address(data_dir),
        "STOPWATCH_ENCRYPTION_KEYS": words or "",
    }
    os.execve(sys.executable, [sys.executable, "-P", "-m", "adapters.secrets.rotation"], environment)  # noqa: S606


@app.command()
def doctor() -> None:
    """Check the settings, and whether Postgres, Redis, Temporal and the broker can be reached."""
    import asyncio

    from local.doctor import examine

    settings = read_settings()
    # Not a failure: no process needs all of them, and the API must not have the keys that open.
    missing = unset_secrets(settings)
    verdict = f"not set here: {', '.join(missing)}" if missing else "all set"
    typer.echo(f"{_VERDICTS[None if missing else True]}  {'Secrets':<22} {verdict}")
    findings = asyncio.run(examine(addresses_in(settings)))
    for finding in findings:
        typer.echo(f"{_VERDICTS[finding.well]}  {finding.what:<22} {finding.detail}")
    asked = {finding.what.split()[0] for finding in findings if finding.well is not None}
    well = asked >= {"Postgres", "Redis", "Temporal"} and all(
        finding.well is not False for finding in findings
    )
    # Temporal's library may crash the interpreter's own end.
    leave(0 if well else 1)


@app.command()
def positions(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON array.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """List unwatched positions and orders in doubt: whose, since when, why, what to do."""
    ask_store(["positions", *(["--json"] if as_json else [])], data_dir)


@app.command("kill-switch")
def kill_switch(
    state: Annotated[str, typer.Argument(metavar="on|off", help="Stop all buying, or allow it again.")],
    reason: Annotated[str, typer.Option(help="Why, for those who ask.")],
    user: Annotated[str | None, typer.Option(help="E-mail or id of one user. Without it: everybody.")] = None,
    exits: Annotated[
        str, typer.Option(metavar="keep|exit", help="Leave what is held to its strategies, or sell it now.")
    ] = "keep",
    data_dir: _DataDir = None,
) -> None:
    """Stop all buying at once, of one user or of all; sell what is held with --exits exit."""
    words = [state, f"--exits={exits}", f"--reason={reason}"]
    ask_store(
        [*words, *([f"--user={user}"] if user is not None else [])],
        data_dir,
        "services.account.kill_switch_command",
    )


@app.command(context_settings=_PASSED_ON)
def probe(context: typer.Context, data_dir: _DataDir = None) -> None:
    """Trade one share, by your word at each step, to see whether stops at the exchange are kept."""
    module = "services.probe.command"
    if "--help" in context.args:
        become(module, ["--help"])
    ask_store(context.args, data_dir, module, broker_environment(data_dir))


@calendar.command()
def show(
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Without it: today.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Without it: 30 days on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: one JSON array.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """Show the trading days as they are known, each with its source."""
    days = [f"{name}={day}" for name, day in (("--from", first), ("--to", last)) if day is not None]
    ask_store(["show", *days, *(["--json"] if as_json else [])], data_dir, _CALENDAR)


@calendar.command()
def add(
    day: Annotated[str, typer.Argument(metavar="DAY", help="2027-01-26")],
    source: Annotated[str, typer.Option(help="How it is known: the circular, for those who ask.")],
    closed: Annotated[bool, typer.Option("--closed", help="A holiday.")] = False,
    ordinary: Annotated[bool, typer.Option("--open", help="A trading day with ordinary hours.")] = False,
    hours: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="A session of its own, exchange time.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Of --hours: one segment. Without it: all.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where shares are held on that day.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """Say what the published list does not: a holiday, a trading day, a special session."""
    given = [f"{name}={word}" for name, word in (("--hours", hours), ("--segment", segment)) if word]
    flags = [name for name, on in (("--closed", closed), ("--open", ordinary), ("--force", force)) if on]
    ask_store(["add", f"--source={source}", *given, *flags, "--", day], data_dir, _CALENDAR)


@calendar.command()
def hours(
    day: Annotated[str, typer.Argument(metavar="DAY", help="The first day with these hours: 2027-04-01")],
    segment: Annotated[str, typer.Option(help="cash, cash_cas, derivatives or index.")],
    span: Annotated[str, typer.Option("--hours", metavar="HH:MM-HH:MM", help="Continuous trading.")],
    mis_cutoff: Annotated[str, typer.Option(metavar="HH:MM", help="When MIS is squared off.")],
    source: Annotated[str, typer.Option(help="How it is known: the circular, for those who ask.")],
    force: Annotated[bool, typer.Option("--force", help="Also where shares are held on such a day.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """Say from which day on a segment's ordinary days have other hours, or MIS another cut-off."""
    words = [f"--segment={segment}", f"--hours={span}", f"--mis-cutoff={mis_cutoff}", f"--source={source}"]
    ask_store(["hours", *words, *(["--force"] if force else []), "--", day], data_dir, _CALENDAR)


@calendar.command("import")
def import_days(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML or JSON: a year's holidays.")],
    source: Annotated[str, typer.Option(help="How it is known: the circular, for those who ask.")],
    force: Annotated[bool, typer.Option("--force", help="Also where shares are held on such a day.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """Take in a year's list, as the exchange has published it."""
    words = ["import", f"--source={source}", *(["--force"] if force else []), "--", str(file.resolve())]
    ask_store(words, data_dir, _CALENDAR)


@calendar.command()
def remove(
    day: Annotated[str, typer.Argument(metavar="DAY", help="2027-01-26")],
    force: Annotated[bool, typer.Option("--force", help="Also where shares are held on that day.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """Take back all that was said of a day."""
    ask_store(["remove", *(["--force"] if force else []), "--", day], data_dir, _CALENDAR)


@orders.command()
def resolve(
    order_id: Annotated[str, typer.Argument(help="Our order id, as `stopwatch positions` shows it.")],
    verdict: Annotated[
        str, typer.Option("--as", metavar="placed:BROKER_ORDER_ID|not-placed|absent", help="What you found.")
    ],
    reason: Annotated[str, typer.Option(help="Why, for the timeline.")],
    data_dir: _DataDir = None,
) -> None:
    """Settle an order in doubt by hand, after a look at the broker's own order book."""
    ask_store(["resolve", f"--as={verdict}", f"--reason={reason}", "--", order_id], data_dir)


@audit.command()
def verify(
    anchor: Annotated[
        Path | None,
        typer.Option(help="A file kept elsewhere: compared with, then brought up to date."),
    ] = None,
    data_dir: _DataDir = None,
) -> None:
    """Recompute every chain of the audit log; name the first broken link of each."""
    words = ["verify", *(["--anchor", str(anchor.resolve())] if anchor else [])]
    ask_store(words, data_dir, module="adapters.postgres.audit_command")


@app.command("restore-drill", context_settings=_PASSED_ON)
def restore_drill(context: typer.Context) -> None:
    """Restore the newest backup into a scratch server; check schema, audit log, orders, and how old it is."""
    from local.postgres import with_programs

    os.environ["PATH"] = with_programs(os.environ.get("PATH", os.defpath))
    ask_store(context.args, None, "migrations.restore_drill")


def main() -> None:
    app()
