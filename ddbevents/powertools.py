"""The bridge to Powertools for AWS Lambda: a persistence layer of its idempotency as a store of marks."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Generator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError

from ._engine import KEEP, check_keep
from ._errors import ConfigurationError, StoreError

__all__ = ["PowertoolsStore"]

_PREFIX: Final = "ddbevents"
_COMPLETED: Final = "COMPLETED"


class PowertoolsStore:
    """Keeps marks where a persistence layer of Powertools keeps its records. Safe to share between threads.

    A mark is a record of Powertools with the status COMPLETED. Each mark costs one request to read and one to
    write, in turn: for a DynamoDB table of your own a store that reads and writes in batches costs far less.
    """

    def __init__(self, persistence_layer: BasePersistenceLayer, *, keep: timedelta = KEEP) -> None:
        """Work on a copy of the layer that shares its client.

        Args:
            persistence_layer: A layer of Powertools or of your own. Idempotent functions may use it too: how
                they configure it makes no difference here, nor does the store to them. The copy has keys, an
                expiry and a hash function of its own, and no local cache.
            keep: How long a mark counts, whatever `expires_after_seconds` is elsewhere.

        Raises:
            ConfigurationError: It is no persistence layer, or `keep` is less than 48
                hours or more than 100 years.
        """
        if not isinstance(persistence_layer, BasePersistenceLayer):
            raise ConfigurationError(
                "PowertoolsStore takes a persistence layer of Powertools, such as "
                "DynamoDBPersistenceLayer(table_name=...); pass an instance"
            )
        check_keep(keep)
        self._layer = _configured_copy(persistence_layer, keep)

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired.

        Raises:
            StoreError: The layer cannot read, or what it read is no record of Powertools.
        """
        with self._translated("read"):
            return {mark for mark in frozenset(marks) if self._has(mark)}

    def add(self, marks: Collection[str]) -> None:
        """Write marks. One that is there already counts from now on.

        Raises:
            StoreError: The layer cannot write; some of the marks may have been written.
        """
        with self._translated("written"):
            for mark in frozenset(marks):
                self._layer.save_success(data=_payload(mark), result={})

    def _has(self, mark: str) -> bool:
        try:
            record = self._layer.get_record(data=_payload(mark))
        except IdempotencyItemNotFoundError:
            return False
        return record is not None and record.status == _COMPLETED  # an expired record says EXPIRED

    @contextmanager
    def _translated(self, doing: str) -> Generator[None]:
        try:
            yield
        except Exception as error:  # of any database's client: a layer translates nothing
            # the layer was given digests of marks only, so its message holds no item's value
            raise StoreError(
                f"the marks cannot be {doing} through {type(self._layer).__name__}: "
                f"{type(error).__name__}({error}); see that its table or cache is there, answers, and lets "
                "this function read and write"
            ) from error


def _payload(mark: str) -> dict[str, str]:
    """A payload of Powertools; the digest of its JSON is the record's key."""
    return {"mark": mark}


def _configured_copy(layer: BasePersistenceLayer, keep: timedelta) -> BasePersistenceLayer:
    own = _copy(layer)
    # a layer keeps the first configuration it gets, and may have that of a function already
    BasePersistenceLayer.__init__(own)  # type: ignore[no-untyped-call]  # Powertools forgot its `-> None`
    own.configure(
        IdempotencyConfig(expires_after_seconds=int(keep.total_seconds()), hash_function="sha256")
    )  # by default it has no local cache, which would hide what happens in the table
    own.function_name = _PREFIX  # instead of the Lambda function's: a mark says itself whose it is
    return own


def _copy(layer: BasePersistenceLayer) -> BasePersistenceLayer:
    with warnings.catch_warnings():
        # the cache layer's class warns of its old name when one is made, by whatever name
        warnings.simplefilter("ignore", DeprecationWarning)
        return copy.copy(layer)
