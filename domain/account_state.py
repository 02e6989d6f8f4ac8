"""Holds what is known of an account: strategies' claims, entries that wait, a reading, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from domain.held_shares import Share
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, LegKey, OrderTerms


@dataclass(frozen=True, slots=True)
class Noted:
    """What is written on a strategy about its account: shares missing, the warning, shares oversold."""

    missing: int = 0
    note: str | None = None
    oversold: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a strategy holds in the account, or has sold there lately.

    `held`: its shares, 0 once they are sold. `sold`: how many it has sold since its START. `in_flight`: an
    order of this product for these shares is under way. `running`: it has a run.
    """

    strategy_id: UUID
    user_id: UUID
    start_id: UUID | None
    terms: OrderTerms
    held: int
    sold: int
    running: bool = True
    in_flight: bool = False
    baseline: int | None = None
    holdings: int | None = None
    """Shares from before today, as they were read with the baseline."""
    later: int = 0
    """Shares that others bought since some of these were found missing (`domain.sellable.OtherClaims`)."""
    noted: Noted = field(default_factory=Noted)


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """An entry that waits for its instant and whose baseline is not known yet."""

    key: LegKey
    terms: OrderTerms
    in_flight: bool = False


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the order log knows of an account: claims, oldest first, and entries that wait."""

    claims: tuple[Claim, ...] = ()
    entries: tuple[WaitingEntry, ...] = ()

    @property
    def holds(self) -> bool:
        """Tell whether a running strategy holds shares in it."""
        return any(claim.held and claim.running for claim in self.claims)

    @property
    def is_watched(self) -> bool:
        """Tell whether anything is to be compared or stored."""
        lately = any(not claim.held for claim in self.claims)
        return self.holds or lately or bool(self.entries)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the account. `holdings` are those asked for and readable; `orders` None: not asked.

    `isins`: of all shares that its holdings list with one; nothing that is decided depends on them.
    """

    positions: Listing[BrokerPosition]
    holdings: Mapping[Share, int] = field(default_factory=dict)
    orders: Listing[BrokerOrder] | None = None
    isins: Mapping[Share, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reading shows of a strategy: how many of its shares lack, how many of newer ones, oversold."""

    missing: int = 0
    newer_missing: int = 0
    oversold: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """An unsettled finding, and since when (epoch seconds, the store's clock) each reading shows it."""

    finding: Finding
    since: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a reading: what is settled and new, and what is to be looked at again."""

    settled: tuple[tuple[Claim, Finding], ...] = ()
    unsettled: Mapping[UUID, Shown] = field(default_factory=dict)
