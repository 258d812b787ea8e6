"""Whether the filters of a mapping let through what the handlers take, tried on generated records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..._errors import ConfigurationError
from ..._routing import Route
from ._findings import Finding, error, warning
from ._live import AwsJson
from ._mappings import name_of
from ._samples import Stream, samples


def check_filters(routes: Sequence[Route], mapping: AwsJson, stream: Stream) -> Iterator[Finding]:
    """Yield which handlers the filters of a mapping keep records from."""
    patterns = [each["Pattern"] for each in mapping.get("FilterCriteria", {}).get("Filters", ())]
    if not patterns:
        return
    from ...testing import matches_pattern  # noqa: PLC0415  # the other commands do without it

    def passes(record: AwsJson) -> bool:
        return any(matches_pattern(pattern, record) for pattern in patterns)

    try:
        for pattern in patterns:
            matches_pattern(pattern, {})
    except ConfigurationError as fault:
        yield warning(
            "filter-unread",
            f"whether the filters of {name_of(mapping)} drop what handlers take cannot be decided: {fault}",
            "write the pattern as Lambda's documentation does",
        )
        return
    for route in routes:
        dropped = next((each for each in samples(route, patterns, stream) if not passes(each)), None)
        if dropped is not None:
            yield error(
                "filter-drops",
                f"the filters of {name_of(mapping)} drop {dropped['eventName']} records that {route.name}"
                " takes, for good",
                "set the mapping's filter to what ddbevents filters prints",
            )
