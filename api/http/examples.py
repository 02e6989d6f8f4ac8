"""Examples of what goes in and what comes out, for the OpenAPI document: one for every model.

A test reads each by its own schema.
"""

from typing import Any

from api.http import example_story as story

REQUESTS: dict[str, dict[str, Any]] = {
    "Credentials": story.CREDENTIALS,
    "LoginIn": story.CREDENTIALS,
    "PasswordIn": {"current_password": "a long enough one", "new_password": "another long one"},
    "TotpIn": {"password": "a long enough one"},
    "ForgotIn": {"email": "asha@example.com"},
    "ResetIn": {"token": story.TOKEN, "password": "another long one"},
    "VerifyIn": {"token": story.TOKEN},
    "DeletionIn": {"password": "a long enough one"},
    "CodeIn": {"code": "123456"},
    "TotpOffIn": {"password": "a long enough one", "code": "123456"},
    "RefreshIn": {"refresh_token": story.TOKEN},
    "ConnectIn": {"api_key": "your_api_key", "api_secret": "your_api_secret", "access_token": "todays_token"},
    "StrategyIn": story.TERMS,
    "StrategyChange": {"quantity": 20, "stop": {"percent": 2}, "target": None},
    "StartIn": {"strategy_id": story.STRATEGY},
    "SkipIn": {"trading_day": "2026-12-01"},
    "StopIn": {"strategy_id": story.STRATEGY, "on_stop": "exit"},
    "KillSwitchIn": {"on": True, "exits": "exit", "reason": "out for today"},
    "LimitsIn": story.LIMITS,
    "ChannelIn": {"kind": "webhook", "address": "https://hooks.example.com/stopwatch"},
    "TellsIn": {"tells": ["stop_loss", "emergency"]},
}
"""By the name of the body's model."""

ANSWERS: dict[str, dict[str, Any]] = {
    "TokenPair": {
        "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiI…",
        "refresh_token": story.TOKEN,
        "token_type": "bearer",
        "expires_in": 900,
    },
    "UserOut": {
        "user_id": story.USER,
        "email": "asha@example.com",
        "created_at": "2026-11-29T19:58:00+05:30",
        "totp": False,
        "email_verified": True,
        "mail": True,
    },
    "LoginPage": {
        "items": [
            {
                "id": story.LOGIN,
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
        "picture": "data:image/svg+xml;charset=utf-8,%3Csvg%20xmlns=…",
    },
    "RecoveryOut": {"recovery_codes": ["k7wq-2m9d-x4tp", "3hvn-8rcz-q5ls"]},
    "AccountOut": {
        "kill_switch": story.OFF,
        "operator": story.OFF,
        "system": story.OFF,
        "limits": story.LIMITS,
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
    "AuditPage": {"items": [story.AUDIT], "next": None},
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
    "StrategyOut": story.HOLDING,
    "StartedOut": story.STARTED,
    "PriceOut": {"strategy_id": story.STRATEGY, "last_price": 3561.1, "pnl": 10, "net_pnl": -28.06},
    "DeletedOut": {"strategy_id": story.STRATEGY},
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
        "while_away": story.AWAY,
        "warnings": [
            "The order needs 35611.00 rupees at Zerodha and 30000.00 are available: 5611.00 are missing. "
            "Unless they are there at buy_time, Zerodha will refuse it."
        ],
    },
    "StrategyPage": {"items": [story.HOLDING], "next": None},
    "DayPage": {"items": [story.DAY], "next": None},
    "ReportOut": {
        "from": "2026-11-01",
        "to": "2026-11-30",
        "items": [story.DAY_IN_REPORT],
        "by_day": [{"day": "2026-11-27"} | story.SUM],
        "by_month": [{"month": "2026-11"} | story.SUM],
        "by_symbol": [{"symbol": "NSE:TCS"} | story.SUM],
        "total": story.SUM,
    },
    "OrderPage": {"items": [story.RESTING, story.BOUGHT], "next": None},
    "EventPage": {"items": [story.EVENT], "next": None},
    "MinutePage": {
        "items": [
            {"at": "2026-11-30T09:31:00+05:30", "price": 3561.4, "stop_price": 3500.05},
            {"at": "2026-11-30T09:32:00+05:30", "price": 3563.0, "stop_price": 3500.05},
        ],
        "next": None,
    },
    "ChannelMade": story.CHANNEL | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "ChannelOut": story.CHANNEL,
    "PushKeyOut": {
        "key": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    },
    "ChannelPage": {"items": [story.CHANNEL], "next": None},
    "NoticeOut": story.NOTICE,
    "NoticePage": {"items": [story.NOTICE], "next": None},
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
        "session": story.SESSION,
        "next_session": story.SESSION,
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
