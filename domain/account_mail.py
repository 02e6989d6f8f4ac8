"""Mails about an account itself: which are sent, to whom, with which link, and how many.

| purpose | asked by | the address is | then is mailed |
|---|---|---|---|
| `verify` | register, `/auth/verify/send`, a mail channel | not verified yet | `#/verify/…`, for 24 hours |
| `reset` | `POST /auth/forgot`, by anyone | verified | `#/reset/…`, for 30 minutes |
| `reset` | the same | not verified yet | as for `verify`: nothing else goes there |
| `reset` | the same | that of no account | nothing |
| `changed` | a reset that was carried out | verified | that it was, without a link |

At most `MOST_AN_HOUR` mails with a link go to one address in an hour, from all who ask together. `changed` is
not counted: a stranger who asks often keeps no user from learning that the password was changed. A link is
good once. Its token is 256 random bits, made where it is mailed and stored as a hash; it stands behind the #
of the app's address, so that no server and no log on its way sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class MailPurpose(StrEnum):
    """What a mail about an account is for."""

    VERIFY = "verify"
    RESET = "reset"
    CHANGED = "changed"


TOKEN_LIVES: Mapping[MailPurpose, timedelta] = {
    MailPurpose.VERIFY: timedelta(hours=24),
    MailPurpose.RESET: timedelta(minutes=30),
}
"""How long a link is good, from its mail on."""
MOST_AN_HOUR = 3
MAIL_KEPT = timedelta(hours=1)
"""What was asked for and not mailed by then is forgotten, as is the record of what was mailed."""


@dataclass(frozen=True, slots=True)
class AskedMail:
    """What was asked for, and what is known of the address; `verified` is None without an account."""

    purpose: MailPurpose
    verified: bool | None
    sent_lately: int
    """Mails with a link to this address in the last hour."""


def mail_to_send(asked: AskedMail) -> MailPurpose | None:
    """Return which mail is sent for what was asked; None: nothing is."""
    if asked.verified is None:
        return None
    if asked.purpose is MailPurpose.CHANGED:
        return MailPurpose.CHANGED if asked.verified else None
    if asked.sent_lately >= MOST_AN_HOUR:
        return None
    if not asked.verified:
        return MailPurpose.VERIFY
    return MailPurpose.RESET if asked.purpose is MailPurpose.RESET else None


def link_of(app: str, purpose: MailPurpose, token: str) -> str:
    """Return a link into the app; the token stands behind the #."""
    return f"{app.rstrip('/')}/app#/{purpose}/{token}"


@dataclass(frozen=True, slots=True)
class MailWords:
    """Subject and text of a mail."""

    subject: str
    text: str = field(repr=False)


def words_of(purpose: MailPurpose, link: str) -> MailWords:
    """Return subject and text of a mail; `link` is empty where there is none."""
    subject, text = _WORDS[purpose]
    return MailWords(subject, text.format(link=link))


_WORDS: Mapping[MailPurpose, tuple[str, str]] = {
    MailPurpose.VERIFY: (
        "Stopwatch: confirm your e-mail address",
        "An account of Stopwatch was registered with this address. Open this link to confirm that it is "
        "yours. It works once, for 24 hours:\n\n{link}\n\n"
        "If you have registered nothing, do not open it: nothing else is mailed to you.\n",
    ),
    MailPurpose.RESET: (
        "Stopwatch: choose a new password",
        "A new password was asked for. Open this link to choose one. It works once, for 30 minutes, and ends "
        "every login:\n\n{link}\n\n"
        "If you did not ask for it, do nothing: your password stays as it is.\n",
    ),
    MailPurpose.CHANGED: (
        "Stopwatch: your password was changed",
        "Your password was changed by a link that was mailed to you, and every login has ended. Your "
        "strategies go on.\n\nIf it was not you: ask for a new password in the app at once, look at your "
        "account at the broker, and change the password of your mailbox.\n",
    ),
}
