"""No wording of pydantic's reaches a user, whatever is sent in whichever field."""

import importlib
import pkgutil
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

import api
from api.http.bodies import RequestBody
from api.http.field_words import _WORDS
from api.http.request_json import field_errors

SENT: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 10**30, Decimal("1.5"), "", "x", "x" * 5000),
    *([], [7], [{}], [{}] * 11, ["mon"] * 30, {}, {"x": 1}),
)
PYDANTICS = frozenset(get_args(ErrorType))


def bodies(of: type[RequestBody] = RequestBody) -> Iterator[type[RequestBody]]:
    for model in of.__subclasses__():
        yield model
        yield from bodies(model)


def refused(model: type[RequestBody], value: dict[str, Any]) -> ValidationError | None:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return error
    return None


@pytest.fixture(scope="module", autouse=True)
def _all_bodies_are_known() -> None:
    for found in pkgutil.walk_packages(api.__path__, "api."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def test_whatever_is_wrong_is_said_in_plain_words() -> None:
    models = set(bodies())
    assert len(models) > 20
    for model in models:
        for name in model.model_fields:
            for sent in SENT:
                error = refused(model, {name: sent})
                raw = {item["type"] for item in error.errors()} & PYDANTICS - set(_WORDS) if error else set()
                assert not raw, f"{model.__name__}.{name} = {sent!r:.40}"


@pytest.mark.parametrize(
    ("field", "sent", "words"),
    [
        ("repeat", "mon", "must be an object with fields of its own, in braces"),
        ("lock", {}, "must be a list, in brackets"),
        ("lock", [], "must have at least 1 in its list"),
        ("lock", [{}] * 11, "must have at most 10 in its list"),
    ],
)
def test_the_words_of_what_has_the_wrong_shape(field: str, sent: object, words: str) -> None:
    terms = next(model for model in bodies() if model.__name__ == "TermsIn")
    error = refused(terms, {field: sent})
    assert error is not None
    assert [(one.field, one.message) for one in field_errors(error)][:1] == [(field, words)]
