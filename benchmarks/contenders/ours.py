"""This library."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from benchmarks.contenders.interface import Handle, Reader, Take
from benchmarks.targets import LAW, OURS
from ddbevents import Insert, Modify, StreamApp, decode, encode


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
