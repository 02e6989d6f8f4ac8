"""The planted bugs: one old text, one new text, and the test that must fail."""

from dataclasses import dataclass

SINGLES = "tests/simulation/test_singles.py"
TOGETHER = "tests/simulation/test_pairs.py::test_a_day_is_good_when_these_strike_together"
LEG = "tests/unit/test_leg.py"
DAY = "tests/unit/test_day.py"
DISPATCHER = "tests/unit/test_dispatcher.py"
OUTCOMES = "tests/contract/test_kite_outcomes.py"
ORDERS = "tests/integration/test_store_orders.py"
RUNS = "tests/integration/test_store_runs.py"
REDIS = "tests/integration/test_redis_cache.py"
DESK = "tests/unit/test_desk.py"
ARMED = "tests/integration/test_store_armed.py"
LIMITS = "tests/integration/test_limits.py"
LATE = "tests/integration/test_late_orders.py"
WALLS = "tests/integration/test_walls.py"
NOTICES = "tests/integration/test_notices.py"


@dataclass(frozen=True, slots=True)
class Bug:
    """In `path`, `old` (found exactly once) becomes `new`; the first of `tests` to fail has caught it."""

    name: str
    why: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


BUGS: tuple[Bug, ...] = (
    Bug(
        "no look-up before the next send",
        "A send without an answer is taken for one that never was.",
        "domain/leg.py",
        "    unknown = tuple(attempt for attempt in attempts if attempt.status is OrderStatus.SENT)\n"
        "    if unknown:",
        "    unknown: tuple[Attempt, ...] = ()\n    if unknown:",
        (SINGLES,),
    ),
    Bug(
        "an order is tried again on a timeout",
        "The plain retry that buys twice.",
        "activities/sending.py",
        "            return await broker.place(order, CALL_DEADLINE, leave_within)\n",
        "            outcome = await broker.place(order, CALL_DEADLINE, leave_within)\n"
        "            if isinstance(outcome, Unknown):\n"
        "                outcome = await broker.place(order, CALL_DEADLINE, leave_within)\n"
        "            return outcome\n",
        (SINGLES,),
    ),
    Bug(
        "a timeout counts as a failure",
        "Unknown becomes not placed, and the next attempt follows.",
        "activities/sending.py",
        "        await self._log.answer(attempt, outcome)\n",
        "        if isinstance(outcome, Unknown):\n"
        "            outcome = Rejected(Cause.TRY_AGAIN, outcome.message)\n"
        "        await self._log.answer(attempt, outcome)\n",
        (SINGLES,),
    ),
    Bug(
        "the broker's silence is a refusal",
        "The adapter's table says that an order without an answer was not placed.",
        "adapters/kite/outcomes.py",
        "        lambda reply: reply.status is None,\n        None,",
        "        lambda reply: reply.status is None,\n        Cause.TRY_AGAIN,",
        (OUTCOMES,),
    ),
    Bug(
        "a second entry after an absent one",
        "An entry in doubt is sent again.",
        "domain/leg.py",
        "    if last.verdict is None and last.status is OrderStatus.NOT_PLACED and last.attempt < ATTEMPTS:",
        "    if last.status in (OrderStatus.NOT_PLACED, OrderStatus.ABSENT) and last.attempt < ATTEMPTS:",
        (LEG,),
    ),
    Bug(
        "an exit sent again without the position book",
        "The order book alone proves nothing: orders were seen in it 90 s late.",
        "domain/leg.py",
        "        and sales_are_explained(book, positions, terms)\n"
        "        and _net(positions, terms) + free_holdings >= held\n",
        "",
        (SINGLES,),
    ),
    Bug(
        "an exit sent again without waiting for its horizon",
        "A 400 'timed out' was placed 8 s later.",
        "domain/leg.py",
        "        all(_past(attempt, now, horizons.exit_resend) for attempt in attempts)\n"
        "        and not found",
        "        not found",
        (SINGLES,),
    ),
    Bug(
        "position 0 on a failed read",
        "A position book that could not be read counts as one without sales.",
        "activities/desk.py",
        "        except (BrokerUnavailable, LoginNeeded, BrokerRefused):\n            return False\n"
        "        held = ",
        "        except (BrokerUnavailable, LoginNeeded, BrokerRefused):\n"
        "            positions, free = [], intent.wanted\n"
        "        held = ",
        (TOGETHER,),
    ),
    Bug(
        "an unreadable order book is an empty one",
        "An entry is given up as absent although nobody could look.",
        "activities/desk.py",
        "        except (BrokerUnavailable, BrokerRefused):\n            return None\n",
        "        except (BrokerUnavailable, BrokerRefused):\n            return []\n",
        (TOGETHER,),
    ),
    Bug(
        "the tag without its attempt",
        "Two attempts cannot be told apart in the order book.",
        "domain/order.py",
        "|{self.round}|{self.leg}|{attempt}",
        "|{self.round}|{self.leg}",
        (SINGLES,),
    ),
    Bug(
        "the tag without its round",
        "The second START of a day finds the first one's order and takes it for its own.",
        "domain/order.py",
        "|{self.round}|{self.leg}|{attempt}",
        "|{self.leg}|{attempt}",
        ("tests/unit/test_order.py",),
    ),
    Bug(
        "a claim that anybody may take",
        "The UPDATE and its lock without WHERE sent_at IS NULL.",
        "adapters/store/claims.py",
        "    WHERE orders.sent_at IS NULL AND orders.status = 'planned'\n"
        "    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}",
        "    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}",
        (ORDERS,),
    ),
    Bug(
        "the claim's lateness is not judged",
        "Whoever is late buys late.",
        "adapters/store/claims.py",
        "      AND (allowed.latest IS NULL OR allowed.now <= allowed.latest)\n",
        "",
        (ORDERS,),
    ),
    Bug(
        "the missed rule is an hour wide",
        "A worker that was frozen for half a minute buys on its return.",
        "activities/dealer.py",
        "        latest = order.due_at + self._missed_after\n",
        "        latest = order.due_at + timedelta(hours=1)\n",
        (SINGLES,),
    ),
    Bug(
        "a claim that never expires",
        "Who was frozen after the claim sends whenever it thaws.",
        "activities/sending.py",
        "        elif seconds <= 0:\n",
        "        elif seconds is None:\n",
        (SINGLES,),
    ),
    Bug(
        "the asked quantity is sold",
        "After a partial fill more is sold than was bought.",
        "domain/day.py",
        "        self.bought = entered.filled\n",
        "        self.bought = entered.filled and self.start.strategy.quantity\n",
        (SINGLES,),
    ),
    Bug(
        "fills that shrink",
        "An older row of the order book takes shares back.",
        "adapters/store/fills.py",
        "    if seen.filled_quantity < before.filled_quantity or not seen.filled_quantity:\n        return\n"
        "    grown = seen.filled_quantity > before.filled_quantity\n",
        "    if not seen.filled_quantity:\n        return\n"
        "    grown = seen.filled_quantity != before.filled_quantity\n",
        (ORDERS,),
    ),
    Bug(
        "bought when accepted",
        "An accepted order that fills nothing is a position.",
        "adapters/store/orders.py",
        '        row.message = ""\n        text = timeline.accepted_text',
        '        row.message = ""\n        page.strategy.position = "bought"\n'
        "        text = timeline.accepted_text",
        (ORDERS,),
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
        "Of prices that came together the highest below the stop is judged, not the lowest.",
        "listener/board.py",
        "        order = np.lexsort((raws, places_))",
        "        order = np.lexsort((-raws, places_))",
        ("tests/unit/test_board.py",),
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
        "a signal handler that raises",
        "Garbage leaves the run's workflow task failing for ever.",
        "domain/messages.py",
        "    if not isinstance(message, Mapping):\n        return None\n    price = ",
        "    if not isinstance(message, Mapping):\n        raise TypeError(message)\n    price = ",
        (SINGLES,),
    ),
    Bug(
        "below the stop instead of at it",
        "At the stop is hit.",
        "domain/stoploss.py",
        "    return price <= stop_loss\n",
        "    return price < stop_loss\n",
        (SINGLES,),
    ),
    Bug(
        "a lock that anybody releases",
        "A zombie frees the lock of whoever took over.",
        "adapters/redis_cache.py",
        "if state and string.match(state, '^(.*)|%d+$') == ARGV[1] then",
        "if state then",
        (REDIS,),
    ),
    Bug(
        "the keys go after Postgres says stopped",
        "Who reads stopped finds Redis keys left over.",
        "activities/runs.py",
        '        await failpoint("finish.begun")\n        await self._drop(request.strategy)\n',
        '        await failpoint("finish.begun")\n',
        (SINGLES,),
    ),
    Bug(
        "a claim is told before it is committed",
        "A crash of Postgres gives the right to send to a second worker.",
        "adapters/store/engine.py",
        "self._committing.connect() as connection:\n            yield connection",
        "self._engine.connect() as connection:\n            yield connection",
        (ORDERS,),
    ),
    Bug(
        "a send that a cancellation cuts short",
        "The broker's no is lost, and the entry is in doubt for two minutes.",
        "activities/sending.py",
        "            await asyncio.shield(call)",
        "            await call",
        (DESK,),
    ),
    Bug(
        "an old run ends a newer START",
        "A repeated finish stops a strategy that was started again.",
        "adapters/store/runs.py",
        "    if not _is_current(strategy, request.ref):\n        return\n    held",
        "    held",
        (RUNS,),
    ),
    Bug(
        "a silent broker is a dead login",
        "A read that failed sends the user to log in, and the run waits for it.",
        "activities/desk.py",
        "        except LoginNeeded:\n            await self._brokers.login_died(key.user_id, broker)\n"
        "            raise\n        except (BrokerUnavailable, BrokerRefused):",
        "        except (LoginNeeded, BrokerUnavailable):\n"
        "            await self._brokers.login_died(key.user_id, broker)\n"
        "            raise LoginNeeded from None\n        except BrokerRefused:",
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
    Bug(
        "an unanswered send is forgotten when Postgres goes away",
        "The run sells alone, at once, while the first order is still on its way.",
        "activities/sending.py",
        "        if not isinstance(outcome, Unknown):\n            self._unanswered.discard(intent.key)\n",
        "        self._unanswered.discard(intent.key)\n",
        (TOGETHER,),
    ),
    Bug(
        "what a dead worker held stays its own",
        "Its orders wait for a worker that never comes back.",
        "adapters/store/armed.py",
        "(dead | (OrderRow.due_at < now - UNSENT_AFTER))",
        "(OrderRow.due_at < now - UNSENT_AFTER)",
        (ARMED,),
    ),
    Bug(
        "an entry that was called off is planned again",
        "Whoever holds it takes the refusal for one of three attempts, and buys after the stop.",
        "domain/leg.py",
        "    if last.verdict is None and last.status is OrderStatus.NOT_PLACED",
        "    if last.status is OrderStatus.NOT_PLACED",
        (TOGETHER,),
    ),
    Bug(
        "an account sends as fast as it likes",
        "The broker answers 429, and the stop-loss waits behind purchases.",
        "adapters/store/claims.py",
        "      AND allowed.in_budget\n",
        "",
        (ARMED,),
    ),
    Bug(
        "a stop sells while the entry is still open",
        "More shares turn up after they were sold.",
        "adapters/store/armed.py",
        "            _ENTRY.status.in_(_LIVE),\n",
        "            _ENTRY.status.is_(None),\n",
        (ARMED,),
    ),
    Bug(
        "the kill switch is not asked at the claim",
        "What was held for its second is bought after the user has said stop.",
        "adapters/store/claims.py",
        "        WHEN limits.kill_switch THEN 'kill_switch'\n",
        "",
        (LIMITS,),
    ),
    Bug(
        "limits bar exits too",
        "The user's own loss limit keeps his shares from being sold.",
        "adapters/store/claims.py",
        "    WHERE judged.leg = 'entry'\n",
        "",
        (LIMITS,),
    ),
    Bug(
        "a loss that is not known counts as none",
        "A sale without a price yet lets the next entry pass the day's limit.",
        "adapters/store/claims.py",
        "        WHEN limits.daily_loss IS NOT NULL AND loss.unknown THEN 'loss_unknown'\n",
        "",
        (LIMITS,),
    ),
    Bug(
        "who is acted for stays with the connection",
        "The next request on it, of anybody, sees this user's rows.",
        "adapters/store/engine.py",
        "set_config(:name, :value, true)",
        "set_config(:name, :value, false)",
        (WALLS,),
    ),
    Bug(
        "a sale without Postgres takes an ordinary number",
        "One tag for two orders: the second is taken for the first.",
        "activities/off_books.py",
        "    return OFF_BOOKS_BLOCK * (tries + 1)",
        "    return OFF_BOOKS_BLOCK + tries",
        ("tests/unit/test_off_books_numbers.py",),
    ),
    Bug(
        "a late entry is taken over once or never",
        "Whoever finds it dies before he tells anybody: its shares are forgotten until tomorrow.",
        "adapters/store/reconciling.py",
        "or_(OrderRow.status.in_(_IN_DOUBT), bought_since),",
        "OrderRow.status.in_(_IN_DOUBT),",
        ("tests/integration/test_operator.py",),
    ),
    Bug(
        "the market's close is not looked at again",
        "An entry that comes late is sent when nobody trades any more.",
        "activities/dealer.py",
        "min(latest, order.closes_at) if order.closes_at else latest",
        "latest",
        (DESK,),
    ),
    Bug(
        "a sale without an answer has lost nothing",
        "The next entry passes the day's limit while the sale that reaches it is out.",
        "adapters/store/claims.py",
        "bool_or(in_doubt OR sold > 0",
        "bool_or(sold > 0",
        (LIMITS,),
    ),
    Bug(
        "a sale that was given up is not looked for once its strategy has stopped",
        "It rests at the broker, and sells later what nobody holds.",
        "adapters/store/reconciling.py",
        "or_(_doubtful_entry(), _doubtful_exit()),",
        "_doubtful_entry(),",
        (LATE,),
    ),
    Bug(
        "a sale that turns up late is only written down",
        "Its user is short, and nobody has told him.",
        "activities/late_orders.py",
        "        if row.filled_quantity > exit_.attempt.filled_quantity:\n",
        "        if row.filled_quantity < exit_.attempt.filled_quantity:\n",
        (LATE,),
    ),
    Bug(
        "a sale that turns up late and rests is left alone",
        "No run follows it: it fills when it likes.",
        "activities/late_orders.py",
        "            await broker.cancel(row.broker_order_id)\n",
        "            pass\n",
        (LATE,),
    ),
    Bug(
        "an old run takes the strategy back",
        "A worker that stood still writes after its run has ended: the living run buys nothing.",
        "adapters/store/runs.py",
        "    _refuse_an_old_run(strategy, ref)\n",
        "",
        (RUNS,),
    ),
    Bug(
        "a run that has just begun makes up for one that vanished",
        "As many runs are open as strategies run: what is held by the other is watched by nobody.",
        "activities/reconciling.py",
        "await self._runs.open_count(look.at, settled)",
        "await self._runs.open_count(look.at, now)",
        ("tests/integration/test_reconciling.py",),
    ),
    Bug(
        "what a run sold without the store is forgotten with the run",
        "Ended from outside before Postgres was back: whoever takes over sells the same shares again.",
        "activities/dealer.py",
        "        if order.adopted:\n            await self._own_strays(intent)\n",
        "",
        ("tests/unit/test_strays.py",),
    ),
    Bug(
        "a sale that was found but not written down is sent again",
        "Its row is planned, so it looks like one that was never sent.",
        "activities/strays.py",
        " if attempt.status is not OrderStatus.PLANNED}",
        "}",
        ("tests/unit/test_strays.py",),
    ),
    Bug(
        "a notice whose sender vanished is sent again",
        "Nobody knows whether it arrived: its user may be told twice.",
        "adapters/store/outbox.py",
        "        status=NoticeStatus.UNKNOWN,\n        ended_at=_NOW,",
        "        status=NoticeStatus.WAITING,\n        ended_at=None,",
        (NOTICES,),
    ),
    Bug(
        "a notice is sent again on a timeout",
        "The receiver may have taken it, and its user is told twice.",
        "domain/notice.py",
        "    if delivery.arrival is Arrival.UNKNOWN:\n        return Settled(NoticeStatus.UNKNOWN)\n"
        "    pause = again_after(attempts) if delivery.arrival is Arrival.NOT_YET else None\n",
        "    unsure = (Arrival.NOT_YET, Arrival.UNKNOWN)\n"
        "    pause = again_after(attempts) if delivery.arrival in unsure else None\n",
        (NOTICES,),
    ),
    Bug(
        "the cursor of notices runs ahead of what is committed",
        "A line that got its number first and is committed last is never told.",
        "adapters/store/outbox.py",
        "EventRow.event_id > since, EventRow.at < _NOW - BEHIND)",
        "EventRow.event_id > since)",
        (NOTICES,),
    ),
    Bug(
        "a name that leads into our own network is called",
        "A webhook's host is checked as it is written, not as it is resolved.",
        "adapters/notices/resolver.py",
        'if self._anywhere or is_outside(one["host"])]',
        'if self._anywhere or one["host"]]',
        (NOTICES,),
    ),
)
