"""The event source mappings that read a stream already: more than two readers throttle one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..._errors import SourceError
from ._find import FoundStream

_MOST_READERS: Final = 2
_AT_REST: Final = frozenset({"Deleting", "Disabled", "Disabling"})


def advice_on_readers(stream: FoundStream) -> Iterator[str]:
    """Yield a warning if a stream has two readers already, as far as Lambda says."""
    count = 0 if stream.is_local else _number_of_mappings(stream.arn)
    if count >= _MOST_READERS:
        yield (
            f"warning: {count} event source mappings read the stream of {stream.table} already, and at most"
            f" {_MOST_READERS} readers may read a shard: this command may throttle them"
        )


def _number_of_mappings(stream_arn: str) -> int:
    """Return how many mappings of the account read a stream; 0 if that may not be asked."""
    from ..._aws import sdk  # noqa: PLC0415  # it loads boto3

    try:
        client = sdk.make_client(
            "lambda", read_timeout=5, error_type=SourceError, region=stream_arn.split(":")[3], in_test=""
        )
        answer: dict[str, Any] = client.list_event_source_mappings(EventSourceArn=stream_arn)
    except (*sdk.SDK_ERRORS, SourceError):
        return 0  # a right to ask that only this line needs: it is left out without a word
    return sum(each.get("State") not in _AT_REST for each in answer["EventSourceMappings"])
