"""boto3's deserialiser, and the loop that one writes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel

from benchmarks.contenders.interface import Handle, Reader, Take, TakeAll
from benchmarks.targets import BOTO3, BOTO3_OUT, COMPREHENSION, LOOP

_deserialize = TypeDeserializer().deserialize
_serialize = TypeSerializer().serialize


def readers(model: type[BaseModel]) -> Mapping[str, Reader]:  # noqa: ARG001  # as every library's
    """Deserialise, then validate."""
    expression = "model.model_validate({name: deserialize(value) for name, value in image.items()})"
    return {BOTO3: Reader(expression, {"deserialize": _deserialize})}


def writers() -> Mapping[str, Reader]:
    """Dump, then serialise; a datetime has to become text, which boto3 leaves to its user."""

    def to_image(item: BaseModel) -> dict[str, Any]:
        values = item.model_dump()
        values["placed_at"] = values["placed_at"].isoformat()
        return {name: _serialize(value) for name, value in values.items()}

    return {BOTO3_OUT: Reader("to_image(item)", {"to_image": to_image})}


def handlers(model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
    """A loop that tells Lambda where to begin again."""

    def item(image: Mapping[str, Any]) -> BaseModel:
        return model.model_validate({name: _deserialize(value) for name, value in image.items()})

    def handle(event: Any) -> dict[str, list[dict[str, str]]]:
        for record in event["Records"]:
            body = record["dynamodb"]
            try:
                if record["eventName"] == "INSERT":
                    take(item(body["NewImage"]))
                elif record["eventName"] == "MODIFY":
                    take(item(body["OldImage"]))
                    take(item(body["NewImage"]))
            except Exception:  # noqa: BLE001  # whatever a handler raises, Lambda delivers again from here
                return {"batchItemFailures": [{"itemIdentifier": body["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return {LOOP: handle}


def bulk_handler(model: type[BaseModel], take_all: TakeAll) -> Mapping[str, Handle]:
    """The list comprehension that one writes: if anything fails, the whole batch comes again."""

    def handle(event: Any) -> dict[str, list[dict[str, str]]]:
        images = [
            record["dynamodb"]["NewImage"] for record in event["Records"] if record["eventName"] == "INSERT"
        ]
        values = [{name: _deserialize(value) for name, value in image.items()} for image in images]
        take_all([model.model_validate(each) for each in values])
        return {"batchItemFailures": []}

    return {COMPREHENSION: handle}


def dispatchers(models: Mapping[str, type[BaseModel]], take: Take) -> Mapping[str, Handle]:
    """The loop, with a table of models, which looks at an item's kind before it reads the item."""

    def handle(event: Any) -> dict[str, list[dict[str, str]]]:
        for record in event["Records"]:
            body = record["dynamodb"]
            try:
                if record["eventName"] == "INSERT":
                    image = body["NewImage"]
                    model = models.get(image["kind"]["S"])
                    if model is not None:
                        values = {name: _deserialize(value) for name, value in image.items()}
                        take(model.model_validate(values))
            except Exception:  # noqa: BLE001  # as above
                return {"batchItemFailures": [{"itemIdentifier": body["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return {LOOP: handle}
