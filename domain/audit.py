"""Rules of the audit log: the content of a line, the hash chain, and its verification.

Each line's hash covers the line and the hash before it, so that no line can be changed, dropped, added or
moved without breaking every link after it:

    hash = SHA-256(prev_hash ‖ canonical line), and before the first line SHA-256 of nothing

The canonical line is a JSON array, in the order of `CANONICAL`: text as it is, `at` as whole microseconds
since 1970 in UTC. Postgres writes it (a trigger, so that no process can choose a hash) and this module writes
it again for the check: two programs that have to agree.

Lines of a deleted account lose what is personal: the client's address and name, and the names of broker
account and channels (`ERASED` stands there). Such a line no longer gives its hash, so its other fields have
another proof: `account_deleted`, the line that ends the account, names how many lines were erased and the
SHA-256 of them as they are since (`Erasure`). The hashes still link every line to the next. A line that is
erased without that proof, or changed after it, is a broken link.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

GENESIS = hashlib.sha256(b"").digest()
SYSTEM = "system"
"""The chain of what belongs to no user: a login with an unknown e-mail, an operator's act on everything."""
CANONICAL = (
    "chain",
    "seq",
    "at",
    "writer",
    "role",
    "actor",
    "action",
    "object",
    "reason",
    "ip",
    "agent",
    "version",
)
LONGEST = {"actor": 100, "object": 200, "reason": 500, "ip": 45, "agent": 160}
"""Characters kept of what others wrote."""
ERASED = "erased"
"""What stands in a deleted account's lines for what was personal; no client's address is this word."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """The role in which an actor acted."""

    USER = "user"
    OPERATOR = "operator"
    WORKER = "worker"


class Action(StrEnum):
    """The recorded actions."""

    REGISTER = "register"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    REFRESH_REUSED = "refresh_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an act
    PASSWORD_FORGOTTEN = "password_forgotten"  # noqa: S105 - the name of an act
    PASSWORD_RESET_MAILED = "password_reset_mailed"  # noqa: S105 - the name of an act
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of an act
    EMAIL_VERIFIED = "email_verified"
    ACCOUNT_DELETED = "account_deleted"
    TOTP_ON = "totp_on"
    TOTP_OFF = "totp_off"
    SESSION_REVOKED = "session_revoked"
    BROKER_CONNECT = "broker_connect"
    BROKER_LOGIN = "broker_login"
    BROKER_FORGET = "broker_forget"
    STOPS_PROBED = "stops_probed"
    STRATEGY_CREATE = "strategy_create"
    STRATEGY_EDIT = "strategy_edit"
    STRATEGY_START = "strategy_start"
    STRATEGY_STOP = "strategy_stop"
    STRATEGY_DELETE = "strategy_delete"
    ORDER_RESOLVE = "order_resolve"
    KILL_SWITCH_ON = "kill_switch_on"
    KILL_SWITCH_OFF = "kill_switch_off"
    CALENDAR_CHANGED = "calendar_changed"
    LIMITS_CHANGED = "limits_changed"
    LIMIT_REACHED = "limit_reached"
    CHANNEL_ADDED = "channel_added"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_REMOVED = "channel_removed"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One act: the actor, the action, its object, the reason and the origin.

    Without `user_id`: the system's chain.

    Texts are cut to printable and short: a client may send anything.
    """

    user_id: UUID | None
    action: Action
    role: Role = Role.USER
    actor: str = ""
    object: str = ""
    reason: str = ""
    ip: str = ""
    agent: str = ""

    def __post_init__(self) -> None:
        for name, longest in LONGEST.items():
            object.__setattr__(self, name, printable(getattr(self, name), longest))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line as it is stored. `writer` is the database role that wrote it, `version` the product's."""

    chain: str
    seq: int
    at: datetime
    writer: str
    role: str
    actor: str
    action: str
    object: str
    reason: str
    ip: str
    agent: str
    version: str
    prev_hash: bytes = field(repr=False)
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: its length, and its last hash."""

    chain: str
    seq: int
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first broken link of a chain, and what is wrong there."""

    chain: str
    seq: int
    what: str


def canonical(entry: AuditEntry) -> bytes:
    """Return the bytes that a line's hash covers, besides the hash before it."""
    values = [getattr(entry, name) for name in CANONICAL]
    values[CANONICAL.index("at")] = (entry.at - _EPOCH) // timedelta(microseconds=1)
    # As Postgres writes a jsonb array: a space after each comma, characters as themselves.
    return json.dumps(values, ensure_ascii=False, separators=(", ", ": ")).encode()


def hash_of(entry: AuditEntry) -> bytes:
    """Return the expected hash of the line."""
    return hashlib.sha256(entry.prev_hash + canonical(entry)).digest()


class Erasure:
    """The proof of erased lines, in their order: their number, and the SHA-256 of what is left of them."""

    def __init__(self) -> None:
        self._count = 0
        self._digest = hashlib.sha256()

    def add(self, entry: AuditEntry) -> None:
        """Take an erased line into the proof."""
        self._count += 1
        self._digest.update(canonical(entry) + entry.hash)

    def proof(self) -> str:
        """Return what the line that ends the account says of them."""
        return f"{self._count} lines erased, sha256 {self._digest.hexdigest()}"


class ChainCheck:
    """Checks one chain from its first line, and remembers the first break."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.broken: Broken | None = None
        self._seq, self._hash = 0, GENESIS
        self._erased: int | None = None
        """The first erased line that has no proof yet."""
        self._erasure = Erasure()

    def follow(self, entry: AuditEntry) -> None:
        """Check the next line."""
        if self.broken is None:
            self.broken = self._fault(entry)
            self._seq, self._hash = entry.seq, entry.hash
            self._follow_erasure(entry)

    def _follow_erasure(self, entry: AuditEntry) -> None:
        if entry.ip == ERASED:
            self._erased = self._erased or entry.seq
            self._erasure.add(entry)
        elif entry.action == Action.ACCOUNT_DELETED and entry.reason == self._erasure.proof():
            self._erased = None

    def end(self, head: Head | None) -> Broken | None:
        """Return the first break: of the lines, or of their end against the separately stored head."""
        if self.broken is None and head is None:
            self.broken = Broken(self.chain, self._seq, "the chain has lines, but its head is gone")
        elif self.broken is None and head is not None and (head.seq, head.hash) != (self._seq, self._hash):
            what = f"the chain's head is line {head.seq}, the last line there is {self._seq}"
            self.broken = Broken(self.chain, min(self._seq + 1, head.seq), what)
        if self.broken is None and self._erased is not None:
            what = "it was erased, and no later line proves what is left of it"
            self.broken = Broken(self.chain, self._erased, what)
        return self.broken

    def _fault(self, entry: AuditEntry) -> Broken | None:
        if entry.seq != self._seq + 1:
            what = f"line {self._seq + 1} is missing: line {entry.seq} follows line {self._seq}"
            return Broken(self.chain, self._seq + 1, what)
        if entry.prev_hash != self._hash:
            return Broken(self.chain, entry.seq, "it does not carry the hash of the line before it")
        if entry.ip != ERASED and entry.hash != hash_of(entry):
            return Broken(self.chain, entry.seq, "its content does not match its hash: it was changed")
        return None


def printable(text: str, longest: int) -> str:
    """Return `text` without unprintable characters, cut to `longest` characters."""
    return "".join(mark for mark in text[: 4 * longest] if mark.isprintable())[:longest]
