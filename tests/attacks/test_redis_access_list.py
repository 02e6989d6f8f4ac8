"""The file of Redis' users, and servers that read it: no password in it, and nobody else is let in."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from adapters.redis import keys
from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.ports import RuntimeUpdate
from domain.strategy import Position, Status
from local import valkey
from local.data_dir import opened
from local.keys import kept_in
from local.ports import HeldPort
from local.redis_users import PROCESSES, USERS, WITH_PASSWORD, access_list, address
from local.supervisor import Supervisor
from tests.integration.test_redis_cache import strategy
from tests.valkey_process import ValkeyProcess

PASSWORDS = {user: secrets.token_hex(24) for user in WITH_PASSWORD}


async def test_what_was_written_in_one_go_is_there_after_a_kill() -> None:
    async with ValkeyProcess(PASSWORDS, keeps=True) as server:
        one, url = strategy(), server.url_of("worker")
        cache = RedisRuntimeCache.connect(url)
        await cache.load(one, Status.RUNNING, Position.NONE)  # a transaction
        await cache.update(one.strategy_id, RuntimeUpdate(position=Position.BOUGHT, last_buy_order="1"))
        before = await _held(server)
        assert before.keys() >= {keys.strategy_key(one.strategy_id), keys.runtime_key(one.strategy_id)}
        server.kill()
        await server.start()
        assert await _held(server) == before
        async with Redis.from_url(server.url, decode_responses=True) as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.get(keys.runtime_key(one.strategy_id))
        await cache.close()


async def _held(server: ValkeyProcess) -> dict[str, object]:
    """Return what a server holds, once all of it is in its file as well."""
    async with Redis.from_url(server.url_of("operator"), decode_responses=True) as operator:
        await operator.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]
        held: dict[str, object] = {}
        async for key in operator.scan_iter(_type="HASH"):
            held[key] = await operator.hgetall(key)
        async for key in operator.scan_iter(_type="SET"):
            held[key] = await operator.smembers(key)
    return held


def test_the_list_of_users_holds_no_password_and_no_user_without_a_line() -> None:
    written = access_list(PASSWORDS)
    assert not [password for password in PASSWORDS.values() if password in written]
    users = {line.split()[1]: line for line in written.splitlines()}
    assert users.keys() == {"default", "health", *WITH_PASSWORD}
    assert users["default"].startswith("user default off ")
    assert set(PROCESSES) == USERS.keys()
    for name in PROCESSES:
        words = users[name].split()
        assert "-@all" in words
        assert "resetkeys" in words
        assert not [word for word in words if word.startswith("+@") or word in ("~*", "allkeys", "nopass")]


async def test_the_embedded_server_lets_in_its_users_and_no_others(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda said: None)
    with opened(tmp_path / "data") as data:
        passwords, port = kept_in(data.directory("secrets")).redis_passwords, HeldPort.free()
        await supervisor.start(valkey.spec(data, port.number, dict(os.environ), passwords))
        try:
            where = f"127.0.0.1:{port.number}"
            async with Redis.from_url(address("worker", passwords["worker"], where)) as worker:
                assert await worker.set("stopwatch:probe", "1")
            async with Redis.from_url(f"redis://{where}/0") as nobody:
                with pytest.raises(AuthenticationError):
                    await nobody.get("stopwatch:probe")
        finally:
            await supervisor.stop()
        hidden = [data.root / "redis" / "users.acl", *(data.root / "secrets").glob("redis_password_*")]
        assert len(hidden) == 1 + len(WITH_PASSWORD)
        assert {path.stat().st_mode & 0o777 for path in hidden} == {0o600}


async def test_two_servers_have_no_password_in_common(tmp_path: Path) -> None:
    one, other = [await asyncio.to_thread(_passwords, tmp_path / name) for name in ("one", "other")]
    assert set(one.values()).isdisjoint(other.values())
    assert len(set(one.values())) == len(WITH_PASSWORD)


def _passwords(home: Path) -> dict[str, Any]:
    home.mkdir()
    return dict(kept_in(home).redis_passwords)
