"""Lists the codes of the problems that calls can answer with, for the OpenAPI document (`x-codes`).

Of a 422 those are listed that name no field; else its code is `invalid`, or that of the one wrong field.
"""

from collections.abc import Mapping

OF_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("unauthorized",),
    404: ("not_found",),
    408: ("too_slow",),
    413: ("too_large",),
    429: ("too_many_attempts",),
    503: ("unavailable",),
}
"""Of any call that has the status."""
_ACCOUNT = ("broker_not_connected", "broker_other_user", "login_needed", "no_own_address")
_IN_USE = ("strategy_running", "position_open", "order_in_doubt")
OF_CALL: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "POST /auth/register": {409: ("email_taken", "registration_closed"), 503: ("busy",)},
    "POST /auth/login": {401: ("wrong_login", "code_needed", "wrong_code"), 503: ("busy",)},
    "POST /auth/refresh": {401: ("invalid_refresh_token",)},
    "POST /auth/password": {401: ("wrong_login",), 503: ("busy",)},
    "POST /auth/forgot": {409: ("mail_not_set_up",)},
    "POST /auth/reset": {400: ("invalid_link",), 503: ("busy",)},
    "POST /auth/verify": {400: ("invalid_link",)},
    "POST /auth/verify/send": {409: ("mail_not_set_up", "email_verified")},
    "POST /auth/totp": {409: ("totp_on",), 503: ("busy",)},
    "POST /auth/totp/confirm": {409: ("totp_on", "totp_not_begun")},
    "DELETE /auth/totp": {409: ("totp_off",), 503: ("busy",)},
    "DELETE /account": {409: ("account_in_use",), 503: ("busy",)},
    "POST /broker/connect": {
        409: (*_ACCOUNT, "connect_again"),
        422: ("broker_rejected",),
        503: ("broker_unavailable",),
    },
    "DELETE /broker": {409: ("strategy_running",)},
    "GET /broker/login-url": {409: (*_ACCOUNT, "connect_again")},
    "GET /broker/callback": {400: ("invalid_state", "login_failed"), 503: ("broker_unavailable",)},
    "POST /strategy/create": {409: ("calendar_unknown", "key_used", "too_many_strategies")},
    "POST /strategy/start": {
        409: (
            *_ACCOUNT,
            *("calendar_unknown", "kill_switch", "position_open", "suspended", "system_halted"),
            *("terms_changed", "too_many_running"),
        ),
        503: ("broker_unavailable",),
    },
    "POST /strategy/stop": {
        409: (*_ACCOUNT, "calendar_unknown", "not_started", "terms_changed"),
        503: ("broker_unavailable", "run_missing"),
    },
    "POST /strategy/{strategy_id}/copy": {409: ("key_used", "too_many_strategies")},
    "POST /strategy/{strategy_id}/skip": {409: ("day_has_orders", "not_repeating")},
    "PATCH /strategy/{strategy_id}": {409: _IN_USE},
    "DELETE /strategy/{strategy_id}": {409: _IN_USE},
    "GET /events": {429: ("too_many_streams",), 503: ("too_many_streams",)},
    "GET /strategy/{strategy_id}/events": {429: ("too_many_streams",), 503: ("too_many_streams",)},
    "POST /notices/channels": {409: ("push_not_set_up", "too_many_channels")},
    "GET /notices/push-key": {404: ("push_not_set_up",)},
}
"""What a call has beside that."""
MEANINGS: Mapping[str, str] = {
    "account_in_use": "A strategy runs or shares are held: stop and sell first.",
    "bad_request": "The request is no HTTP that the server can read.",
    "broker_not_connected": "No broker account is connected.",
    "broker_other_user": "The login belongs to another broker account than the connected one.",
    "broker_rejected": "The broker did not accept the keys or the login.",
    "broker_unavailable": "The broker did not answer.",
    "busy": "Too many passwords are being checked at this moment.",
    "calendar_unknown": "The trading days of that time are not known.",
    "code_needed": "The account has two-factor login: send `code` as well.",
    "connect_again": "The stored keys can be read no more: connect the broker again.",
    "day_has_orders": "That day has orders, or is over: it cannot be left out.",
    "email_taken": "An account with this address is there already.",
    "email_verified": "The address is verified already.",
    "head_too_large": "The request's headers are larger than the server takes.",
    "internal": "A fault of the server: look whether it was done before you try again.",
    "invalid": "One or several fields are wrong: `errors` names each with its own code.",
    "invalid_link": "The link of a mail was used, or is too old.",
    "invalid_refresh_token": "The refresh token was used before, has expired or was revoked: log in again.",
    "invalid_state": "The broker's login page was not opened by this server, or too long ago.",
    "key_used": "The strategy that was made with this Idempotency-Key was deleted: nothing is made.",
    "kill_switch": "The user has stopped all buying.",
    "login_failed": "The broker did not confirm the login.",
    "login_needed": "The broker's login of the day has ended.",
    "mail_not_set_up": "The server has no mail server.",
    "method_not_allowed": "The path is right, the method is not.",
    "no_own_address": "The user has no address of their own from which orders may leave.",
    "not_found": "There is no such thing, or it is another user's.",
    "not_repeating": "The strategy trades on one day only.",
    "not_started": "The strategy was never started.",
    "order_in_doubt": "An order may still be at the broker: it is looked for.",
    "position_open": "Shares of an earlier run are still held: sell or keep them first.",
    "push_not_set_up": "The server has no key for browser notifications.",
    "registration_closed": "The server takes no new accounts.",
    "run_missing": "The run did not answer: ask again in a few seconds.",
    "strategy_running": "It runs: stop it first.",
    "suspended": "The operator has stopped buying for this user.",
    "system_halted": "The operator has stopped buying for all users.",
    "terms_changed": "It was changed, started or deleted in the same moment: read it again.",
    "too_large": "The body is larger than the call takes.",
    "too_many_attempts": "The call was made too often: wait for `Retry-After` seconds.",
    "too_many_connections": "The server has as many connections as it takes.",
    "too_many_channels": "The user has as many notification channels as they may have.",
    "too_many_running": "The user has as many running strategies as they may have.",
    "too_many_strategies": "The user has as many strategies as they may have: delete some.",
    "too_many_streams": "Too many event streams are open.",
    "too_slow": "The request came in too slowly.",
    "totp_not_begun": "Begin with `POST /auth/totp`.",
    "totp_off": "Two-factor login is not on.",
    "totp_on": "Two-factor login is on already.",
    "unauthorized": "The access token is missing, wrong or has expired: renew it.",
    "unavailable": "A part of the server is away: wait for `Retry-After` seconds. What was started goes on.",
    "wrong_code": "The one-time code is wrong, or was used.",
    "wrong_login": "E-mail or password is wrong.",
}
"""What each code says, for the page docs/error-codes.md."""
_NAMES_NOTHING = frozenset({("GET /notices/push-key", 404)})
"""Calls without an id, whose 404 is never `not_found`."""


def codes_of(call: str, status: int) -> list[str]:
    """Return the codes that a call ("POST /auth/login") can answer with under a status."""
    usual = () if (call, status) in _NAMES_NOTHING else OF_STATUS.get(status, ())
    return sorted({*usual, *OF_CALL.get(call, {}).get(status, ())})
