"""This library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from benchmarks.contenders.interface import Handle, Reader, Take, TakeAll
from benchmarks.targets import LAW, OURS
from ddbevents import Insert, Modify, StreamApp, decode, encode

if TYPE_CHECKING:
    from ddbevents.stores import IdempotencyStore  # a cold start without a store does not load it


def readers(model: type[BaseModel]) -> Mapping[str, Reader]:  # noqa: ARG001  # as every library's
    """The compiled decoder, and the one that explains, which reads every mapping that is no dict."""
    return {
        OURS: Reader("decode(model, image)", {"decode": decode}),
        LAW: Reader("decode(model, proxy(image))", {"decode": decode, "proxy": MappingProxyType}),
    }


def writers() -> Mapping[str, Reader]:
    """From an item to its image."""
    return {OURS: Reader("encode(item)", {"encode": encode})}


def handlers(model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
    """An app with a handler for each kind of record."""
    app = StreamApp("benchmark")

    @app.on_insert(model)
    def inserted(change: Insert[Any]) -> None:
        take(change.new)

    @app.on_modify(model)
    def modified(change: Modify[Any]) -> None:
        take(change.old)
        take(change.new)

    return {OURS: lambda event: app(event, None)}


def several_handlers(model: type[BaseModel], takes: Sequence[Take]) -> Handle:
    """Return an app with several handlers for each new item."""
    app = StreamApp("benchmark")
    for number, take in enumerate(takes):
        app.on_insert(model)(_named(f"handle_{number}", take))
    return lambda event: app(event, None)


def stored_handler(model: type[BaseModel], take: Take, store: IdempotencyStore) -> Handle:
    """Return an app that remembers in a store what it has handled."""
    app = StreamApp("benchmark", store=store)
    app.on_insert(model)(_named("handle", take))
    return lambda event: app(event, None)


def bulk_handler(model: type[BaseModel], take_all: TakeAll) -> Mapping[str, Handle]:
    """An app with a handler that takes a list of new items."""
    app = StreamApp("benchmark")

    @app.bulk(10_000).on_insert(model)
    def index(changes: Sequence[Insert[Any]]) -> None:
        take_all([change.new for change in changes])

    return {OURS: lambda event: app(event, None)}


def dispatchers(models: Mapping[str, type[BaseModel]], take: Take) -> Mapping[str, Handle]:
    """An app with a handler for each model, whose `Literal` tells its items apart."""
    app = StreamApp("benchmark")
    for kind, model in models.items():
        app.on_insert(model)(_named(f"handle_{kind}", take))
    return {OURS: lambda event: app(event, None)}


def _named(name: str, take: Take) -> Callable[[Insert[Any]], None]:
    def handle(change: Insert[Any]) -> None:
        take(change.new)

    handle.__qualname__ = name
    return handle
