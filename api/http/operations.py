"""Names every call, for clients that are made from the OpenAPI document: their methods are called so.

A route that has no name here is not served: its generated name would change with its place in the code.
"""

from collections.abc import Mapping

from fastapi.routing import APIRoute

NAMES: Mapping[str, str] = {
    "POST /auth/register": "register",
    "POST /auth/login": "log_in",
    "POST /auth/refresh": "refresh_tokens",
    "POST /auth/logout": "log_out",
    "POST /auth/forgot": "forgot_password",
    "POST /auth/reset": "reset_password",
    "POST /auth/verify": "verify_email",
    "POST /auth/verify/send": "send_verification",
    "GET /auth/me": "get_me",
    "POST /auth/password": "change_password",
    "GET /auth/sessions": "list_sessions",
    "DELETE /auth/sessions": "end_sessions",
    "DELETE /auth/sessions/{session_id}": "end_session",
    "POST /auth/totp": "begin_totp",
    "POST /auth/totp/confirm": "confirm_totp",
    "DELETE /auth/totp": "turn_totp_off",
    "GET /account": "get_account",
    "DELETE /account": "delete_account",
    "PUT /account/limits": "set_limits",
    "POST /account/kill-switch": "set_kill_switch",
    "GET /account/audit": "list_audit_lines",
    "GET /account/audit/export": "export_audit_lines",
    "GET /account/days": "list_days",
    "GET /account/report": "get_report",
    "POST /broker/connect": "connect_broker",
    "GET /broker": "get_broker",
    "DELETE /broker": "forget_broker",
    "GET /broker/login-url": "get_broker_login_url",
    "GET /broker/callback": "finish_broker_login",
    "POST /strategy/create": "create_strategy",
    "POST /strategy/check": "check_strategy",
    "POST /strategy/start": "start_strategy",
    "POST /strategy/stop": "stop_strategy",
    "GET /strategy": "list_strategies",
    "GET /strategy/{strategy_id}": "get_strategy",
    "PATCH /strategy/{strategy_id}": "change_strategy",
    "DELETE /strategy/{strategy_id}": "delete_strategy",
    "POST /strategy/{strategy_id}/copy": "copy_strategy",
    "POST /strategy/{strategy_id}/skip": "skip_day",
    "GET /strategy/{strategy_id}/timeline": "get_timeline",
    "GET /strategy/{strategy_id}/minutes": "get_minutes",
    "GET /strategy/{strategy_id}/orders": "list_strategy_orders",
    "GET /strategy/{strategy_id}/days": "list_strategy_days",
    "GET /strategy/{strategy_id}/events": "follow_strategy",
    "GET /events": "follow_account",
    "GET /orders": "list_orders",
    "GET /instruments": "search_instruments",
    "GET /market/status": "get_market_status",
    "GET /market/calendar": "get_market_calendar",
    "GET /notices": "list_notices",
    "GET /notices/push-key": "get_push_key",
    "GET /notices/channels": "list_channels",
    "POST /notices/channels": "add_channel",
    "PUT /notices/channels/{channel_id}": "change_channel",
    "DELETE /notices/channels/{channel_id}": "remove_channel",
    "POST /notices/channels/{channel_id}/test": "test_channel",
    "GET /health/live": "get_liveness",
    "GET /health/ready": "get_readiness",
    "GET /metrics": "get_metrics",
}
"""By method and path."""


def operation_id(route: APIRoute) -> str:
    """Return a route's name. Raises `LookupError` for one that has none."""
    if not route.include_in_schema:
        return route.name
    return next(NAMES[f"{method} {route.path}"] for method in route.methods or ())
