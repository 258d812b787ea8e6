"""Dead letters as objects in an S3 bucket."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

from .._aws import ClientOfProcess, Request, check_boto3
from .._errors import ConfigurationError
from .._records import DeadLetter
from .._records._letter_json import to_json
from ._identity import identify


class S3Client(Protocol):
    """What is needed of `boto3.client("s3")`."""

    @property
    def put_object(self) -> Request: ...


class S3Bucket:
    """Writes each dead letter as an object of its own: `<prefix><app>/<handler>/<day>/<record>.json`.

    The day is that of the change, the record is named by its sequence number, of 40 digits, and its event id;
    so a letter that is sent again replaces the first, and the keys of a day are in the order of the stream.

    The function's role needs `s3:PutObject`.
    """

    def __init__(self, name: str, *, prefix: str = "", client: S3Client | None = None) -> None:
        """Name the bucket. Nothing is sent, and boto3 is not loaded, before there is a dead letter.

        Args:
            name: The bucket's name.
            prefix: What the keys begin with, such as `dead-letters/`.
            client: A client of boto3 for S3; by default one is made that waits 1 second for a connection, 5
                for an answer, and tries 3 times.

        Raises:
            ConfigurationError: The name is empty, or is a URL; or boto3 is not installed.
        """
        if client is None:
            check_boto3("S3Bucket")
        if not name or "/" in name:
            raise ConfigurationError(
                "a bucket is named by its name alone; what its keys begin with is the prefix"
            )
        self._name = name
        self._prefix = prefix
        self._client = ClientOfProcess(client, _make_client)

    def send(self, letter: DeadLetter) -> None:
        """Write a letter.

        Raises:
            DeadLetterError: It cannot be written; the message says why, and what to do.
        """
        from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

        body, key = to_json(letter).encode(), self._key(letter)
        with _sdk.explained(_sdk.Place(f"the bucket {self._name}", "S3", "s3:PutObject")):
            self._client().put_object(Bucket=self._name, Key=key, Body=body, ContentType="application/json")

    def _key(self, letter: DeadLetter) -> str:
        names = identify(letter)
        parts = (letter.app, letter.handler or "unreadable", names.day, f"{names.record}.json")
        return self._prefix + "/".join(quote(part, safe="", errors="replace") for part in parts)


def _make_client() -> S3Client:
    from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

    client: S3Client = _sdk.make_client("s3")
    return client
