"""The whole OpenAPI document, played against the real app on a real Postgres by schemathesis.

Two users take turns at random, so that ids of one reach the other. Part of `make proof`: it plays as long as
STOPWATCH_FUZZ_EXAMPLES says, and STOPWATCH_FUZZ_SEED names another game.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase

from tests.api_world import KEYS, PASSWORD, STRATEGY
from tests.served_app import Served

EXAMPLES = int(os.environ.get("STOPWATCH_FUZZ_EXAMPLES", "20"))
SEED = int(os.environ.get("STOPWATCH_FUZZ_SEED", "20261126"))
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "use_after_free",
    "negative_data_rejection",
)
WORKING = {"POST /strategy/create": STRATEGY, "POST /strategy/check": STRATEGY, "POST /broker/connect": KEYS}
SUCCEEDED = {
    ("POST /auth/register", 201),
    ("POST /auth/logout", 204),
    ("POST /broker/connect", 200),
    ("DELETE /broker", 204),
    ("DELETE /auth/sessions", 204),
    ("POST /account/kill-switch", 200),
    ("PUT /account/limits", 200),
    ("POST /strategy/create", 201),
    ("POST /strategy/check", 200),
    ("POST /strategy/start", 200),
    ("POST /strategy/stop", 200),
    ("PATCH /strategy/{strategy_id}", 200),
    ("POST /strategy/{strategy_id}/copy", 201),
    ("DELETE /strategy/{strategy_id}", 204),
}
PLAYERS = ("asha", "ravi")
AT_THEIR_EXPENSE = {
    "DELETE /broker": "maya",
    "POST /account/kill-switch": "maya",
    "DELETE /auth/sessions": "lena",
}
"""Calls after which their user starts nothing any more, or is nobody any more: those two do nothing else."""
ENDLESS = ("/events", "/strategy/{strategy_id}/events")
"""The live streams end when the token does: each call would be read for a minute."""


@pytest.fixture
def served(database: str) -> Iterator[Served]:
    app = Served(database)
    app.start()
    yield app
    app.end()


@dataclass
class Users:
    """Two people who call in turns, and what was answered to whom."""

    tokens: dict[str, str]
    turns: Random
    statuses: Counter[int] = field(default_factory=Counter)
    answered: set[tuple[str, int]] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    strangers: list[str] = field(default_factory=list)
    caller: str | None = None
    """Who makes the next call, where that was chosen with its words."""

    def help_along(self, case: Any) -> None:
        """Have half of the well-formed calls say something that can work: nobody guesses a symbol."""
        if not case.meta or not case.meta.generation.mode.is_positive or self.turns.random() < 0.5:
            return
        label = f"{case.method} {case.path}"
        if label in WORKING:
            case.body = WORKING[label]
        elif case.meta.phase.name is not TestPhase.STATEFUL and self.owners:
            some_id = self._some_id(label)
            # Mostly by whose it is, or little would succeed; else by the other, who must not notice it.
            self.caller = self.owners[some_id] if self.turns.random() < 0.8 else None
            if "{strategy_id}" in case.path:
                case.path_parameters["strategy_id"] = some_id
            elif label in ("POST /strategy/start", "POST /strategy/stop"):
                case.body = {"strategy_id": some_id}

    def _some_id(self, label: str) -> str:
        known = {id_ for id_, name in self.owners.items() if name in PLAYERS}
        running = known & self.running if label == "POST /strategy/stop" else set()
        return self.turns.choice(sorted(running or known))

    def sign(self, case: Any) -> None:
        name = self.caller or PLAYERS[self.turns.random() > 0.7]
        self.caller = None
        name = AT_THEIR_EXPENSE.get(f"{case.method} {case.path}", name)
        case.headers["Authorization"] = f"Bearer {self.tokens[name]}"
        case.headers["X-Caller"] = name

    def note(self, call: str, response: Any) -> None:
        self.statuses[response.status_code] += 1
        self.answered.add((call, response.status_code))
        caller = response.request.headers.get("X-Caller", "")
        for found in strategy_ids(response):
            if call == "POST /strategy/start":
                self.running.add(found)
            if self.owners.setdefault(found, caller) != caller:
                self.strangers.append(f"{call} showed {caller} another's {found}")


def strategy_ids(response: Any) -> set[str]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return set()
    rows = body.get("items", [body]) if isinstance(body, dict) else []
    return {row["strategy_id"] for row in rows if isinstance(row, dict) and row.get("strategy_id")}


def signed_in(address: str) -> Users:
    tokens = {}
    with httpx.Client(base_url=address, timeout=60) as http:
        for name in (*PLAYERS, *sorted(set(AT_THEIR_EXPENSE.values()))):
            given = {"email": f"{name}@example.com", "password": PASSWORD}
            tokens[name] = http.post("/auth/register", json=given).raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {tokens[name]}"
            http.post("/broker/connect", json=KEYS).raise_for_status()
            http.post("/strategy/create", json=STRATEGY).raise_for_status()
    return Users(tokens, Random(SEED))  # noqa: S311 - repeatable on purpose


def played(
    document: dict[str, Any], address: str, users: Users, examples: int
) -> tuple[list[str], Counter[str], set[str]]:
    """Play every phase; return what failed, how many calls each phase made, and the operations it reached."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": address,
            "request-timeout": 60,
            "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "phases": {"stateful": {"max-steps": 6}, "coverage": {"unexpected-methods": ["PATCH"]}},
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        users.help_along(case)
        users.sign(case)

    @schemathesis.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        users.note(f"{case.method} {case.path}", response)

    failed: list[str] = []
    calls: Counter[str] = Counter()
    reached: set[str] = set()
    try:
        for event in from_schema(schema).execute():
            _note(event, failed, calls, reached)
    finally:
        schemathesis.hooks.unregister_all()
    return failed, calls, reached


def _note(event: Any, failed: list[str], calls: Counter[str], reached: set[str]) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        failed.append(str(getattr(event, "value", None) or getattr(event, "exception", event)))
    if isinstance(event, events.ScenarioFinished):
        for case_id, case in event.recorder.cases.items():
            calls[event.phase.value] += 1
            reached.add(f"{case.value.method} {case.value.path}")
            failed += [
                f"{case.value.method} {case.value.path}: {check.failure_info.failure}"
                for check in event.recorder.checks.get(case_id, [])
                if check.failure_info is not None
            ]


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_no_call_of_the_document_fails_or_answers_what_the_document_does_not_say(
    served: Served,
) -> None:
    users = signed_in(served.address)
    document = httpx.get(f"{served.address}/openapi.json", timeout=60).json()
    for path in ENDLESS:
        document["paths"].pop(path)
    documented = [(method, path) for path, calls in document["paths"].items() for method in calls]
    failed, calls, reached = played(document, served.address, users, EXAMPLES)
    sys.stdout.write(f"calls: {dict(calls)}, answers: {dict(users.statuses)}\n")  # with pytest -s
    assert failed == []
    assert users.strangers == []
    # Or the play would prove little: everything that changes something has also succeeded.
    assert users.answered >= SUCCEEDED
    assert {f"{method.upper()} {path}" for method, path in documented} <= reached
