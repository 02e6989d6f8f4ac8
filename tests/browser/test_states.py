"""The states a screen can be in, on two phones and a desktop, light and dark: usable by everybody in each.

Usable: no serious finding of axe (text contrast of 4.5 among them), and nothing wider than the screen.
"""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.phone import Phone
from tests.browser.rest import Rest

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]
REFUSALS = {
    "kill_switch": (409, "You stopped all buying: allow it again under Account."),
    "broker_not_connected": (409, "No Zerodha account is connected"),
    "unavailable": (503, "A part of the server is away for a moment."),
    "too_many_attempts": (429, "wait a minute"),
}


async def test_an_empty_account(phone: Phone) -> None:
    await phone.registered()
    for place, title in (
        ("#/", "Today"),
        ("#/days", "Days"),
        ("#/new", "New strategy"),
        ("#/broker", "Broker"),
    ):
        await phone.open(f"/app{place}")
        await phone.is_at(title)
        await phone.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        await phone.usable(place)
    await phone.open("/app#/days")
    await phone.sees("No finished day here yet")


async def test_sixty_strategies_with_long_names(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    rest = await Rest.of(phone)
    names = [one["symbol"] for one in (await rest.get("/instruments?q=NIFTY&limit=60"))["items"]]
    longest = max(names, key=len)
    assert len(longest) > 12, "the paper exchange lists contracts"
    listed = {one["symbol"]: one for one in (await rest.get(f"/instruments?q={longest}"))["items"]}
    contract = listed[longest]
    for number in range(60):
        words: dict[str, Any] = {"symbol": "TCS", "quantity": 1 + number, "stop": {"percent": 5}}
        if number % 3 == 0:
            words = {"symbol": longest, "exchange": contract["exchange"], "product": "NRML"}
            words |= {"quantity": contract["lot_size"] * (1 + number), "stop": {"points": 1}}
        made = await rest.post("/strategy/create", {"buy_time": "23:59:00", "sell_time": "23:59:30", **words})
        if number % 2:
            await rest.post("/strategy/start", {"strategy_id": made["strategy_id"]})
    await phone.open("/app")
    await phone.sees("Waiting (30)")
    await phone.sees("Not started (30)")
    await phone.usable("sixty strategies")


async def test_what_loads_says_so_and_what_fails_says_why(phone: Phone) -> None:
    await phone.registered()
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await phone.page.route("**/account/report*", late)
    await phone.open("/app#/days")
    await phone.sees("Loading …")
    await phone.usable("loading")
    held.set()
    await phone.is_at("Days")

    await phone.page.unroute("**/account/report*")
    await phone.page.route("**/account/report*", lambda route: route.fulfill(status=503, body="{}"))
    await phone.open("/app#/")
    await phone.is_at("Today")
    await phone.open("/app#/days")
    await phone.sees("Try again")
    await phone.usable("failed")
    await phone.page.unroute("**/account/report*")
    await phone.sees("No finished day here yet")  # by itself


async def test_a_late_answer_does_not_hide_what_the_stream_told_meanwhile(phone: Phone) -> None:
    """START answers with the row as it was written; the run may have gone on before the answer is here."""
    await phone.registered()
    await phone.connected()
    await phone.created()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await expect(phone.page.get_by_text("waiting to buy", exact=True)).to_be_visible()
        older = await answer.json() | {"phase": None}
        await route.fulfill(response=answer, json=older)

    await phone.page.route("**/strategy/start", late)
    await phone.tap("START")
    await phone.answer("START")
    await phone.sees("Started: buys")  # the answer is here
    await phone.page.wait_for_timeout(500)
    await phone.sees("waiting to buy")
    assert phone.complaints == []


async def answered(answer: dict[str, Any], route: Route) -> None:
    await route.fulfill(**answer)


async def test_a_refusal_is_said_in_the_apps_words(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    strategy = await phone.created()
    for code, (status, words) in REFUSALS.items():
        problem = {"type": "about:blank", "title": "No", "status": status, "code": code}
        body = json.dumps(problem | {"detail": "POST /broker/connect: wait a minute."})
        answer = {"status": status, "body": body, "content_type": "application/problem+json"}
        await phone.page.route("**/strategy/start", partial(answered, answer))
        await phone.open(f"/app#/s/{strategy}")
        await phone.tap("START")
        await phone.answer("START")
        await phone.sees(words)
        await phone.page.unroute("**/strategy/start")
    await phone.usable("refused")


async def test_offline_says_what_is_known_and_since_when_and_comes_back(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.created()
    await phone.open("/app#/")
    await phone.sees("Not started (1)")
    await phone.page.context.set_offline(True)
    await phone.sees("You are offline. What you see is of ")
    await phone.sees("Not started (1)")
    await phone.usable("offline")
    await phone.page.context.set_offline(False)
    await expect(phone.page.get_by_text("You are offline.")).to_be_hidden()
    rest = await Rest.of(phone)
    words = {
        "symbol": "TCS",
        "quantity": 1,
        "stop_loss": 3000,
        "buy_time": "23:59:00",
        "sell_time": "23:59:30",
    }
    await rest.post("/strategy/create", words)
    await phone.sees("Not started (2)")  # the stream goes on


async def test_a_server_that_restarts_is_waited_for(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.created()
    await phone.open("/app#/")
    await phone.sees("Not started (1)")
    await phone.product.kill("api")
    rest = await Rest.of(phone)
    words = {
        "symbol": "TCS",
        "quantity": 1,
        "stop_loss": 3000,
        "buy_time": "23:59:00",
        "sell_time": "23:59:30",
    }
    await rest.post("/strategy/create", words)
    await phone.sees("Not started (2)")
    await expect(phone.page.get_by_text("The server does not answer.")).to_be_hidden()


async def test_a_login_that_was_ended_elsewhere_leads_to_the_first_screen(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    strategy = await phone.created()
    rest = await Rest.of(phone)
    await rest.delete("/auth/sessions")
    await phone.tap("Copy")
    await phone.is_at("Log in")
    await phone.sees("You are signed out: log in again.")
    await phone.usable("signed out")
    assert strategy


async def test_every_screen_with_something_in_it(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    strategy = await phone.created()
    for place, title in (
        ("#/", "Today"),
        ("#/broker", "Broker"),
        ("#/new", "New strategy"),
        (f"#/edit/{strategy}", "Change TCS ×10"),
        (f"#/s/{strategy}", "TCS ×10"),
        ("#/account", "Account"),
        ("#/reset/" + "A" * 43, "Choose a new password"),
        ("#/verify/" + "A" * 43, "Confirm your e-mail address"),
    ):
        await phone.open(f"/app{place}")
        await phone.is_at(title)
        await phone.usable(place)
    assert phone.complaints == []
