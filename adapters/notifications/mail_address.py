"""The normal form of an e-mail address, the same at register, login, forgotten passwords and mail.

| as it is typed | here |
|---|---|
| `Asha@X.Example` | `asha@x.example`: one address, one account |
| `asha+trades@x.example` | as it is: an address of its own |
| `asha@bücher.example` | as it is; mailed to the domain's ASCII form |
| `ü@x.example` | known to login, since earlier versions took it; cannot be mailed, so not registered |
| `asha@bank.example`, one letter Cyrillic | an address of its own: letters that look alike are not alike |
| two addresses, `Asha <…>`, quotes, comments, a dot or a control character at an end | refused |

What is mailed has exactly one receiver, put together from the two checked halves: no library looks for
addresses in a text.
"""

from dataclasses import dataclass

import email_validator

_BELOW = ".example"
_LONGEST = 254


class BadMailAddress(ValueError):
    """A text is no e-mail address, or none that can be mailed; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """An address that can be mailed: two halves in ASCII."""

    local: str
    domain: str

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"


def normal_form(text: str) -> str:
    """Return the address in its normal form. Raises `BadMailAddress`."""
    return _checked(text)[0]


def receiver_of(text: str) -> Receiver:
    """Return the one receiver of an address in its normal form; any other is refused.

    Raises `BadMailAddress`, also for a part before the @ that is not ASCII: not every mail server takes it.
    """
    normal, receiver = _checked(text)
    if normal != text:
        raise BadMailAddress("must be an e-mail address in its normal form")
    if receiver is None:
        raise BadMailAddress("must have only ASCII characters before the @: others cannot be mailed here")
    return receiver


def _checked(text: str) -> tuple[str, Receiver | None]:
    """Ask the library about the same address below a name that it takes.

    Whether mail arrives there is not the question: names of closed networks (.test, .local) are fine, and the
    library refuses those.
    """
    refusal = BadMailAddress("must be an e-mail address, such as you@example.com")
    typed = text.strip(" \t")
    if len(typed) > _LONGEST or not typed.isprintable() or typed.endswith("."):
        raise refusal
    try:
        found = email_validator.validate_email(
            typed + _BELOW,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
        )
    except ValueError:
        raise refusal from None
    normal = found.normalized.lower().removesuffix(_BELOW)
    if "." not in normal.rpartition("@")[2]:
        raise refusal
    domain = (found.ascii_domain or "").lower().removesuffix(_BELOW)
    local = (found.ascii_local_part or "").lower()
    return normal, Receiver(local, domain) if local and domain else None
