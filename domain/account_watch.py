"""Compares an account with what the user's strategies hold in it, from one reading.

An account is read while strategies hold shares in it, at least every `EVERY` seconds, at once when an order
moves that is not this product's, and for `WATCHED_AFTER` after a sale. For each symbol and product:

| the account shows                           | and                                        | then          |
|---------------------------------------------|--------------------------------------------|---------------|
| what a strategy holds, and more             |                                            | it is whole   |
| less than it holds                          | for the first time, or not as at last look | look again    |
| the same, twice                             | both books show the same trades            | so many lack  |
| the same for `STEADY` seconds               | the books disagree, as after a conversion  | so many lack  |
| anything                                    | an order of this product is under way      | look again    |
| a row that cannot be read                   |                                            | nothing known |
| fewer than none, after a sale               | twice, as above                            | oversold      |

"What the account shows" of a strategy is `domain.sellable.Account.sellable`: the account, less what older
strategies hold, less the user's own shares from before. So a sale by hand takes the newest strategy's shares
first. The older one is told that it keeps its claim, since whose shares were meant cannot be known.

What is settled stands until another finding is settled: an unread account changes nothing. The same reading
tells, before a purchase, how many shares are the user's own: the account less what strategies hold in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from domain.account_alerts import noted
from domain.account_state import AccountState, Claim, Finding, Reading, Shown, Verdict, WaitingEntry
from domain.held_shares import Share
from domain.listing import Listing
from domain.order import BrokerPosition, OrderTerms
from domain.sellable import STEADY, Account, OtherClaims, books_agree, net_position
from domain.strategy import Product

EVERY = timedelta(seconds=30)
"""Between two readings of an account that holds something: a sale by hand ends its run within a minute."""
AGAIN = timedelta(seconds=1.5)
"""Until an account is read again that showed less than is held, or could not tell a baseline."""
AFTER_FAILURE = timedelta(seconds=5)
"""Until an account is tried again that could not be read: a new login is taken up so soon."""
APART = timedelta(seconds=1)
"""Between two readings of one account at least: the broker counts requests a second."""
WATCHED_AFTER = timedelta(minutes=2)
"""For so long after its last sale an account is still watched."""
UNREAD_AFTER = timedelta(seconds=60)
"""An account that could not be read for so long is an alert, while strategies hold shares in it."""
BEFORE_ENTRY = timedelta(seconds=8)
"""So long before its purchase an entry's account is read: others of that second are armed by then."""
LEFT_ALONE = timedelta(seconds=0.6)
"""No reading begins so shortly before an order is due in the account: its own questions come first."""


def shares_to_look_up(state: AccountState, positions: Listing[BrokerPosition]) -> frozenset[Share]:
    """Return the delivery shares for which the position book alone does not tell enough."""
    wanted = {_share(entry.terms) for entry in state.entries if entry.terms.product is Product.CNC}
    for claims in _groups(state):
        terms = claims[0].terms
        if terms.product is Product.CNC and not _is_whole(claims, net_position(positions, terms)):
            wanted.add(_share(terms))
    return frozenset(wanted)


def findings(state: AccountState, reading: Reading) -> Mapping[UUID, Finding]:
    """Return what a reading shows of each strategy; absent where it shows nothing certain."""
    found: dict[UUID, Finding] = {}
    for claims in _groups(state):
        net = net_position(reading.positions, claims[0].terms)
        before = _holdings(claims, reading)
        if net is not None and before is not None and not any(claim.in_flight for claim in claims):
            found |= _of_group(claims, net, before)
    return found


def unread(state: AccountState, reading: Reading) -> frozenset[str]:
    """Return the symbols of shares that are held and of which a row could not be read."""
    return frozenset(
        claims[0].terms.symbol
        for claims in _groups(state)
        if any(claim.held for claim in claims)
        and (net_position(reading.positions, claims[0].terms) is None or _holdings(claims, reading) is None)
    )


def is_news(claim: Claim, finding: Finding) -> bool:
    """Tell whether a finding differs from what is written on the strategy.

    What a stopped strategy has left over is compared no more: only its claim counts.
    """
    return (claim.running or not claim.held) and noted(claim, finding) != claim.noted


def judge(state: AccountState, reading: Reading, before: Mapping[UUID, Shown], now: float) -> Verdict:
    """Return which findings are settled, by the table above. `now`: epoch seconds, the store's clock."""
    found = findings(state, reading)
    settled: list[tuple[Claim, Finding]] = []
    unsettled: dict[UUID, Shown] = {}
    for claim in state.claims:
        finding = found.get(claim.strategy_id)
        if finding is None or not is_news(claim, finding):
            continue
        known = before.get(claim.strategy_id)
        shown = known if known is not None and known.finding == finding else Shown(finding, now)
        if shown is known and (_agree(reading, claim.terms) or now - shown.since >= STEADY):
            settled.append((claim, finding))
        else:
            unsettled[claim.strategy_id] = shown
    return Verdict(tuple(settled), unsettled)


def baseline(entry: WaitingEntry, state: AccountState, reading: Reading) -> tuple[int, int] | None:
    """Return the user's own shares before a purchase, and how many of before today were counted in it.

    None where they are not known: an order of this product is under way, or a row could not be read.
    """
    net = net_position(reading.positions, entry.terms)
    before = reading.holdings.get(_share(entry.terms)) if entry.terms.product is Product.CNC else 0
    if net is None or before is None or entry.in_flight:
        return None
    held = sum(claim.held for claim in state.claims if _same(claim.terms, entry.terms))
    return net + before - held, before


def _groups(state: AccountState) -> Iterator[Sequence[Claim]]:
    """Yield the claims on the same shares in the same product, oldest first."""
    groups: defaultdict[tuple[str, str, Product], list[Claim]] = defaultdict(list)
    for claim in state.claims:
        groups[claim.terms.exchange, claim.terms.symbol, claim.terms.product].append(claim)
    yield from groups.values()


def _of_group(claims: Sequence[Claim], net: int, holdings: int) -> Iterator[tuple[UUID, Finding]]:
    older, lacking = 0, []
    for claim in claims:
        account = Account(net, holdings, OtherClaims(older, baseline=claim.baseline, later=claim.later))
        lacking.append(claim.held - account.sellable(claim.held))
        older += claim.held
    seller = _last_seller(claims)
    there = older - sum(lacking)
    for number, claim in enumerate(claims):
        newer = sum(lacking[number + 1 :]) if claim.held and not lacking[number] else 0
        oversold = _short(claim, net + holdings - there) if claim is seller else 0
        yield claim.strategy_id, Finding(lacking[number], newer, oversold)


def _last_seller(claims: Sequence[Claim]) -> Claim | None:
    """Return the strategy that is told of a short position: the one that was, or the last that sold."""
    sold = [claim for claim in claims if claim.sold and not claim.held]
    return max(sold, key=lambda claim: claim.noted.oversold > 0 or claim is sold[-1], default=None)


def _short(seller: Claim, rest: int) -> int:
    """Return how many shares the account is short of, of those that were not short before the purchase.

    `rest`: the account without what strategies still hold in it.
    """
    floor = 0 if seller.baseline is None else min(0, seller.baseline)
    return min(max(0, floor - rest), seller.sold)


def _is_whole(claims: Sequence[Claim], net: int | None) -> bool:
    """Tell whether the position alone shows all that is held, and nothing else is asked."""
    if net is None:
        return True  # what is unread is unread with the holdings as well
    found = dict(_of_group(claims, net, _known_before(claims)))
    return all(finding == Finding() for finding in found.values())


def _holdings(claims: Sequence[Claim], reading: Reading) -> int | None:
    """Return the shares of before today; None where they were asked for and cannot be read."""
    terms = claims[0].terms
    if terms.product is not Product.CNC:
        return 0
    known = reading.holdings.get(_share(terms))
    if known is None and _is_whole(claims, net_position(reading.positions, terms)):
        return _known_before(claims)
    return known


def _known_before(claims: Sequence[Claim]) -> int:
    """Return the shares of before today that are known of without a question: there may be more."""
    return max((claim.holdings for claim in claims if claim.holdings is not None), default=0)


def _agree(reading: Reading, terms: OrderTerms) -> bool:
    return reading.orders is not None and books_agree(reading.orders, reading.positions, terms)


def _share(terms: OrderTerms) -> Share:
    return terms.exchange, terms.symbol


def _same(one: OrderTerms, other: OrderTerms) -> bool:
    return (_share(one), one.product) == (_share(other), other.product)
