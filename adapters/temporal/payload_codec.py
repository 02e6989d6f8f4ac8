"""Encrypts the payloads of Temporal's histories, so that its database and its Web UI show nothing readable.

No secret is in a payload to begin with; this is a second protection. STOPWATCH_PAYLOAD_KEYS holds keys of 32
bytes (base64url, by commas): the first encrypts, all of them decrypt.

Unencrypted payloads are refused: otherwise any client that reaches Temporal's port could command runs without
the keys. So are those that were not encrypted with the key that they name. They are refused in the converter,
not here: a codec that raises fails the whole workflow task, so that one such signal would block a running day
for ever. In the converter, that signal is dropped, an update is rejected, and a run started so fails. With
`take_plain` unencrypted ones are accepted: while days from before the keys run (docs/security.md).

A key that is not in the settings is another matter: an operator may have taken it out too early. That fails
the task, and the run goes on once the key is back.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import EncodingPayloadConverter, PayloadCodec
from temporalio.exceptions import ApplicationError

from adapters.secrets.key_service import KEY_ID_BYTES, raw_key

ENCODING = b"binary/encrypted"
REFUSED = b"stopwatch/refused"
"""What stands in place of a payload that came in clear, or was changed."""
IN_CLEAR, CHANGED = "PayloadInClear", "PayloadChanged"
_WHY = {
    IN_CLEAR: "this payload is not encrypted, and payloads are: see STOPWATCH_PAYLOAD_PLAIN",
    CHANGED: "this payload was not encrypted with the key that it names, or was changed since",
}
_KEY_ID = "encryption-key-id"
_CIPHER = "encryption-cipher"
_NONCE_BYTES = 12
_SETTING = "STOPWATCH_PAYLOAD_KEYS"


class PayloadUnreadable(ValueError):
    """A payload is encrypted with an unknown key: it can be read once that key is back in the settings."""


class EncryptingCodec(PayloadCodec):
    """AES-256-GCM, a fresh nonce for each payload; the key's id stands beside it. Raises `BadKey`."""

    def __init__(self, keys: str, *, take_plain: bool = False) -> None:
        raw = [raw_key(word, _SETTING) for word in keys.split(",") if word.strip()] or [raw_key("", _SETTING)]
        self._ciphers = {_id(key): AESGCM(key) for key in raw}
        self._current = next(iter(self._ciphers))
        self._take_plain = take_plain

    def __repr__(self) -> str:
        return f"EncryptingCodec(key_ids={[key_id.decode() for key_id in self._ciphers]})"

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads. Raises `PayloadUnreadable`."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        box = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), self._current)
        words = {"encoding": ENCODING, _CIPHER: b"AES-256-GCM", _KEY_ID: self._current}
        return Payload(metadata=words, data=nonce + box)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload if self._take_plain else _refused(IN_CLEAR)
        key_id = payload.metadata.get(_KEY_ID, b"")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadUnreadable(
                f"a payload is encrypted with the key {key_id.decode(errors='replace')[:32]}, which is not "
                f"in {_SETTING}: put it back behind the current one"
            )
        try:
            plain = cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], key_id)
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            return _refused(CHANGED)


def _refused(why: str) -> Payload:
    return Payload(metadata={"encoding": REFUSED}, data=why.encode())


class RefusedPayloads(EncodingPayloadConverter):
    """Fails for refused payloads in the way that ends a run and not only its workflow task."""

    @property
    def encoding(self) -> str:
        return REFUSED.decode()

    def to_payload(self, value: Any) -> Payload | None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        kind = CHANGED if payload.data == CHANGED.encode() else IN_CLEAR
        raise ApplicationError(_WHY[kind], type=kind, non_retryable=True)


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"stopwatch payload key " + key).digest()[:KEY_ID_BYTES].hex().encode()
