"""DynamoDB's answers, read with suspicion: a proxy, an emulator or a test double may answer in its place.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from math import isfinite
from typing import Any, Final

from .._errors import LONGEST_LABEL, StoreError, quoted
from .._tuples import NamedTuple

_JUNK: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Page(NamedTuple):
    """The outcome of one request for a chunk of marks.

    Attributes:
        found: The marks that the table has, each with its expiry in seconds since 1970; None for a mark
            without one.
        left: The marks that were not processed.
    """

    found: dict[str, float | None]
    left: list[str]


@contextmanager
def understood(tables: Iterable[str]) -> Generator[None]:
    """Turn what junk does to its reader into a `StoreError`, also if botocore's parser is the reader."""
    try:
        yield
    except _JUNK as error:
        names = ", ".join([quoted(table, longest=LONGEST_LABEL) for table in tables])
        raise StoreError(
            f"the answer for {names} is not one that DynamoDB gives: check the"
            " endpoint, and what answers there in DynamoDB's place"
        ) from error


def read_marks(answer: Any, table: str, asked: Collection[str], key: str, expiration: str) -> Page:
    """Return what a BatchGetItem found; an answer that DynamoDB does not give raises an error of Python's."""
    items = answer["Responses"].get(table, [])
    found = {_text(item[key]): _seconds(item.get(expiration)) for item in items}
    left = answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
    return Page(found, _asked((_text(each[key]) for each in left), asked))


def unwritten_marks(answer: Any, table: str, asked: Collection[str], key: str) -> list[str]:
    """Return the marks that a BatchWriteItem left unwritten; for junk, as `read_marks`."""
    left = answer["UnprocessedItems"].get(table, [])
    return _asked((_text(each["PutRequest"]["Item"][key]) for each in left), asked)


def key_names(answer: Any) -> tuple[str, ...]:
    """Return the names in a DescribeTable's key schema; for junk, as `read_marks`."""
    names = [part["AttributeName"] for part in answer["Table"]["KeySchema"]]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError
    return tuple(names)


def check_commit(answer: Any) -> None:
    """Refuse a TransactWriteItems' answer that is not DynamoDB's; for junk, as `read_marks`.

    DynamoDB's own is an empty object, as anybody's may be. But it has an id, in a header.
    """
    if not answer["ResponseMetadata"]["RequestId"]:
        raise ValueError


def _text(attribute: Any) -> str:
    text = attribute["S"]
    if not isinstance(text, str):
        raise TypeError
    return text


def _seconds(attribute: Any) -> float | None:
    if attribute is None:
        return None
    seconds = float(attribute["N"])
    if not isfinite(seconds):
        raise ValueError
    return seconds


def _asked(marks: Iterable[str], asked: Collection[str]) -> list[str]:
    """Return the marks; ones that nobody asked for would be asked for again and again."""
    left = [*marks]
    if not {*left} <= {*asked}:
        raise ValueError
    return left
