"""Dead letters as objects in an S3 bucket."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

from .._aws import ClientPerProcess, Request, check_boto3
from .._engine import PATIENCE
from .._errors import ConfigurationError
from .._patience import TimeLeft
from .._records import DeadLetter
from .._records._letter_json import letter_to_json
from ._identity import identify


class S3Client(Protocol):
    """The method of `boto3.client("s3")` that the sink calls."""

    @property
    def put_object(self) -> Request: ...


class S3Bucket:
    """Writes each dead letter as an object of its own: `<prefix><app>/<handler>/<day>/<record>.json`.

    `<day>` is the day of the change, and `<record>` the sequence number, padded to 64 digits, with the event
    id. A letter that is sent again therefore replaces the first, and the keys of a day sort in stream order.

    The function's role needs `s3:PutObject`.
    """

    def __init__(self, name: str, *, prefix: str = "", client: S3Client | None = None) -> None:
        """Name the bucket. boto3 is loaded when the first dead letter is sent, not before.

        Args:
            name: The bucket's name.
            prefix: The beginning of every key, for example `dead-letters/`.
            client: A boto3 client for S3. The default client waits 1 second for a connection and 5 for an
                answer, and tries 3 times. No client is waited for longer than the app's patience, whatever
                its own settings.

        Raises:
            ConfigurationError: The name is empty or a URL, or boto3 is not installed.
        """
        if client is None:
            check_boto3("S3Bucket")
        if not name or "/" in name:
            raise ConfigurationError(
                "a bucket is named by its name alone: give the beginning of its keys as prefix"
            )
        self._name = name
        self._prefix = prefix
        self._client = ClientPerProcess(client, _make_client)

    def send(self, letter: DeadLetter, *, patience: timedelta = PATIENCE) -> None:
        """Write a letter.

        Raises:
            DeadLetterError: The letter cannot be written within `patience`; the message says why and what to
                do.
        """
        from ._delivery_errors import Place, deliver, explained  # noqa: PLC0415  # cold start: it loads boto3

        time_left = TimeLeft(patience)
        body, key = letter_to_json(letter).encode(), self._key(letter)

        def put() -> None:
            self._client().put_object(Bucket=self._name, Key=key, Body=body, ContentType="application/json")

        place = Place(f"the bucket {self._name}", "S3", "s3:PutObject")
        with explained(place):
            deliver(put, place, time_left)

    def _key(self, letter: DeadLetter) -> str:
        names = identify(letter)
        parts = (letter.app, letter.handler or "unreadable", names.day, f"{names.record}.json")
        return self._prefix + "/".join(quote(part, safe="", errors="replace") for part in parts)


def _make_client() -> S3Client:
    from ._delivery_errors import make_client  # noqa: PLC0415  # cold start: it loads boto3

    client: S3Client = make_client("s3")
    return client
