"""The public surface as JSON: names, parameters and defaults, and beside them the spelling of annotations.

Parameters are apart from annotations, since an annotation can be spelled in several ways (an alias and what
it stands for) without a difference to users; what it means is held by `typing_tests`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from importlib import import_module
from inspect import Parameter, Signature
from typing import Any, Final

import ddbevents
from ddbevents.dead_letters import DeadLetters
from ddbevents.testing import EventSourceMapping, MemorySink
from tests.stream import Json

MODULES: Final = (
    "ddbevents",
    "ddbevents.dead_letters",
    "ddbevents.deploy",
    "ddbevents.emf",
    "ddbevents.opentelemetry",
    "ddbevents.powertools",
    "ddbevents.sources",
    "ddbevents.stores",
    "ddbevents.testing",
)
# what only an instance has: errors keep what a program needs to know, and some objects what a test looks at
INSTANCES: Final = (
    ddbevents.BatchFailedError("", identifier=None, error=None),
    ddbevents.InvalidItemError(""),
    ddbevents.InvalidRecordError(""),
    ddbevents.Reject(""),
    ddbevents.TransactionError(""),
    DeadLetters(MemorySink()),
    MemorySink(),
    EventSourceMapping(lambda event, context: None).run(),
)
_OPERATORS: Final = {"__and__", "__call__", "__invert__", "__or__"}
_NOISE: Final = (
    (r"ForwardRef\('([^']*)'[^)]*\)", r"\1"),  # NamedTuple makes them of annotations
    (r"(: |-> )'([^']*)'", r"\1\2"),  # an annotation is text where the module postpones evaluation
    (r"<function [^>]*>", "<function>"),  # a private one, and where it is in memory
    (r"\b(?:[a-z_]\w*\.)+(?=\w)", ""),  # modules, which may move
    (r"~(?=\w)", ""),  # a type variable, as an alias shows it
)


def surface() -> Json:
    """Everything public, without annotations."""
    bare = partial(_text, with_annotations=False)
    attributes = {type(each).__name__: sorted(_only_of_instance(each)) for each in INSTANCES}
    return {**{name: _module(name, bare) for name in MODULES}, "attributes of instances": attributes}


def spelling() -> Json:
    """Everything public that has annotations, as they are spelled."""
    spelled = partial(_text, with_annotations=True)
    return {name: _module(name, spelled) for name in MODULES}


def _module(name: str, text: Callable[[Any], str]) -> Json:
    module = import_module(name)
    return {each: _described(getattr(module, each), text) for each in module.__all__}


def _described(value: Any, text: Callable[[Any], str]) -> object:
    match value:
        case type():
            return _class(value, text)
        case tuple():
            return [each.__name__ for each in value]
        case _:
            return text(value)


def _class(value: type, text: Callable[[Any], str]) -> Json:
    ancestors = [each.__name__ for each in value.__mro__[1:] if each in _PUBLIC or not _is_ours(each)]
    described: Json = {"bases": [name for name in ancestors if name not in {"Generic", "Protocol", "object"}]}
    if issubclass(value, Enum):
        return {**described, "members": {member.name: member.value for member in value}}
    if _is_made_by_users(value):
        described["made with"] = text(value)
    if keys := getattr(value, "__required_keys__", None) or getattr(value, "__optional_keys__", None):
        described["keys"] = sorted(keys)
    if patterns := getattr(value, "__match_args__", ()):
        described["match"] = [*patterns]
    return {**described, **{name: text(inspect.getattr_static(value, name)) for name in _members(value)}}


def _members(value: type) -> Iterator[str]:
    """Return the members of a class of ours and of its bases of ours, in alphabetical order."""
    for name in sorted(dir(value)):
        owners = [each for each in value.__mro__ if name in vars(each)]
        if _is_ours(owners[0] if owners else type) and (not name.startswith("_") or name in _OPERATORS):
            yield name


def _is_made_by_users(value: type) -> bool:
    if getattr(value, "_is_protocol", False):
        return False
    return any(_is_ours(each) and {"__init__", "__new__"} & vars(each).keys() for each in value.__mro__)


def _is_ours(value: type) -> bool:
    return value.__module__.partition(".")[0] == "ddbevents"


def _only_of_instance(value: object) -> Iterator[str]:
    known = {*dir(type(value))}
    return (name for name in dir(value) if name not in known and not name.startswith("_"))


def _text(value: Any, *, with_annotations: bool) -> str:
    value = getattr(value, "__func__", value)  # of a class method or a static one
    if isinstance(value, property):
        return f"property {_signature(value.fget, with_annotations=with_annotations)}"
    if inspect.isclass(value) or inspect.isfunction(value):
        return _signature(value, with_annotations=with_annotations)
    if inspect.isdatadescriptor(value):
        return "attribute"
    return _quiet(str(value)) if with_annotations else "alias"


def _signature(value: Any, *, with_annotations: bool) -> str:
    signature = inspect.signature(value)
    if not with_annotations:
        bare = [each.replace(annotation=Parameter.empty) for each in signature.parameters.values()]
        signature = signature.replace(parameters=bare, return_annotation=Signature.empty)
    return _quiet(str(signature))


def _quiet(text: str) -> str:
    for noise, replacement in _NOISE:
        text = re.sub(noise, replacement, text)
    return text


_PUBLIC: Final = {
    value for name in MODULES for value in vars(import_module(name)).values() if inspect.isclass(value)
}
