"""Planted in what names things: logins, accounts, ids and STARTs that are used twice, or by another."""

from tests.planted.bug import Bug

ACCOUNTS = "tests/contract/test_kite_accounts.py"
WATCH = "tests/integration/test_store_watch.py"
KEYS = "tests/integration/test_api_idempotency.py"
STARTS = "tests/integration/test_starts.py"
BROKER = "tests/integration/test_api_broker.py"

IDENTITY_BUGS: tuple[Bug, ...] = (
    Bug(
        "the number of a login comes back",
        "A cached login of a forgotten account passes for the new one's.",
        "adapters/postgres/accounts.py",
        '            "login_version": LOGIN_VERSIONS.next_value(),\n',
        '            "login_version": 1,\n',
        (WATCH,),
    ),
    Bug(
        "a renewal counts on by itself",
        "The next login that is stored may get the same number.",
        "adapters/postgres/credentials.py",
        "                login_version=LOGIN_VERSIONS.next_value(),\n",
        "                login_version=BrokerKeys.login_version + 16,\n",
        (WATCH,),
    ),
    Bug(
        "the account of an order is not looked at",
        "Whichever is connected gets it: shares are bought and sold in another account.",
        "adapters/kite/brokers.py",
        "    return not wanted or account.name == wanted\n",
        "    return True\n",
        (ACCOUNTS,),
    ),
    Bug(
        "the cache compares the number of a login alone",
        "Another account under the same number goes unnoticed.",
        "adapters/kite/brokers.py",
        "        return await self._credentials.newest(user_id) != LoginName(name, broker.login_version)\n",
        "        newest = await self._credentials.newest(user_id)\n"
        "        return newest is None or newest.version != broker.login_version\n",
        (ACCOUNTS,),
    ),
    Bug(
        "an intent forgets its account",
        "What is held, adopted or sold by the fast path goes to whichever account is connected.",
        "adapters/postgres/order_rows.py",
        "        account=terms.account,\n",
        "",
        ("tests/integration/test_store_armed.py",),
    ),
    Bug(
        "the key of a deleted strategy makes its id again",
        "Its orders get tags that the broker has seen: a new sale is found as the old one.",
        "migrations/versions/0013_identity.py",
        "    INSERT INTO public.used_strategy_ids (strategy_id) VALUES (NEW.strategy_id);\n",
        "",
        (KEYS,),
    ),
    Bug(
        "a run believes its message",
        "Anything that reaches Temporal's port trades what it likes.",
        "adapters/postgres/runs.py",
        "            _refuse_another_start(written.start, request)\n",
        "            pass\n",
        (STARTS,),
    ),
    Bug(
        "a START need not be written down",
        "A strategy that was only created is traded.",
        "adapters/postgres/runs.py",
        "    if written is None:\n        _refuse_an_unwritten_start(unit, request)\n",
        "",
        (STARTS,),
    ),
    Bug(
        "a copied START is carried out a second time",
        "Two runs of one START are open, and the second takes the strategy.",
        "adapters/postgres/runs.py",
        "    _refuse_another_workflow(request)\n    if written",
        "    if written",
        (STARTS,),
    ),
    Bug(
        "a START that has ended begins again",
        "What its user stopped is bought after all.",
        "adapters/postgres/runs.py",
        "        _refuse_what_is_over(unit, request)\n",
        "",
        (STARTS,),
    ),
    Bug(
        "an account is forgotten while a START is on its way",
        "The strategy runs without an account that could sell.",
        "services/broker/forgetting.py",
        "        if not (starting or running):\n",
        "        if not running:\n",
        (BROKER,),
    ),
)
