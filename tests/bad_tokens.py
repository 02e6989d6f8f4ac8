"""Access tokens that must not be let in: forged, of another kind, out of their time, or no token at all."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.secrets.jwt_secrets import JwtSecret
from tests.api_world import JWT_SECRET

KEY_ID = JwtSecret(JWT_SECRET).key_id
SAMPLE = "your-256-bit-secret-your-256-bit-secret"


def claims(**changed: object) -> dict[str, object]:
    """Return the claims of a good token; None leaves one out."""
    now = datetime.now(UTC)
    made = {
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=15),
        "aud": "stopwatch-api",
        "iss": "stopwatch",
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(
    key: Any = JWT_SECRET,
    algorithm: str = "HS256",
    header: dict[str, object] | None = None,
    **changed: Any,
) -> str:
    """Return a good token, changed."""
    named = {"typ": "at+jwt", "kid": KEY_ID, **(header or {})}
    kept = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(claims(**changed), key, algorithm, headers=kept)


def spelled(header: object, body: object = None, signature: str = "AAAA") -> str:
    """Return a token put together by hand."""
    return f"{_part(header)}.{_part(body or claims_as_numbers())}.{signature}"


def claims_as_numbers() -> dict[str, object]:
    return {
        name: int(value.timestamp()) if isinstance(value, datetime) else value
        for name, value in claims().items()
    }


def bad_tokens(refresh_token: str, state: str, ended: str) -> dict[str, str]:
    """Return about forty, by what is wrong with them; the three given are real and of another use."""
    now = datetime.now(UTC)
    good = token()
    head, body, signature = good.split(".")
    rsa_key = rsa.generate_private_key(65537, 2048)
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "kid": KEY_ID}
    return {
        # no token at all
        "one word": "token",
        "two dots": "..",
        "many dots": ".".join("a" * 40),
        "double dots": good.replace(".", ".."),
        "five parts, as encrypted ones have": f"{head}.{body}.{signature}.{body}.{signature}",
        "padded": "==.".join(good.split(".")) + "==",
        "spaces inside": good.replace(".", ". "),
        "huge": good + "A" * 20_000,
        "huge claims": token(note="x" * 5_000),
        "not base64": "%%%.%%%.%%%",
        "not JSON": spelled("header"),
        "JSON nested deep": f"{_encoded(b'[' * 1_100)}.{body}.{signature}",
        "header is a list": spelled(["alg", "HS256"]),
        "bytes that are no text": _encoded(b"\xff\xfe{}") + f".{body}.{signature}",
        # forged
        "no signature": f"{head}.{body}.",
        "cut signature": good[:-4],
        "another's signature": f"{head}.{body}.{token().split('.')[2]}",
        "another's claims": f"{head}.{token().split('.')[1]}.{signature}",
        "alg none": token(None, "none"),
        "alg nOnE": spelled({"alg": "nOnE", "typ": "at+jwt", "kid": KEY_ID}, signature=""),
        "our key, alg HS512": token(algorithm="HS512"),
        "our key, alg HS384": token(algorithm="HS384"),
        "RS256": token(rsa_key, "RS256"),
        "public key as secret": confused(public),
        "sample key": token(SAMPLE),
        "empty key": token("\0" * 32),
        "another key": token("another key that is long enough, too"),
        "key in the header": token(b"x" * 32, header={"jwk": jwk}),
        "key at an address": token(b"x" * 32, header={"jku": "https://evil.example/keys"}),
        "certificate at an address": token(b"x" * 32, header={"x5u": "https://evil.example/cert"}),
        "unknown critical header": token(header={"crit": ["exp2"], "exp2": 1}),
        "no kid": token(header={"kid": None}),
        "unknown kid": token(header={"kid": "AAAAAAAAAAAA"}),
        "kid is a path": token("\0", header={"kid": "../../dev/null"}),
        "kid is SQL": token(header={"kid": "' OR 1=1 --"}),
        # out of its time
        "expired": token(exp=now - timedelta(minutes=1)),
        "not yet valid": token(nbf=now + timedelta(minutes=5)),
        "issued in the future": token(iat=now + timedelta(minutes=5)),
        "exp is a word": token(exp="never"),
        # of another kind
        "another audience": token(aud="stopwatch-broker-callback"),
        "two audiences": token(aud=["stopwatch-api", "other"]),
        "another issuer": token(iss="somebody"),
        "another typ": token(header={"typ": "JWT"}),
        **{f"no {name}": token(**dict[str, Any]({name: None})) for name in claims()},
        "sub is no id": token(sub="admin"),
        "sid is no id": token(sid="*"),
        "refresh token": refresh_token,
        "state of a broker login": state,
        "state's kind for an access token": token(header={"typ": "state+jwt"}),
        "of an ended login": ended,
    }


def confused(public_key: bytes) -> str:
    """Return a token signed by HMAC with a public key, which PyJWT itself refuses to make."""
    content = spelled({"alg": "HS256", "typ": "at+jwt", "kid": KEY_ID}, signature="")
    digest = hmac.digest(public_key, content.removesuffix(".").encode(), "sha256")
    return content + _encoded(digest)


def _part(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
