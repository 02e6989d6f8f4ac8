"""Secrets may come as files: trimmed, never shown, and refused in words where something is wrong."""

import os
from pathlib import Path

import pytest

from settings import AS_FILES, MissingSetting, Settings, with_secret_files

PUBLIC = {"seal_key", "push_public_key"}
"""Public keys, which come with the private ones."""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("STOPWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", AS_FILES)
def test_a_secret_is_read_from_its_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv(f"STOPWATCH_{name.upper()}_FILE", str(tmp_path / "secret"))
    settings = Settings()
    value = getattr(settings, name)
    assert getattr(value, "get_secret_value", lambda: value)() == "from a file"
    assert name in PUBLIC or "from a file" not in repr(settings)


def test_every_secret_of_the_settings_can_be_a_file() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret | PUBLIC == set(AS_FILES)


def test_the_file_may_be_named_in_dot_env(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file")
    (tmp_path / ".env").write_text(f"STOPWATCH_JWT_SECRET_FILE={tmp_path / 'secret'}\n")
    assert Settings().need("jwt_secret") == "from a file"
    assert Settings(_env_file=None).jwt_secret is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "not text"),
    ],
)
def test_a_file_that_holds_nothing_usable_is_named(
    content: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("STOPWATCH_JWT_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(MissingSetting, match=f"STOPWATCH_JWT_SECRET_FILE.*{said}"):
        Settings()


def test_a_secret_given_twice_is_refused_and_neither_is_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("one")
    named = {"STOPWATCH_JWT_SECRET": "other", "STOPWATCH_JWT_SECRET_FILE": str(tmp_path / "secret")}
    with pytest.raises(MissingSetting, match="both set") as refusal:
        with_secret_files(named)
    assert "other" not in str(refusal.value)


def test_what_is_passed_on_holds_no_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    named = {"STOPWATCH_ENCRYPTION_KEYS_FILE": str(tmp_path / "secret"), "STOPWATCH_LOG_LEVEL": "INFO"}
    assert with_secret_files(named) == {"STOPWATCH_ENCRYPTION_KEYS": "key", "STOPWATCH_LOG_LEVEL": "INFO"}
