"""What an ISIN is, and which one a symbol had on a day."""

from datetime import date

import pytest

from domain.isin import SeenIsin, is_isin, isin_on
from paper.shares import shares

OLD = SeenIsin("INE467B01029", date(2026, 11, 2), date(2026, 11, 6))
NEW = SeenIsin("INE009A01021", date(2026, 11, 16), date(2026, 11, 20))


@pytest.mark.parametrize("isin", ["INE467B01029", "INE009A01021", "INF204KB14I2", "US0378331005"])
def test_an_isin_is_known_by_its_check_digit(isin: str) -> None:
    assert is_isin(isin)
    assert not any(is_isin(isin[:-1] + digit) for digit in "0123456789" if digit != isin[-1])


@pytest.mark.parametrize(
    "text",
    ["", "INE467B0102", "INE467B010290", "ine467b01029", "1NE467B01029", "INE467B0102A", "INE467B0102\n"],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_isin(text)


def test_each_share_of_the_paper_exchange_has_one() -> None:
    assert all(is_isin(share.isin) for share in shares())


@pytest.mark.parametrize(
    ("day", "isin"),
    [
        (date(2026, 11, 1), OLD.isin),
        (date(2026, 11, 2), OLD.isin),
        (date(2026, 11, 6), OLD.isin),
        (date(2026, 11, 7), None),  # the shares were split in between, on a day that is not known
        (date(2026, 11, 15), None),
        (date(2026, 11, 16), NEW.isin),
        (date(2026, 11, 30), NEW.isin),
    ],
)
def test_a_trade_has_the_isin_of_its_day(day: date, isin: str | None) -> None:
    assert isin_on(day, [NEW, OLD]) == isin


def test_what_nobody_saw_is_not_known() -> None:
    assert isin_on(date(2026, 11, 2), []) is None
