"""Dead letters: where records go that keep failing. Each sink is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from .._engine import DeadLetters, DeadLetterSink
from .._records import DeadLetter
from .._records._letter_json import letter_from_json, letter_to_json

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
    "letter_from_json",
    "letter_to_json",
]

_SINKS: Final = {"JsonLinesFile": "._lines", "S3Bucket": "._s3", "SQSQueue": "._sqs"}


def __getattr__(name: str) -> object:
    if name not in _SINKS:
        raise AttributeError(name)
    # cold start: a function pays only for the sink that it uses
    return getattr(import_module(_SINKS[name], __name__), name)
