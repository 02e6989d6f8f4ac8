"""Refusals of the use cases, classified by what the caller should do.

ServiceError
├── Unauthorized     log in, or renew the token
├── BadLink          ask for a new link
├── Conflict         change what the words name, then ask again
├── Invalid          correct the fields it carries
├── NotFound         nothing: the id is unknown, or another user's
├── NotSetUp         nothing: this server lacks what its operator has to set up
├── BrokerRejected   log in at the broker again
├── TooMany          wait `seconds`: it was tried too often
└── TryLater         wait `seconds`: a part is busy or does not answer

Each has a `code` for programs, and words for a person. An entry point translates them in one place
(`api.http.errors`). Other errors of `domain.errors` pass through the use cases as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import StopwatchError

RETRY_SECONDS = 3


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field, in words its sender can act on."""

    field: str
    code: str
    message: str


class ServiceError(StopwatchError):
    """A use case refuses what it was asked for. `detail` is a sentence for a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Unauthorized(ServiceError):
    """The same words whatever is wrong with a token: an attacker learns nothing from them."""

    def __init__(self, code: str = "unauthorized", detail: str = "") -> None:
        super().__init__(
            code, detail or "This call needs a valid access token: log in, or refresh the token you have."
        )


class BadLink(ServiceError):
    """A link is not from here, or has expired."""


class Conflict(ServiceError):
    """Expected: what is there now does not allow it."""


class Invalid(ServiceError):
    """Carries every wrong field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        one = errors[0] if len(errors) == 1 else None
        fields = ", ".join(dict.fromkeys(error.field for error in errors))
        super().__init__(
            one.code if one else "invalid",
            f"{one.field}: {one.message}" if one else f"Please correct: {fields}.",
        )
        self.errors = tuple(errors)


class NotFound(ServiceError):
    """The id is unknown, or another user's: the same answer."""

    def __init__(self, what: str = "strategy") -> None:
        super().__init__("not_found", f"You have no {what} with this id.")


class NotSetUp(ServiceError):
    """The operator has not set up what is asked for."""


class BrokerRejected(ServiceError):
    """The broker refuses the login."""


class TooMany(ServiceError):
    """It was tried too often; carries when it may be tried again.

    `bound` says how often a call may be made ("30 times in 10 minutes").
    """

    def __init__(
        self, seconds: int, code: str = "too_many_attempts", detail: str = "", *, bound: str = ""
    ) -> None:
        often = f"This call may be made {bound}." if bound else "That was tried too often."
        super().__init__(code, detail or f"{often} Try again {_in(seconds)}.")
        self.seconds = seconds


class TryLater(ServiceError):
    """A part is busy or does not answer; carries when to try again."""

    def __init__(self, detail: str, code: str = "unavailable", seconds: int = RETRY_SECONDS) -> None:
        super().__init__(code, detail)
        self.seconds = seconds


def _in(seconds: int) -> str:
    if seconds < 120:
        return f"in {seconds} seconds" if seconds > 1 else "in a second"
    return f"in {-(-seconds // 60)} minutes"
