"""Fixtures for all tests: a real DynamoDB and moto's, each started once and only if a test asks for it."""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore import loaders
from hypothesis import settings
from typing_extensions import override

from tests.campaigns import size
from tests.dynamodb_local import DynamoDBUnavailableError, dynamodb_local
from tests.letters import bucket_client, queue_client
from tests.moto_server import moto_server

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

settings.register_profile(
    "ddbevents",
    deadline=None,  # the machine may be busy
    print_blob=True,
    max_examples=size(short=30, full=100, long=100),
)
settings.load_profile("ddbevents")


class SharingLoader(loaders.Loader):
    """Shares what it reads with all botocore sessions: each of hundreds would read the same large files."""

    READ: Final[defaultdict[tuple[str, ...], dict[Any, Any]]] = defaultdict(dict)

    @override
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._cache = self.READ[tuple(self.search_paths)]


loaders.Loader = SharingLoader  # type: ignore[misc]  # botocore has no seam for it


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Generator[str]:
    with required_dynamodb(os.environ) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def moto_endpoint() -> Generator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def no_collection() -> Generator[None]:
    """Keep the garbage collector out of a test that calls itself down to the recursion limit.

    Down there a finalizer of any other test's object fails too, and pytest would blame this test for it.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def sqs(moto_endpoint: str) -> SQSClient:
    return queue_client(moto_endpoint)


@pytest.fixture
def s3(moto_endpoint: str) -> S3Client:
    return bucket_client(moto_endpoint)


@contextmanager
def required_dynamodb(environment: Mapping[str, str]) -> Generator[str]:
    """Run a DynamoDB with streams. Without one the tests fail in CI, and are skipped elsewhere."""
    try:
        with dynamodb_local(environment) as endpoint:
            yield endpoint
    except DynamoDBUnavailableError as error:
        if environment.get("CI"):
            raise
        pytest.skip(str(error).splitlines()[0])
