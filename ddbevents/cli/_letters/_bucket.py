"""Dead letters in an S3 bucket, one in each object; loads boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...dead_letters._delivery_errors import Place, explained, make_client
from ._source import Handle, StoredLetter, batches_of, decode_letter


class BucketSource:
    """The objects under a prefix; the handle of a dead letter is its object's key."""

    def __init__(self, name: str, prefix: str) -> None:
        self._name = name
        self._place = Place(f"the bucket {name}", "S3", "s3:ListBucket, s3:GetObject and s3:DeleteObject")
        self._client = make_client("s3")
        with explained(self._place):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
            self._keys: Sequence[str] = [each["Key"] for page in pages for each in page.get("Contents", ())]

    @property
    def total(self) -> int:
        return len(self._keys)

    def batches(self) -> Iterator[Sequence[StoredLetter]]:
        for batch in batches_of(self._keys):
            yield [StoredLetter(decode_letter(self._read(key)), key) for key in batch]

    def _read(self, key: str) -> bytes:
        with explained(self._place):
            content: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
            return content

    def remove(self, handles: Sequence[Handle]) -> None:
        with explained(self._place):
            for key in handles:
                self._client.delete_object(Bucket=self._name, Key=key)

    def release(self) -> None:
        """Do nothing, since reading an object hides it from nobody."""
