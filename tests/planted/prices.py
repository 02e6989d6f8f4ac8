"""Planted in how processes share the broker's answers to questions for prices."""

from tests.planted.bug import QUOTES, Bug

PRICE_BUGS: tuple[Bug, ...] = (
    Bug(
        "each process asks for prices at its own pace",
        "The broker counts an account over all of them: entries of one second are refused with 429.",
        "adapters/postgres/quote_turns.py",
        "    WHERE held.free_at <= clock_timestamp()\n",
        "    WHERE held.free_at IS NOT NULL\n",
        (QUOTES,),
    ),
    Bug(
        "a shared price of six seconds ago acts",
        "An entry goes at a price that is no longer one.",
        "adapters/postgres/quote_turns.py",
        "        if not 0 <= age < SHARED_FOR.total_seconds():\n",
        "        if age < 0:\n",
        (QUOTES,),
    ),
    Bug(
        "a shared price is as young as its row",
        "A process that stood still writes down an old price as a new one.",
        "adapters/postgres/quote_turns.py",
        "    heard_at = held.free_at - CAST(:held_for AS interval) + make_interval(secs => back.heard_after)",
        "    heard_at = clock_timestamp()",
        (QUOTES,),
    ),
    Bug(
        "a taken price counts from when it was read",
        "What is nine tenths of a second old elsewhere is new here.",
        "adapters/kite/shared_quotes.py",
        "self._heard, self._heard_at = told.prices, asked_at - told.age",
        "self._heard, self._heard_at = told.prices, asked_at",
        (QUOTES,),
    ),
    Bug(
        "a price is shared with whoever has the same key",
        "Another user's login, or one that has ended, lets an entry go.",
        "adapters/postgres/quote_turns.py",
        "        if row.login != asker.login or row.age is None:\n",
        "        if row.age is None:\n",
        (QUOTES,),
    ),
    Bug(
        "a dead process keeps its turn",
        "Every entry of the account is missed with it.",
        "domain/quote_turns.py",
        "HELD_FOR = timedelta(seconds=1.5)\n",
        "HELD_FOR = timedelta(seconds=15)\n",
        (QUOTES,),
    ),
    Bug(
        "a process that stood still asks with a turn that has passed",
        "Two questions in one second: the broker refuses the other's.",
        "adapters/kite/shared_quotes.py",
        "        if left <= 0:\n",
        "        if left <= -60:\n",
        (QUOTES,),
    ),
    Bug(
        "a turn that has become another's is given back",
        "A third process asks while the second one's question is on its way.",
        "adapters/postgres/quote_turns.py",
        "    SELECT held.account FROM quote_turns AS held JOIN back USING (account, turn)\n",
        "    SELECT held.account FROM quote_turns AS held JOIN back USING (account)\n",
        (QUOTES,),
    ),
)
