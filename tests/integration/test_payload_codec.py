"""What Temporal stores is unreadable without the key, and everything that worked still works."""

import asyncio
import base64
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp.test_utils import TestServer
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHistory,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.workflow import NondeterminismError

from adapters.secrets.key_service import BadKey
from adapters.temporal.codec_server import CodecServer
from adapters.temporal.codec_server import main as codec_main
from adapters.temporal.connection import DATA_CONVERTER, data_converter
from adapters.temporal.payload_codec import CHANGED, IN_CLEAR, EncryptingCodec, PayloadUnreadable
from adapters.temporal.readiness import ATTRIBUTES
from domain.strategy import Outcome
from tests.workflow.day import Run, TestDay, in_phase, worker_for
from workflows.client import SYMBOL, USER
from workflows.run_failures import UNREADABLE
from workflows.sandbox import fast_runner, workflow_runner
from workflows.strategy_run import StrategyRun

HISTORIES = Path(__file__).parent.parent / "histories"
KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
OTHER = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
UI = "http://127.0.0.1:8233"


@pytest.fixture(scope="module")
async def env(temporal_binary: str) -> AsyncIterator[WorkflowEnvironment]:
    """The embedded Temporal, spoken to with the key."""
    phase = [
        SearchAttributeKey.for_keyword(name) for name in ATTRIBUTES if name not in (USER.name, SYMBOL.name)
    ]
    async with await WorkflowEnvironment.start_local(
        data_converter=data_converter(KEY),
        dev_server_existing_path=temporal_binary,
        search_attributes=[USER, SYMBOL, *phase],
    ) as started:
        yield started


@pytest.fixture(scope="module")
async def day(env: WorkflowEnvironment, temporal_binary: str) -> tuple[TestDay, Run]:
    """A day that was bought, and stopped out by a signal that an operator sent by hand, through the codec.

    The same signal in plain JSON came before, and was dropped; an update in plain JSON was rejected.
    """
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=timedelta(seconds=2))
        await in_phase(run, "holding")
        signal = ["workflow", "signal", "--workflow-id", run.id, "--name", "STOPLOSS"]
        signal += ["--input", json.dumps({"price": 3399})]
        await asyncio.to_thread(temporal, temporal_binary, env, *signal)
        update = ["workflow", "update", "execute", "--workflow-id", run.id, "--name", "stop", "--input", "{}"]
        with pytest.raises(subprocess.CalledProcessError):
            await asyncio.to_thread(temporal, temporal_binary, env, *update)
        assert (await run.query(StrategyRun.view)).phase == "holding"
        async with TestServer(CodecServer(EncryptingCodec(KEY), [UI]).app()) as server:
            codec = ["--codec-endpoint", f"http://127.0.0.1:{server.port}"]
            await asyncio.to_thread(temporal, temporal_binary, env, *signal, *codec)
        async with asyncio.timeout(60):
            assert (await run.result()).outcome is Outcome.STOP_LOSS
    return day, run


def temporal(binary: str, env: WorkflowEnvironment, *words: str) -> str:
    """Run the operator's `temporal` command."""
    address = ["--address", env.client.service_client.config.target_host]
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    command = [binary, *words, *address]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, env=own).stdout


async def test_history_shows_nothing_of_what_a_day_is_about(day: tuple[TestDay, Run]) -> None:
    strategy = day[0].strategy
    stored = (await day[1].fetch_history()).to_json()
    payloads = b"".join(_every_data(json.loads(stored)))
    for word in ("TCS", str(strategy.user_id), "stop_loss", "quantity", "bought 10 TCS", "3400"):
        assert word.encode() not in payloads, word
    assert base64.b64encode(b"binary/encrypted").decode() in stored


def _every_data(part: object) -> list[bytes]:
    if isinstance(part, dict):
        own = [base64.b64decode(part["data"])] if isinstance(part.get("data"), str) else []
        return own + [found for inner in part.values() for found in _every_data(inner)]
    return [found for inner in part for found in _every_data(inner)] if isinstance(part, list) else []


async def test_encrypted_day_replays_with_the_key_and_not_without(day: tuple[TestDay, Run]) -> None:
    history = await day[1].fetch_history()
    for keys, fails in ((f"{OTHER},{KEY}", False), (OTHER, True)):
        replayer = Replayer(
            workflows=[StrategyRun], data_converter=data_converter(keys), workflow_runner=workflow_runner()
        )
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert bool(result.replay_failure) is fails


async def test_day_from_before_the_key_goes_on_while_plain_payloads_are_taken() -> None:
    """Where they are refused, it stands still: nothing of it is lost, and it goes on once they are taken."""
    path = HISTORIES / "version_1" / "sold_at_sell_time.json"
    history = WorkflowHistory.from_json("a day", path.read_text())
    for take_plain in (False, True):
        replayer = Replayer(
            workflows=[StrategyRun],
            data_converter=data_converter(KEY, take_plain=take_plain),
            workflow_runner=workflow_runner(),
        )
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert isinstance(result.replay_failure, NondeterminismError) is not take_plain


async def test_run_that_was_begun_in_clear_fails_at_once_and_does_nothing(env: WorkflowEnvironment) -> None:
    day = TestDay()
    stranger = await Client.connect(
        env.client.service_client.config.target_host, data_converter=DATA_CONVERTER
    )
    async with worker_for(env, day, fast_runner()):
        run = await day.start(WorkflowEnvironment.from_client(stranger), buy_in=timedelta(seconds=2))
        with pytest.raises(WorkflowFailureError) as failed:
            async with asyncio.timeout(20):
                await run.result()
    assert getattr(failed.value.cause, "type", "") == UNREADABLE
    assert (day.store.activations, day.broker.sent) == ([], [])
    (alarm,) = day.alerts.raised
    assert (alarm.kind, IN_CLEAR in alarm.text) == ("foreign_start", True)


async def encrypted_by_nobody() -> Payload:
    """Return a payload that names the key, whose id each history shows, and is not encrypted with it."""
    (known,) = await EncryptingCodec(KEY).encode([Payload()])
    return Payload(metadata=dict(known.metadata), data=secrets.token_bytes(64))


async def test_whatever_a_stranger_sends_in_clear_is_refused_and_the_run_goes_on(
    env: WorkflowEnvironment, temporal_binary: str
) -> None:
    """Signals, updates and queries with arguments; what has none says no more than a cancellation does."""
    day = TestDay()
    stranger = await Client.connect(
        env.client.service_client.config.target_host, data_converter=DATA_CONVERTER
    )
    async with worker_for(env, day):
        mine = await day.start(env, buy_in=timedelta(seconds=2))
        await in_phase(mine, "holding")
        run = stranger.get_workflow_handle(mine.id)
        for name in ("STOPLOSS", "SELL", "SOLD"):
            await run.signal(name, {"price": 1})
            await run.signal(name, RawValue(await encrypted_by_nobody()))
        for name in ("stop", "started"):
            with pytest.raises((WorkflowUpdateFailedError, RPCError)):
                await run.execute_update(name, {"on_stop": "keep"}, rpc_timeout=timedelta(seconds=5))
        with pytest.raises((WorkflowQueryFailedError, RPCError)):
            await run.query("view", {"of": "another"})
        view = await mine.query(StrategyRun.view)
        assert (view.phase, view.held) == ("holding", 10)
        assert len(day.broker.sent) == 1
        await mine.signal("STOPLOSS", {"price": "3399"})
        async with asyncio.timeout(60):
            assert (await mine.result()).outcome is Outcome.STOP_LOSS


@workflow.defn(name="PlantedInClear", sandboxed=False)
class PlantedInClear:
    """Schedules an activity of the product's from a stranger's own task queue."""

    @workflow.run
    async def run(self, task_queue: str) -> None:
        await workflow.execute_activity(
            "clean_up",
            {"strategy_id": "not encrypted"},
            task_queue=task_queue,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


async def test_an_activity_that_is_scheduled_in_clear_past_the_runs_is_not_carried_out(
    env: WorkflowEnvironment,
) -> None:
    day = TestDay()
    stranger = await Client.connect(
        env.client.service_client.config.target_host, data_converter=DATA_CONVERTER
    )
    own = f"stranger-{day.task_queue}"
    async with (
        worker_for(env, day),
        Worker(
            stranger,
            task_queue=own,
            workflows=[PlantedInClear],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        with pytest.raises(WorkflowFailureError) as failed:
            await stranger.execute_workflow(
                PlantedInClear.run, day.task_queue, id=f"planted-{own}", task_queue=own
            )
    assert isinstance(failed.value.cause, ActivityError)
    assert day.cache.loaded == set()


async def test_operator_reads_a_history_through_the_codec_server_only(
    env: WorkflowEnvironment, day: tuple[TestDay, Run], temporal_binary: str
) -> None:
    words = ["workflow", "show", "--workflow-id", day[1].id, "--output", "json"]
    async with TestServer(CodecServer(EncryptingCodec(KEY), [UI]).app()) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        with_it, without = [
            await asyncio.to_thread(temporal, temporal_binary, env, *words, *more)
            for more in (["--codec-endpoint", endpoint], [])
        ]
    assert b'"TCS"' in b"".join(_every_data(json.loads(with_it)))
    assert b'"TCS"' not in b"".join(_every_data(json.loads(without)))


async def test_failures_are_encrypted_too() -> None:
    failure = Failure()
    converter = data_converter(KEY)
    await converter.encode_failure(ApplicationError("AB1234 holds 10 TCS"), failure)
    assert b"AB1234" not in failure.SerializeToString()
    assert str(await converter.decode_failure(failure)) == "AB1234 holds 10 TCS"
    plain = Failure()
    await DATA_CONVERTER.encode_failure(ApplicationError("told in clear"), plain)
    assert str(await converter.decode_failure(plain)) == "told in clear"


async def test_payload_opens_with_an_old_key_and_never_changed_or_unknown() -> None:
    (sealed,) = await EncryptingCodec(KEY).encode([Payload(metadata={"encoding": b"json/plain"}, data=b"{}")])
    (opened,) = await EncryptingCodec(f"{OTHER}, {KEY}").decode([sealed])
    assert opened.data == b"{}"
    with pytest.raises(PayloadUnreadable, match="STOPWATCH_PAYLOAD_KEYS"):
        await EncryptingCodec(OTHER).decode([sealed])
    changed = Payload(metadata=dict(sealed.metadata), data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]))
    refused = await EncryptingCodec(KEY).decode([changed, await encrypted_by_nobody()])
    assert [payload.data for payload in refused] == [CHANGED.encode()] * 2
    with pytest.raises(ApplicationError, match="changed since"):
        DATA_CONVERTER.payload_converter.from_payloads(refused[:1])


@pytest.mark.parametrize("keys", [" ", ",", "c2hvcnQ", "not base64!"])
def test_payload_key_that_is_none_is_refused_unshown(keys: str) -> None:
    with pytest.raises(BadKey, match="STOPWATCH_PAYLOAD_KEYS"):
        data_converter(keys)
    assert KEY not in repr(EncryptingCodec(KEY))


async def ask(origin: str | None = None, token: str | None = None, host: str | None = None) -> httpx.Response:
    """Ask a codec server of the Web UI, with a token where one is given, to decode a payload."""
    codec = EncryptingCodec(KEY)
    (sealed,) = await codec.encode([Payload(metadata={"encoding": b"json/plain"}, data=b'"in clear"')])
    shown = {name: base64.b64encode(value).decode() for name, value in sealed.metadata.items()}
    words = {"payloads": [{"metadata": shown, "data": base64.b64encode(sealed.data).decode()}]}
    headers = {"Origin": origin, "Host": host, "Authorization": token and f"Bearer {token}"}
    app = CodecServer(codec, [UI], token and "t" * 32).app()
    async with TestServer(app) as server, httpx.AsyncClient(trust_env=False) as http:
        return await http.post(
            f"http://127.0.0.1:{server.port}/decode",
            json=words,
            headers={name: value for name, value in headers.items() if value},
        )


async def test_codec_server_answers_the_web_ui_and_the_command_line() -> None:
    for origin in (UI, None):
        answer = await ask(origin)
        assert answer.status_code == 200
        assert base64.b64decode(answer.json()["payloads"][0]["data"]) == b'"in clear"'
        assert answer.headers.get("Access-Control-Allow-Origin") == origin
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example:8081"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"token": "wrong"}, 401),
        ({"token": "t" * 32, "host": "codec.internal"}, 200),
    ],
)
async def test_codec_server_answers_nobody_else(words: dict[str, str], status: int) -> None:
    answer = await ask(**words)
    assert answer.status_code == status
    assert (b"payloads" in answer.content) is (status == 200)


def test_codec_server_is_not_opened_to_others_without_a_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert codec_main([]) == 2
    assert "STOPWATCH_PAYLOAD_KEYS is not set" in capsys.readouterr().err
    monkeypatch.setenv("STOPWATCH_PAYLOAD_KEYS", KEY)
    assert codec_main(["--host", "0.0.0.0"]) == 2
    assert "anybody could read every history: set STOPWATCH_CODEC_TOKEN" in capsys.readouterr().err


def test_nothing_is_encrypted_without_a_key() -> None:
    assert data_converter(None) is DATA_CONVERTER
