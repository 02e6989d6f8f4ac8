"""The phone's own login, used over REST: what a second device of the same user would do."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.browser.phone import PASSWORD, Phone


@dataclass
class Rest:
    """Calls of one user."""

    address: str
    token: str

    @classmethod
    async def of(cls, phone: Phone) -> Self:
        """Log the phone's user in once more."""
        address = phone.product.endpoints["api"]
        async with httpx.AsyncClient(base_url=address, timeout=20) as client:
            words = {"email": phone.email, "password": PASSWORD}
            answer = await client.post("/auth/login", json=words)
            answer.raise_for_status()
            return cls(address, answer.json()["access_token"])

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def post(self, path: str, words: object) -> Any:
        return await self._call("POST", path, json=words)

    async def delete(self, path: str) -> Any:
        return await self._call("DELETE", path)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        async with httpx.AsyncClient(base_url=self.address, timeout=20) as client:
            headers = {"Authorization": f"Bearer {self.token}"}
            answer = await client.request(method, path, headers=headers, **more)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None
