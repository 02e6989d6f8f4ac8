"""A stolen database, a moved row or a stolen API process opens no broker secret."""

import base64
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from adapters.secrets.vault import BadKey, LoginKeyBox, Opener, Sealer
from domain.errors import SecretUnreadable


def pair() -> tuple[str, str]:
    private = X25519PrivateKey.generate()
    raw = private.private_bytes_raw(), private.public_key().public_bytes_raw()
    secret, public = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in raw)
    return secret, public


async def test_secret_opens_where_it_was_sealed() -> None:
    secret, public = pair()
    user = uuid4()
    blob = Sealer(public).seal("the api secret", user_id=user, field="api_secret")
    assert await Opener.local(secret).open(blob, user_id=user, field="api_secret") == "the api secret"
    assert b"the api secret" not in blob


async def test_secret_does_not_open_when_its_row_or_field_was_swapped() -> None:
    secret, public = pair()
    user = uuid4()
    blob = Sealer(public).seal("s", user_id=user, field="api_secret")
    for whose, field in ((uuid4(), "api_secret"), (user, "access_token")):
        with pytest.raises(SecretUnreadable):
            await Opener.local(secret).open(blob, user_id=whose, field=field)


async def test_secret_does_not_open_when_any_byte_was_changed() -> None:
    secret, public = pair()
    user = uuid4()
    opener, blob = Opener.local(secret), Sealer(public).seal("s", user_id=user, field="f")
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        with pytest.raises(SecretUnreadable):
            await opener.open(changed, user_id=user, field="f")
    for length in range(len(blob)):
        with pytest.raises(SecretUnreadable):
            await opener.open(blob[:length], user_id=user, field="f")


async def test_old_secrets_still_open_after_a_key_rotation_and_are_known_as_old() -> None:
    (old_secret, old_public), (new_secret, new_public) = pair(), pair()
    user = uuid4()
    old = Sealer(old_public).seal("s", user_id=user, field="f")
    opener = Opener.local(f"{new_secret}, {old_secret}")
    assert await opener.open(old, user_id=user, field="f") == "s"
    assert not opener.is_current(old)
    renewed = opener.sealer().seal("s", user_id=user, field="f")
    assert opener.is_current(renewed)
    assert await Opener.local(new_secret).open(renewed, user_id=user, field="f") == "s"
    assert Sealer(new_public).key_id == opener.current_key_id


async def test_secret_of_a_removed_key_says_which_setting_lacks_it() -> None:
    user = uuid4()
    blob = Sealer(pair()[1]).seal("s", user_id=user, field="f")
    with pytest.raises(SecretUnreadable, match="STOPWATCH_ENCRYPTION_KEYS"):
        await Opener.local(pair()[0]).open(blob, user_id=user, field="f")


@pytest.mark.parametrize("word", ["", "not base64!", "c2hvcnQ", "A" * 64])
def test_malformed_key_is_refused_without_being_shown(word: str) -> None:
    for make in (Sealer, Opener.local):
        with pytest.raises(BadKey) as refusal:
            make(word)
        assert not word or word not in str(refusal.value)


def test_keys_never_show_in_a_repr() -> None:
    secret, public = pair()
    shown = f"{Opener.local(secret)!r} {Sealer(public)!r} {LoginKeyBox('jwt secret')!r}"
    assert secret not in shown
    assert "jwt secret" not in shown


def test_login_key_opens_for_its_user_only() -> None:
    box = LoginKeyBox("x" * 32)
    user = uuid4()
    blob = box.seal("kite-api-key", user_id=user)
    assert box.open(blob, user_id=user) == "kite-api-key"
    with pytest.raises(SecretUnreadable):
        box.open(blob, user_id=uuid4())
    with pytest.raises(SecretUnreadable):
        LoginKeyBox("y" * 32).open(blob, user_id=user)
