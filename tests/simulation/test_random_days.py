"""Random terms on random prices: the product does what the contract says, worked out in another way."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.random_days import compare

FIRST, LONG = 300, 20_000


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_random_days_come_to_what_the_model_says() -> None:
    compared = compare(0, FIRST)
    assert not compared.differences, "\n".join(compared.differences[:5])
    assert {"stop_loss", "target", "sold", "skipped"} <= set(compared.outcomes)
    assert compared.rounds > FIRST / 2


@pytest.mark.proof
def test_many_random_days_come_to_what_the_model_says() -> None:
    compared = compare(1_000_000, LONG)
    assert not compared.differences, "\n".join(compared.differences[:5])
