"""Where the fields of an item model stand in an image, and which of them say what the item is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NotRequired, Required, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel
from typing_extensions import ReadOnly, get_type_hints, is_typeddict

from .._attributes import canonical, encode_attribute
from .._errors import AttributePath, ConfigurationError
from ._adapters import adapter

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class ItemField(NamedTuple):
    """A field of a model as it stands in an image.

    Attributes:
        paths: Where its attribute may be, the first that is there counts.
        required: Whether an item without it is refused.
        choices: What a `Literal` field may hold, in canonical form; None for every other field.
    """

    paths: tuple[AttributePath, ...]
    required: bool
    choices: frozenset[tuple[str, Any]] | None


class Discriminator(NamedTuple):
    """A field that holds one of a few values.

    Attributes:
        paths: Where its attribute may be, the first that is there counts.
        choices: What it may hold, in canonical form.
        required: Whether an item without it is refused.
    """

    paths: tuple[AttributePath, ...]
    choices: frozenset[tuple[str, Any]]
    required: bool


def check_item_model(model: object) -> None:
    """Refuse what cannot be an item's model.

    Raises:
        ConfigurationError: It is no pydantic model, dataclass, TypedDict or dict, or pydantic cannot read it.
    """
    shown = getattr(model, "__qualname__", type(model).__qualname__)
    if not (_is_record_type(model) or (get_origin(model) or model) is dict):
        raise ConfigurationError(
            f"{shown} is no item model: use a pydantic model, a dataclass or a TypedDict"
        )
    adapter(model)
    if not _is_defined(model):
        raise ConfigurationError(
            f"{shown} names a type that is not defined yet: register its handlers below it"
        )


def item_fields(model: Any) -> Mapping[str, ItemField]:
    """The fields of a model by their names in Python. A dict has none."""
    return _item_fields(model)


@cache
def discriminators(model: Any) -> tuple[Discriminator, ...]:
    """The `Literal` fields of a model, which say what an item is."""
    fields = item_fields(model).values()
    return tuple(Discriminator(f.paths, f.choices, f.required) for f in fields if f.choices is not None)


@cache
def _item_fields(model: Any) -> Mapping[str, ItemField]:
    by_name = _config(model, "populate_by_name") or _config(model, "validate_by_name")
    return {
        name: ItemField(tuple(_paths(name, info, by_name=bool(by_name))), required, _choices(info.annotation))
        for name, info, required in _field_infos(model)
    }


def _is_defined(model: Any) -> bool:
    try:
        item_fields(model)
    except NameError:
        return False
    return bool(getattr(model, "__pydantic_complete__", True))


def _is_record_type(model: object) -> bool:
    if not isinstance(model, type):
        return get_origin(model) is not None and _is_record_type(get_origin(model))
    return issubclass(model, BaseModel) or dataclasses.is_dataclass(model) or is_typeddict(model)


def _field_infos(model: Any) -> Iterator[tuple[str, FieldInfo, bool]]:
    model = get_origin(model) or model
    declared = getattr(model, "__pydantic_fields__", None) or getattr(model, "model_fields", None)
    if declared is not None:
        for name, info in declared.items():
            yield name, info, info.is_required()
    elif is_typeddict(model):
        yield from _typeddict_infos(model)
    elif dataclasses.is_dataclass(model):
        yield from _dataclass_infos(model)


def _typeddict_infos(model: Any) -> Iterator[tuple[str, FieldInfo, bool]]:
    from pydantic.fields import FieldInfo  # noqa: PLC0415  # cold start: pydantic models bring their own

    for name, annotation in get_type_hints(model, include_extras=True).items():
        hint, required = annotation, name in model.__required_keys__
        while (qualifier := _origin(hint)) in {Required, NotRequired, ReadOnly}:
            # under `from __future__ import annotations` __required_keys__ has not seen these
            required = qualifier is Required or (required and qualifier is not NotRequired)
            [hint] = get_args(hint)
        yield name, FieldInfo.from_annotation(hint), required


def _dataclass_infos(model: Any) -> Iterator[tuple[str, FieldInfo, bool]]:
    from pydantic.fields import FieldInfo  # noqa: PLC0415  # the same

    hints = get_type_hints(model, include_extras=True)
    for field in dataclasses.fields(model):
        if isinstance(field.default, FieldInfo):
            info = FieldInfo.from_annotated_attribute(hints[field.name], field.default)
            yield field.name, info, info.is_required()
        else:
            required = field.default is field.default_factory is dataclasses.MISSING
            yield field.name, FieldInfo.from_annotation(hints[field.name]), required


def _origin(hint: Any) -> Any:
    """As `get_origin`, which tells type checkers less than it gives."""
    return get_origin(hint)


def _config(model: Any, setting: str) -> Any:
    config = getattr(model, "model_config", None) or getattr(model, "__pydantic_config__", None) or {}
    return config.get(setting)


def _paths(name: str, info: FieldInfo, *, by_name: bool) -> Iterator[AttributePath]:
    match info.validation_alias:
        case AliasChoices(choices=choices):
            for choice in choices:
                yield tuple(choice.path) if isinstance(choice, AliasPath) else (choice,)
        case AliasPath(path=path):
            yield tuple(path)
        case str() as alias:
            yield (alias,)
        case _:
            by_name = True
    if by_name:
        yield (name,)


def _choices(annotation: Any) -> frozenset[tuple[str, Any]] | None:
    if get_origin(annotation) is not Literal:
        return None
    return frozenset(canonical(encode_attribute(choice)) for choice in get_args(annotation))
