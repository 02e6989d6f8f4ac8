"""Two users send what no client would: answers are those of the OpenAPI document, without a foreign id.

`make test` plays some hundred calls, the same ones each time; `make proof` plays for STOPWATCH_FUZZ_SECONDS
(ten minutes), others each time, and says the seed of what fails.
"""

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from api.http.examples import REQUESTS
from tests.api_world import KEYS, PASSWORD, STRATEGY
from tests.served_app import Served

SECONDS = float(os.environ.get("STOPWATCH_FUZZ_SECONDS", "600"))
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Document = dict[str, Any]

ODD_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "a\udfffb",
        "\u202egnp.exe",
        "\ufeff",
        "\uffff",
        "٣",
        "１２",
        "Å" * 300,
    ),
    *(
        "x" * 9000,
        "'; DROP TABLE users; --",
        "../../etc/passwd",
        "%s%n%x",
        "{{7*7}}",
        "${jndi:x}",
        "\r\nX: y",
    ),
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e400",
        "NaN",
        "0x10",
        "00000000000000000000000050",
        "9" * 5000,
        "\U0001f4a9",
    ),
    *("2026-02-30", "24:00", "09:30:60", "0٩:30", "09:30+05:30", "Z", "http://[::1", "a@b", "ü@x.example"),
    *(
        "mailto://x",
        "https://①②⑦.0.0.1/",
        "https://user@host/",
        "tgram://a/b",
        "file:///etc/passwd",
        "https://x:99999",
    ),
)
ODD_VALUES = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[[]]",
        '{"$gt": 0}',
        "-0",
        "-0.0",
    ),
    *(
        "1e400",
        "-1e400",
        "1e-400",
        "1e99999999999999999999",
        "0e5",
        "0.1",
        "1e1",
        "10.0",
        "-10",
        "0",
        "1_0",
        "010",
    ),
    *(
        "9" * 30,
        "9" * 5000,
        "0." + "1" * 5000,
        "9223372036854775808",
        "[" * 900 + "]" * 900,
        '{"a":' * 500 + "1",
    ),
    *('["fill", "fill"]', '["x"]', '[null, "\\u0000"]', '{"a": {"b": "\\ud800"}}'),
)
ODD_IDS = ("", "..", "%00", "x", "٣" * 32, "a" * 3000, "{%s}", "urn:uuid:%s", "%2e%2e", "null", "0", "-1")


@dataclass
class Person:
    """One of the two users, and every id that was shown to them."""

    email: str
    token: str = ""
    ids: set[str] = field(default_factory=set)
    cursors: list[str] = field(default_factory=list)


@dataclass(repr=False)
class Game:
    """The app, its document and the two who play."""

    http: httpx.Client
    document: Document
    people: list[Person] = field(default_factory=list)
    played: int = 0
    statuses: set[int] = field(default_factory=set)

    def join(self, email: str) -> None:
        person = Person(email)
        self.http.post("/auth/register", json={"email": email, "password": PASSWORD}).raise_for_status()
        self.people.append(person)
        self.log_in(person)
        headers = {"Authorization": f"Bearer {person.token}"}
        self.http.post("/broker/connect", json=KEYS, headers=headers).raise_for_status()
        for _ in range(3):
            self.http.post("/strategy/create", json=STRATEGY, headers=headers).raise_for_status()
        for way in ("/auth/me", "/strategy?limit=1", "/account/audit?limit=1"):
            page = self.http.get(way, headers=headers).json()
            self.note(person, json.dumps(page))
            if page.get("next"):
                person.cursors.append(page["next"])

    def log_in(self, person: Person) -> None:
        words = {"email": person.email, "password": PASSWORD}
        person.token = self.http.post("/auth/login", json=words).raise_for_status().json()["access_token"]

    def note(self, person: Person, text: str) -> None:
        """Remember what ids a user was shown. Fails where one of them is the other's."""
        shown = set(_ID.findall(text))
        for other in self.people:
            assert other is person or not shown & other.ids, f"{person.email} was shown another's {shown}"
        person.ids |= shown


@pytest.fixture
def game(database: str) -> Iterator[Game]:
    served = Served(database)
    served.start()
    with httpx.Client(base_url=served.address, timeout=60) as http:
        document = http.get("/openapi.json").raise_for_status().json()
        made = Game(http, document)
        for name in ("asha", "ravi"):
            made.join(f"{name}-{uuid4().hex[:8]}@example.com")
        yield made
    served.end()


# What is sent

texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=40))
raws = st.one_of(st.sampled_from(ODD_VALUES), texts.map(json.dumps), st.integers().map(str))


@st.composite
def bodies(draw: st.DrawFn, example: dict[str, Any]) -> bytes:
    """Return an honest body with some fields changed, said twice or made up; now and then anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.binary(max_size=60), raws.map(lambda raw: raw.encode(errors="replace"))))
    fields = [(name, json.dumps(value)) for name, value in example.items()]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(fields)))
        name = fields[at][0] if at < len(fields) else draw(texts)
        changed = (name, draw(raws))
        fields[at:] = draw(st.sampled_from(([changed, *fields[at + 1 :]], [changed, *fields[at:]])))
    inside = ", ".join(f"{json.dumps(name)}: {raw}" for name, raw in fields)
    return f"{{{inside}}}".encode(errors="surrogatepass")


HEADERS = (
    *("Idempotency-Key", "Last-Event-ID", "X-Forwarded-For", "X-Request-Id", "Content-Type", "User-Agent"),
    *("Accept", "Origin", "Host", "If-None-Match", "Content-Encoding", "Cookie", "X-HTTP-Method-Override"),
)
header_values = st.one_of(
    st.sampled_from(
        [b"", b"0", b"-1", b"9" * 30, b"1" * 4000, b"\xff\xfe", b"\xd9\xa3", b"::1%x", b"gzip", b"*"]
    ),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), min_size=1, max_size=30
    ).map(lambda word: word.encode("latin-1")),
)


@st.composite
def calls(draw: st.DrawFn, game: Game) -> tuple[Person, str, str, httpx.Request]:
    """Return who calls, the call as the document names it, and the request."""
    caller, other = draw(st.permutations(game.people))
    path = draw(st.sampled_from(sorted(game.document["paths"])))
    method = draw(st.sampled_from(sorted(game.document["paths"][path])))
    call = game.document["paths"][path][method]
    ids = [*sorted(caller.ids), *sorted(other.ids), str(uuid4())]

    def some_known_id() -> str:
        # By a number of always the same range: what was shown so far must not shape what is drawn.
        return ids[draw(st.integers(0, 999)) % len(ids)]

    way = path
    for name in re.findall(r"{(\w+)}", path):
        some_id = some_known_id()
        odd = draw(st.sampled_from(ODD_IDS)) if draw(st.integers(0, 2)) == 0 else some_id
        way = way.replace(f"{{{name}}}", quote(odd % some_id if "%s" in odd else odd, safe="%"))
    cursors = [
        *caller.cursors,
        *other.cursors,
        base64.urlsafe_b64encode(b"9999-12-31T23:59:59-14:00|x").decode(),
    ]
    query = [
        (one["name"], draw(st.one_of(st.sampled_from([*cursors, "1", "50"]), texts)))
        for one in call.get("parameters", [])
        if one["in"] == "query" and draw(st.booleans())
    ]
    query_text = "&".join(f"{name}={quote(value.encode(errors='replace'))}"[:7000] for name, value in query)
    headers = [
        (name.encode(), draw(header_values))
        for name in draw(st.lists(st.sampled_from(HEADERS), max_size=2, unique=True))
    ]
    word = draw(st.sampled_from(["good"] * 8 + ["none", "odd"]))
    if word == "good":
        headers.append((b"Authorization", f"Bearer {caller.token}".encode()))
    elif word == "odd":
        headers.append((b"Authorization", (b"Bearer " + draw(header_values)).strip()))  # as h11 sends it
    content = None
    if "requestBody" in call:
        title = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        example = dict(REQUESTS[title])
        if "strategy_id" in example:
            example["strategy_id"] = some_known_id()
        if title == "StrategyIn":
            example |= STRATEGY
        content = draw(bodies(example))
    target = httpx.URL(f"{game.http.base_url}".rstrip("/") + way + (f"?{query_text}" if query_text else ""))
    return (
        caller,
        method,
        path,
        game.http.build_request(method.upper(), target, headers=headers, content=content),
    )


# What is answered


def answer_of(game: Game, request: httpx.Request) -> httpx.Response:
    """Return the answer; of a stream, which has no end, its head only."""
    answer = game.http.send(request, stream=True)
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        answer.close()
        answer._content = b""
    else:
        answer.read()
        answer.close()
    return answer


def judge(game: Game, caller: Person, method: str, path: str, request: httpx.Request) -> None:
    """Send a call and fail for a 5xx, an answer that is not in the document, and another's id."""
    answer = answer_of(game, request)
    for _ in range(5):
        if answer.status_code != 503:
            break
        time.sleep(1)  # a busy machine's Postgres did not answer in time: what says so again is a fault
        answer = answer_of(game, request)
    said = f"{method.upper()} {request.url.raw_path[:200]!r} {answer.status_code} {answer.text[:300]}"
    game.played += 1
    game.statuses.add(answer.status_code)
    assert answer.status_code < 500, said
    if answer.headers.get("content-type", "").startswith("text/plain") and answer.status_code in (400, 431):
        return  # refused by the server before there was a request: of no call
    to_the_app = answer.status_code == 307 and answer.headers["location"] == "/app"  # an empty path
    nowhere = "There is nothing at this address" in answer.text
    matched = not (answer.status_code == 405 or nowhere or to_the_app)
    if matched:
        documented = game.document["paths"][path][method]["responses"]
        assert str(answer.status_code) in documented, said
        check_code(answer, documented[str(answer.status_code)], said)
    game.note(caller, answer.text if answer.is_success else "")
    for other in game.people:
        foreign = set(_ID.findall(answer.text)) & other.ids - sent_ids(request)
        assert other is caller or not foreign, said
    if b"authorization" in dict(request.headers.raw) or path.startswith("/auth/"):
        check = game.http.get("/auth/me", headers={"Authorization": f"Bearer {caller.token}"})
        if check.status_code == 401:  # the call ended the login, as it was asked to
            game.log_in(caller)


def check_code(answer: httpx.Response, documented: dict[str, Any], said: str) -> None:
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json", said
    problem = answer.json()
    if answer.status_code == 422:
        found = [error["code"] for error in problem.get("errors", [])]
        assert problem["code"] in ("invalid", *found[:1], *documented.get("x-codes", ())), said
    else:
        assert problem["code"] in documented["x-codes"], said


def sent_ids(request: httpx.Request) -> set[str]:
    return set(_ID.findall(request.url.path + request.content.decode(errors="replace")))


def play(game: Game, examples: int, number: int) -> None:
    """Play so many rounds of up to six calls; the number chooses them."""

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def one_round(data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 6))):
            judge(game, *data.draw(calls(game)))

    one_round()


def test_odd_calls_of_two_users_are_answered_as_the_document_says(game: Game) -> None:
    play(game, 60, 20261129)
    assert game.played >= 60
    assert game.statuses >= {200, 401, 404, 422}


@pytest.mark.proof
@pytest.mark.timeout(SECONDS + 300)
def test_odd_calls_for_ten_minutes(game: Game) -> None:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        play(game, 100, SystemRandom().randrange(2**32))
    assert game.statuses >= {200, 201, 204, 400, 401, 404, 409, 422}
