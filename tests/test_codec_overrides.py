"""A model may override `model_validate`, as the tables of SQLModel do. Then the override decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from ddbevents import ConfigurationError, Insert, InvalidItemError, StreamApp, decode
from tests.decoders_compared import by_reference
from tests.stream import batch, insert

T = TypeVar("T")


class Table(BaseModel):
    """Takes any values without validation, and validates in `model_validate` only, as SQLModel does."""

    pk: str
    size: int

    def __init__(self, **values: Any) -> None:
        object.__setattr__(self, "__dict__", values)
        object.__setattr__(self, "__pydantic_fields_set__", set(values))
        object.__setattr__(self, "__pydantic_extra__", None)
        object.__setattr__(self, "__pydantic_private__", None)

    @classmethod
    def model_validate(cls, obj: Any, **settings: Any) -> Self:
        return cls(**Checked.model_validate(obj, **settings).model_dump())


class Checked(BaseModel):
    pk: str
    size: int


class Renamed(BaseModel):
    name: str

    @classmethod
    def model_validate(cls, obj: Any, **settings: Any) -> Self:
        return super().model_validate({"name": obj["old_name"]}, **settings)


class Inheriting(Renamed):
    size: int = 0


class Generically(BaseModel, Generic[T]):
    value: T

    @classmethod
    def model_validate(cls, obj: Any, **settings: Any) -> Self:
        return super().model_validate({"value": obj["inside"]}, **settings)


class Rooted(RootModel[dict[str, int]]):
    @classmethod
    def model_validate(cls, obj: Any, **settings: Any) -> Self:
        return super().model_validate({name: value * 2 for name, value in obj.items()}, **settings)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    size: int

    @classmethod
    def model_validate(cls, obj: Any, **settings: Any) -> Self:
        return super().model_validate(obj, **settings)


class Outer(BaseModel):
    inner: Renamed


@pytest.mark.parametrize(
    ("model", "image", "values"),
    [
        (Table, {"pk": {"S": "a"}, "size": {"N": "1"}}, {"pk": "a", "size": 1}),
        (Renamed, {"old_name": {"S": "a"}}, {"old_name": "a"}),
        (Inheriting, {"old_name": {"S": "a"}, "size": {"N": "1"}}, {"old_name": "a", "size": 1}),
        (Generically[int], {"inside": {"N": "1"}}, {"inside": 1}),
        (Rooted, {"a": {"N": "1"}}, {"a": 1}),
        (Strict, {"size": {"N": "1"}}, {"size": 1}),
        (Outer, {"inner": {"M": {"name": {"S": "a"}}}}, {"inner": {"name": "a"}}),
    ],
)
@pytest.mark.parametrize("decoder_of", [lambda model: lambda image: decode(model, image), by_reference])
def test_an_override_is_called(
    model: type[BaseModel], image: Any, values: Any, decoder_of: Callable[[Any], Callable[[Any], Any]]
) -> None:
    assert decoder_of(model)(image) == model.model_validate(values)


@pytest.mark.parametrize(
    ("model", "image", "message"),
    [
        (Table, {"pk": {"S": "a"}, "size": {"S": "x"}}, r"^size: Table refuses it \(int_parsing\)"),
        (Table, {"pk": {"S": "a"}}, "^size: Table requires this attribute"),
        (Strict, {"size": {"S": "1"}}, r"^size: Strict refuses it \(int_type\): expected N, found S"),
    ],
)
def test_an_override_refuses(model: type[BaseModel], image: Any, message: str) -> None:
    with pytest.raises(InvalidItemError, match=message):
        decode(model, image)


def test_handlers_get_what_overrides_make() -> None:
    app = StreamApp("users")
    seen: list[Renamed] = []

    @app.on_insert(Renamed)
    def note(change: Insert[Renamed]) -> None:
        seen.append(change.new)

    app(batch(insert(1, {"pk": {"S": "a"}, "old_name": {"S": "ada"}})))

    assert seen == [Renamed(name="ada")]


class Waiting(BaseModel):
    when: datetime

    @classmethod
    async def model_validate(cls, obj: Any) -> None:  # type: ignore[override]  # the mistake
        ...


class Asking(BaseModel):
    @classmethod
    def model_validate(cls, obj: Any, table: str) -> None:  # type: ignore[override]  # the mistake
        ...


class Forgetting(BaseModel):
    def model_validate(self, obj: Any) -> None:  # type: ignore[override]  # the mistake
        ...


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Waiting, "Waiting.model_validate is async: an item's values are validated in a plain method"),
        (Asking, "Asking.model_validate cannot be called with an item's values alone: make it a classmethod"),
        (Forgetting, "Forgetting.model_validate cannot be called with an item's values alone: make it a"),
    ],
)
def test_a_wrong_override_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StreamApp("users").on_insert(model)
