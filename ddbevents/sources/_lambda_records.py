"""A record of boto3's `get_records`, written as Lambda passes it to a function.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_IMAGES: Final = ("Keys", "NewImage", "OldImage")


def as_lambda_sends(record: Mapping[str, Any], stream_arn: str) -> dict[str, Any]:
    """Return a record with the stream's ARN, binary as base64, times in seconds and Lambda's spelling."""
    body = {**record["dynamodb"]}
    for name in _IMAGES:
        if name in body:
            body[name] = typed_json(body[name])
    moment = body.get("ApproximateCreationDateTime")
    if isinstance(moment, datetime):
        seconds = moment.timestamp()
        body["ApproximateCreationDateTime"] = int(seconds) if seconds.is_integer() else seconds
    sent: dict[str, Any] = {**record, "dynamodb": body, "eventSourceARN": stream_arn}
    identity = sent.get("userIdentity")
    if identity is not None:
        sent["userIdentity"] = {f"{name[:1].lower()}{name[1:]}": value for name, value in identity.items()}
    return sent


def typed_json(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image of boto3's with binary as base64 text, as all of AWS's JSON has it."""
    return {name: _value(value) for name, value in image.items()}


def _value(attribute: Any) -> Any:
    [(tag, content)] = attribute.items()
    match tag:
        case "B":
            return {"B": _text(content)}
        case "BS":
            return {"BS": [*map(_text, content)]}
        case "L":
            return {"L": [*map(_value, content)]}
        case "M":
            return {"M": typed_json(content)}
        case _:
            return attribute


def _text(binary: bytes) -> str:
    return b64encode(binary).decode()
