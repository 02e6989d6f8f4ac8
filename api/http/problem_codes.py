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
    "POST /auth/register": {409: ("email_taken",), 503: ("busy",)},
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
_NAMES_NOTHING = frozenset({("GET /notices/push-key", 404)})
"""Calls without an id, whose 404 is never `not_found`."""


def codes_of(call: str, status: int) -> list[str]:
    """Return the codes that a call ("POST /auth/login") can answer with under a status."""
    usual = () if (call, status) in _NAMES_NOTHING else OF_STATUS.get(status, ())
    return sorted({*usual, *OF_CALL.get(call, {}).get(status, ())})
