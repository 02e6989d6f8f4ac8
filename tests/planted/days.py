"""Planted in the day: what the run, the triggers and the listener do, and when."""

from tests.planted.bug import DISPATCHER, SINGLES, TOGETHER, Bug

DAY_BUGS: tuple[Bug, ...] = (
    Bug(
        "the asked quantity is sold",
        "After a partial fill more is sold than was bought.",
        "domain/day.py",
        "        self.bought = entered.filled\n",
        "        self.bought = entered.filled and self.start.strategy.quantity\n",
        (SINGLES,),
    ),
    Bug(
        "a stop-loss is remembered while waiting",
        "A dip in the morning keeps the strategy from buying.",
        "domain/day.py",
        "        if self.phase is Phase.WAITING or self.phase is Phase.DONE:\n            return False\n",
        "        if self.phase is Phase.DONE:\n            return False\n",
        (SINGLES,),
    ),
    Bug(
        "an edge-triggered listener",
        "A crossed stop is signalled once, whether the run takes it or not.",
        "listener/dispatcher.py",
        "            elif hit.arrived and now >= hit.again_at:",
        "            elif not hit.watched:",
        (DISPATCHER,),
    ),
    Bug(
        "a low that its frame forgets",
        "Of prices that came together the last one is judged alone: the stop that was hit before is not.",
        "listener/price_table.py",
        "        for at, place in enumerate(places.tolist()):\n",
        "        for at, place in list(enumerate(places.tolist()))[-1:]:\n",
        ("tests/unit/test_price_table.py",),
    ),
    Bug(
        "instruments given up before a newcomer is ready",
        "While a listener joins, nobody watches its share.",
        "listener/shards.py",
        "        return member in (self._of(key, ready=False), self._of(key, ready=True))",
        "        return self._of(key, ready=False) == member",
        ("tests/unit/test_shards.py",),
    ),
    Bug(
        "a burst whose signals wait though Redis is away",
        "Stops that no queue took are signalled as if one had.",
        "listener/dispatcher.py",
        "            elif arrived:\n",
        "            elif arrived or not arrived:\n",
        (DISPATCHER,),
    ),
    Bug(
        "below the stop instead of at it",
        "At the stop is hit.",
        "domain/trigger.py",
        "                return price <= self.level\n",
        "                return price < self.level\n",
        (SINGLES,),
    ),
    Bug(
        "an entry that gave up is not looked for",
        "Its three attempts died after the send: what was bought is forgotten.",
        "workflows/strategy_run.py",
        "            self._day.entered(await self._settle_entry(order))\n\n    async def _settle_entry",
        "            self._day.entered(Entered(0))\n\n    async def _settle_entry",
        (TOGETHER,),
    ),
)
