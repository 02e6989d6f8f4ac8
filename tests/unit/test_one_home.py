"""A constant, a key in Redis, a retry policy has one home: what is the same in two modules is imported."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("domain", "workflows", "activities", "execution", "services", "api", "listener", "adapters", "local")
APART = "paper"
"""Imports no other room, so it has its own copy of what the exchange prescribes; once within it."""
TOP = ("settings.py", "cli.py", "cli_settings.py", "wiring.py", "worker.py")
KEYS = "adapters/redis/keys.py"
POLICIES = "workflows/policies.py"
ZONE = "domain/session.py"

BY_CHANCE = {
    "AGAIN": "how soon a queue, a part that is down, and a row are asked again: each has its own reason",
    "ANSWER_SECONDS": "how long a probe waits; Redis' clients have their own in adapters/redis/connection.py",
    "BATCH": "rows of a stream, of a rotation, of an alarm and of a read: their sizes are unlike things",
    "BEAT_EVERY": "an activity's heartbeat to Temporal, and a worker's to the other workers",
    "EPOCH": "the beginning of 1970, for hashes and for ticks",
    "EVERY": "how often prices are written, and how often they may be asked for",
    "GATHER": "turns of all processes, and questions of one, find one another",
    "LOOK_EVERY": "how often each of several loops looks at its own state",
    "MOST": "runs asked for in a round, and instruments asked for at once",
    "NAMED": "how many one alarm names, and how many one line of the log",
    "NONCE_BYTES": "of AES-GCM, in two formats that share nothing else",
    "PATIENCE": "a signal's to Temporal, and a quote's from the broker",
    "PREFIX": "of the settings: local/ imports no room, and settings.py is for entry points alone",
    "VERSION": "the first of two formats that share nothing else",
}
"""Constants of one name and value in two modules that mean different things, each with the reason."""

_REDIS_KEYS = {"queue:orders", "stopwatch:whole", "throttle"}
_REDIS_PREFIXES = {"runtime:", "strategy:", "symbol:"}


def modules(*rooms: str, top: Iterable[str] = ()) -> dict[str, ast.Module]:
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")] + [ROOT / name for name in top]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield name and value of a module's constants; the underscore of a private one does not count."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(name)], value=value)
                | ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value)
            ):
                if name.lstrip("_").isupper():
                    yield name.lstrip("_"), ast.unparse(value)


def twice(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Return the names that have one value in several modules, with those modules."""
    homes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, tree in trees.items():
        for named in constants(tree):
            homes[named].append(path)
    found: dict[str, list[str]] = defaultdict(list)
    for (name, _), paths in homes.items():
        if len(paths) > 1:
            found[name] += paths
    return found


def same_words(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Return texts that are constants under two names in one room: they are one thing."""
    homes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in trees.items():
        for _, value in constants(tree):
            if value[0] in "'\"" and len(value) > 6:
                homes[Path(path).parts[0], value].add(path)
    return {value: sorted(paths) for (_, value), paths in homes.items() if len(paths) > 1}


def redis_keys(path: str, tree: ast.Module) -> Iterator[str]:
    if path == KEYS:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if text in _REDIS_KEYS:
                yield f"{path}:{node.lineno} {text}"
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), ast.FormattedValue(), *_]):
                if text in _REDIS_PREFIXES:
                    yield f"{path}:{node.lineno} {text}"


def retry_policies(path: str, tree: ast.Module) -> Iterator[str]:
    if path != POLICIES:
        yield from _calls(path, tree, {"RetryPolicy"})


def exchange_zones(path: str, tree: ast.Module) -> Iterator[str]:
    """The exchange's zone: local/, which imports no room, has a copy for the demo's clock."""
    if path == ZONE or path.startswith("local/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "Asia/Kolkata" in ast.unparse(node) and _name(node) == "ZoneInfo":
            yield f"{path}:{node.lineno}"


def _calls(path: str, tree: ast.Module, names: Iterable[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in names:
            yield f"{path}:{node.lineno} {_name(node)}"


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


TREES = modules(*ROOMS, top=TOP)
LAWS = (redis_keys, retry_policies, exchange_zones)


def test_a_constant_has_one_home() -> None:
    found = twice(TREES)
    assert {name: paths for name, paths in found.items() if name not in BY_CHANCE} == {}
    assert set(BY_CHANCE) - set(found) == set(), "these are not alike any more: take them off the list"


def test_a_constant_of_the_paper_exchange_has_one_home_in_it() -> None:
    assert twice(modules(APART)) == {}


def test_a_text_is_a_constant_once_in_its_room() -> None:
    assert same_words(TREES) == {}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_keys_policies_and_the_zone_are_at_home(law: object) -> None:
    assert callable(law)
    assert [found for path, tree in TREES.items() for found in law(path, tree)] == []


@pytest.mark.parametrize(
    ("law", "source"),
    [
        (redis_keys, 'KEY = "queue:orders"'),
        (redis_keys, 'key = f"runtime:{strategy_id}"'),
        (redis_keys, 'members = redis.srandmember(f"symbol:{name}:strategies")'),
        (retry_policies, "ONCE = RetryPolicy(maximum_attempts=1)"),
        (retry_policies, "again = common.RetryPolicy()"),
        (exchange_zones, 'HERE = ZoneInfo("Asia/Kolkata")'),
    ],
)
def test_a_planted_second_home_is_found(law: object, source: str) -> None:
    assert callable(law)
    assert list(law("adapters/somewhere.py", ast.parse(source)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LEAVE_WITHIN = 1.0", "LEAVE_WITHIN = 1.0"),
        ("EARLIEST = timedelta(seconds=2)", "_EARLIEST: Final = timedelta(seconds=2)"),
        ('QUEUE = "queue:orders"', 'QUEUE: str = "queue:orders"'),
    ],
)
def test_a_planted_second_constant_is_found(one: str, other: str) -> None:
    assert twice({"adapters/one.py": ast.parse(one), "adapters/other.py": ast.parse(other)})


def test_a_planted_second_name_of_a_text_is_found() -> None:
    trees = {"adapters/a.py": ast.parse('EVENT = "STOPLOSS"'), "adapters/b.py": ast.parse('HIT = "STOPLOSS"')}
    assert same_words(trees)
