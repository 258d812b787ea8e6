"""Spans and metrics of OpenTelemetry: they equal the report, and hold no value and no message."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from ddbevents import BatchReport, Insert, StreamApp
from ddbevents.opentelemetry import instrument
from ddbevents.testing import queue_event
from tests.letters import letter
from tests.observed_apps import APPS, SECRET, MakeApp, people, single
from tests.stream import CANARY, Context, Json, batch, insert, modify, user
from tests.test_imports import modules_after

WELCOME: Final = "tests.observed_apps.welcome"


class Telemetry:
    """Spans and metrics in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._meter_provider = MeterProvider([self._reader])

    def instrument(self, app: StreamApp) -> StreamApp:
        instrument(app, tracer_provider=self.tracer_provider, meter_provider=self._meter_provider)
        return app

    @property
    def spans(self) -> list[ReadableSpan]:
        return [*self._exporter.get_finished_spans()]

    @property
    def of_batch(self) -> ReadableSpan:
        [span] = [span for span in self.spans if span.name.startswith("process")]
        return span

    @property
    def of_calls(self) -> list[ReadableSpan]:
        return [span for span in self.spans if "ddbevents.handler" in attributes(span)]

    def metrics(self) -> dict[str, list[Any]]:
        """Return the data points of each metric."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: [*metric.data.data_points]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def shown(self) -> str:
        """Return all that is exported as text."""
        data = self._reader.get_metrics_data()
        return "\n".join([*(span.to_json() for span in self.spans), data.to_json() if data else ""])


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return {**(span.attributes or {})}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    return context.span_id if context else 0


def by_outcome(report: BatchReport) -> Counter[tuple[Any, ...]]:
    return Counter((each.outcome.value, type_of(each.error)) for each in report.records)


def type_of(error: BaseException | None) -> str | None:
    return None if error is None else type(error).__name__


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_metrics_equal_the_report(telemetry: Telemetry, make_app: MakeApp) -> None:
    report = telemetry.instrument(make_app()).process(people(60))

    metrics = telemetry.metrics()
    counted = {
        (point.attributes["ddbevents.outcome"], point.attributes.get("error.type")): point.value
        for point in metrics["messaging.client.consumed.messages"]
    }
    [duration] = metrics["messaging.process.duration"]
    assert counted == by_outcome(report)
    assert duration.count == 1
    assert duration.sum == pytest.approx(report.seconds)
    assert duration.attributes["error.type"] == "LookupError"
    assert duration.attributes["messaging.destination.name"] == "Users"
    assert len({each.outcome for each in report.records}) == 4


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_the_batch_span_equals_the_report(telemetry: Telemetry, make_app: MakeApp) -> None:
    report = telemetry.instrument(make_app()).process(people(60))

    span = telemetry.of_batch
    assert span.name == "process Users"
    assert span.kind is SpanKind.CONSUMER
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span) == {
        "messaging.system": "aws.dynamodb_streams",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "Users",
        "messaging.batch.message_count": 60,
        "ddbevents.app": "people",
        "ddbevents.handled": report.handled,
        "ddbevents.failed": report.failed,
        "ddbevents.dead_lettered": report.dead_lettered,
        "ddbevents.ignored": report.ignored,
        "error.type": "LookupError",
    }


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_calls_are_children_of_their_batch(telemetry: Telemetry, make_app: MakeApp) -> None:
    app = telemetry.instrument(make_app())

    with telemetry.tracer_provider.get_tracer("outer").start_as_current_span("invocation") as invocation:
        app.process(people(60))

    whole = telemetry.of_batch
    assert parent_of(whole) == invocation.get_span_context().span_id
    assert {parent_of(call) for call in telemetry.of_calls} == {id_of(whole)}
    assert {call.kind for call in telemetry.of_calls} == {SpanKind.CONSUMER}


SINGLE = {name: make for name, make in APPS.items() if name != "bulk"}


@pytest.mark.parametrize("make_app", SINGLE.values(), ids=SINGLE.keys())
def test_each_call_is_a_span(telemetry: Telemetry, make_app: MakeApp) -> None:
    report = telemetry.instrument(make_app()).process(people(60))

    expected = {(each.record.identifier, type_of(each.error)) for each in report.records if each.handlers}
    found = [attributes(call) for call in telemetry.of_calls]
    assert {(call["ddbevents.sequence_number"], call.get("error.type")) for call in found} == expected
    assert len(found) == len(expected)


def test_a_call_says_what_it_handled(telemetry: Telemetry) -> None:
    telemetry.instrument(single())(batch(insert(1, user("ada"))))

    [call] = telemetry.of_calls
    assert call.name == WELCOME
    assert call.status.status_code is StatusCode.UNSET
    assert attributes(call) == {
        "messaging.system": "aws.dynamodb_streams",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "Users",
        "messaging.message.id": f"{1:032x}",
        "ddbevents.app": "people",
        "ddbevents.handler": WELCOME,
        "ddbevents.kind": "INSERT",
        "ddbevents.sequence_number": "26163800000000026199463301",
    }


def test_a_bulk_call_says_how_many(telemetry: Telemetry) -> None:
    report = telemetry.instrument(APPS["bulk"]()).process(people(60))

    counts = [attributes(call)["messaging.batch.message_count"] for call in telemetry.of_calls]
    assert sum(counts) == 60 - report.ignored
    assert max(counts) == 10


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_a_clean_batch_has_no_error(telemetry: Telemetry, make_app: MakeApp) -> None:
    telemetry.instrument(make_app())(people(4))

    assert {span.status.status_code for span in telemetry.spans} == {StatusCode.UNSET}
    assert "error.type" not in telemetry.shown()


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_a_thousand_failures_show_no_value(telemetry: Telemetry, make_app: MakeApp) -> None:
    app = telemetry.instrument(make_app())
    failing = [insert(number, user(f"{CANARY}-{number}", "failing")) for number in range(1_000)]

    report = app.process(batch(*failing))

    shown = telemetry.shown()
    assert report.failed == 1_000
    assert len(telemetry.of_calls) >= 100
    assert CANARY not in shown
    assert SECRET not in shown
    assert [event for span in telemetry.spans for event in span.events] == []
    assert {span.status.description for span in telemetry.spans} == {None}


def test_an_exit_ends_its_spans(telemetry: Telemetry) -> None:
    app = telemetry.instrument(StreamApp("people"))
    app.on_insert(dict)(exits)

    with pytest.raises(SystemExit):
        app(people(1))

    assert [attributes(span)["error.type"] for span in telemetry.spans] == ["SystemExit", "SystemExit"]
    assert telemetry.metrics() == {}


def exits(change: Insert[Any]) -> None:
    raise SystemExit(SECRET)


@pytest.mark.parametrize("make_app", SINGLE.values(), ids=SINGLE.keys())
def test_spans_of_a_handler_are_inside_its_call(telemetry: Telemetry, make_app: MakeApp) -> None:
    found: set[tuple[str, int]] = set()
    app = make_app()
    telemetry.instrument(app)

    @app.on_insert(dict)
    async def note(change: Insert[Any]) -> None:
        found.add((change.record.event_id, get_current_span().get_span_context().span_id))

    @app.on_insert(dict)
    def note_too(change: Insert[Any]) -> None:
        found.add((change.record.event_id, get_current_span().get_span_context().span_id))

    app(batch(*(insert(number, user(f"{number}")) for number in range(20))))

    calls = {
        (attributes(call)["messaging.message.id"], id_of(call))
        for call in telemetry.of_calls
        if "note" in call.name
    }
    assert found == calls
    assert len(calls) == 40


class TracedContext(Context):
    """Lambda's context in an invocation with a trace."""

    def w3c(self) -> object:
        return {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


class MockedContext(Context):
    def w3c(self) -> object:
        return self


def test_the_parent_is_the_context_s(telemetry: Telemetry) -> None:
    telemetry.instrument(single())(people(1), TracedContext())

    assert parent_of(telemetry.of_batch) == 0xB7AD6B7169203331


def test_a_current_span_comes_first(telemetry: Telemetry) -> None:
    app = telemetry.instrument(single())

    with telemetry.tracer_provider.get_tracer("outer").start_as_current_span("invocation") as invocation:
        app(people(1), TracedContext())

    assert parent_of(telemetry.of_batch) == invocation.get_span_context().span_id


@pytest.mark.parametrize("context", [None, Context(), MockedContext()])
def test_without_a_parent_it_is_a_root(telemetry: Telemetry, context: Any) -> None:
    telemetry.instrument(single())(people(1), context)

    assert telemetry.of_batch.parent is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (batch(insert(1, user("a"))), {"collection": "Users", "operation": "insert"}),
        (batch(modify(1, user("a"), user("a"))), {"collection": "Users", "operation": "edit"}),
        (batch(insert(1, user("a")), modify(2, user("a"), user("a"))), {"collection": "Users"}),
        (batch(), {}),
    ],
)
def test_the_invocation_says_what_came(telemetry: Telemetry, event: Json, expected: Json) -> None:
    app = telemetry.instrument(StreamApp("people"))

    with telemetry.tracer_provider.get_tracer("outer").start_as_current_span("invocation"):
        app(event)

    [invocation] = [span for span in telemetry.spans if span.name == "invocation"]
    documents = {f"faas.document.{name}": value for name, value in expected.items()}
    assert attributes(invocation) == {"faas.trigger": "datasource", **documents}


def test_a_fetched_batch_is_named_at_the_end(telemetry: Telemetry) -> None:
    app = telemetry.instrument(single())

    app(queue_event(letter(insert(1, user("a")), handler=WELCOME)._replace(app="people")))

    assert telemetry.of_batch.name == "process Users"
    [point] = telemetry.metrics()["messaging.client.consumed.messages"]
    assert point.attributes["messaging.destination.name"] == "Users"


def test_an_empty_batch_has_no_name(telemetry: Telemetry) -> None:
    telemetry.instrument(single())(batch())

    assert telemetry.of_batch.name == "process"


def test_the_app_does_not_load_opentelemetry() -> None:
    loaded = modules_after("import ddbevents, ddbevents.stores")

    assert not [name for name in loaded if name.startswith(("opentelemetry", "ddbevents.opentelemetry"))]
