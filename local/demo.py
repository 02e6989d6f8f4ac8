"""Plays the demo of `make run`: two strategies in a minute, over the API that every client uses.

While both hold their shares the worker that would sell them is killed; both are sold all the same, once.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from local import demo_stage
from local.demo_client import Caller, DemoFailed, Json, callers, instant
from local.demo_display import Board
from local.demo_stage import Login
from local.endpoints import Endpoints
from local.terminal import Terminal

_ENDS_WITHIN = 90.0
_LOOK_EVERY = 1.0
_HELD_FOR = 6.0
"""Seconds for which both hold their shares before the worker is killed."""
Kill = Callable[[], int | None]
"""Kills the worker; returns its pid, None where none runs."""


async def play(endpoints: Endpoints, terminal: Terminal, kill_worker: Kill) -> Login | None:
    """Play the demo and return its login, None where it has none.

    On a failure, print one sentence and leave the product running.
    """
    if endpoints.paper is None:
        terminal.alert("The demo needs the paper exchange: unset STOPWATCH_KITE_ROOT to play it.")
        return None
    login = None
    try:
        async with callers(endpoints.api, endpoints.paper) as (api, paper):
            login = await demo_stage.sign_up(api, paper, endpoints)
            terminal.line(
                f"Watch it in the app, {endpoints.api}/app: {login.email}, password {login.password}"
            )
            await _play(api, paper, Board(terminal), kill_worker)
    except DemoFailed as failure:
        terminal.alert(f"The demo stopped: {str(failure).rstrip('.')}. The product keeps running.")
    except (KeyError, TypeError, ValueError) as error:
        terminal.alert(
            f"The demo stopped: it could not read an answer ({error!r}). The product keeps running."
        )
    return login


async def _play(api: Caller, paper: Caller, board: Board, kill_worker: Kill) -> None:
    prices = await demo_stage.prices(paper)
    opening = await demo_stage.opening()
    started = [
        await demo_stage.start(api, paper, plot, prices[plot.symbol], opening) for plot in demo_stage.PLOTS
    ]
    board.say("TCS is bought and sold by the clock; INFY falls through its stop. Times are the exchange's.")
    ids = [strategy["strategy_id"] for strategy in started]
    with board.shown():
        telling = [asyncio.create_task(_tell(api, board, strategy)) for strategy in started]
        telling.append(asyncio.create_task(_kill(api, board, ids, kill_worker)))
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                strategies = await _follow(api, board, ids)
                # The stream may still be bringing the last lines of the timeline.
                await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            strategies = await _read(api, ids)
        finally:
            for task in telling:
                task.cancel()
            await asyncio.gather(*telling, return_exceptions=True)
    board.summary(strategies, {one: (await api.get(f"/strategy/{one}/orders"))["items"] for one in ids})
    board.ledger((await paper.get("/orders"))["data"])


async def _kill(api: Caller, board: Board, ids: list[str], kill_worker: Kill) -> None:
    """Kill the worker once all strategies hold their shares."""
    while True:
        strategies = await _read(api, ids)
        if all(strategy["phase"] == "holding" for strategy in strategies):
            break
        await asyncio.sleep(_LOOK_EVERY)
    await asyncio.sleep(_HELD_FOR)
    pid = kill_worker()
    if pid is not None:
        board.killed(pid)


async def _follow(api: Caller, board: Board, ids: list[str]) -> list[Json]:
    """Show the state of the strategies until both have stopped."""
    while True:
        strategies = await _read(api, ids)
        board.show_strategies(strategies)
        if all(strategy["status"] == "stopped" for strategy in strategies):
            return strategies
        await asyncio.sleep(_LOOK_EVERY)


async def _read(api: Caller, ids: list[str]) -> list[Json]:
    return list(await asyncio.gather(*(api.get(f"/strategy/{one}") for one in ids)))


async def _tell(api: Caller, board: Board, strategy: Json) -> None:
    async with aclosing(api.events(f"/strategy/{strategy['strategy_id']}/events")) as events:
        async for event in events:
            at = instant(event["at"])
            if at is not None:
                board.entry(strategy["symbol"], at, event["text"])
