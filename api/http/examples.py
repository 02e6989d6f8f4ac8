"""Examples of what goes in and what comes out, for the OpenAPI document: one for every model.

They tell one story: Asha buys ten shares of TCS at 09:30 on a Monday. A test reads each by its own schema.
"""

from typing import Any

_USER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_STRATEGY = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
_LOGIN = "9b2d7e34-58f1-4c6a-b1d0-6a4f0e3c2d11"
_ORDER = "c1a5d298-1f7e-5b43-8d8a-2f0a9f3d6e77"
_CREDENTIALS = {"email": "asha@example.com", "password": "a long enough one"}
_TOKEN = "a-refresh-token-is-43-characters-of-base64u"  # noqa: S105 - its length is what it shows
_OFF = {"on": False, "exits": None, "reason": "", "since": None}
_TERMS = {
    "symbol": "TCS",
    "buy_time": "09:30",
    "sell_time": "15:14",
    "stop_loss": 3500,
    "quantity": 10,
    "exchange": "NSE",
    "product": "CNC",
    "on_stop": "exit",
}
_HOLDING = _TERMS | {
    "terms": {
        "stop": None,
        "target": None,
        "trail": None,
        "lock": [],
        "entry": {"type": "market", "price": None, "buffer": None, "most": None, "for_seconds": None},
        "amount": None,
        "risk": None,
        "reenter": None,
        "repeat": None,
    },
    "stop_price": 3500,
    "target_price": None,
    "peak_price": None,
    "strategy_id": _STRATEGY,
    "status": "running",
    "phase": "holding",
    "position": "bought",
    "outcome": None,
    "outcome_detail": None,
    "trading_day": "2026-11-30",
    "buy_at": "2026-11-30T09:30:00+05:30",
    "sell_at": "2026-11-30T15:14:00+05:30",
    "workflow_id": f"strategy-{_STRATEGY}-2026-11-30",
    "run_id": "01a21911-c5d3-71b6-88b8-c9349414e109",
    "last_price": 3571.4,
    "entry_price": 3561.1,
    "exit_price": None,
    "filled_quantity": 10,
    "pnl": 103,
    "charges": {
        "brokerage": 0,
        "stt": 35.61,
        "exchange": 1.09,
        "sebi": 0.04,
        "stamp": 5.34,
        "gst": 0.2,
        "dp": 0,
        "total": 42.28,
        "schedule": "zerodha-2026-04-01",
    },
    "net_pnl": 60.72,
    "repeat": None,
    "next_trading_day": None,
    "last_day": None,
    "mode": "paper",
    "warnings": [],
    "created_at": "2026-11-29T20:04:11+05:30",
    "started_at": "2026-11-29T20:04:20+05:30",
    "stopped_at": None,
}
_DAY = {
    "strategy_id": _STRATEGY,
    "symbol": "TCS",
    "trading_day": "2026-11-27",
    "round": 1,
    "outcome": "target",
    "outcome_detail": "the price 3590 was at or above the target 3590; sold 10 TCS at 3590",
    "quantity": 10,
    "entry_price": 3561.1,
    "exit_price": 3590,
    "gross": 289,
    "charges": {
        "brokerage": 21.45,
        "stt": 9,
        "exchange": 2.2,
        "sebi": 0.07,
        "stamp": 1.07,
        "gst": 4.27,
        "dp": 0,
        "total": 38.06,
        "schedule": "zerodha-2026-04-01",
    },
    "net": 250.94,
    "entry_lateness_ms": 4,
    "exit_lateness_ms": 21,
}
_DAY_IN_REPORT = _DAY | {
    "account": "zerodha:AB1234",
    "exchange": "NSE",
    "isin": "INE467B01029",
    "product": "CNC",
    "kind": "intraday",
    "sold_quantity": 10,
    "buy_date": "2026-11-27",
    "buy_value": 35611,
    "sell_date": "2026-11-27",
    "sell_value": 35900,
    "turnover": 289,
}
_SUM = {"rounds": 1, "unknown": 0, "turnover": 289, "gross": 289, "charges": 38.06, "net": 250.94}
_BOUGHT = {
    "order_id": _ORDER,
    "strategy_id": _STRATEGY,
    "leg": "entry",
    "reason": "BUY",
    "attempt": 1,
    "side": "BUY",
    "quantity": 10,
    "filled_quantity": 10,
    "average_price": 3561.1,
    "status": "complete",
    "order_type": "MARKET",
    "price": None,
    "trigger_price": None,
    "modifications": [],
    "tag": "GFAXUZDE7PQW4ST6Y22Z",
    "broker_order_id": "2126028438140616704",
    "due_at": "2026-11-30T09:30:00+05:30",
    "sent_at": "2026-11-30T09:30:00+05:30",
    "acknowledged_at": "2026-11-30T09:30:00.041+05:30",
    "filled_at": "2026-11-30T09:30:00.212+05:30",
    "lateness_ms": 1,
    "message": "",
}
_EVENT = {
    "event_id": 4711,
    "at": "2026-11-30T09:30:00.212+05:30",
    "strategy_id": _STRATEGY,
    "kind": "bought",
    "phase": "entering",
    "text": "Bought 10 TCS at 3561.10.",
    "data": {"order_id": _ORDER, "filled_quantity": "10", "price": "3561.10"},
}
_SESSION = {
    "trading_day": "2026-11-30",
    "opens_at": "2026-11-30T09:15:00+05:30",
    "closes_at": "2026-11-30T15:30:00+05:30",
    "source": "exchange",
}
_AUDIT = {
    "chain": _USER,
    "seq": 3,
    "at": "2026-11-29T20:04:20+05:30",
    "writer": "stopwatch_api",
    "role": "user",
    "actor": "asha@example.com",
    "action": "strategy_start",
    "object": _STRATEGY,
    "reason": "for 2026-11-30",
    "ip": "203.0.113.7",
    "agent": "Stopwatch/1.0 (Android)",
    "version": "0.1.0",
    "prev_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
_LIMITS = {
    "order_quantity": 100,
    "order_value": 500000,
    "daily_loss": 5000,
    "daily_profit": 10000,
    "trades_a_day": 6,
    "on_breach": "exit",
    "symbols": ["TCS", "INFY"],
}

_CHANNEL = {
    "channel_id": "5a0c7f2e-91b4-4d5f-8a57-6c1e2d3f4b50",
    "kind": "webhook",
    "shown": "hooks.example.com",
    "tells": ["fill", "stop_loss", "target", "missed", "order_failed", "login_needed", "emergency"],
    "created_at": "2026-11-29T20:10:00+05:30",
    "gone_at": None,
}
_NOTICE = {
    "notice_id": "e2d1c0b9-3a4f-4b5c-9d6e-7f8091a2b3c4",
    "channel_id": _CHANNEL["channel_id"],
    "strategy_id": _STRATEGY,
    "kind": "fill",
    "text": "Bought 10 TCS at 3561.10.",
    "at": "2026-11-30T09:30:00.212+05:30",
    "status": "sent",
    "attempts": 1,
    "ended_at": "2026-11-30T09:30:00.655+05:30",
    "message": "",
}

REQUESTS: dict[str, dict[str, Any]] = {
    "Credentials": _CREDENTIALS,
    "LoginIn": _CREDENTIALS,
    "PasswordIn": {"current_password": "a long enough one", "new_password": "another long one"},
    "TotpIn": {"password": "a long enough one"},
    "ForgotIn": {"email": "asha@example.com"},
    "ResetIn": {"token": _TOKEN, "password": "another long one"},
    "VerifyIn": {"token": _TOKEN},
    "DeletionIn": {"password": "a long enough one"},
    "CodeIn": {"code": "123456"},
    "TotpOffIn": {"password": "a long enough one", "code": "123456"},
    "RefreshIn": {"refresh_token": _TOKEN},
    "ConnectIn": {"api_key": "your_api_key", "api_secret": "your_api_secret", "access_token": "todays_token"},
    "StrategyIn": _TERMS,
    "StrategyChange": {"quantity": 20, "stop": {"percent": 2}, "target": None},
    "StartIn": {"strategy_id": _STRATEGY},
    "SkipIn": {"trading_day": "2026-12-01"},
    "StopIn": {"strategy_id": _STRATEGY, "on_stop": "exit"},
    "KillSwitchIn": {"on": True, "exits": "exit", "reason": "out for today"},
    "LimitsIn": _LIMITS,
    "ChannelIn": {"kind": "webhook", "address": "https://hooks.example.com/stopwatch"},
    "TellsIn": {"tells": ["stop_loss", "emergency"]},
}
"""By the name of the body's model."""

ANSWERS: dict[str, dict[str, Any]] = {
    "TokenPair": {
        "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiI…",
        "refresh_token": _TOKEN,
        "token_type": "bearer",
        "expires_in": 900,
    },
    "UserOut": {
        "user_id": _USER,
        "email": "asha@example.com",
        "created_at": "2026-11-29T19:58:00+05:30",
        "totp": False,
        "email_verified": True,
        "mail": True,
    },
    "LoginPage": {
        "items": [
            {
                "id": _LOGIN,
                "created_at": "2026-11-29T19:58:00+05:30",
                "last_used_at": "2026-11-30T09:29:12+05:30",
                "ip": "203.0.113.7",
                "user_agent": "Stopwatch/1.0 (Android)",
                "current": True,
            }
        ],
        "next": None,
    },
    "TotpOut": {
        "secret": "JBSWY3DPEHPK3PXP",
        "otpauth_uri": "otpauth://totp/Stopwatch:asha%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Stopwatch",
    },
    "RecoveryOut": {"recovery_codes": ["k7wq-2m9d-x4tp", "3hvn-8rcz-q5ls"]},
    "AccountOut": {
        "kill_switch": _OFF,
        "operator": _OFF,
        "system": _OFF,
        "limits": _LIMITS,
        "breach": {
            "limit": "daily_loss",
            "value": 5000,
            "net": -5012.4,
            "on_breach": "exit",
            "since": "2026-11-30T11:42:07.512000+05:30",
            "until": "2026-12-01",
        },
        "selling": 0,
        "untold": 0,
    },
    "AuditPage": {"items": [_AUDIT], "next": None},
    "BrokerOut": {
        "broker": "zerodha",
        "broker_user_id": "AB1234",
        "user_name": "Asha Rao",
        "status": "connected",
        "connected_at": "2026-11-30T08:41:00+05:30",
        "token_expires_at": "2026-12-01T06:00:00+05:30",
    },
    "LoginUrlOut": {
        "url": "https://kite.zerodha.com/connect/login?v=3&api_key=your_api_key&redirect_params=state%3D…",
        "expires_at": "2026-11-30T08:51:00+05:30",
    },
    "StrategyOut": _HOLDING,
    "CheckOut": {
        "symbol": "TCS",
        "exchange": "NSE",
        "mode": "paper",
        "buy_at": "2026-11-30T09:30:00+05:30",
        "sell_at": "2026-11-30T15:14:00+05:30",
        "last_price": 3561.1,
        "quantity": 10,
        "amount": 35611,
        "stop_price": 3500,
        "target_price": None,
        "risk": 611,
        "margin": {"required": 35611, "available": 30000, "short": 5611},
        "charges_estimate": {
            "brokerage": 21.37,
            "stt": 8.9,
            "exchange": 2.19,
            "sebi": 0.07,
            "stamp": 1.07,
            "gst": 4.25,
            "dp": 0,
            "total": 37.85,
            "schedule": "zerodha-2026-04-01",
        },
        "warnings": [
            "The order needs 35611.00 rupees at Zerodha and 30000.00 are available: 5611.00 are missing. "
            "Unless they are there at buy_time, Zerodha will refuse it."
        ],
    },
    "StrategyPage": {"items": [_HOLDING], "next": None},
    "DayPage": {"items": [_DAY], "next": None},
    "ReportOut": {
        "from": "2026-11-01",
        "to": "2026-11-30",
        "items": [_DAY_IN_REPORT],
        "by_day": [{"day": "2026-11-27"} | _SUM],
        "by_month": [{"month": "2026-11"} | _SUM],
        "by_symbol": [{"symbol": "NSE:TCS"} | _SUM],
        "total": _SUM,
    },
    "OrderPage": {"items": [_BOUGHT], "next": None},
    "EventPage": {"items": [_EVENT], "next": None},
    "MinutePage": {
        "items": [
            {"at": "2026-11-30T09:31:00+05:30", "price": 3561.4, "stop_price": 3500.05},
            {"at": "2026-11-30T09:32:00+05:30", "price": 3563.0, "stop_price": 3500.05},
        ],
        "next": None,
    },
    "ChannelMade": _CHANNEL | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "ChannelOut": _CHANNEL,
    "PushKeyOut": {
        "key": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    },
    "ChannelPage": {"items": [_CHANNEL], "next": None},
    "NoticeOut": _NOTICE,
    "NoticePage": {"items": [_NOTICE], "next": None},
    "InstrumentPage": {
        "items": [
            {
                "exchange": "NSE",
                "symbol": "TCS",
                "name": "TATA CONSULTANCY SERV LT",
                "tick_size": 0.1,
                "lot_size": 1,
                "freeze_quantity": None,
                "segment": "cash",
                "products": ["CNC", "MIS"],
                "last_price": 3521.4,
            }
        ],
        "next": None,
    },
    "MarketOut": {
        "now": "2026-11-30T08:41:07+05:30",
        "calendar": "XNSE",
        "last_known_day": "2026-12-31",
        "last_estimated_day": "2028-12-31",
        "segment": "cash",
        "status": "closed",
        "trading_day": "2026-11-30",
        "session": _SESSION,
        "next_session": _SESSION,
        "mode": "paper",
    },
    "CalendarOut": {
        "calendar": "XNSE",
        "last_known_day": "2026-12-31",
        "last_estimated_day": "2028-12-31",
        "items": [
            {
                "day": "2026-12-24",
                "status": "open",
                "source": "exchange",
                "name": "",
                "sessions": [
                    {
                        "segment": "cash",
                        "opens_at": "2026-12-24T09:15:00+05:30",
                        "closes_at": "2026-12-24T15:30:00+05:30",
                        "mis_cutoff": "2026-12-24T15:20:00+05:30",
                    }
                ],
            },
            {
                "day": "2026-12-25",
                "status": "closed",
                "source": "exchange",
                "name": "Christmas Day",
                "sessions": [],
            },
        ],
    },
}
"""By the name of the answer's model."""
