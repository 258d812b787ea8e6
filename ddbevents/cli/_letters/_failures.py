"""Lambda's failure records where dead letters are: bare, in SNS's envelope, or named by S3's notification.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from ..._records._failures import Failure, failures_in

_NAME_IN_ARN: Final = 6


def failures_in_text(text: str) -> Sequence[Failure]:
    """Return the failure records in a text; none if it is something else, such as a dead letter."""
    # most texts are dead letters, which are long
    if "DDBStreamBatchInfo" not in text and "aws:s3" not in text:
        return ()
    try:
        return failures_in(json.loads(text))
    except (ValueError, RecursionError):
        return ()


def function_of(failure: Failure) -> str | None:
    """Return the name of the function that gave up, which an app without a name takes."""
    context = failure.get("requestContext")
    arn = context.get("functionArn") if isinstance(context, dict) else None
    parts = arn.split(":") if isinstance(arn, str) else []
    return parts[_NAME_IN_ARN] if len(parts) > _NAME_IN_ARN else None


def first_number(failures: Sequence[Failure]) -> int:
    """Return the number by which failure records are put in order, since they may overlap."""
    info = failures[0].get("DDBStreamBatchInfo")
    number = info.get("startSequenceNumber") if isinstance(info, dict) else None
    if not isinstance(number, str) or not number.isascii() or not number.isdigit():
        return 0
    return int(number[:64])
