"""Planted in where stops and targets stand, and in what is believed of a price."""

from tests.planted.bug import Bug

STANDING = "tests/unit/test_standing.py"
CONTRACT = "tests/language/test_against_the_contract.py"
PEAKS = "tests/integration/test_peaks.py"
SALES = "tests/unit/test_stop_sales.py"
DAY = "tests/unit/test_day.py"
MISSED = "tests/unit/test_missed_peaks.py"

TRIGGER_BUGS: tuple[Bug, ...] = (
    Bug(
        "a stop from the fill is rounded down",
        "It sells a tick too low, each time.",
        "domain/standing.py",
        "            first = tick_above(entry - terms.stop.of(entry), tick)\n",
        "            first = tick_below(entry - terms.stop.of(entry), tick)\n",
        (STANDING, CONTRACT),
    ),
    Bug(
        "a trailing stop falls below the first one",
        "The price falls at once: the stop that was asked for does not stand.",
        "domain/standing.py",
        "        stop = max((at for at in (self.first, *raised) if at is not None), default=None)\n",
        "        stop = max(raised, default=self.first)\n",
        (STANDING, CONTRACT),
    ),
    Bug(
        "a stop passes the peak",
        "It sells at the very price that raised it.",
        "domain/standing.py",
        "        return min(peak, tick_above(earned, self.tick))\n",
        "        return tick_above(earned, self.tick)\n",
        (STANDING, CONTRACT),
    ),
    Bug(
        "a rung counts before the peak has reached it",
        "The stop is raised to cost while the price is below it: sold at once.",
        "domain/standing.py",
        "for after, keep in self.rungs if peak >= after)\n",
        "for after, keep in self.rungs)\n",
        (STANDING, CONTRACT),
    ),
    Bug(
        "a step counts before it is full",
        "A stepped stop rises a step early, and sells early.",
        "domain/standing.py",
        "        steps = (peak - self.entry) // self.every\n",
        "        steps = (peak - self.entry) // self.every + 1\n",
        (STANDING, CONTRACT),
    ),
    Bug(
        "the target comes before the stop",
        "Of a price at both the loss is told as a profit.",
        "domain/standing.py",
        "        return stop + target\n",
        "        return target + stop\n",
        (STANDING,),
    ),
    Bug(
        "a frame's prices raise stops after they were judged",
        "A rise and a fall that come together: the fall is judged by the old stop.",
        "listener/trigger_index.py",
        "            self._raise(instrument, seen.price)\n",
        "            pass\n",
        (CONTRACT,),
    ),
    Bug(
        "a peak is forgotten with its listener",
        "The listener dies: the next one's stop is where it was in the morning.",
        "adapters/postgres/watch_list.py",
        '        peak=row["peak"],\n',
        "        peak=None,\n",
        (PEAKS,),
    ),
    Bug(
        "a peak falls",
        "Two listeners at a change of hands: the lower one's word takes the stop down.",
        "migrations/versions/0024_terms.py",
        "THEN greatest(known.price, excluded.price)",
        "THEN excluded.price",
        (PEAKS,),
    ),
    Bug(
        "a peak of an earlier day counts",
        "The next day's stop stands above the price: it is sold at once.",
        "migrations/versions/0024_terms.py",
        "price = CASE WHEN known.run_id = excluded.run_id THEN",
        "price = CASE WHEN true THEN",
        (PEAKS,),
    ),
    Bug(
        "an event sells for whatever trigger its price hits",
        "A stop's event at the target sells, and says that the stop was hit.",
        "domain/scheduled_order.py",
        "trigger.kind is hit.kind and trigger.is_hit(hit.price)",
        "trigger.is_hit(hit.price)",
        (SALES,),
    ),
    Bug(
        "a run believes a TARGET at any price",
        "A forged signal sells far below the target.",
        "domain/day.py",
        "        return PriceTrigger(kind, level).is_hit(hit.price)\n",
        "        return kind is TriggerKind.TARGET or PriceTrigger(kind, level).is_hit(hit.price)\n",
        (DAY,),
    ),
    Bug(
        "the user's keep comes before a target that was hit",
        "The sale that another worker has sent already is told as kept.",
        "domain/day.py",
        "        return Reason.TARGET if self.target is not None else None\n",
        "        return None\n",
        (DAY,),
    ),
    Bug(
        "a high of before the fill raises the peak",
        "The stop follows a price at which nothing was held yet: it is sold at once.",
        "listener/missed_peaks.py",
        "    return whole if whole == instant else whole + MINUTE\n",
        "    return whole\n",
        (MISSED,),
    ),
    Bug(
        "what was missed without a listener is not asked for",
        "A stop that should have risen lets the gain go.",
        "listener/price_monitor.py",
        "        self._missed.ask(watched, watched.peak_since)\n",
        "",
        (MISSED,),
    ),
    Bug(
        "what was missed without a feed is not asked for",
        "The same, each time the connection breaks.",
        "listener/price_monitor.py",
        "            self._look_up_missed([instrument], self._lost_at.pop(instrument, None))\n",
        "            self._lost_at.pop(instrument, None)\n",
        (MISSED,),
    ),
)
