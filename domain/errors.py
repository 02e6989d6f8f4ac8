"""The errors of the product, sorted by what the caller should do.

StopwatchError
├── Unavailable            wait and try again; nothing is known
│   ├── StoreUnavailable       Postgres
│   ├── CacheUnavailable       Redis
│   └── BrokerUnavailable      the broker did not answer a read, or answered nonsense
│       └── InstrumentUnreadable   its list is there, but that one instrument's line cannot be read
├── LoginNeeded            the user must log in at the broker; trying again is useless until then
│   └── AccountNotConnected    the account an order belongs to is not the connected one
├── BrokerRefused          the broker read the request and said no
├── BrokerNotConnected     no credentials are stored
├── SecretUnreadable       a sealed secret does not open: wrong key, or a row that was tampered with
├── NoSuchRun              no run of this strategy is open
├── AnotherRun             the strategy is running already, in a run of another day
├── ForeignStart           a run's START is not the one that was written down: it owns nothing
├── CalendarUnknown        no calendar data for that day: nothing may be assumed
├── IllegalMove            a state table has no such edge: a bug, stop this strategy
└── InvalidStrategy        the user's input is wrong; carries the field
"""

from domain.part_refusal import PartRefusal


class StopwatchError(Exception):
    """An error that this product handles."""


class Unavailable(StopwatchError):
    """A dependency did not answer, or refused to. Nothing is known; try again later."""

    def __init__(self, *words: object, refusal: PartRefusal | None = None) -> None:
        super().__init__(*words)
        self.refusal = refusal
        """Why a part that answers refuses what is to be written; None where it does not answer."""


class StoreUnavailable(Unavailable):
    """Postgres did not answer."""


class StandsStill(StopwatchError):
    """A process runs without doing its work. The message says since when, what that means, what to do."""

    code = "stands_still"


class NoWorker(StandsStill):
    """No worker is there that takes a new run."""

    code = "no_worker"


class CacheUnavailable(Unavailable):
    """Redis did not answer."""


class BrokerUnavailable(Unavailable):
    """The broker did not answer a read, or its answer could not be understood."""


class InstrumentUnreadable(BrokerUnavailable):
    """One line of the broker's instrument list is unreadable; the others are not. Says what is wrong."""

    def __init__(self, exchange: str, symbol: str, wrong: str) -> None:
        super().__init__(f"the broker's instrument list cannot be read at {exchange}:{symbol}: {wrong}")
        self.wrong = wrong


class LoginNeeded(StopwatchError):
    """The broker's access token is dead. Only the user's next login helps."""


class AccountNotConnected(LoginNeeded):
    """Another broker account than the one an order belongs to is connected, or none.

    Only the user can resolve it, as with a dead login: code that waits for a login waits for this as well.
    """

    def __init__(self, account: str, connected: str | None) -> None:
        now = f"{connected} is connected now" if connected else "no account is connected now"
        super().__init__(
            f"the order belongs to the broker account {account}, and {now}: connect {account} again"
        )
        self.account = account


class BrokerRefused(StopwatchError):
    """The broker understood the request and refused it; the message is the broker's."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class BrokerNotConnected(StopwatchError):
    """No broker credentials are stored for this user."""


class SecretUnreadable(StopwatchError):
    """A sealed secret does not open with any of our keys in the row it was found in."""


class NoSuchRun(StopwatchError):
    """No run of this strategy is open: it ended, or was never started."""


class AnotherRun(StopwatchError):
    """The strategy is running already, or still holds the shares of a run that was ended from outside."""


class ForeignStart(StopwatchError):
    """A run's START is not the one that was written down, or is not this run's to carry out."""


class CalendarUnknown(StopwatchError):
    """The calendar holds no data for that day; it is never assumed to be a trading day."""


class IllegalMove(StopwatchError):
    """A state table has no such edge."""


class InvalidStrategy(StopwatchError):
    """One field of a strategy is wrong; the message says what would be right."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class PlanIsOld(Exception):
    """The terms of a series, or its days, have changed since its next day was planned: plan again."""
