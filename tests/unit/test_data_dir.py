"""What a person reads where the data directory cannot be used."""

import errno
from pathlib import Path

import pytest

from local import data_dir
from local.start_errors import CannotStart, words_of


def test_a_directory_that_was_opened_to_others_is_named_with_the_way_to_close_it(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path) as data:
        secrets = data.directory("secrets")
    secrets.chmod(0o755)
    refused = pytest.raises(CannotStart, match=rf"get into {secrets} \(mode 755\).*chmod 700 {secrets}")
    with refused, data_dir.opened(tmp_path):
        pass
    secrets.chmod(0o700)
    with data_dir.opened(tmp_path):
        pass


def test_what_stands_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot go on"), data_dir.opened(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EACCES, "chown"),
        (errno.EIO, "cannot go on"),
    ],
)
def test_a_disk_that_refuses_says_what_to_do(number: int, words: str, tmp_path: Path) -> None:
    assert words in words_of(OSError(number, "refused", str(tmp_path)), tmp_path)
