"""Calls that edit and copy a strategy, and what their answers say."""

from typing import Any

import httpx

from tests.api_world import Customer, json_of

PERCENT = {"percent": 1.5}


async def edit(who: Customer, strategy_id: str, **changed: object) -> httpx.Response:
    return await who.http.patch(f"/strategy/{strategy_id}", json=changed, headers=who.bearer)


async def edited(who: Customer, strategy_id: str, **changed: object) -> dict[str, Any]:
    answer = await edit(who, strategy_id, **changed)
    assert answer.status_code == 200, answer.text
    assert json_of(await who.get(f"/strategy/{strategy_id}")) == json_of(answer) | {
        "warnings": json_of(answer)["warnings"]
    }
    return dict(json_of(answer))


async def copy(who: Customer, strategy_id: str, key: str | None = None) -> httpx.Response:
    headers = who.bearer | ({} if key is None else {"Idempotency-Key": key})
    return await who.http.post(f"/strategy/{strategy_id}/copy", headers=headers)


async def audited(who: Customer, action: str) -> list[str]:
    lines = json_of(await who.get("/account/audit"))["items"]
    return [line["reason"] for line in lines if line["action"] == action]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def wrong(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]
