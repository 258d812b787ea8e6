"""Powertools for AWS Lambda: its data class and its parser, both in its BatchProcessor.

As in https://docs.aws.amazon.com/powertools/python/latest/utilities/batch/ and .../utilities/parser/, without
the Logger and the Tracer of the examples there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,  # pyright: ignore[reportUnknownVariableType]  # its types are partial
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
    DynamoDBRecord,
    DynamoDBRecordEventName,
)
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamChangedRecordModel,
    DynamoDBStreamModel,
    DynamoDBStreamRecordModel,
)
from pydantic import BaseModel, create_model

from benchmarks.contenders.interface import Handle, Reader, Take
from benchmarks.targets import DATA_CLASS, PARSER, WHOLE_PARSER


def readers(model: type[BaseModel]) -> Mapping[str, Reader]:
    """The data class of a record, and the parser's model of it."""
    return {
        DATA_CLASS: Reader(
            "model.model_validate(DynamoDBRecord(record).dynamodb.new_image)",
            {"DynamoDBRecord": DynamoDBRecord},
        ),
        PARSER: Reader(
            "parse(event=record, model=record_model).dynamodb.NewImage",
            {"parse": parse, "record_model": _record_model(model)},
        ),
    }


def handlers(model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
    """The processor with and without a model, and the parser of a whole event."""
    record_model = _record_model(model)
    event_model = create_model("Event", __base__=DynamoDBStreamModel, Records=(list[record_model], ...))  # type: ignore[valid-type]  # made here
    by_data_class = BatchProcessor(event_type=EventType.DynamoDBStreams)
    by_model = BatchProcessor(event_type=EventType.DynamoDBStreams, model=record_model)

    def read(record: DynamoDBRecord) -> None:
        body = record.dynamodb
        if body is None:
            return
        if record.event_name is DynamoDBRecordEventName.MODIFY:
            take(model.model_validate(body.old_image))
        take(model.model_validate(body.new_image))

    def take_images(record: Any) -> None:
        if record.eventName == "MODIFY":
            take(record.dynamodb.OldImage)
        take(record.dynamodb.NewImage)

    def parse_event(event: Any) -> None:
        for record in parse(event=event, model=event_model).Records:
            take_images(record)

    return {
        DATA_CLASS: lambda event: process_partial_response(
            event=event, record_handler=read, processor=by_data_class
        ),
        PARSER: lambda event: process_partial_response(
            event=event, record_handler=take_images, processor=by_model
        ),
        WHOLE_PARSER: parse_event,
    }


def dispatchers(models: Mapping[str, type[BaseModel]], take: Take) -> Mapping[str, Handle]:
    """The processor with its data class, whose values say the kind."""
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams)

    def read(record: DynamoDBRecord) -> None:
        body = record.dynamodb
        if body is None:
            return
        values = body.new_image
        model = models.get(values["kind"])
        if model is not None:
            take(model.model_validate(values))

    return {
        DATA_CLASS: lambda event: process_partial_response(
            event=event, record_handler=read, processor=processor
        )
    }


def _record_model(model: type[BaseModel]) -> type[Any]:
    image: Any = model | None
    body = create_model(
        "Body",
        __base__=DynamoDBStreamChangedRecordModel,
        NewImage=(image, None),
        OldImage=(image, None),
    )
    return create_model("Record", __base__=DynamoDBStreamRecordModel, dynamodb=(body, ...))
