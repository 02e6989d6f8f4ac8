"""Planted in the paper exchange: who may move it, and what its orders that rest obey."""

from tests.planted.bug import Bug

CONTROL = "tests/contract/test_paper_control.py"
HANDS = "tests/contract/test_paper_hands.py"
STOPS = "tests/contract/test_paper_stops.py"
RESTING = "tests/contract/test_paper_resting_rules.py"

PAPER_BUGS: tuple[Bug, ...] = (
    Bug(
        "the paper exchange's control calls answer any name",
        "A page that rebinds its name to this machine reads the secrets of every paper account.",
        "paper/control_guard.py",
        "len(hosts) != 1 or not LOOPBACK_HOST.fullmatch(hosts[0])",
        "len(hosts) != 1",
        (CONTROL,),
    ),
    Bug(
        "the paper exchange's control calls answer any page",
        "A page open in a browser on this machine moves prices and sells.",
        "paper/control_guard.py",
        'if any(origin != f"http://{hosts[0]}" for origin in headers.getall("Origin", [])):',
        "if not hosts:",
        (CONTROL,),
    ),
    Bug(
        "the risk desk leaves open orders behind",
        "A stop that outlives its position opens a short, and no test of ours sees it.",
        "paper/hands.py",
        "        cancelled = self._cancel_intraday(account)\n",
        "        cancelled: list[str] = []\n",
        (HANDS,),
    ),
    Bug(
        "a stop that was made a market order waits for its trigger",
        "The exit by modification seems to do nothing on paper.",
        "paper/modification.py",
        "trigger=trigger if rests else 0,",
        "trigger=trigger,",
        (STOPS,),
    ),
    Bug(
        "a modification that is to be lost is carried out",
        "A product that believes a 200 passes every test.",
        "paper/modification.py",
        "    if fault is None:\n        _write",
        "    if True:\n        _write",
        (STOPS,),
    ),
    Bug(
        "a stop is never cancelled at its trigger",
        "A product without a stop of its own behind the exchange's passes every test.",
        "paper/matching.py",
        "            if self._out_of_range(order):\n",
        "            if False:\n",
        (STOPS,),
    ),
    Bug(
        "a derivative has no freeze quantity",
        "An order that the exchange would refuse is filled on paper.",
        "paper/ticket.py",
        "    if instrument.freeze and quantity > instrument.freeze:\n",
        "    if False:\n",
        (STOPS,),
    ),
    Bug(
        "the closing auction takes market orders",
        "A product that sells at 15:16 at the market passes every test.",
        "paper/stops.py",
        '    if order_type == "MARKET":\n',
        '    if order_type == "NONE":\n',
        (RESTING,),
    ),
    Bug(
        "the paper exchange's triggers take intraday orders",
        "A stop by GTT seems to work for MIS, which Kite refuses.",
        "paper/gtts.py",
        '    if leg["product"] not in PRODUCTS:\n',
        "    if False:\n",
        (RESTING,),
    ),
)
