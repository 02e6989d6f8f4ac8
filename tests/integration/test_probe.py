"""`stopwatch probe` against the paper exchange over HTTP: what it says, what it trades, what it keeps."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from adapters.postgres.audit_tables import AuditRow
from adapters.postgres.engine import Store
from adapters.postgres.probe_tables import ProbeRow
from adapters.postgres.user_tables import BrokerKeys, User
from adapters.secrets.vault import Opener
from local.keys import fresh
from services.probe.expectations import digest
from tests.paper_process import ROOT, PaperAccount, PaperProcess, eventually

KEYS = fresh()["STOPWATCH_ENCRYPTION_KEYS"]
SYMBOL = "TATASTEEL"
ROUND_1 = "yyyyyyy"
"""Begin, buy, the wide stop, rest, move, the trigger above, sell."""
NO_MORE = "n"
ROUND_2 = "yyyyy"
"""A second round: buy, rest, cancel, sell."""


@pytest.fixture(scope="module")
def exchange() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


@pytest.fixture
def paper(exchange: PaperProcess) -> Iterator[PaperProcess]:
    exchange.price(SYMBOL, 172)
    yield exchange
    exchange.clear_faults()


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator at a terminal, whose user has an account at the paper exchange."""

    user_id: UUID
    email: str
    account: PaperAccount
    environment: Mapping[str, str]
    home: Path
    paper: PaperProcess

    def command(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "stopwatch"), "probe", "--user", self.email, *words],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, answers: str, *words: str) -> tuple[int, str]:
        """Run the command with these answers, and then the end of the input."""
        command = self.command(*words)
        said, _ = command.communicate("".join(f"{answer}\n" for answer in answers), timeout=120)
        return command.returncode, said

    def orders(self) -> list[tuple[str, str, str]]:
        """Side, type and status of the account's orders at the exchange."""
        return [
            (row["transaction_type"], row["order_type"], row["status"])
            for row in self.paper.ledger()
            if row["user_id"] == self.account.user_id
        ]

    def held(self) -> int:
        """The account's shares by its trades."""
        rows = [row for row in self.paper.ledger() if row["user_id"] == self.account.user_id]
        signed = {"BUY": 1, "SELL": -1}
        return sum(signed[row["transaction_type"]] * row["filled_quantity"] for row in rows)

    def raw(self) -> list[dict[str, object]]:
        """The raw answers that were kept."""
        (path,) = self.home.glob("probe-*.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
async def operator(store: Store, database: str, paper: PaperProcess, tmp_path: Path) -> Operator:
    account, user_id = paper.account(), uuid4()
    sealer = Opener.local(KEYS).sealer()
    secrets = {name: getattr(account, name) for name in ("api_key", "api_secret", "access_token")}
    sealed = {name: sealer.seal(word, user_id=user_id, field=name) for name, word in secrets.items()}
    email = f"{user_id}@example.com"
    async with store.work() as session:
        session.add(User(user_id=user_id, email=email, password_hash="-"))
        await session.flush()
        session.add(
            BrokerKeys(
                user_id=user_id,
                broker="zerodha",
                broker_user_id=account.user_id,
                user_name="A B",
                login_key=b"-",
                connected_at=datetime.now(UTC),
                token_expires_at=datetime.now(UTC) + timedelta(hours=8),
                **sealed,
            )
        )
    clean = {name: word for name, word in os.environ.items() if not name.startswith("STOPWATCH_")}
    environment = clean | {
        "PYTHONPATH": str(ROOT),
        "STOPWATCH_DATABASE_URL": database,
        "STOPWATCH_ENCRYPTION_KEYS": KEYS,
        "STOPWATCH_KITE_ROOT": paper.url,
        "STOPWATCH_CALENDAR": "always-open",
        "LOGNAME": "anna",
    }
    return Operator(user_id, email, account, environment, tmp_path, paper)


async def verdicts(store: Store) -> Sequence[ProbeRow]:
    async with store.read() as session:
        return (await session.scalars(select(ProbeRow))).all()


async def audited(store: Store) -> list[tuple[str, str, str]]:
    async with store.read() as session:
        rows = (await session.scalars(select(AuditRow).order_by(AuditRow.seq))).all()
    return [(row.action, row.actor, row.reason) for row in rows]


async def test_a_probe_trades_one_share_and_keeps_that_it_passed(store: Store, operator: Operator) -> None:
    status, said = operator.run(ROUND_1 + NO_MORE)
    assert status == 0, said
    assert "PASSED" in said
    assert "DIFF" not in said
    assert "The account holds 0 of NSE:TATASTEEL of today" in said
    assert operator.orders() == [("BUY", "LIMIT", "COMPLETE"), ("SELL", "LIMIT", "COMPLETE")]
    (kept,) = await verdicts(store)
    assert (kept.passed, kept.live, kept.rounds, kept.differences) == (True, False, 1, [])
    assert (kept.account, kept.kite_root) == (f"zerodha:{operator.account.user_id}", operator.paper.url)
    assert (kept.expectations, kept.operator) == (digest(), "anna")
    assert await audited(store) == [("stops_probed", "anna", "begun"), ("stops_probed", "anna", "passed")]
    _are_for_their_owner_alone_and_without_secrets(operator)


def _are_for_their_owner_alone_and_without_secrets(operator: Operator) -> None:
    """What is true of the raw answers of a first round."""
    (path,) = operator.home.glob("probe-*.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(
        word in path.read_text() for word in (operator.account.access_token, operator.account.api_key)
    )
    calls = [(row["method"], row["status"]) for row in operator.raw() if row["method"] != "GET"]
    # Bought, refused, rested, moved, refused, sold.
    assert calls == [("POST", 200), ("POST", 400), ("POST", 200), ("PUT", 200), ("PUT", 400), ("PUT", 200)]
    assert "permissible range" in str([row["body"] for row in operator.raw() if row["status"] == 400])


@pytest.mark.proof
async def test_a_second_round_cancels_the_stop_and_sells_anew(store: Store, operator: Operator) -> None:
    status, said = operator.run(ROUND_1 + ROUND_2)
    assert status == 0, said
    assert "ok   cancel.status" in said
    assert [order[2] for order in operator.orders()] == [
        *("COMPLETE", "COMPLETE", "COMPLETE", "CANCELLED", "COMPLETE")
    ]
    assert operator.held() == 0
    assert [(kept.passed, kept.rounds) for kept in await verdicts(store)] == [(True, 2)]


@pytest.mark.proof
async def test_a_modification_that_is_lost_does_not_pass_and_the_share_is_sold(
    store: Store, operator: Operator
) -> None:
    """A 200 without an effect, which is what stops at the exchange must never meet unseen."""
    operator.paper.fault("modify_lost", {"user_id": operator.account.user_id}, count=1)
    status, said = operator.run("yyyyyyyy" + NO_MORE)
    assert status == 1, said
    assert "DIFF move.trigger" in said
    assert "NOT PASSED" in said
    assert "The account holds 0 of NSE:TATASTEEL of today" in said
    assert operator.held() == 0
    (kept,) = await verdicts(store)
    assert not kept.passed
    assert any("move.trigger" in line for line in kept.differences)


@pytest.mark.proof
async def test_where_no_modification_works_the_stop_is_cancelled_and_the_share_sold_anew(
    store: Store, operator: Operator
) -> None:
    operator.paper.fault("modify_lost", {"user_id": operator.account.user_id}, count=9)
    status, said = operator.run("yyyyyyy" + "y")
    assert status == 1, said
    assert "OPEN: 1 share of NSE:TATASTEEL is held" in said
    assert "OPEN: the stop, order" in said
    assert operator.orders()[1:] == [("SELL", "SL-M", "CANCELLED"), ("SELL", "LIMIT", "COMPLETE")]
    assert operator.held() == 0
    assert "Nothing of the probe is open at the broker." in said


async def test_what_is_left_open_is_named_with_how_to_close_it(store: Store, operator: Operator) -> None:
    status, said = operator.run("yyyyn" + "n")  # rests a stop, and goes no further
    assert status == 1, said
    assert "OPEN: 1 share of NSE:TATASTEEL is held" in said
    assert "OPEN: the stop, order" in said
    assert "How to close it: in Kite" in said
    assert "The account holds 1 of NSE:TATASTEEL of today" in said
    assert await verdicts(store) == []


@pytest.mark.proof
async def test_an_order_without_an_answer_is_found_by_its_tag_and_sold(operator: Operator) -> None:
    operator.paper.fault("accept_then_reset", {"user_id": operator.account.user_id, "side": "BUY"}, count=1)
    status, said = operator.run("yy" + "yyyyyy" + NO_MORE)
    assert status == 1, said
    assert "DIFF buy.answer" in said
    assert operator.held() == 0


async def test_an_interruption_asks_what_to_do_with_the_share(operator: Operator) -> None:
    command = operator.command()
    assert command.stdin is not None
    command.stdin.write("y\ny\n")
    command.stdin.flush()
    await asyncio.to_thread(eventually, lambda: operator.held() == 1, 60)
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate("y\n", timeout=60)
    assert "You interrupted it" in said
    assert (command.returncode, operator.held()) == (1, 0), said


async def test_nothing_is_sent_without_a_word(store: Store, operator: Operator) -> None:
    status, said = operator.run("")
    assert (status, operator.orders()) == (2, []), said
    assert await audited(store) == []


async def test_shares_that_the_account_holds_are_not_mixed_up(operator: Operator) -> None:
    operator.paper.hand(
        operator.account.user_id, "buy", symbol=SYMBOL, exchange="NSE", quantity=3, product="CNC"
    )
    status, said = operator.run(ROUND_1 + NO_MORE)
    assert (status, len(operator.orders())) == (2, 1), said
    assert "holds NSE:TATASTEEL already (3)" in said


async def test_live_is_said_where_it_is_live_and_nowhere_else(operator: Operator) -> None:
    assert "is not Zerodha" in operator.run("", "--live")[1]
    at_zerodha = {**operator.environment, "STOPWATCH_KITE_ROOT": "https://api.kite.trade"}
    live = Operator(
        operator.user_id, operator.email, operator.account, at_zerodha, operator.home, operator.paper
    )
    assert "say --live" in live.run("")[1]


async def test_a_second_interruption_leaves_what_is_open_and_says_so(operator: Operator) -> None:
    command = operator.command()
    assert command.stdin is not None
    command.stdin.write("y\ny\n")
    command.stdin.flush()
    await asyncio.to_thread(read_until, command, "Try an SL")
    command.send_signal(signal.SIGINT)
    asked = await asyncio.to_thread(read_until, command, "Close it now")
    assert "OPEN: 1 share of NSE:TATASTEEL is held" in asked
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate(timeout=60)
    assert "Interrupted again" in said
    assert "How to close it: in Kite" in said
    assert (command.returncode, operator.held()) == (1, 1), said


def read_until(command: subprocess.Popen[str], words: str) -> str:
    """Return what the command says up to these words, which may end in the middle of a line."""
    assert command.stdout is not None
    said = ""
    while words not in said:
        letter = command.stdout.read(1)
        assert letter, said
        said += letter
    return said
