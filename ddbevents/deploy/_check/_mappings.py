"""Whether the settings of the event source mappings suit the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .._needs import Needs
from ._findings import Finding, error, warning
from ._live import AwsJson, Live

_OFF: Final = frozenset({"Disabled", "Disabling", "Deleting"})
_PARTIAL: Final = "ReportBatchItemFailures"
_FINE: Final = ("OK", "No records processed")


def check_mappings(needs: Needs, live: Live) -> Iterator[Finding]:
    """Yield what is wrong with the function's mappings."""
    mappings = [mapping for mapping in live.mappings if source_of(mapping)]
    if not mappings:
        yield error(
            "no-mapping",
            "no event source mapping leads a stream or a queue to the function",
            "create one, with FunctionResponseTypes [ReportBatchItemFailures]",
        )
    for mapping in mappings:
        yield from _any_source(mapping)
        if source_of(mapping) != "sqs":
            yield from _stream(needs, mapping)
            yield from _metrics(live, mapping)


def source_of(mapping: AwsJson) -> str | None:
    """Return the service that a mapping reads: dynamodb, kinesis or sqs; None for any other."""
    service = str(mapping.get("EventSourceArn", "")).split(":")[2:3]
    return next((each for each in service if each in {"dynamodb", "kinesis", "sqs"}), None)


def name_of(mapping: AwsJson) -> str:
    """Return how a message names a mapping: by what it reads, and by its own id."""
    arn = str(mapping["EventSourceArn"])
    resource = arn.split(":", 5)[-1]
    return f"the mapping of {resource} ({mapping.get('UUID', 'without an id')})"


def _any_source(mapping: AwsJson) -> Iterator[Finding]:
    name = name_of(mapping)
    if _PARTIAL not in mapping.get("FunctionResponseTypes", ()):
        yield error(
            "no-partial-answers",
            f"{name} lacks {_PARTIAL}, so Lambda takes every answer for success and failed records are lost",
            "set FunctionResponseTypes to [ReportBatchItemFailures]",
        )
    if (state := mapping.get("State")) in _OFF:
        yield error(
            "mapping-disabled",
            f"{name} is {str(state).lower()}, so no record arrives; a stream keeps them for 24 hours",
            "enable it: aws lambda update-event-source-mapping --uuid … --enabled",
        )
    if fault := mapping.get("FilterCriteriaError"):
        yield error(
            "filter-error",
            f"{name} cannot use its filter: {fault.get('ErrorCode')}",
            "give it the filter again, and allow Lambda the KMS key that encrypts it",
        )
    result = str(mapping.get("LastProcessingResult") or "")
    if result and not result.startswith(_FINE):
        yield error(
            "last-result",
            f"the last result of {name} is: {result}",
            "look at the function's log; if Lambda cannot call or read, at the function's role",
        )


def _stream(needs: Needs, mapping: AwsJson) -> Iterator[Finding]:
    name = name_of(mapping)
    if mapping.get("TumblingWindowInSeconds"):
        yield error(
            "tumbling-window",
            f"{name} has a tumbling window, whose events a StreamApp refuses",
            "set TumblingWindowInSeconds to 0",
        )
    age = _limit(mapping, "MaximumRecordAgeInSeconds")
    if age is not None and needs.has_dead_letters and needs.min_age.total_seconds() >= age:
        yield error(
            "min-age",
            f"{name} discards records that are {age} s old, and the app dead-letters none before it is"
            f" {needs.min_age.total_seconds():.0f} s old",
            "set MaximumRecordAgeInSeconds well above min_age, or to -1",
        )
    yield from _advice(needs, mapping, age)


def _advice(needs: Needs, mapping: AwsJson, age: int | None) -> Iterator[Finding]:
    name = name_of(mapping)
    destination: Any = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    is_endless = age is None and _limit(mapping, "MaximumRetryAttempts") is None
    if is_endless and not needs.has_dead_letters and not destination:
        yield warning(
            "endless-retries",
            f"{name} retries without an end and the app has no dead letters, so one bad record holds its"
            " shard for 24 hours, and then it and what waited are lost",
            "give the app DeadLetters, or the mapping a limit and an on-failure destination",
        )
    if not mapping.get("BisectBatchOnFunctionError"):
        yield warning(
            "no-bisect",
            f"{name} does not halve a batch that fails, so a bad first record takes its batch along",
            "set BisectBatchOnFunctionError to true",
        )


def _metrics(live: Live, mapping: AwsJson) -> Iterator[Finding]:
    if "EventCount" not in mapping.get("MetricsConfig", {}).get("Metrics", ()) and live.counts_events():
        yield warning(
            "no-metrics",
            f"{name_of(mapping)} counts no events, so nobody sees what is filtered, dropped or sent to a"
            " destination",
            "set MetricsConfig to {Metrics: [EventCount]}",
        )


def _limit(mapping: AwsJson, setting: str) -> int | None:
    """Return a limit; None for -1, which is AWS's default and means none."""
    value = mapping.get(setting, -1)
    return None if value in {-1, None} else int(value)
