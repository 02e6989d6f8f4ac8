"""The state of a run's trading day. Events update it, questions read it; it does nothing itself.

Many things may be ready at once: SELL time, a stop-loss, a target, STOP, a cancellation. The day takes one:
the stop-loss first, then the target, then the user's request, then the clock.
"""

from dataclasses import dataclass
from decimal import Decimal

from domain.limits import OPERATOR_STOPS, LimitName, limit_words
from domain.money import price_text
from domain.order import Reason
from domain.reentry import Again, RoundEnd
from domain.run import (
    Activation,
    Adoption,
    Entered,
    Exited,
    GoesOn,
    PriceHit,
    Release,
    RunView,
    StartRun,
)
from domain.standing import Fills, Standing, standing
from domain.strategy import Move, OnStop, Outcome, Phase, Position, Status, next_phase
from domain.trigger import PriceTrigger, TriggerKind

_ADOPTED = {
    Adoption.TERMINATED: "the run was terminated from outside",
    Adoption.LATE_ENTRY: "the entry turned up at the broker after the strategy had stopped",
}
RELEASES = "Stop the strategy and have them sold, or stop it and keep them: then they are your own."


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How the day ended: the outcome and its text."""

    outcome: Outcome
    detail: str
    position: Position


class Day:
    """The state of one run. Events are methods named after them; everything else is a question."""

    def __init__(self, start: StartRun) -> None:
        self.start = start
        self.sell_at = start.plan.sell_at
        self.closes_at = start.plan.closes_at
        self.opens_at = start.plan.sell_at if start.sell_only else None
        """When the market opens for a sale of an earlier day's shares: nothing is sent before."""
        self.words = 0
        """How often the user has asked for the end, a stop or a sale: each may lift a refusal."""
        self.slept = ""
        """Why nothing was tried when the sale was due, in words; empty where something was."""
        self.phase = Phase.WAITING
        self.round = 0
        self.bought = 0
        self.sold = 0
        self.gone = 0
        """Shares that were gone at the broker before they could be sold here, as the last exit found."""
        self.series_over = False
        """The series that it is a day of had ended before it began, and nothing is held."""
        self.cancelled = False
        self.stopper = ""
        """Who has stopped it, in words, where that was not its user: a limit of the account, the operator."""
        self.stop_loss: PriceHit | None = None
        self.target: PriceHit | None = None
        self.conclusion: Conclusion | None = None
        self._stop_asked = start.adopted is not None or start.release is Release.KEEP
        self._ended = self._stop_asked
        """Somebody has ended it: a limit of the account stops a day, not the days that follow."""
        self._on_stop: OnStop | None = OnStop.KEEP if start.release is Release.KEEP else None
        self._entered: Entered | None = None
        self._exited: Exited | None = None
        self._unsettled = False
        self._kept = False
        self._fault = ""

    # What happened.

    def activated(self, activation: Activation) -> None:
        self.round = activation.round
        self.bought = activation.held
        self.series_over = activation.series_over and not activation.held

    def asked_to_stop(self, on_stop: OnStop | None, limit: LimitName | None = None) -> None:
        """Take the user's STOP, or that of a limit of the account; the newest word on the shares counts."""
        if limit is not None and not self._stop_asked:
            self.stopper = limit_words(limit)
        self._ended = self._ended or limit is None
        self._stop_asked = True
        self._on_stop = on_stop or self._on_stop
        self.words += 1

    def operator_stops(self) -> None:
        """Take that the operator's kill switch stops it next, unless its user has already."""
        if not self._stop_asked:
            self.stopper = OPERATOR_STOPS

    def asked_again(self) -> None:
        """Take the user's word to sell, given once more: a sale that is refused is tried at once."""
        self.words += 1

    def cancel_asked(self) -> None:
        """Take a cancellation from outside: a stop by the strategy's own on_stop."""
        self._stop_asked = self._ended = self.cancelled = True
        self.words += 1

    def hit(self, hit: PriceHit, kind: TriggerKind = TriggerKind.STOP, *, entry_is_due: bool) -> bool:
        """Take a STOPLOSS or a TARGET; False when it is ignored.

        That is where nothing can be held yet, or where the price is not at the trigger.
        """
        if self.phase is Phase.WAITING or self.phase is Phase.DONE:
            return False
        if self.phase is Phase.ENTERING and not entry_is_due:
            return False
        if not self._is_at(hit, kind):
            return False
        if kind is TriggerKind.STOP:
            self.stop_loss = self.stop_loss or hit
        else:
            self.target = self.target or hit
        return True

    def standing(self, peak: Decimal | None = None) -> Standing:
        """Return where stop and target stand, as far as the run knows what was filled."""
        strategy = self.start.strategy
        entry = self._entered.average_price if self._entered is not None else None
        return standing(strategy.stop_loss, strategy.terms, Fills(entry, peak, self.start.plan.tick))

    def _is_at(self, hit: PriceHit, kind: TriggerKind) -> bool:
        stands = self.standing(hit.peak)
        level = stands.stop if kind is TriggerKind.STOP else stands.target
        if level is None:
            # Measured from a fill of which the run has not heard yet: the listener has, by what it watches.
            return self._measures(kind) and self.phase is Phase.ENTERING
        return PriceTrigger(kind, level).is_hit(hit.price)

    def _measures(self, kind: TriggerKind) -> bool:
        """Tell whether stop or target are measured from the fill."""
        terms = self.start.strategy.terms
        if kind is TriggerKind.STOP:
            return terms.stop is not None
        return terms.target is not None and terms.target.distance is not None

    def entered(self, entered: Entered) -> None:
        self._entered = entered
        self.bought = entered.filled

    def exited(self, exited: Exited) -> None:
        """Take the exit's progress; sold and missing shares only grow."""
        self._exited, self._unsettled = exited, False
        self.sold = max(self.sold, exited.sold)
        self.gone = max(self.gone, exited.outside)

    def left_unsettled(self) -> None:
        """Take that it could not be found out what the day's sales came to: one may be under way."""
        self._unsettled = True

    def left(self) -> None:
        """Take that the exit is over: what is kept now is kept, whatever price comes."""
        self._kept = self.keeps

    def goes_on(self, session: GoesOn) -> None:
        """Take the session in which the day goes on that was slept through."""
        self.slept = session.words
        self.opens_at = session.opens_at
        self.sell_at = session.sell_at or self.sell_at
        self.closes_at = session.closes_at or self.closes_at

    def broke(self, fault: str) -> None:
        """Take an internal fault: the day proceeds to its exit, and reports the fault at the end."""
        self._fault = fault

    def move(self, move: Move) -> Phase:
        self.phase = next_phase(self.phase, move)
        return self.phase

    # What it means.

    @property
    def purchase_words(self) -> str:
        """What is to be said of the purchase beside what is held; empty where there is nothing."""
        return self._entered.detail if self._entered is not None and self._entered.filled else ""

    @property
    def was_tried(self) -> bool:
        """Tell whether an order of the sale was ever sent, as far as the last exit found."""
        return self._exited is not None and self._exited.tried > 0

    @property
    def outside(self) -> int:
        """Shares that were sold, squared off or converted outside this run."""
        return min(self.gone, self.bought - self.sold)

    @property
    def held(self) -> int:
        return self.bought - self.sold - self.outside

    @property
    def position(self) -> Position:
        if not self.bought:
            return Position.NONE
        return Position.BOUGHT if self.held else Position.SOLD

    @property
    def limited(self) -> bool:
        """Tell whether it was stopped by a limit of the account alone: a series goes on with its next day."""
        return self._stop_asked and not self._ended

    @property
    def stop_asked(self) -> bool:
        """Whether its end was asked for: by the user, from outside, or by who took it over."""
        return self._stop_asked

    @property
    def leaving(self) -> bool:
        """Whether the user or the price demands an immediate exit."""
        return self._stop_asked or self._by_price is not None

    @property
    def keeps(self) -> bool:
        """Whether the shares are to be kept.

        Before the exit stop-loss and target come first; then only the user's request.
        """
        if not self._stop_asked:
            return False
        if self.phase is Phase.EXITING:
            return self._on_stop is OnStop.KEEP
        wish = self._on_stop or self.start.strategy.on_stop
        return wish is OnStop.KEEP and self._by_price is None

    @property
    def _by_price(self) -> Reason | None:
        """The trigger that a price has hit; of both the stop."""
        if self.stop_loss is not None:
            return Reason.STOPLOSS
        return Reason.TARGET if self.target is not None else None

    @property
    def exit_reason(self) -> Reason | None:
        """The reason to sell at once; None leaves the exit to sell_time."""
        if self._by_price is not None:
            return self._by_price
        return Reason.STOP if self._stop_asked or self.start.sell_only else None

    def conclude(self) -> Conclusion:
        """Return how the day ended."""
        self.conclusion = Conclusion(*self._outcome(), self.position)
        return self.conclusion

    def _outcome(self) -> tuple[Outcome, str]:
        if self.held and (self.keeps or self._kept):
            return Outcome.KEPT, self._kept_words()
        if self.held:
            return Outcome.ORDER_FAILED, self._left_over()
        if self.bought:
            return self._sold_for()
        return self._nothing_bought()

    def _kept_words(self) -> str:
        kept = f"{self.held} {self.start.strategy.symbol} kept, as asked"
        gone = f"; {self._gone_words()}" if self.outside else ""
        return f"{kept}{gone}{self._doubt()}"

    def _left_over(self) -> str:
        if self.start.release is not None:
            return f"{self.held} {self.start.strategy.symbol} are still held. {RELEASES}"
        if self.slept and not self.was_tried:
            return f"{self.held} {self.start.strategy.symbol} are still held. {self.slept}"
        why = self._fault or (self._exited.detail if self._exited else "")
        left = f"{self.held} of {self.bought} {self.start.strategy.symbol} could not be sold"
        gone = f" {self._gone_words()[0].upper()}{self._gone_words()[1:]}." if self.outside else ""
        return f"{left} before the market closed and are still held. {why}".strip() + gone + self._doubt()

    def _doubt(self) -> str:
        if not (self._unsettled or (self._exited is not None and self._exited.in_doubt)):
            return self._doubtful_purchase()
        return "; an order to sell them is in doubt, so look at the account at the broker"

    def _doubtful_purchase(self) -> str:
        """Say that an order of the purchase may yet turn out to be filled, beside those that were."""
        if self._entered is None or not self._entered.in_doubt:
            return ""
        return (
            "; another order of the purchase is in doubt: it was sent, never answered, and is in no order "
            "book. Look at the account at the broker; it is watched until the market closes"
        )

    def _sold_for(self) -> tuple[Outcome, str]:
        if not self.sold:
            return Outcome.CLOSED_OUTSIDE, self._gone_words()
        if self.start.adopted is not None:
            return self._adopted_outcome(), f"{_ADOPTED[self.start.adopted]}; {self._sold_words()}"
        reason = (self._exited.reason if self._exited else None) or self.exit_reason or Reason.SELL
        if reason is Reason.STOP and self.cancelled:
            return Outcome.CANCELLED, f"cancelled; {self._sold_words()}"
        if reason.by_price:
            return reason.outcome, f"{self.price_words(reason)}; {self._sold_words()}"
        if reason is Reason.STOP and self.stopper:
            return reason.outcome, f"{self.stopper}; {self._sold_words()}"
        return reason.outcome, self._sold_words()

    def _sold_words(self) -> str:
        price = self._exited.average_price if self._exited else None
        at = f" at {price_text(price)}" if price else ""
        gone = f"; {self._gone_words()}" if self.outside else ""
        return f"sold {self.sold} {self.start.strategy.symbol}{at}{gone}{self._doubtful_purchase()}"

    def _gone_words(self) -> str:
        were = "was" if self.outside == 1 else "were"
        return (
            f"{self.outside} of {self.bought} {self.start.strategy.symbol} {were} gone at the broker before "
            "they were sold here (sold by hand, squared off or converted): nothing more is sold"
        )

    def price_words(self, reason: Reason) -> str:
        """Say which price was at the stop or the target, as far as the run was told."""
        is_stop = reason is Reason.STOPLOSS
        hit = self.stop_loss if is_stop else self.target
        stands = self.standing(hit.peak if hit is not None else None)
        level = stands.stop if is_stop else stands.target
        name, side = ("stop", "below") if is_stop else ("target", "above")
        at = f"the {name}{f' {price_text(level)}' if level is not None else ''}"
        return (
            f"the price was {price_text(hit.price)}, at or {side} {at}" if hit else f"the price reached {at}"
        )

    def _adopted_outcome(self) -> Outcome:
        late = self.start.adopted is Adoption.LATE_ENTRY
        return Outcome.ORDER_FAILED if late else Outcome.TERMINATED

    def _nothing_bought(self) -> tuple[Outcome, str]:
        if self.start.adopted is not None:
            return self._adopted_outcome(), f"{_ADOPTED[self.start.adopted]}; nothing is held"
        if self.start.again is not None and not (self._entered and self._entered.in_doubt):
            return self._not_bought_again(self.start.again)
        if self._entered and self._entered.outcome and not self._cut_short():
            return self._entered.outcome, self._entered.detail
        if self._stop_asked:
            return self._stopped(f" before anything was bought{self._open_order()}")
        if self._by_price is not None:
            words = self.price_words(self._by_price)
            return Outcome.SKIPPED, f"{words}, before anything was bought{self._open_order()}"
        return Outcome.ORDER_FAILED, self._fault or "nothing was bought"

    def _not_bought_again(self, again: Again) -> tuple[Outcome, str]:
        """Return the outcome of a day whose last round was sold, and that bought no more."""
        if self._stop_asked:
            return self._stopped(f"{self._open_order()}; before, {again.detail}")
        why = self._fault or (self._entered.detail if self._entered else "")
        return again.after, f"{again.detail}; not bought again{f': {why}' if why else ''}"

    def _stopped(self, words: str) -> tuple[Outcome, str]:
        """Return the outcome of a day that was stopped, and who has stopped it."""
        if self.cancelled:
            return Outcome.CANCELLED, f"cancelled from outside{words}"
        return Outcome.STOPPED, f"{self.stopper or 'stopped by the user'}{words}"

    def _open_order(self) -> str:
        """Say what became of an order that was open as the run was told to leave."""
        return f"; {self._entered.detail}" if self._entered and self._entered.cut_short else ""

    def _cut_short(self) -> bool:
        """Tell whether a stop has ended the entry: of its outcome only a doubt about its orders counts."""
        entered = self._entered
        if entered is None or entered.in_doubt or not self.leaving:
            return False
        return entered.cut_short or entered.outcome in (Outcome.ORDER_FAILED, Outcome.STOPPED)

    def round_end(self) -> RoundEnd:
        """Return how the round ended, as far as its sales and the user's words say."""
        outcome, detail = self._outcome()
        sold = bool(self.bought) and self.sold == self.bought and not self.outside
        doubt = self._unsettled or self._exited is None or self._exited.in_doubt or bool(self._fault)
        doubt = doubt or (self._entered is not None and self._entered.in_doubt)
        asked = self._stop_asked or self.start.sell_only
        price = self._entered.average_price if self._entered is not None else None
        return RoundEnd(outcome, detail, price, sold and not doubt and not asked)

    def view(self) -> RunView:
        """Return the run's state."""
        end = self.conclusion
        return RunView(
            status=Status.STOPPED if end else Status.RUNNING,
            phase=self.phase,
            position=self.position,
            round=self.round,
            held=self.held,
            bought=self.bought,
            sold=self.sold,
            outcome=end.outcome if end else None,
            detail=end.detail if end else "",
        )
