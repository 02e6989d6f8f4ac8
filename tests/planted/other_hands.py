"""Planted where only another hand on the account shows it: conversions, other accounts, looks, odd rows."""

from tests.planted.bug import HELD, LEG, MEETS, Bug

HAND_BUGS: tuple[Bug, ...] = (
    Bug(
        "the orders of a run name no account",
        "Another account is connected while the run holds: its sale goes there, and opens a short.",
        "workflows/run_orders.py",
        "strategy.product, start.account)",
        "strategy.product)",
        (MEETS,),
    ),
    Bug(
        "shares of another product are ours",
        "What was converted is sold as what it was: a short in one product beside the shares in the other.",
        "domain/sellable.py",
        "if (row.exchange, row.symbol, row.product) == (terms.exchange, terms.symbol, terms.product)",
        "if (row.exchange, row.symbol) == (terms.exchange, terms.symbol)",
        (HELD,),
    ),
    Bug(
        "a scheduled sale does not look",
        "What was sold by hand before its time is sold again at the second.",
        "execution/account_snapshot.py",
        "                return _require_all(account.sellable(intent.wanted), intent.wanted)\n",
        "                return None\n",
        (HELD,),
    ),
    Bug(
        "a sale without Postgres does not look",
        "What was sold by hand is sold again while the store is away.",
        "execution/degraded_exit.py",
        "        return Account(net, held_before).sellable(order.bought - seen.sold)\n",
        "        return order.bought - seen.sold\n",
        (MEETS,),
    ),
    Bug(
        "a sale without Postgres is never given back",
        "The broker's books are at odds: it waits for them, though the store has answered again long since.",
        "execution/degraded_exit.py",
        "            if self._clock.monotonic() >= until:\n",
        "            if self._clock.monotonic() < 0:\n",
        (MEETS,),
    ),
    Bug(
        "a conversion is never believed",
        "The books are at odds for the rest of the day: the run never ends.",
        "execution/account_snapshot.py",
        "                steady = now - since >= STEADY and",
        "                steady = now - since >= 3600 * STEADY and",
        (HELD,),
    ),
    Bug(
        "an unreadable row of the account is a sale by hand",
        "The run ends as closed outside, and its shares are held without a stop.",
        "domain/sellable.py",
        "    if not positions.covers(terms.symbol):\n        return None\n",
        "",
        (MEETS,),
    ),
    Bug(
        "a conversion leaves a lost sale in doubt for the day",
        "The position book shows a sale that no order explains: what is left is never sold.",
        "domain/leg.py",
        "    return ours[Side.SELL] == others[Side.BUY] and ours[Side.BUY] == others[Side.SELL]\n",
        "    return not book and not positions\n",
        (MEETS,),
    ),
    Bug(
        "a conversion explains a sale that the order book hides",
        "The sale was placed, and is sent again.",
        "domain/leg.py",
        "    return ours[Side.SELL] == others[Side.BUY] and",
        "    return ours[Side.SELL] >= others[Side.BUY] > 0 and",
        (LEG,),
    ),
)
