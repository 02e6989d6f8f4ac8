"""Planted in the books: what finished rounds came to, and what each bears of its day's charges."""

from tests.planted.bug import Bug

BOOKS = "tests/unit/test_books.py"
WRITTEN = "tests/integration/test_books.py"
ISINS = "tests/unit/test_isin.py"
KITE_ROWS = "tests/contract/test_kite_rows.py"

BOOK_BUGS: tuple[Bug, ...] = (
    Bug(
        "what was sold outside counts as nothing lost",
        "A round whose shares are gone shows a profit of zero, and the year's sum is wrong.",
        "domain/finished_round.py",
        "        if self.outside or self.sold > self.quantity or",
        "        if self.sold > self.quantity or",
        (BOOKS,),
    ),
    Bug(
        "a price that is not known is zero in the books",
        "The day of that symbol is settled with a trade left out.",
        "domain/books.py",
        "    if kind is None or any(trade.price is None for trade in trades):\n",
        "    if kind is None:\n",
        (BOOKS,),
    ),
    Bug(
        "each round pays the depository",
        "Three sales of one symbol and day show the fee three times.",
        "domain/books.py",
        "    known = {found.key: found for found in (*beside, *rounds)}\n    shares = _shares(sorted(",
        "    known = {found.key: found for found in rounds}\n    shares = _shares(sorted(",
        (BOOKS,),
    ),
    Bug(
        "two accounts settle one day",
        "The rupee of one account's tax is shared out to another's.",
        "domain/books.py",
        "_SymbolDay(found.account, found.exchange, found.symbol, day)",
        '_SymbolDay("", found.exchange, found.symbol, day)',
        (BOOKS,),
    ),
    Bug(
        "a round's parts are rounded one by one",
        "The rounds of a day add up to some paise more or less than the day.",
        "domain/books.py",
        "    return _in_paise(charges_of_day(known, schedule))\n",
        "    return [charges.in_paise() for charges in charges_of_day(known, schedule)]\n",
        (BOOKS,),
    ),
    Bug(
        "a fill after the end is not in the books",
        "A round whose price came late has no result for ever.",
        "adapters/postgres/fills.py",
        "    if _may_have_ended(unit.strategy, row):\n",
        "    if _may_have_ended(unit.strategy, row) and grown:\n",
        (WRITTEN,),
    ),
    Bug(
        "a round that was bought again is forgotten",
        "Of a day with five rounds the books have the last.",
        "adapters/postgres/runs.py",
        "    book(unit, again.after, again.detail, 0)\n",
        "",
        (WRITTEN,),
    ),
    Bug(
        "a round that was never bought is written down",
        "The last result of a day is in the books twice.",
        "adapters/postgres/run_ends.py",
        "    return not unit.strategy.bought_quantity and not _was",
        "    return not _was",
        (WRITTEN,),
    ),
    Bug(
        "kept shares cost nothing when they are sold",
        "Their sale shows no result.",
        "adapters/postgres/finished_rounds.py",
        ', "entry_price": strategy.entry_price}',
        "}",
        (WRITTEN,),
    ),
    Bug(
        "an isin with a wrong digit is stored",
        "A tax return names a share that does not exist.",
        "adapters/kite/holdings.py",
        'is_isin(isin := text_or_empty(row, "isin")):',
        '(isin := text_or_empty(row, "isin")):',
        (KITE_ROWS,),
    ),
    Bug(
        "a share keeps its isin when it is split",
        "What was traded afterwards is reported under a number that is gone.",
        "domain/isin.py",
        "        return before[-1].isin\n",
        "        return before[0].isin\n",
        (ISINS,),
    ),
    Bug(
        "a day between two isins is given the first",
        "The day of the split is not known, and the report says it.",
        "domain/isin.py",
        "    if before and (not after or day <= before[-1].last_seen):\n",
        "    if before:\n",
        (ISINS,),
    ),
    Bug(
        "two rows with two isins are taken for one share",
        "Whichever comes first is reported.",
        "adapters/kite/holdings.py",
        " for share, isins in named.items() if len(isins) == 1}",
        " for share, isins in named.items()}",
        (KITE_ROWS,),
    ),
    Bug(
        "a day that was stopped before it came is in the books",
        "STOP on Friday evening: Monday stands in the report, and is the last day of the strategy.",
        "adapters/postgres/run_ends.py",
        " and not _was_ended_ahead(unit, request)\n",
        "\n",
        ("tests/unit/test_run_ends.py",),
    ),
    Bug(
        "a sale in slices is as late as its first",
        "Three seconds of an exit above the freeze quantity are shown as four milliseconds.",
        "adapters/postgres/finished_rounds.py",
        "    return max(late) if len(slices) > 1 else late[0]\n",
        "    return late[0]\n",
        ("tests/unit/test_slice_lateness.py",),
    ),
)
