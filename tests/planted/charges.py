"""Planted in what trades cost."""

from tests.planted.bug import Bug

CHARGES = "tests/unit/test_charges.py"
DAY_CHARGES = "tests/unit/test_day_charges.py"

CHARGE_BUGS: tuple[Bug, ...] = (
    Bug(
        "brokerage has no cap",
        "An order of a million rupees is said to cost 300 of brokerage.",
        "domain/charges.py",
        "    return min(schedule.most_brokerage, order.value * share)\n",
        "    return order.value * share\n",
        (CHARGES,),
    ),
    Bug(
        "an intraday purchase is taxed as well",
        "STT is shown twice as high as it is.",
        "domain/charge_schedule.py",
        'TradeKind.INTRADAY: Rates(_D("0.0003"), _D(0), ',
        'TradeKind.INTRADAY: Rates(_D("0.0003"), _D("0.00025"), ',
        (CHARGES,),
    ),
    Bug(
        "gst leaves sebi's fee out",
        "Every round is a little too cheap.",
        "domain/charges.py",
        "    gst = (brokerage + exchange + sebi) * schedule.gst\n",
        "    gst = (brokerage + exchange) * schedule.gst\n",
        (CHARGES,),
    ),
    Bug(
        "sales pay stamp duty",
        "Only purchases do.",
        "domain/charges.py",
        "        stamp += order.value * rates.stamp if bought else NOTHING\n",
        "        stamp += order.value * rates.stamp\n",
        (CHARGES,),
    ),
    Bug(
        "bse is charged as nse",
        "A round at BSE shows fees of another exchange.",
        "domain/charges.py",
        '"BSE": BSE, "BFO": BSE}',
        '"BSE": NSE, "BFO": NSE}',
        (CHARGES,),
    ),
    Bug(
        "days before the oldest table cost what the newest says",
        "Charges of a year whose rates are not known are made up.",
        "domain/charge_schedule.py",
        "if schedule.since <= day), None)",
        "if schedule.since <= day), SCHEDULES[0])",
        (CHARGES,),
    ),
    Bug(
        "shares of one day are charged as delivered",
        "A CNC round pays eight times the tax.",
        "domain/day_charges.py",
        "        intraday = min(order.quantity, left[order.side])\n",
        "        intraday = 0\n",
        (DAY_CHARGES,),
    ),
    Bug(
        "each round pays the depository",
        "Three sales of one share on one day pay three times.",
        "domain/day_charges.py",
        "    dp = shared(fee, from_holdings)\n",
        "    dp = [fee if sold else NOTHING for sold in from_holdings]\n",
        (DAY_CHARGES,),
    ),
    Bug(
        "each round rounds its own tax",
        "A day of small rounds is said to be free of tax.",
        "domain/day_charges.py",
        "    stt = shared(sum(owed, NOTHING).quantize(RUPEE, ROUND_HALF_UP), owed)\n",
        "    stt = [tax.quantize(RUPEE, ROUND_HALF_UP) for tax in owed]\n",
        (DAY_CHARGES,),
    ),
    Bug(
        "half a rupee of tax is rounded to the even one",
        "A day with 0.50 of tax is free of it.",
        "domain/day_charges.py",
        ".quantize(RUPEE, ROUND_HALF_UP), owed)",
        ".quantize(RUPEE), owed)",
        (DAY_CHARGES,),
    ),
    Bug(
        "the remainder of a day's tax is lost",
        "The rounds add up to less than the day.",
        "domain/day_charges.py",
        "    shares[last] = amount - sum(shares, NOTHING) + shares[last]\n",
        "",
        (DAY_CHARGES,),
    ),
)
