"""Idempotency records in a persistence layer of Powertools for AWS Lambda."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Generator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError

from .._engine import KEEP, PATIENCE, check_keep
from .._errors import ConfigurationError, StoreError, printable
from .._patience import TimeLeft

_PREFIX: Final = "ddbevents"
_COMPLETED: Final = "COMPLETED"
_LONGEST_PROBLEM: Final = 500


class PowertoolsStore:
    """Keeps idempotency records in a persistence layer of Powertools. Safe to share between threads.

    Each is a record of Powertools with the status COMPLETED, and costs one request to read and one to write,
    one after the other. For a DynamoDB table, `DynamoDBStore` reads and writes in batches and costs far less.
    """

    def __init__(self, persistence_layer: BasePersistenceLayer, *, keep: timedelta = KEEP) -> None:
        """Copy the layer; the copy shares its client.

        Args:
            persistence_layer: A layer of Powertools or of your own. Idempotent functions may use it too: the
                store and the functions do not change each other's configuration. The copy has its own keys,
                expiry and hash function, and no local cache.
            keep: How long an idempotency record counts, whatever `expires_after_seconds` is elsewhere.

        Raises:
            ConfigurationError: The layer is not a persistence layer, or `keep` is less than 48 hours or more
                than 100 years.
        """
        if not isinstance(persistence_layer, BasePersistenceLayer):
            raise ConfigurationError(
                "PowertoolsStore takes an instance of a persistence layer of Powertools, for example"
                " DynamoDBPersistenceLayer(table_name=...)"
            )
        check_keep(keep)
        self._layer = _configured_copy(persistence_layer, keep)

    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        """Return those of the marks that the layer has and that have not expired.

        Raises:
            StoreError: The layer cannot read within `patience`, or its content is not a record of Powertools.
        """
        time_left = TimeLeft(patience)
        with self._translated("read", time_left):
            return {mark for mark in frozenset(marks) if self._has(mark, time_left)}

    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        """Write marks. One that the layer has already counts from now on.

        Raises:
            StoreError: The layer cannot write within `patience`; some of the marks may have been written.
        """
        time_left = TimeLeft(patience)
        with self._translated("written", time_left):
            for mark in frozenset(marks):
                save = partial(self._layer.save_success, data=_payload(mark), result={})
                time_left.run(save)

    def _has(self, mark: str, time_left: TimeLeft) -> bool:
        try:
            record = time_left.run(partial(self._layer.get_record, data=_payload(mark)))
        except IdempotencyItemNotFoundError:
            return False
        return record is not None and record.status == _COMPLETED  # an expired record says EXPIRED

    @contextmanager
    def _translated(self, doing: str, time_left: TimeLeft) -> Generator[None]:
        try:
            yield
        except TimeoutError as error:
            raise StoreError(
                f"idempotency records were not {doing} through {type(self._layer).__name__} within the"
                f" {time_left.allowed:.1f} s that the function could wait: each takes a request of its own;"
                " check that its table or cache answers, and give the function more time or smaller batches"
            ) from error
        except Exception as error:  # a layer lets the errors of any database's client through
            # the layer gets only digests of marks, so its message holds no item's value
            problem = f"{type(error).__name__}({printable(str(error), longest=_LONGEST_PROBLEM)})"
            raise StoreError(
                f"idempotency records cannot be {doing} through {type(self._layer).__name__}:"
                f" {problem}; check that its table or cache exists and answers, and that this function may"
                " read and write it"
            ) from error


def _payload(mark: str) -> dict[str, str]:
    """Return a payload for Powertools, which makes the record's key from the digest of its JSON."""
    return {"mark": mark}


def _configured_copy(layer: BasePersistenceLayer, keep: timedelta) -> BasePersistenceLayer:
    own = _copy(layer)
    # a layer keeps the first configuration that it gets, and a function may have configured this one
    BasePersistenceLayer.__init__(own)  # type: ignore[no-untyped-call]  # Powertools forgot its `-> None`
    own.configure(
        IdempotencyConfig(expires_after_seconds=int(keep.total_seconds()), hash_function="sha256")
    )  # without a local cache, which would hide changes in the table
    own.function_name = (
        _PREFIX  # not the Lambda function's name: the mark itself names the app and the handler
    )
    return own


def _copy(layer: BasePersistenceLayer) -> BasePersistenceLayer:
    with warnings.catch_warnings():
        # the class of the cache layer warns about its old name, whichever name it was made by
        warnings.simplefilter("ignore", DeprecationWarning)
        return copy.copy(layer)
