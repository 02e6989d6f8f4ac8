"""A browser that has subscribed, with its push service: decrypts what it is sent and checks who sends."""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.receivers import Hook, hook


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Browser:
    """What `PushManager.subscribe` gave an app; `service` is where its push service listens."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def subscription(self) -> dict[str, Any]:
        """Return it as the browser writes it."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": base64url(point), "auth": base64url(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    @property
    def stored(self) -> str:
        """Return it as a channel's address."""
        return orjson.dumps(self.subscription).decode()

    def shown(self, service: Hook) -> list[dict[str, str]]:
        """Return what its service worker was given. Raises where it was encrypted for another browser."""
        return [
            orjson.loads(
                http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
            )
            for _, body in service.requests
        ]


def senders(service: Hook, public_key: str) -> list[dict[str, Any]]:
    """Return the claims of each request, as a push service verifies them (RFC 8292)."""
    return [_claims(headers["authorization"], public_key, service) for headers, _ in service.requests]


def _claims(authorization: str, public_key: str, service: Hook) -> dict[str, Any]:
    scheme, _, words = authorization.partition(" ")
    assert scheme == "vapid"
    named = dict(word.strip().split("=", 1) for word in words.split(","))
    assert named["k"] == public_key
    raw = base64.urlsafe_b64decode(public_key + "=")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    origin = f"http://127.0.0.1:{service.port}"
    return dict(jwt.decode(named["t"], key, algorithms=["ES256"], audience=origin))


@asynccontextmanager
async def push_service() -> AsyncIterator[tuple[Browser, Hook]]:
    """Give a browser, and the push service that takes what is sent to it."""
    async with hook() as service:

        async def taken(_: int) -> int:
            return 201

        service.behave = taken
        yield Browser(f"http://127.0.0.1:{service.port}/push/a-secret-token"), service
