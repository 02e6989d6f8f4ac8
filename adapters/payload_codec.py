"""Payloads in Temporal's histories, encrypted: whoever reads its database or its Web UI reads nothing.

No secret is in a payload to begin with; this is the second wall. STOPWATCH_PAYLOAD_KEYS holds keys of 32
bytes (base64url, by commas): the first encrypts, all of them decrypt. What is not encrypted passes as it is:
histories from before still replay, and a signal sent by hand still arrives.
"""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from adapters.key_service import KEY_ID_BYTES, raw_key

ENCODING = b"binary/encrypted"
_KEY_ID = "encryption-key-id"
_CIPHER = "encryption-cipher"
_NONCE_BYTES = 12
_SETTING = "STOPWATCH_PAYLOAD_KEYS"


class PayloadUnreadable(ValueError):
    """A payload is encrypted with a key we do not have, or was changed."""


class EncryptingCodec(PayloadCodec):
    """AES-256-GCM, a nonce of its own for each payload; the key's id stands beside it. Raises `BadKey`."""

    def __init__(self, keys: str) -> None:
        raw = [raw_key(word, _SETTING) for word in keys.split(",") if word.strip()] or [raw_key("", _SETTING)]
        self._ciphers = {_id(key): AESGCM(key) for key in raw}
        self._current = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"EncryptingCodec(key_ids={[key_id.decode() for key_id in self._ciphers]})"

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return them in clear. Raises `PayloadUnreadable`."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        box = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), self._current)
        words = {"encoding": ENCODING, _CIPHER: b"AES-256-GCM", _KEY_ID: self._current}
        return Payload(metadata=words, data=nonce + box)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(_KEY_ID, b"")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadUnreadable(
                f"a payload is encrypted with the key {key_id.decode(errors='replace')[:32]}, which is not "
                f"in {_SETTING}: put it back behind the current one"
            )
        try:
            plain = cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], key_id)
        except (InvalidTag, ValueError):
            raise PayloadUnreadable("a payload was changed since it was encrypted") from None
        return Payload.FromString(plain)


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"stopwatch payload key " + key).digest()[:KEY_ID_BYTES].hex().encode()
