"""Planted in what an order goes through: when it may be sent, what became of it, how much is sold."""

from tests.planted.bug import DESK, LATE, LEG, OUTCOMES, SINGLES, TOGETHER, Bug

ORDER_BUGS: tuple[Bug, ...] = (
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
        "            positions, free = Listing(), intent.wanted\n"
        "        held = ",
        (TOGETHER,),
    ),
    Bug(
        "an unreadable order book is an empty one",
        "An entry is given up as absent although nobody could look.",
        "activities/desk.py",
        "        except (BrokerUnavailable, BrokerRefused):\n            return None\n",
        "        except (BrokerUnavailable, BrokerRefused):\n            return Listing()\n",
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
        "a signal handler that raises",
        "Garbage leaves the run's workflow task failing for ever.",
        "domain/messages.py",
        "    if not isinstance(message, Mapping):\n        return None\n    price = ",
        "    if not isinstance(message, Mapping):\n        raise TypeError(message)\n    price = ",
        (SINGLES,),
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
        "a send that a cancellation cuts short",
        "The broker's no is lost, and the entry is in doubt for two minutes.",
        "activities/sending.py",
        "            await asyncio.shield(call)",
        "            await call",
        (DESK,),
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
        "an unanswered send is forgotten when Postgres goes away",
        "The run sells alone, at once, while the first order is still on its way.",
        "activities/sending.py",
        "        if not isinstance(outcome, Unknown):\n            self._unanswered.discard(intent.key)\n",
        "        self._unanswered.discard(intent.key)\n",
        (TOGETHER,),
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
        "a sale without Postgres takes an ordinary number",
        "One tag for two orders: the second is taken for the first.",
        "activities/off_books.py",
        "    return OFF_BOOKS_BLOCK * (tries + 1)",
        "    return OFF_BOOKS_BLOCK + tries",
        ("tests/unit/test_off_books_numbers.py",),
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
)
