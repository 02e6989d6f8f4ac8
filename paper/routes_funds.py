"""Read-only mutual funds: every account has the same small history."""

from typing import Any

from paper.kite_error import KiteError, bad_input
from paper.web import CSV, Answer, Call, Route, Routes, data

FUND = {"tradingsymbol": "INF204KB17I5", "fund": "Nippon India Liquid Fund - Direct Plan"}
COLUMNS = (
    "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,"
    "purchase_amount_multiplier,minimum_additional_purchase_amount,minimum_redemption_quantity,"
    "redemption_quantity_multiplier,dividend_type,scheme_type,plan,settlement_type,last_price,last_price_date"
)
FUNDS = (
    "INF204KB17I5,NipponIndiaMutualFund_MF,Nippon India Liquid Fund - Direct Plan,1,1,100.0,1.0,100.0,0.001,"
    "0.001,growth,liquid,direct,T1,6412.37,2026-11-20",
    "INF179K01VY8,HDFCMutualFund_MF,HDFC Balanced Advantage Fund - Direct Plan,1,1,100.0,1.0,100.0,0.001,"
    "0.001,growth,balanced,direct,T3,561.2,2026-11-20",
    "INF209K01VD7,BirlaSunLifeMutualFund_MF,Aditya Birla Sun Life Liquid Fund - Direct Plan,1,1,500.0,1.0,"
    "500.0,0.001,0.001,payout,liquid,direct,T1,417.9,2026-11-20",
)


class FundRoutes:
    """`/mf`."""

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/mf/orders", Route(self.orders))
        routes.add("GET", "/mf/orders/{}", Route(self.order))
        routes.add("GET", "/mf/sips", Route(self.sips))
        routes.add("GET", "/mf/sips/{}", Route(self.sip))
        routes.add("GET", "/mf/holdings", Route(self.holdings))
        routes.add("GET", "/mf/instruments", Route(self.instruments, "", auth=False))
        for method, path in (
            ("POST", "/mf/orders"),
            ("DELETE", "/mf/orders/{}"),
            ("POST", "/mf/sips"),
            ("PUT", "/mf/sips/{}"),
            ("DELETE", "/mf/sips/{}"),
        ):
            routes.add(method, path, Route(self.read_only))

    def orders(self, call: Call) -> Answer:
        return data([_order(call.user.user_id)])

    def order(self, call: Call) -> Answer:
        row = _order(call.user.user_id)
        if call.args[0] != row["order_id"]:
            raise KiteError(404, "GeneralException", "Couldn't find that `order_id`.")
        return data(row)

    def sips(self, call: Call) -> Answer:
        return data([_sip()])

    def sip(self, call: Call) -> Answer:
        row = _sip()
        if call.args[0] != row["sip_id"]:
            raise KiteError(404, "GeneralException", "Couldn't find that `sip_id`.")
        return data(row)

    def holdings(self, call: Call) -> Answer:
        row = FUND | {
            "folio": "100000001",
            "average_price": 6390.1,
            "last_price": 6412.37,
            "last_price_date": "",
            "pledged_quantity": 0,
            "pnl": 0,
            "quantity": 0.782,
        }
        return data([row])

    def instruments(self, call: Call) -> Answer:
        return Answer("\n".join((COLUMNS, *FUNDS, "")).encode(), 200, CSV)

    def read_only(self, call: Call) -> Answer:
        raise bad_input("Mutual funds are read only on paper.")


def _order(user_id: str) -> dict[str, Any]:
    return FUND | {
        "status": "COMPLETE",
        "purchase_type": "FRESH",
        "folio": "100000001",
        "order_timestamp": "2026-11-02 09:30:00",
        "average_price": 6390.1,
        "exchange_order_id": "254657127",
        "last_price": 6412.37,
        "settlement_id": "2122061",
        "transaction_type": "BUY",
        "order_id": "271989e0-a64e-4cf3-b4e4-afb8f38dd203",
        "amount": 5000.0,
        "tag": None,
        "placed_by": user_id,
        "exchange_timestamp": "2026-11-03",
        "variety": "regular",
        "last_price_date": "2026-11-20",
        "status_message": "",
        "quantity": 0.782,
    }


def _sip() -> dict[str, Any]:
    return FUND | {
        "status": "ACTIVE",
        "sip_reg_num": None,
        "created": "2026-10-02 09:30:00",
        "dividend_type": "growth",
        "instalment_amount": 5000.0,
        "instalments": -1,
        "next_instalment": "2026-12-02",
        "transaction_type": "BUY",
        "trigger_price": 0,
        "step_up": {"05-05": 10},
        "tag": None,
        "frequency": "monthly",
        "last_instalment": "2026-11-02 09:30:00",
        "pending_instalments": -1,
        "instalment_day": 2,
        "sip_type": "sip",
        "fund_source": "pool",
        "completed_instalments": 2,
        "sip_id": "892741486820670",
    }
