"""Secrets that somebody could guess are refused; a second secret behind a comma is honoured."""

import secrets
from uuid import uuid4

import pytest

from adapters.secrets.derived_keys import TotpBox
from adapters.secrets.jwt_secrets import WeakSecret, refuse_weak, secrets_in
from adapters.secrets.vault import LoginKeyBox
from domain.errors import SecretUnreadable
from local.keys import fresh
from services.auth.tokens import Tokens

GOOD = secrets.token_urlsafe(48)


@pytest.mark.parametrize(
    "weak",
    [
        "hunter2",
        "x" * 64,
        "changeme" * 8,
        "change-me-change-me-change-me-please-1234567890",
        "your-256-bit-secret-your-256-bit-secret",
        "my-super-secret-key-that-nobody-will-guess",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "9f8e7d6c5b4a9f8e7d6c5b4a9f8e7d6c5b4a",
        "this is the default of a sample file: unchanged",
        "",
        " , ",
    ],
)
def test_secret_that_can_be_guessed_is_refused_without_being_shown(weak: str) -> None:
    with pytest.raises(WeakSecret) as refusal:
        Tokens(weak)
    assert "STOPWATCH_JWT_SECRET" in str(refusal.value)
    assert not weak.strip(" ,") or weak not in str(refusal.value)


def test_second_secret_is_held_to_the_same() -> None:
    with pytest.raises(WeakSecret, match="secret 2 of 2"):
        Tokens(f"{GOOD},hunter2")


def test_secrets_as_we_and_others_make_them_are_taken() -> None:
    for _ in range(200):
        refuse_weak(secrets_in(fresh()["STOPWATCH_JWT_SECRET"]))
        refuse_weak(secrets_in(secrets.token_hex(32)))


def test_box_of_an_older_secret_opens_and_is_sealed_again_under_the_current_one() -> None:
    newer, user = secrets.token_urlsafe(48), uuid4()
    for kind in (TotpBox, LoginKeyBox):
        old = kind(GOOD).seal("word", user_id=user)
        both = kind(f"{newer}, {GOOD}")
        assert both.open(old, user_id=user) == "word"
        renewed = both.renewed(old, user_id=user)
        assert renewed is not None
        assert both.renewed(renewed, user_id=user) is None
        assert kind(newer).open(renewed, user_id=user) == "word"
        with pytest.raises(SecretUnreadable):
            kind(newer).open(old, user_id=user)


def test_boxes_of_different_uses_do_not_open_each_other() -> None:
    user = uuid4()
    with pytest.raises(SecretUnreadable):
        TotpBox(GOOD).open(LoginKeyBox(GOOD).seal("word", user_id=user), user_id=user)
    with pytest.raises(SecretUnreadable):
        TotpBox(GOOD).open(TotpBox(GOOD).seal("word", user_id=uuid4()), user_id=user)
