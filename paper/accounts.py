"""The accounts of the paper exchange: keys, tokens, cash, positions and orders."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from paper.holdings import Holding
from paper.instruments import Instrument
from paper.kite_error import KiteError, token_dead
from paper.orders import Order
from paper.positions import Position
from paper.trades import Trade

DEFAULT_CASH = 1_000_000_000
NO_SHARES = "Insufficient stock holding or there are pending sell orders for this stock. Check the orderbook"
REQUEST_TOKEN_SECONDS = 300.0
PositionKey = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class Account:
    """One user; cash in paise."""

    user_id: str
    api_key: str
    api_secret: str
    cash: int
    day: str
    access_token: str = ""
    login_at: float = 0.0
    # Where the login page sends the browser back to; registered with the app at Kite's.
    redirect_url: str = ""
    orders: dict[str, Order] = field(default_factory=dict)
    live: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)

    def position(self, instrument: Instrument, product: str) -> Position:
        """Return the position of an instrument and product, making it when there is none."""
        key = (instrument.exchange, instrument.symbol, product)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(instrument, product)
        return found

    def net(self, instrument: Instrument, product: str) -> int:
        """Return the signed open quantity."""
        found = self.positions.get((instrument.exchange, instrument.symbol, product))
        return 0 if found is None else found.net

    def sellable(self, instrument: Instrument) -> int:
        """Return the shares that a CNC SELL may still take: holdings and today's net, less open sales."""
        holding = self.holdings.get((instrument.exchange, instrument.symbol))
        held = holding.sellable if holding else 0
        selling = sum(
            order.open_quantity
            for order in self.live.values()
            if order.side == "SELL" and order.product == "CNC" and order.instrument is instrument
        )
        return held + self.net(instrument, "CNC") - selling

    def check_sellable(self, instrument: Instrument, quantity: int) -> None:
        """Check that a CNC SELL of so many more shares is covered.

        Raises KiteError 400.
        """
        if quantity > self.sellable(instrument):
            raise KiteError(400, "HoldingException", NO_SHARES)


class Accounts:
    """All accounts, found by id, by api_key, by request token."""

    def __init__(self) -> None:
        self._by_id: dict[str, Account] = {}
        self._by_key: dict[str, Account] = {}
        self._by_header: dict[str, Account] = {}
        self._requests: dict[str, tuple[Account, float]] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, user_id: str) -> Account | None:
        return self._by_id.get(user_id)

    def by_key(self, api_key: str) -> Account | None:
        return self._by_key.get(api_key)

    def open(self, user_id: str | None, cash: int, day: str) -> Account:
        """Open an account with new keys and no token."""
        account = Account(
            user_id=user_id or self._next_id(),
            api_key="pk" + secrets.token_hex(7),
            api_secret=secrets.token_hex(16),
            cash=cash,
            day=day,
        )
        self.add(account)
        return account

    def add(self, account: Account) -> None:
        self._by_id[account.user_id] = account
        self._by_key[account.api_key] = account
        if account.access_token:
            self._by_header[header(account)] = account

    def login(self, account: Account, now: float) -> None:
        """Log in: make a new access token and end the old one."""
        self.kill_token(account)
        account.access_token = secrets.token_hex(16)
        account.login_at = now
        self._by_header[header(account)] = account

    def kill_token(self, account: Account) -> None:
        """Invalidate the access token until the next login."""
        self._by_header.pop(header(account), None)
        account.access_token = ""

    def authorised(self, authorization: str) -> Account:
        """Return the account of an Authorization header.

        Raises KiteError: 400 without one, 403 for an invalid token.
        """
        account = self._by_header.get(authorization)
        if account is None:
            if not authorization.startswith("token ") or ":" not in authorization:
                raise KiteError(400, "InputException", "Invalid `api_key` or `access_token`.")
            raise token_dead()
        return account

    def with_token(self, api_key: str, access_token: str) -> Account | None:
        """Return the account of a pair of credentials, None when they are invalid."""
        return self._by_header.get(f"token {api_key}:{access_token}")

    def request_token(self, account: Account, now: float) -> str:
        """Make the token that the login page passes on: valid once, for a few minutes."""
        token = secrets.token_hex(16)
        self._requests[token] = (account, now + REQUEST_TOKEN_SECONDS)
        return token

    def claim(self, api_key: str, request_token: str, checksum: str, now: float) -> Account:
        """Return the account of a request token, and use the token up.

        Raises KiteError 403 when the token, the key or the checksum is wrong.
        """
        account, until = self._requests.pop(request_token, (None, 0.0))
        if account is None or now > until or account.api_key != api_key:
            raise KiteError(403, "TokenException", "Token is invalid or has expired.")
        text = api_key + request_token + account.api_secret
        if not hmac.compare_digest(hashlib.sha256(text.encode()).hexdigest(), checksum):
            raise KiteError(403, "TokenException", "Invalid `checksum`.")
        return account

    def _next_id(self) -> str:
        number = len(self._by_id) + 1
        while f"PX{number:04d}" in self._by_id:
            number += 1
        return f"PX{number:04d}"


def header(account: Account) -> str:
    """Return the Authorization header of the account's current token."""
    return f"token {account.api_key}:{account.access_token}"
