"""Where records go that are put aside. Each sink is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._engine import DeadLetters, DeadLetterSink
from .._records import DeadLetter
from .._records._letter_json import from_json, to_json

if TYPE_CHECKING:
    from ._lines import JsonLinesFile
    from ._s3 import S3Bucket
    from ._sqs import SQSQueue

__all__ = [
    "DeadLetter",
    "DeadLetterSink",
    "DeadLetters",
    "JsonLinesFile",
    "S3Bucket",
    "SQSQueue",
    "from_json",
    "to_json",
]


def __getattr__(name: str) -> object:
    if name == "SQSQueue":
        from ._sqs import SQSQueue  # noqa: PLC0415  # cold start: for those who use it

        return SQSQueue
    if name == "S3Bucket":
        from ._s3 import S3Bucket  # noqa: PLC0415  # cold start: for those who use it

        return S3Bucket
    if name == "JsonLinesFile":
        from ._lines import JsonLinesFile  # noqa: PLC0415  # cold start: for those who use it

        return JsonLinesFile
    raise AttributeError(name)
