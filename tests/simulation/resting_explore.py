"""Explores every state that a protected exit can reach with so many faults, and follows each to its end."""

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from domain.order import OrderStatus
from domain.protected_exit import Aim
from domain.resting_stop import State, state_of
from tests.simulation.resting_exchange import Exchange, Order
from tests.simulation.resting_facts import ABOVE, NOW, Facts, Row, exit_of
from tests.simulation.resting_rules import oversold, unprotected, wrong
from tests.simulation.resting_world import World, goes_on, may_go_wrong

MOST_STATES = 1000
Came = dict[World, tuple[World | None, str]]
"""From where each state was reached, and by what."""


@dataclass
class Explored:
    """What an exploration saw. `failures`: what was wrong, with the way that led there."""

    states: int = 0
    oversold: int = 0
    failures: dict[str, Sequence[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    met: set[State] = field(default_factory=set)
    """The states that the slices were in, between two steps of a worker."""


def begin(script: Sequence[str], bought: int = 2, most: int | None = None, changes: int = 0) -> World:
    """Return a day whose entry was filled a moment ago.

    `changes`: modifications that were made of its resting order before; 0 where none rests yet.
    """
    exchange = Exchange(held=bought, price=ABOVE)
    facts = Facts(bought, Aim.PROTECT, 0, account=bought, most=most, entry_open="fill" in script)
    if changes:
        exchange = exchange.with_order(Order(0, 1, "waits", bought, 1, changes=changes))
        row = Row(0, 1, OrderStatus.OPEN, bought, 1, sent=-100, seen=(True, 1, bought, -10))
        facts = facts.with_row(row._replace(change=(changes, 1, -50, False), moved_to=1))
    return World(exchange, facts, tuple(script))


def explore(start: World, faults: int) -> Explored:
    """Visit every state within so many faults; follow each to its end."""
    gc.disable()  # a million states that live to the end: collecting them is half of the time
    try:
        return _explored(start, faults)
    finally:
        gc.enable()


def _explored(start: World, faults: int) -> Explored:
    explored = Explored()
    came: Came = {start: (None, "begin")}
    onwards: dict[World, World] = {}
    layer = [start]
    for left in range(faults, -1, -1):
        seeds: list[World] = []
        while layer:
            world = layer.pop()
            explored.states += 1
            if why := wrong(world):
                explored.failures.setdefault(why, _way(came, world))
                continue
            explored.oversold += oversold(world)
            if world.call is None:
                explored.met |= _states(world.facts)
            if not world.done:
                onward = onwards[world] = goes_on(world)
                if onward == world:
                    explored.failures.setdefault("it waits for ever", _way(came, world))
                elif onward not in came:
                    came[onward] = (world, "")
                    layer.append(onward)
            if left:
                seeds.append(world)
        for world in seeds:
            for fault, after in may_go_wrong(world):
                explored.faults[fault.split(":")[0] if fault[-1].isdigit() else fault] += 1
                if after not in came:
                    came[after] = (world, fault)
                    layer.append(after)
    _ends(came, onwards, explored)
    return explored


@lru_cache(maxsize=500_000)
def _states(facts: Facts) -> frozenset[State]:
    found = exit_of(facts)
    return frozenset(state_of(orders, NOW, found.horizons) for orders in found.slices) | (
        frozenset() if facts.rows else {State.NONE}
    )


def _ends(came: Came, onwards: dict[World, World], explored: Explored) -> None:
    """Follow every state without faults: a state that comes back to itself never ends."""
    ends: set[World] = set()
    for world in came:
        path: list[World] = []
        on_path: set[World] = set()
        while world not in ends and world in onwards:
            if world in on_path:
                explored.failures.setdefault("it goes on for ever", _way(came, world))
                break
            path.append(world)
            on_path.add(world)
            world = onwards[world]
        ends.update(path)


def _way(came: Came, world: World) -> Sequence[str]:
    """Return the faults, and between them the calls, on the way to a state."""
    words: list[str] = []
    at: World | None = world
    while at is not None:
        before, fault = came[at]
        if fault:
            words.append(fault)
        elif at.call is not None and not at.call.answer:
            words.append(f"({at.call.what} {at.call.slice}.{at.call.number} {at.call.level})")
        at = before
    return words[::-1]


def is_protected_before(start: World) -> bool:
    """Tell whether all shares rest at the exchange when the day's ending comes, without faults."""
    world = before = start
    ending = [event for event in start.script if event not in ("fill", "trail")]
    while len(world.script) >= len(ending):
        before, world = world, goes_on(world)
    return not unprotected(before)


def play(start: World, faults: Sequence[str]) -> Sequence[World]:
    """Play one day: each fault strikes as soon as it may, after the one before. Returns its states."""
    world, waiting, states = start, list(faults), [start]
    while not world.done and len(states) < MOST_STATES:
        struck = dict(may_go_wrong(world)).get(waiting[0]) if waiting else None
        if struck is not None:
            waiting.pop(0)
        world = goes_on(world) if struck is None else struck
        states.append(world)
    return states


def slowest(start: World, fault: str) -> int:
    """Return the tenths of a second that a sale takes at the most where this fault strikes once."""
    world, tenths = start, 0
    while not world.done:
        struck = dict(may_go_wrong(world)).get(fault)
        if struck is not None and world.facts.aim is Aim.SELL:
            tenths = max(tenths, -play(struck, ())[-1].facts.since)
        world = goes_on(world)
    return max(tenths, -world.facts.since)
