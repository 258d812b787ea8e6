"""What all tests share: a real DynamoDB, started once and only if a test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.dynamodb_local import DynamoDBUnavailableError, dynamodb_local


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    """A DynamoDB with streams. Without one the tests fail in CI, and are skipped elsewhere."""
    try:
        with dynamodb_local() as endpoint:
            yield endpoint
    except DynamoDBUnavailableError as error:
        report_absence(error, in_ci=bool(os.environ.get("CI")))


def report_absence(error: DynamoDBUnavailableError, *, in_ci: bool) -> None:
    if in_ci:
        raise error
    pytest.skip(str(error).splitlines()[0])
