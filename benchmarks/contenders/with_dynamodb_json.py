"""PyPI's dynamodb-json, in a loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamodb_json.json_util import loads  # type: ignore[import-untyped]  # it has no types
from pydantic import BaseModel

from benchmarks.contenders.interface import Handle, Reader, Take
from benchmarks.targets import DYNAMODB_JSON


def readers(model: type[BaseModel]) -> Mapping[str, Reader]:  # noqa: ARG001  # as every library's
    """It takes the JSON's text, or a dict that it writes to text first."""
    return {DYNAMODB_JSON: Reader("model.model_validate(loads(image))", {"loads": loads})}


def handlers(model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
    """A loop, since it knows images only."""

    def handle(event: Any) -> None:
        for record in event["Records"]:
            if record["eventName"] == "MODIFY":
                take(model.model_validate(loads(record["dynamodb"]["OldImage"])))
            take(model.model_validate(loads(record["dynamodb"]["NewImage"])))

    return {DYNAMODB_JSON: handle}
