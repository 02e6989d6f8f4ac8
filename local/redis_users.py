"""The users of Redis: one for each process, with the commands and keys it needs and no others.

    user      reads                                  writes                           how
    api       runtime:*, minutes:*, symbol:*:strat…  throttle*, stopwatch:probe       its own scripts
    worker    strategy:*, runtime:*, queue:orders    the same, symbol:*, stopwatch:*  its own scripts
    listener  runtime:*                              runtime:*, strategy:*, …         its own scripts
    operator  everything                             everything                       a person's, no process'
    monitor   nothing                                nothing                          INFO, to an exporter
    health    nothing                                nothing                          PING, without a password
    default   off: a client without a user is refused; the server itself reads its file back as this one

Only the listener and the operator add to `queue:orders`: what is added there sells. The keys' names
are those of `adapters/redis/keys.py`; tests/attacks/test_redis_users.py runs the adapters as these users, so
that a command that is missing here names itself.

The table becomes the file that the server reads (`--aclfile`), under `stopwatch up` and in
`docker-compose.yml`. It holds hashes of passwords only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

PROCESSES = ("api", "worker", "listener")
"""Users of processes, each with a password of its own."""
WITH_PASSWORD = (*PROCESSES, "operator", "monitor")
_CONNECT = ("ping", "select", "client|setinfo", "client|setname", "client|id")
_SCRIPTS = ("eval", "evalsha", "script|load", "script|exists")
_TRANSACTIONS = ("multi", "exec", "discard")


@dataclass(frozen=True, slots=True)
class RedisUser:
    """A user: `keys` are key patterns as an access list has them, `commands` what may be called on them."""

    keys: tuple[str, ...]
    commands: tuple[str, ...]


USERS: Mapping[str, RedisUser] = {
    "api": RedisUser(
        ("%R~runtime:*", "%R~minutes:*", "%R~symbol:*:strategies", "~throttle*", "~stopwatch:probe"),
        (
            *(*_CONNECT, *_SCRIPTS),
            *("hget", "hgetall", "srandmember", "set"),
            *("lindex", "lpush", "ltrim", "expire", "del"),
        ),
    ),
    "worker": RedisUser(
        ("~strategy:*", "~runtime:*", "~symbol:*:strategies", "~queue:orders", "~stopwatch:*"),
        (
            *(*_CONNECT, *_SCRIPTS, *_TRANSACTIONS),
            *("hset", "hsetnx", "hget", "del", "exists", "sadd", "srem", "get", "set", "time", "info"),
            *("xreadgroup", "xgroup|create", "xdel", "xlen"),
        ),
    ),
    "listener": RedisUser(
        ("%W~strategy:*", "~runtime:*", "~minutes:*", "~queue:orders", "~stopwatch:probe"),
        (*_CONNECT, *_SCRIPTS, "exists", "hset", "expire", "xadd", "set"),
    ),
}
"""What each process is allowed."""
_ALL = "~* &* +@all"
_NUMBERS = RedisUser(
    (), ("ping", "info", "select", "client|setname", "client|setinfo", "slowlog|len", "latency|latest")
)


def access_list(passwords: Mapping[str, str]) -> str:
    """Return the server's file of users; `passwords` by the names of `WITH_PASSWORD`."""
    # Off: no client can be it. Its rights are for the server itself, which reads its append-only file back as
    # this user, and would leave out every transaction in it (seen in Valkey 8.1).
    lines = [f"user default off {_ALL}", "user health on nopass resetkeys resetchannels -@all +ping"]
    lines += [_line(name, user, passwords[name]) for name, user in USERS.items()]
    lines.append(_line("monitor", _NUMBERS, passwords["monitor"]))
    lines.append(f"user operator on #{_hash(passwords['operator'])} {_ALL}")
    return "\n".join(lines) + "\n"


def address(user: str, password: str, server: str) -> str:
    """Return the address of a user; `server` is host:port."""
    return f"redis://{user}:{password}@{server}/0"


def _line(name: str, user: RedisUser, password: str) -> str:
    commands = " ".join(f"+{command}" for command in user.commands)
    return f"user {name} on #{_hash(password)} resetkeys resetchannels {' '.join(user.keys)} -@all {commands}"


def _hash(password: str) -> str:
    # Redis' own format. Passwords are 48 random hexadecimal digits: there is nothing to guess.
    return hashlib.sha256(password.encode()).hexdigest()
