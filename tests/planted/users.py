"""Planted in what keeps users apart, within their limits, and told."""

from tests.planted.bug import CREATION, DELIVERY, LIMITS, NOTICES, WALLS, Bug

USER_BUGS: tuple[Bug, ...] = (
    Bug(
        "the kill switch is not asked at the claim",
        "What was held for its second is bought after the user has said stop.",
        "adapters/postgres/claim_statement.py",
        "        WHEN limits.kill_switch THEN 'kill_switch'\n",
        "",
        (LIMITS,),
    ),
    Bug(
        "limits bar exits too",
        "The user's own loss limit keeps his shares from being sold.",
        "adapters/postgres/claim_statement.py",
        "    WHERE judged.leg = 'entry'\n",
        "",
        (LIMITS,),
    ),
    Bug(
        "a loss that is not known counts as none",
        "A sale without a price yet lets the next entry pass the day's limit.",
        "adapters/postgres/claim_statement.py",
        "            THEN 'loss_unknown'\n",
        "            THEN NULL\n",
        (LIMITS,),
    ),
    Bug(
        "who is acted for stays with the connection",
        "The next request on it, of anybody, sees this user's rows.",
        "adapters/postgres/engine.py",
        "set_config(:name, :value, true)",
        "set_config(:name, :value, false)",
        (WALLS,),
    ),
    Bug(
        "a sale without an answer has lost nothing",
        "The next entry passes the day's limit while the sale that reaches it is out.",
        "domain/day_round.py",
        "any(fill.in_doubt or (fill.quantity and fill.price is None) for",
        "any((fill.quantity and fill.price is None) for",
        (LIMITS,),
    ),
    Bug(
        "a notice whose sender vanished is sent again",
        "Nobody knows whether it arrived: its user may be told twice.",
        "adapters/postgres/outbox.py",
        "        status=NotificationStatus.UNKNOWN,\n        ended_at=NOW,",
        "        status=NotificationStatus.WAITING,\n        ended_at=None,",
        (DELIVERY,),
    ),
    Bug(
        "a notice is sent again on a timeout",
        "The receiver may have taken it, and its user is told twice.",
        "domain/notification.py",
        "    if delivery.arrival is Arrival.UNKNOWN:\n        return Settled(NotificationStatus.UNKNOWN)\n"
        "    pause = again_after(attempts) if delivery.arrival is Arrival.NOT_YET else None\n",
        "    unsure = (Arrival.NOT_YET, Arrival.UNKNOWN)\n"
        "    pause = again_after(attempts) if delivery.arrival in unsure else None\n",
        (DELIVERY,),
    ),
    Bug(
        "the cursor of notices runs ahead of what is committed",
        "A line that got its number first and is committed last is never told.",
        "adapters/postgres/outbox.py",
        "EventRow.event_id > since, EventRow.at < NOW - BEHIND)",
        "EventRow.event_id > since)",
        (NOTICES,),
    ),
    Bug(
        "a name that leads into our own network is called",
        "A webhook's host is checked as it is written, not as it is resolved.",
        "adapters/notifications/outside_calls.py",
        "socket_factory=None if anywhere else socket_to_outside,",
        "socket_factory=None,",
        (DELIVERY,),
    ),
    Bug(
        "shares that cannot be sold today are bought",
        "A share of trade to trade is bought, and neither the stop nor sell_time can sell it.",
        "domain/instrument.py",
        'TRADE_TO_TRADE = frozenset({"BE", "BZ", "ST"})',
        'TRADE_TO_TRADE = frozenset({"XX"})',
        (CREATION,),
    ),
    Bug(
        "START does not look at the list",
        "The lot has changed since the strategy was created: the order is refused at buy_time.",
        "services/strategies/draft.py",
        "        errors = [\n            *_against(listed, draft_of_strategy(strategy)),\n",
        "        errors = [\n",
        (CREATION,),
    ),
)
