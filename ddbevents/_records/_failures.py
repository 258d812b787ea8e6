"""Lambda's own records of batches that it gave up: found in messages, and their records fetched by a reader.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

from .._errors import LONGEST_LABEL, InvalidRecordError, SourceError, printable
from .._tuples import NamedTuple
from ._reading import read_records
from ._record import AnyRecord, FailureReader, StreamRecord, UnreadableRecord
from ._shapes import parsed

Failure: TypeAlias = Mapping[str, Any]
"""A failure record, or the bucket and the key of the object that is one."""

FOLDER: Final = "aws/lambda/"
"""The keys of the objects in which Lambda writes failure records begin so."""

_MOST_ENVELOPES: Final = 3  # S3's notification in SNS's envelope, and one to spare
_NO_READER: Final = (
    "this is Lambda's failure record of a batch: it names records, and has to be given a reader that fetches"
    " them, within 24 hours of the change. Give the app StreamApp(reader=StreamReader(streams=[...],"
    " buckets=[...])) of ddbevents.sources; parse_event fetches nothing"
)
_NO_TIME: Final = (
    "no time was left to fetch its records: let the mapping pass fewer messages at a time, or give the"
    " function a longer time-out"
)


class Numbered(NamedTuple):
    """A record, and the number by which it is put in order; None if it stays where it is."""

    record: AnyRecord
    number: int | None = None


class Fetching:
    """Fetches the records of failure records, while there is time."""

    def __init__(self, reader: FailureReader | None, is_late: Callable[[], bool]) -> None:
        """Take what fetches.

        Args:
            reader: The app's reader.
            is_late: Returns whether no time is left. The first one is fetched even so.
        """
        self._reader = reader
        self._is_late = is_late
        self._has_begun = False

    def records(self, failures: Sequence[Failure], identifier: str | None) -> list[Numbered]:
        """Return the records of all failure records in one message.

        Args:
            failures: The failure records.
            identifier: The message's name; None to leave the records theirs.

        Raises:
            SourceError: They cannot be fetched.
            InvalidRecordError: The app has no reader.
        """
        return [each for failure in failures for each in self._records_of(failure, identifier)]

    def _records_of(self, failure: Failure, identifier: str | None) -> Iterator[Numbered]:
        for record in read_records(self._fetch(failure)):
            number = record.sequence_number if isinstance(record, StreamRecord) else record.identifier
            named = record if identifier is None else record._replace(identifier=identifier)
            if isinstance(named, StreamRecord):
                named = named._replace(source="failure record")
            yield Numbered(named, None if number is None else int(number))

    def _fetch(self, failure: Failure) -> list[Any]:
        reader = self._reader
        if reader is None:
            raise InvalidRecordError(_NO_READER)
        _check_allowed(failure, reader)
        if self._has_begun and self._is_late():
            raise SourceError(_NO_TIME)
        self._has_begun = True
        name = type(reader).__name__
        try:
            event: object = reader.read(failure)
        except SourceError:
            raise
        except Exception as error:  # a reader may be the user's own code
            raise SourceError(
                f"{name}.read raised {type(error).__name__}. Let it raise SourceError where records cannot be"
                " fetched, and mend it otherwise"
            ) from error
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list) or not records:
            raise SourceError(
                f"{name}.read returned no records, and a batch has at least one: let it raise SourceError"
                ' where they are lost, and return {"Records": [...]} otherwise'
            )
        return records


def failures_in(content: object, depth: int = _MOST_ENVELOPES) -> Sequence[Failure]:
    """Return the failure records in a message, bare, in SNS's envelope or named by S3; none in any other."""
    if not isinstance(content, dict) or not depth:
        return ()
    if "DDBStreamBatchInfo" in content:
        return (content,)
    if isinstance(content.get("Message"), str):
        return failures_in(parsed(content["Message"]), depth - 1)
    records = content.get("Records")
    places = [_place_of(record) for record in records] if isinstance(records, list) else []
    return [place for place in places if place is not None] if None not in places else ()


def _place_of(record: object) -> Failure | None:
    """Return where the failure record is that S3's notification names; None if it names something else."""
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        return None
    bucket, key = _part(record, "s3", "bucket", "name"), _part(record, "s3", "object", "key")
    is_new = str(record.get("eventName", "ObjectCreated")).startswith("ObjectCreated")
    if not is_new or not isinstance(bucket, str) or not isinstance(key, str):
        return None
    key = unquote_plus(key)
    return {"bucket": bucket, "key": key} if key.startswith(FOLDER) else None


def _part(content: object, *path: str) -> object:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _check_allowed(failure: Failure, reader: FailureReader) -> None:
    """Refuse what the reader does not name: a forged message must not make the function read it."""
    if "DDBStreamBatchInfo" not in failure:
        place, named, what = failure["bucket"], reader.buckets, "buckets"
    else:
        info = failure["DDBStreamBatchInfo"]
        place, named, what = (
            info.get("streamArn") if isinstance(info, dict) else None,
            reader.streams,
            "streams",
        )
    if not isinstance(place, str):
        raise SourceError("the failure record names no stream: it is not as Lambda writes it")
    if place not in named:
        shown = printable(place, longest=LONGEST_LABEL)
        raise SourceError(
            f"{shown} is none of the {what} that the app's reader names, so nothing was read: if it is yours,"
            f" add it, StreamReader({what}=[...])",
            place=shown,
        )


def in_order(read: Sequence[Numbered]) -> Iterator[AnyRecord]:
    """Return the records, those that have numbers in the order of these.

    Failure records of one stream may overlap, and come in any order.
    """
    rising = iter(sorted((each for each in read if each.number is not None), key=_number))
    return (each.record if each.number is None else next(rising).record for each in read)


def _number(numbered: Numbered) -> int:
    return numbered.number or 0


def unreadable(
    error: InvalidRecordError | SourceError, index: int, raw: object, name: str | None
) -> Numbered:
    """Return the entry that stands for a message whose records cannot be had."""
    if isinstance(error, InvalidRecordError):
        error.index = index
    return Numbered(UnreadableRecord(error, name, None, raw))
