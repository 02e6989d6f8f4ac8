"""Sessions, profile and margins of the account."""

import html
from typing import Any
from urllib.parse import parse_qsl, urlencode

from paper.accounts import Account
from paper.exchange import Exchange
from paper.kite_error import KiteError, bad_input
from paper.margins import empty_segment, segment_row
from paper.orders import stamp
from paper.web import HTML, Answer, Call, Route, Routes, data

EXCHANGES = ["NSE", "BSE", "NFO", "BFO"]
PRODUCTS = ["CNC", "NRML", "MIS", "CO"]
ORDER_TYPES = ["MARKET", "LIMIT", "SL", "SL-M"]


class UserRoutes:
    """`/session`, `/user` and the login page."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, routes: Routes) -> None:
        routes.add("POST", "/session/token", Route(self.token, "", auth=False))
        routes.add("DELETE", "/session/token", Route(self.invalidate, "", auth=False))
        routes.add("POST", "/session/refresh_token", Route(self.refresh, "", auth=False))
        routes.add("GET", "/connect/login", Route(self.login_page, "", auth=False))
        routes.add("GET", "/user/profile", Route(self.profile))
        routes.add("GET", "/user/margins", Route(self.margins))
        routes.add("GET", "/user/margins/{}", Route(self.segment))

    def token(self, call: Call) -> Answer:
        form = call.form
        for name in ("api_key", "request_token", "checksum"):
            if not form.get(name):
                raise bad_input(f"Missing or empty field `{name}`")
        now = self._exchange.clock.wall()
        accounts = self._exchange.accounts
        account = accounts.claim(form["api_key"], form["request_token"], form["checksum"], now)
        self._exchange.login(account)
        call.account = account
        return data(_session(account))

    def invalidate(self, call: Call) -> Answer:
        token = call.param("access_token")
        if token:
            account = self._exchange.accounts.with_token(call.param("api_key"), token)
            if account is None:
                raise KiteError(403, "TokenException", "Incorrect `api_key` or `access_token`.")
            self._exchange.logout(account)
        return data(True)

    def refresh(self, call: Call) -> Answer:
        raise KiteError(403, "TokenException", "Refresh tokens are for approved platforms only.")

    def login_page(self, call: Call) -> Answer:
        """Log a browser in and redirect it, or show the request token without a redirect address."""
        api_key = call.param("api_key")
        account = self._exchange.accounts.by_key(api_key)
        if account is None:
            raise bad_input("Invalid `api_key`.")
        token = self._exchange.accounts.request_token(account, self._exchange.clock.wall())
        extra = parse_qsl(call.param("redirect_params"))
        query = urlencode(
            [("action", "login"), ("type", "login"), ("status", "success"), ("request_token", token), *extra]
        )
        target = call.param("redirect_url") or account.redirect_url
        if target:
            separator = "&" if "?" in target else "?"
            return Answer(b"", 302, HTML, {"Location": f"{target}{separator}{query}"})
        page = (
            "<!doctype html><title>Paper login</title><h1>Logged in on paper</h1>"
            f"<p>{html.escape(account.user_id)}: the request token is <code>{token}</code></p>"
            f"<p>Query of the redirect: <code>{html.escape(query)}</code></p>"
        )
        return Answer(page.encode(), 200, HTML)

    def profile(self, call: Call) -> Answer:
        return data(_profile(call.user))

    def margins(self, call: Call) -> Answer:
        equity = segment_row(call.user, self._exchange.last)
        return data({"equity": equity, "commodity": empty_segment()})

    def segment(self, call: Call) -> Answer:
        if call.args[0] == "equity":
            return data(segment_row(call.user, self._exchange.last))
        if call.args[0] == "commodity":
            return data(empty_segment())
        raise bad_input("Invalid segment. It has to be equity or commodity.")


def _profile(account: Account) -> dict[str, Any]:
    return {
        "user_id": account.user_id,
        "user_type": "individual",
        "email": f"{account.user_id.lower()}@paper.example",
        "user_name": f"Paper {account.user_id}",
        "user_shortname": account.user_id,
        "broker": "ZERODHA",
        "exchanges": EXCHANGES,
        "products": PRODUCTS,
        "order_types": ORDER_TYPES,
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }


def _session(account: Account) -> dict[str, Any]:
    return _profile(account) | {
        "api_key": account.api_key,
        "access_token": account.access_token,
        "public_token": account.access_token[::-1],
        "enctoken": "",
        "refresh_token": "",
        "silo": "",
        "login_time": stamp(account.login_at),
    }
