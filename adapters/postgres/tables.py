"""The tables of trading: strategies, orders, limits, switches, readings of accounts and the timeline."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base

UNSETTLED = "status IN ('sent', 'absent', 'open')"
"""Orders that a run or an operator still has to deal with."""
UNPRICED = "filled_quantity > 0 AND average_price IS NULL"
"""Fills whose price the broker has not stated yet: few at any time."""
PROTECTED = "status = 'running' AND position = 'bought' AND terms ->> 'protect' = 'exchange'"
LEFT = "status = 'stopped' AND position = 'bought' AND NOT kept"
"""Strategies that hold shares without the user's choice."""


class StrategyRow(Base):
    """A strategy and the state of its newest run. Only the run writes the life-cycle columns."""

    __tablename__ = "strategies"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("stop_loss > 0", name="stop_loss_positive"),
        CheckConstraint("(stop_loss IS NULL) = (terms ? 'stop')", name="one_stop"),
        CheckConstraint("(quantity IS NULL) = (terms ? 'size')", name="one_size"),
        CheckConstraint("buy_time < sell_time", name="buy_before_sell"),
        Index("ix_strategies_user_created", "user_id", "created_at", "strategy_id"),
        Index("ix_strategies_running", "strategy_id", postgresql_where=sql("status = 'running'")),
        # What needs a person is counted all day, however many strategies are behind.
        Index("ix_strategies_left", "stopped_at", postgresql_where=sql(LEFT)),
        Index("ix_strategies_stopped_at", "stopped_at"),
        # Each worker asks twice a second whose stops it keeps at the exchange.
        Index("ix_strategies_protected", "strategy_id", postgresql_where=sql(PROTECTED)),
        Index(
            "ix_strategies_oversold",
            "trading_day",
            postgresql_where=sql("sold_quantity > bought_quantity"),
        ),
        # Each worker asks every second which runs have not done what was due.
        Index("ix_strategies_next_sale", "position", "sell_at", postgresql_where=sql("status = 'running'")),
        Index(
            "ix_strategies_next_buy",
            "buy_at",
            postgresql_where=sql("status = 'running' AND position = 'none'"),
        ),
    )

    strategy_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    symbol: Mapped[str]
    exchange: Mapped[str]
    product: Mapped[str]
    buy_time: Mapped[time]
    sell_time: Mapped[time]
    stop_loss: Mapped[Decimal | None]
    """NULL where `terms` measure the stop from the fill."""
    quantity: Mapped[int | None]
    """NULL where `terms` have it computed at buy_time."""
    on_stop: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'"))
    """Those of version 2 (`adapters.postgres.terms_json`)."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    status: Mapped[str] = mapped_column(server_default="created")
    phase: Mapped[str | None]
    position: Mapped[str] = mapped_column(server_default="none")
    outcome: Mapped[str | None]
    outcome_detail: Mapped[str | None]
    trading_day: Mapped[date | None]
    round: Mapped[int] = mapped_column(server_default=sql("0"))
    """STARTs of `trading_day`; with the day it names the legs, so tags never repeat."""
    start_id: Mapped[UUID | None]
    workflow_id: Mapped[str | None]
    run_id: Mapped[str | None]
    run_began: Mapped[datetime | None]
    tick_size: Mapped[Decimal | None]
    """The symbol's price step on the trading day, where stop or target are measured from the fill."""
    buy_at: Mapped[datetime | None]
    sell_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    warnings: Mapped[list[str]] = mapped_column(JSONB, server_default=sql("'[]'"))
    bought_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    sold_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    outside_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    """Shares of it that were gone at the broker before they could be sold."""
    bought_at: Mapped[datetime | None]
    """When its first share was filled: of two strategies on one symbol the earlier has the first claim."""
    claims_from: Mapped[datetime | None]
    """Since when its claim counts where its entry was found late (`domain.sellable.claims_from`), or NULL."""
    baseline: Mapped[int | None]
    """The user's own shares before its purchase; NULL where the account could not be read then."""
    baseline_holdings: Mapped[int | None]
    """Shares of the symbol from before that day, as they were read with the baseline."""
    missing_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    """Shares that it holds and its account does not show, as soon as that is settled."""
    missing_since: Mapped[datetime | None]
    missing_note: Mapped[str | None]
    """The user's warning about its account; NULL while the account shows what is held."""
    oversold_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    """Shares that the account is short of since its sale."""
    unread_since: Mapped[datetime | None]
    """Since when its account could not be read, once that has lasted."""
    entry_price: Mapped[Decimal | None]
    exit_price: Mapped[Decimal | None]
    kept: Mapped[bool] = mapped_column(server_default=sql("false"))
    """The shares still bought are the user's own by choice, not a failed exit's."""
    protection: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Where its stop lies (`adapters.postgres.stop_json`), where it is to rest at the exchange."""
    obstacle: Mapped[str | None]
    """What keeps its sale from being sent, in the user's words; NULL where nothing does."""
    resumes_at: Mapped[datetime | None]
    """When a day that was slept through goes on: nothing is sold before. NULL for an ordinary day."""
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StartRow(Base):
    """A START, stored before its run, which has to match it. Never changed."""

    __tablename__ = "starts"
    __table_args__ = (
        Index("ix_starts_user_written", "user_id", "written_at"),
        Index("ix_starts_series", "series_id", postgresql_where=sql("series_id IS NOT NULL")),
    )

    start_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), index=True
    )
    account: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The strategy as it was then."""
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The day's instants."""
    sell_only: Mapped[bool]
    release: Mapped[str | None]
    """Why a run of it sells nothing (`domain.run.Release`)."""
    series_id: Mapped[UUID | None] = mapped_column(ForeignKey("series.series_id"))
    """The series that it is a day of."""
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class StopAskedRow(Base):
    """A user's newest word to stop a strategy, of one START: a stalled run does not hear it."""

    __tablename__ = "stops_asked"
    __table_args__ = (Index("ix_stops_asked_asked_at", "asked_at"),)

    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    start_id: Mapped[UUID]
    on_stop: Mapped[str]
    """What becomes of the shares: "exit" or "keep"."""
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


USED_IDS_KEY = "pk_used_strategy_ids"


class UsedStrategyId(Base):
    """An id that a strategy has or had before its deletion. Tags derive from it, so it is never used again.

    A trigger writes it with the strategy; no role reads or removes it.
    """

    __tablename__ = "used_strategy_ids"

    strategy_id: Mapped[UUID] = mapped_column(primary_key=True)


IN_FLIGHT = (
    "(sent.status = 'sent' OR sent.status = 'open' AND (sent.stop IS NULL OR sent.modifications <> '[]' "
    "AND sent.modifications -> -1 ->> 'price' IS NULL))"
)
"""Of orders named `sent`: what may change the account at any moment. A stop that rests does not, until it is
asked to become a market order: two sales that look at one account would wait for each other's."""
HELD = "held_by IS NOT NULL AND status IN ('planned', 'sent', 'open')"
"""Held orders that are not over: few at any time, however many there were."""


class OrderRow(Base):
    """One intent and its outcome. The unique key and the tag make an order happen once."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("strategy_id", "trading_day", "round", "leg", "attempt"),
        Index("ix_orders_user_created", "user_id", "created_at", "order_id"),
        # What an account has sent in the last minute: every claim asks.
        Index("ix_orders_user_sent", "user_id", "sent_at"),
        # What a user's day has come to, and how many rounds it has.
        Index("ix_orders_user_day", "user_id", "trading_day"),
        Index("ix_orders_held", "due_at", postgresql_where=sql(HELD)),
        Index("ix_orders_unsettled", "sent_at", postgresql_where=sql(UNSETTLED)),
        # A handful at any time; the reconciler asks for them every few seconds, however many days are behind.
        Index(
            "ix_orders_entries_in_doubt",
            "strategy_id",
            postgresql_where=sql("leg = 'entry' AND status IN ('sent', 'absent', 'open')"),
        ),
        # Changes of prices count like orders: every claim asks for those of the last minute.
        Index(
            "ix_orders_modified",
            "user_id",
            "modified_at",
            postgresql_where=sql("modified_at IS NOT NULL"),
        ),
        Index("ix_orders_unpriced", "filled_at", postgresql_where=sql(UNPRICED)),
        CheckConstraint("filled_quantity >= 0", name="filled_not_negative"),
        CheckConstraint("exit_aim IN ('sell', 'release')", name="exit_aim_known"),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    strategy_id: Mapped[UUID] = mapped_column(ForeignKey("strategies.strategy_id", ondelete="CASCADE"))
    trading_day: Mapped[date]
    round: Mapped[int]
    leg: Mapped[str]
    attempt: Mapped[int]
    tag: Mapped[str] = mapped_column(unique=True)
    exchange: Mapped[str]
    symbol: Mapped[str]
    product: Mapped[str]
    account: Mapped[str] = mapped_column(server_default="")
    """The broker account it belongs to, `zerodha:AB1234`; empty in rows of before: whichever is connected."""
    most: Mapped[int | None]
    """The most shares in one order of its leg (`domain.freeze`)."""
    side: Mapped[str]
    reason: Mapped[str | None]
    quantity: Mapped[int | None]
    filled_quantity: Mapped[int] = mapped_column(server_default=sql("0"))
    average_price: Mapped[Decimal | None]
    status: Mapped[str] = mapped_column(server_default="planned")
    broker_order_id: Mapped[str | None]
    message: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sent_at: Mapped[datetime | None]
    send_before: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    filled_at: Mapped[datetime | None]
    looked_up_at: Mapped[datetime | None]
    look_ups: Mapped[int] = mapped_column(server_default=sql("0"))
    refusal: Mapped[str | None]
    """What kept the broker from taking it (`domain.refusal`)."""
    held_by: Mapped[str | None]
    """The worker that holds it for its instant."""
    wanted: Mapped[int | None]
    """What its leg is to bring about, where a worker holds it: the claim takes what is still missing."""
    stop_loss: Mapped[Decimal | None]
    """The stop above which a scheduled entry may be sent; NULL where it is measured from the fill."""
    target: Mapped[Decimal | None]
    """The target below which it may; NULL where there is none at one price."""
    closes_at: Mapped[datetime | None]
    """The market's close, after which a scheduled entry is not sent."""
    sell_at: Mapped[datetime | None]
    """The planned sale, before which a scheduled entry's order is cancelled."""
    entry: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """How a scheduled entry is bought, and its symbol's price step; NULL at the market."""
    price: Mapped[Decimal | None]
    """Of a LIMIT order: its price as it was sent, or as the order book last showed it; NULL at the market."""
    ceiling: Mapped[Decimal | None]
    """The highest price that it may be changed to."""
    modifications: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql("'[]'"))
    """Each change of its price that was asked for (`adapters.postgres.modifications`)."""
    modified_at: Mapped[datetime | None]
    """When the last one was."""
    protected: Mapped[bool] = mapped_column(server_default=sql("false"))
    """A stop for its shares is to rest at the exchange."""
    slice: Mapped[int] = mapped_column(server_default=sql("0"))
    """Of a protected sale: in which row of attempts it is."""
    stop: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Of an order that was sent as a stop (`adapters.postgres.resting_stops`); NULL at the market."""
    exit_aim: Mapped[str | None]
    """What its protected leg has come to: `sell`, or `release`; NULL while stops may be placed for it."""
    verdict: Mapped[str | None]
    """The outcome that was decided for the leg when this intent was called off."""


OF_A_DAY = "daily_loss IS NOT NULL OR daily_profit IS NOT NULL"
"""Limits on what a day comes to: those who have none are not judged."""


class LimitsRow(Base):
    """A user's limits on entries: their kill switch and their limits. NULL is no limit."""

    __tablename__ = "limits"
    __table_args__ = (
        CheckConstraint("order_quantity > 0", name="order_quantity_positive"),
        CheckConstraint("order_value > 0", name="order_value_positive"),
        CheckConstraint("daily_loss > 0", name="daily_loss_positive"),
        CheckConstraint("daily_profit > 0", name="daily_profit_positive"),
        CheckConstraint("trades_a_day > 0", name="trades_a_day_positive"),
        CheckConstraint("on_breach IN ('block', 'exit')", name="on_breach_known"),
        # A worker asks every second whose day is to be judged.
        Index("ix_limits_of_a_day", "user_id", postgresql_where=sql(OF_A_DAY)),
        Index("ix_limits_killed", "user_id", postgresql_where=sql("kill_switch")),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    kill_switch: Mapped[bool] = mapped_column(server_default=sql("false"))
    kill_exits: Mapped[str | None]
    kill_reason: Mapped[str] = mapped_column(server_default="")
    killed_at: Mapped[datetime | None]
    order_quantity: Mapped[int | None]
    order_value: Mapped[Decimal | None]
    daily_loss: Mapped[Decimal | None]
    symbols: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    daily_profit: Mapped[Decimal | None]
    trades_a_day: Mapped[int | None]
    on_breach: Mapped[str] = mapped_column(server_default=sql("'block'"))
    """What a day's loss or profit at its limit does: "block" or "exit"."""


class OperatorSwitch(Base):
    """The operator's kill switch for one user, on while the row exists; the user cannot lift it."""

    __tablename__ = "operator_switches"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    exits: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    since: Mapped[datetime] = mapped_column(server_default=sql("clock_timestamp()"))


class SystemSwitch(Base):
    """The kill switch for all users: one row."""

    __tablename__ = "system_switch"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    halted: Mapped[bool] = mapped_column(server_default=sql("false"))
    exits: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default="")
    halted_at: Mapped[datetime | None]


class EventRow(Base):
    """The timeline: append-only. Written while the strategy's row is locked, so ids grow in commit order."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("strategy_id", "once"),
        Index("ix_events_strategy", "strategy_id", "event_id"),
    )

    event_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    strategy_id: Mapped[UUID] = mapped_column(ForeignKey("strategies.strategy_id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str]
    phase: Mapped[str | None]
    text: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'"))
    once: Mapped[str]
    """What keeps a repeated activity from writing the same line twice."""
