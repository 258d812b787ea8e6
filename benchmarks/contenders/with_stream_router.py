"""PyPI's dynamodb-stream-router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodb_stream_router import (  # type: ignore[import-untyped]  # it has no types
    Operation,
    RouteRecord,
    get_routes,
    on_insert,
    on_modify,
    remove_route,
    route_records,
)
from pydantic import BaseModel

from benchmarks.contenders.interface import Handle, Reader, Take
from benchmarks.targets import ROUTER


def readers(model: type[BaseModel]) -> Mapping[str, Reader]:  # noqa: ARG001  # as every library's
    """Its record deserialises images when they are asked for."""
    return {
        ROUTER: Reader("model.model_validate(RouteRecord(record).new_image)", {"RouteRecord": RouteRecord})
    }


def handlers(model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
    """Two routes without a condition; its routes are the process's, so former ones go."""
    for operation in (Operation.INSERT, Operation.MODIFY):
        for route in get_routes(operation):
            remove_route(operation, route)

    @on_insert(0)  # type: ignore[untyped-decorator]  # as above
    def inserted(record: Any) -> None:
        take(model.model_validate(record.new_image))

    @on_modify(0)  # type: ignore[untyped-decorator]  # as above
    def modified(record: Any) -> None:
        take(model.model_validate(record.old_image))
        take(model.model_validate(record.new_image))

    return {ROUTER: lambda event: route_records(event["Records"])}
