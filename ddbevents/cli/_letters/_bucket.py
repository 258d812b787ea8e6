"""Dead letters in an S3 bucket, one in each object; loads boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from botocore.exceptions import ClientError

from ..._aws.sdk import code_of
from ..._records._letter_json import LARGEST
from ...dead_letters._delivery_errors import Place, explained, make_client
from ._source import Handle, StoredLetter, batches_of, decode_letter

_LARGEST_OBJECT: Final = 16 * 2**20  # a failure record holds a batch of 6 MiB, in which quotes are escaped
_GONE: Final = frozenset({"NoSuchKey", "404"})
_GONE_OR_REPLACED: Final = _GONE | {"PreconditionFailed", "ConditionalRequestConflict", "412"}


class BucketSource:
    """The objects under a prefix; the handle of a dead letter is its object's key with the ETag.

    S3 has no locks. So an object that another command removed before this one reads it is not run, and one
    that was replaced since it was read is not removed.
    """

    def __init__(self, name: str, prefix: str) -> None:
        self._name = name
        self._place = Place(f"the bucket {name}", "S3", "s3:ListBucket, s3:GetObject and s3:DeleteObject")
        self._client = make_client("s3")
        deletion = self._client.meta.service_model.operation_model("DeleteObject")
        self._has_conditions = "IfMatch" in deletion.input_shape.members  # since boto3 1.35
        self._vanished = 0
        self._changed = 0
        with explained(self._place):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
            self._keys: Sequence[str] = [each["Key"] for page in pages for each in page.get("Contents", ())]

    @property
    def total(self) -> int:
        return len(self._keys)

    @property
    def remarks(self) -> Sequence[str]:
        remarks: list[str] = []
        if self._vanished:
            remarks.append(f"not run, since the bucket no longer had them: {_dead_letters(self._vanished)}")
        if self._changed:
            remarks.append(
                "handled, but removed or replaced by others meanwhile, so left as they are: "
                + _dead_letters(self._changed)
            )
        if remarks:
            remarks.append(
                "does another redrive of this bucket run? S3 has no locks: run one at a time,"
                " or handlers may run twice"
            )
        return remarks

    def batches(self) -> Iterator[Sequence[StoredLetter]]:
        for keys in batches_of(self._keys):
            batch = [letter for letter in map(self._read, keys) if letter is not None]
            self._vanished += len(keys) - len(batch)
            if batch:
                yield batch

    def _read(self, key: str) -> StoredLetter | None:
        """Return the dead letter in an object; None if the object is gone."""
        with explained(self._place):
            try:
                response = self._client.get_object(Bucket=self._name, Key=key)
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise
                return None
            with closing(response["Body"]) as body:
                content: bytes = body.read(_LARGEST_OBJECT)
                if b"DDBStreamBatchInfo" not in content:
                    content = content[: LARGEST + 1]  # a byte too many is enough to see that it is no letter
            return StoredLetter(decode_letter(content), (key, response["ETag"]))

    def remove(self, handles: Sequence[Handle]) -> int:
        return sum(self._remove(key, etag) for key, etag in handles)

    def _remove(self, key: str, etag: str) -> bool:
        """Delete an object if it is still the one that was read."""
        condition = {"IfMatch": etag} if self._has_conditions else {}
        with explained(self._place):
            try:
                self._client.delete_object(Bucket=self._name, Key=key, **condition)
            except ClientError as error:
                if code_of(error) not in _GONE_OR_REPLACED:
                    raise
                self._changed += 1
                return False
        return True

    def release(self) -> None:
        """Do nothing, since reading an object hides it from nobody."""


def _dead_letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"
