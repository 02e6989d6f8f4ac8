"""The things that the examples of the OpenAPI document are about.

They tell one story: Asha buys ten shares of TCS at 09:30 on a Monday.
"""

USER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
STRATEGY = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
LOGIN = "9b2d7e34-58f1-4c6a-b1d0-6a4f0e3c2d11"
ORDER = "c1a5d298-1f7e-5b43-8d8a-2f0a9f3d6e77"
STOP = "8e0b3a64-6f12-5c8e-9c55-71c4a6f0d2b9"
CREDENTIALS = {"email": "asha@example.com", "password": "a long enough one"}
TOKEN = "a-refresh-token-is-43-characters-of-base64u"  # noqa: S105 - its length is what it shows
OFF = {"on": False, "exits": None, "reason": "", "since": None}
TERMS = {
    "symbol": "TCS",
    "buy_time": "09:30",
    "sell_time": "15:14",
    "stop_loss": 3500,
    "quantity": 10,
    "exchange": "NSE",
    "product": "CNC",
    "on_stop": "exit",
}
HOLDING = TERMS | {
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
        "protect": "server",
    },
    "stop_price": 3500,
    "target_price": None,
    "peak_price": None,
    "protection": {
        "where": "server",
        "order_id": None,
        "trigger_price": None,
        "since": "2026-11-30T09:30:00.121000+05:30",
        "why": None,
    },
    "strategy_id": STRATEGY,
    "status": "running",
    "phase": "holding",
    "position": "bought",
    "outcome": None,
    "outcome_detail": None,
    "trading_day": "2026-11-30",
    "buy_at": "2026-11-30T09:30:00+05:30",
    "sell_at": "2026-11-30T15:14:00+05:30",
    "workflow_id": f"strategy-{STRATEGY}-2026-11-30",
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
AWAY = (
    "This server alone watches the stop: while it, its network or Zerodha's API is away, nothing sells. "
    "Sell in Zerodha's own app then."
)
STARTED = HOLDING | {
    "phase": "waiting",
    "position": "none",
    "protection": None,
    "entry_price": None,
    "filled_quantity": 0,
    "pnl": None,
    "charges": None,
    "net_pnl": None,
    "next_trading_day": "2026-11-30",
    "while_away": AWAY,
}
DAY = {
    "strategy_id": STRATEGY,
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
DAY_IN_REPORT = DAY | {
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
SUM = {"rounds": 1, "unknown": 0, "turnover": 289, "gross": 289, "charges": 38.06, "net": 250.94}
BOUGHT = {
    "order_id": ORDER,
    "strategy_id": STRATEGY,
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
RESTING = BOUGHT | {
    "order_id": STOP,
    "leg": "exit",
    "reason": "STOPLOSS",
    "side": "SELL",
    "filled_quantity": 0,
    "average_price": None,
    "status": "open",
    "order_type": "SL-M",
    "trigger_price": 3500,
    "tag": "QJ2V6NIYH4TXMB7EKZ3C",
    "broker_order_id": "2126028438140616731",
    "due_at": "2026-11-30T09:30:00.304+05:30",
    "sent_at": "2026-11-30T09:30:00.304+05:30",
    "acknowledged_at": "2026-11-30T09:30:00.347+05:30",
    "filled_at": None,
    "lateness_ms": 0,
}
"""The stop of a strategy with `protect: "exchange"`, as it waits there."""
EVENT = {
    "event_id": 4711,
    "at": "2026-11-30T09:30:00.212+05:30",
    "strategy_id": STRATEGY,
    "kind": "bought",
    "phase": "entering",
    "text": "Bought 10 TCS at 3561.10.",
    "data": {"order_id": ORDER, "filled_quantity": "10", "price": "3561.10"},
}
SESSION = {
    "trading_day": "2026-11-30",
    "opens_at": "2026-11-30T09:15:00+05:30",
    "closes_at": "2026-11-30T15:30:00+05:30",
    "source": "exchange",
}
AUDIT = {
    "chain": USER,
    "seq": 3,
    "at": "2026-11-29T20:04:20+05:30",
    "writer": "stopwatch_api",
    "role": "user",
    "actor": "asha@example.com",
    "action": "strategy_start",
    "object": STRATEGY,
    "reason": "for 2026-11-30",
    "ip": "203.0.113.7",
    "agent": "Stopwatch/1.0 (Android)",
    "version": "0.1.0",
    "prev_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
LIMITS = {
    "order_quantity": 100,
    "order_value": 500000,
    "daily_loss": 5000,
    "daily_profit": 10000,
    "trades_a_day": 6,
    "on_breach": "exit",
    "symbols": ["TCS", "INFY"],
}

CHANNEL = {
    "channel_id": "5a0c7f2e-91b4-4d5f-8a57-6c1e2d3f4b50",
    "kind": "webhook",
    "shown": "hooks.example.com",
    "tells": ["fill", "stop_loss", "target", "missed", "order_failed", "login_needed", "emergency"],
    "created_at": "2026-11-29T20:10:00+05:30",
    "gone_at": None,
}
NOTICE = {
    "notice_id": "e2d1c0b9-3a4f-4b5c-9d6e-7f8091a2b3c4",
    "channel_id": CHANNEL["channel_id"],
    "strategy_id": STRATEGY,
    "kind": "fill",
    "text": "Bought 10 TCS at 3561.10.",
    "at": "2026-11-30T09:30:00.212+05:30",
    "status": "sent",
    "attempts": 1,
    "ended_at": "2026-11-30T09:30:00.655+05:30",
    "message": "",
}
