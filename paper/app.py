"""Assembles the paper exchange: its components, its ports, its background tasks, its shutdown."""

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from paper.bars import Series, read_bars
from paper.calendar import calendar_named
from paper.clock import Clock, ist
from paper.control import ControlRoutes
from paper.derivatives import listing
from paper.exchange import Exchange
from paper.feed import Feed
from paper.gtts import Gtts
from paper.hands import Hands
from paper.housekeeping import Housekeeping
from paper.market import Market, list_bar_symbols
from paper.order_service import OrderService
from paper.request_handler import RequestHandler
from paper.restore import Restore
from paper.routes_funds import FundRoutes
from paper.routes_gtt import GttRoutes
from paper.routes_historical import HistoricalRoutes
from paper.routes_margins import MarginRoutes
from paper.routes_orders import OrderRoutes
from paper.routes_portfolio import PortfolioRoutes
from paper.routes_quotes import QuoteRoutes
from paper.routes_user import UserRoutes
from paper.web import Routes, Server


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    port: int
    ws_port: int | None = None
    host: str = "127.0.0.1"
    seed: int = 1
    bars: Path | None = None
    speed: float = 1.0
    calendar: str = "always-open"
    lenient: bool = False
    data_dir: Path | None = None


class PortInUse(Exception):
    """Another process listens on the port."""


@dataclass(slots=True)
class Paper:
    """The running components."""

    exchange: Exchange
    feed: Feed
    request_handler: RequestHandler
    housekeeping: Housekeeping


def build(options: Options) -> Paper:
    """Build the components and replay the journal.

    Raises BarsUnreadable, JournalInUse.
    """
    bars = read_bars(options.bars) if options.bars else {}
    clock = _clock(options, bars)
    calendar = calendar_named(options.calendar)
    listed = listing(ist(time.time()).date())
    list_bar_symbols(listed, bars)
    market = Market(listed, clock, calendar, seed=options.seed, origin=time.time(), bars=bars)
    exchange = Exchange(market, clock, calendar, lenient=options.lenient, data_dir=options.data_dir)
    order_service = OrderService(exchange)
    exchange.journal.open()
    restore = Restore(exchange)
    restore.run()
    gtts = Gtts(exchange, order_service)
    for record in restore.gtts.values():
        gtts.restore(record)
    feed = Feed(exchange)
    control = control_routes(exchange, feed, Hands(exchange, order_service))
    request_handler = RequestHandler(
        exchange, kite_routes(exchange, order_service, gtts), control, feed.serve
    )
    return Paper(exchange, feed, request_handler, Housekeeping(exchange, order_service, restore))


def kite_routes(exchange: Exchange, order_service: OrderService, gtts: Gtts) -> Routes:
    """Return the routes of Kite's own endpoints."""
    routes = Routes()
    OrderRoutes(exchange, order_service).add_to(routes)
    UserRoutes(exchange).add_to(routes)
    PortfolioRoutes(exchange).add_to(routes)
    QuoteRoutes(exchange).add_to(routes)
    HistoricalRoutes(exchange).add_to(routes)
    MarginRoutes(exchange).add_to(routes)
    GttRoutes(gtts).add_to(routes)
    FundRoutes().add_to(routes)
    return routes


def control_routes(exchange: Exchange, feed: Feed, hands: Hands) -> Routes:
    """Return the routes of the control endpoints."""
    routes = Routes()
    ControlRoutes(exchange, feed, hands).add_to(routes)
    return routes


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises PortInUse, BarsUnreadable, JournalInUse.
    """
    paper = build(options)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    paper.housekeeping.begin()
    server = Server(paper.request_handler.serve)
    listeners = [await _listen(server, options.host, port) for port in _ports(options)]
    background = (paper.exchange.market.run(), paper.housekeeping.run(), paper.feed.run())
    work = [loop.create_task(job) for job in background]
    _announce(options, paper)
    await stop.wait()
    for listener in listeners:
        listener.close()
    for task in work:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await paper.feed.close()
    await server.shutdown(1.0)
    paper.exchange.journal.close()


def _ports(options: Options) -> list[int]:
    return [options.port] if options.ws_port is None else [options.port, options.ws_port]


async def _listen(server: Server, host: str, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(server, host, port, backlog=1024)
    except OSError as exc:
        raise PortInUse(
            f"Port {port} on {host} cannot be opened ({exc.strerror or exc}). "
            "Stop what listens there, or choose another port."
        ) from exc


def _clock(options: Options, bars: dict[str, Series]) -> Clock:
    """Return a clock that starts at the first bar; without bars, the wall clock."""
    clock = Clock(speed=options.speed)
    if bars:
        clock.move(now=min(series.bars[0].start for series in bars.values()))
    return clock


def _announce(options: Options, paper: Paper) -> None:
    listed = len(paper.exchange.market.listing)
    where = f"http://{options.host}:{options.port} (REST) and ws://{options.host}:{_ports(options)[-1]}"
    print(f"Paper exchange on {where}, {listed} instruments, {options.calendar}.", flush=True)  # noqa: T201
