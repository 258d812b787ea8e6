"""Powertools' own Logger, Metrics and Tracer: they get the report's figures, no value and no message."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Sequence
from typing import Any, Final

import pytest
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_xray_sdk import global_sdk_config  # type: ignore[import-untyped]  # it has no types
from aws_xray_sdk.core import AWSXRayRecorder  # type: ignore[import-untyped]  # as above

import ddbevents.powertools
from ddbevents import ConfigurationError, Insert, StreamApp
from ddbevents.powertools import instrument
from tests.observed_apps import APPS, SECRET, MakeApp, people, single
from tests.stream import CANARY, Json, batch, insert, modify, user
from tests.test_imports import modules_after

WELCOME: Final = "tests.observed_apps.welcome"
SINGLE: Final = {name: make for name, make in APPS.items() if name != "bulk"}


class Lines:
    """A logger of Powertools that writes to memory."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.logger = Logger(service=f"users-{id(self)}", stream=self._stream, level="INFO")

    @property
    def seen(self) -> list[Json]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def keys(self, *names: str) -> list[tuple[Any, ...]]:
        return [tuple(line.get(name) for name in names) for line in self.seen]


@pytest.fixture
def lines() -> Lines:
    return Lines()


def logging_app(lines: Lines, concurrency: int = 1) -> StreamApp:
    app = StreamApp("people", concurrency=concurrency)

    @app.on_change(dict)
    def note(change: Any) -> None:
        lines.logger.info("noted")

    @app.on_insert(dict)
    async def note_async(change: Insert[Any]) -> None:
        lines.logger.info("noted async")

    instrument(app, logger=lines.logger)
    return app


def test_a_handler_s_lines_name_the_record(lines: Lines) -> None:
    logging_app(lines)(batch(modify(7, user("a"), user("a"))))

    [line] = lines.seen
    assert line["handler"].endswith("note")
    assert line["table"] == "Users"
    assert line["kind"] == "MODIFY"
    assert line["event_id"] == f"{7:032x}"
    assert line["sequence_number"] == "26163800000000026199463307"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_each_line_has_the_keys_of_its_record(lines: Lines, concurrency: int) -> None:
    event = batch(*(insert(number, user(f"{number}")) for number in range(20)))

    logging_app(lines, concurrency)(event)

    keys = [(handler.rpartition(".")[2], event_id) for handler, event_id in lines.keys("handler", "event_id")]
    expected = [record["eventID"] for record in event["Records"]]
    assert sorted(event_id for name, event_id in keys if name == "note") == expected
    assert sorted(event_id for name, event_id in keys if name == "note_async") == expected


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_keys_are_gone_after_a_batch(lines: Lines, make_app: MakeApp) -> None:
    app = make_app()
    instrument(app, logger=lines.logger)
    lines.logger.thread_safe_append_keys(table="of the caller", mine="kept")

    app(people(20))

    assert lines.logger.thread_safe_get_current_keys() == {"table": "of the caller", "mine": "kept"}
    lines.logger.thread_safe_clear_keys()


def of_many(changes: Sequence[Insert[Any]]) -> None: ...


def test_a_bulk_handler_s_lines_say_how_many(lines: Lines) -> None:
    app = StreamApp("people")

    @app.bulk(10).on_insert(dict)
    def note(changes: Sequence[Insert[Any]]) -> None:
        lines.logger.info("noted")

    instrument(app, logger=lines.logger)
    app(people(15))

    assert lines.keys("table", "records", "event_id") == [("Users", 10, None), ("Users", 5, None)]


def test_a_record_without_a_table_has_no_key(lines: Lines) -> None:
    logging_app(lines)(batch({**modify(1, user("a"), user("a")), "eventSourceARN": None}))

    assert "table" not in lines.seen[0]


def written(capsys: pytest.CaptureFixture[str]) -> list[Json]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_metrics_equal_the_report(capsys: pytest.CaptureFixture[str], make_app: MakeApp) -> None:
    metrics = Metrics(namespace="People", service="welcome")
    app = make_app()
    instrument(app, metrics=metrics)
    reports: list[Any] = []
    app.on_report(reports.append)

    metrics.log_metrics(lambda event, context: app.process(event))(people(60), None)

    [line] = written(capsys)
    [report] = reports
    assert line["Records"] == [60]
    assert line["Handled"] == [report.handled]
    assert line["Ignored"] == [report.ignored]
    assert line["Failed"] == [report.failed]
    assert line["DeadLettered"] == [report.dead_lettered]
    assert line["NotRun"] == [0]
    assert line["AlreadyHandled"] == [0]
    assert line["BatchDuration"] == [pytest.approx(report.seconds * 1000)]
    assert line["OldestAge"] == [report.oldest_age.total_seconds()]
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "People"


def test_a_batch_without_times_has_no_age(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(namespace="People", service="welcome")
    app = single()
    instrument(app, metrics=metrics)

    app(batch())
    metrics.flush_metrics()

    [line] = written(capsys)
    assert "OldestAge" not in line


class Emitter:
    """Keeps what X-Ray would send to its daemon."""

    def __init__(self) -> None:
        self.sent: list[Json] = []

    def send_entity(self, entity: Any) -> None:
        self.sent.append(json.loads(entity.serialize()))

    def set_daemon_address(self, address: object) -> None: ...


def flat(entity: Json) -> list[Json]:
    """Return a segment or subsegment and all that are below it."""
    return [entity, *(below for child in entity.get("subsegments", ()) for below in flat(child))]


class Trace:
    """A tracer of Powertools whose subsegments stay in memory."""

    def __init__(self) -> None:
        self.recorder: Any = AWSXRayRecorder()
        self.recorder.emitter._socket.close()  # noqa: SLF001  # nothing else closes it
        self._emitter = Emitter()
        self.recorder.configure(emitter=self._emitter, sampling=False, context_missing="IGNORE_ERROR")
        self.tracer = Tracer(service="people", disabled=False, auto_patch=False, provider=self.recorder)

    def run(self, app: StreamApp, event: Json) -> Any:
        segment = self.recorder.begin_segment("invocation")
        try:
            return app.process(event)
        finally:
            assert self.recorder.current_segment() is segment
            self.recorder.end_segment()

    @property
    def sent(self) -> list[Json]:
        return [entity for sent in self._emitter.sent for entity in flat(sent)]

    @property
    def of_batch(self) -> Json:
        [entity] = [entity for entity in self.sent if entity["name"].startswith("## process")]
        return entity

    @property
    def of_calls(self) -> list[Json]:
        return [entity for entity in self.sent if "handler" in entity.get("annotations", {})]


@pytest.fixture
def trace() -> Generator[Trace]:
    was_enabled = global_sdk_config.sdk_enabled()
    global_sdk_config.set_sdk_enabled(True)
    tracers: Any = Tracer
    tracers._reset_config()  # noqa: SLF001  # all tracers share one configuration
    yield Trace()
    tracers._reset_config()  # noqa: SLF001  # as above
    global_sdk_config.set_sdk_enabled(was_enabled)


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_calls_are_below_their_batch(trace: Trace, make_app: MakeApp) -> None:
    app = make_app()
    instrument(app, tracer=trace.tracer)

    report = trace.run(app, people(60))

    assert trace.of_batch["name"] == "## process Users"
    assert {call["parent_id"] for call in trace.of_calls} == {trace.of_batch["id"]}
    assert trace.of_batch["annotations"] == {
        "app": "people",
        "records": 60,
        "failed": report.failed,
        "dead_lettered": report.dead_lettered,
        "error_type": "LookupError",
    }
    assert trace.of_batch["fault"]


@pytest.mark.parametrize("make_app", SINGLE.values(), ids=SINGLE.keys())
def test_each_call_is_a_subsegment(trace: Trace, make_app: MakeApp) -> None:
    app = make_app()
    instrument(app, tracer=trace.tracer)

    report = trace.run(app, people(60))

    expected = sorted(
        (each.record.identifier, each.error is not None, each.error and type(each.error).__name__)
        for each in report.records
        if each.handlers
    )
    assert expected == sorted(
        (
            call["annotations"]["sequence_number"],
            call.get("fault", False),
            call["annotations"].get("error_type"),
        )
        for call in trace.of_calls
    )


def test_a_call_is_annotated(trace: Trace) -> None:
    app = single()
    instrument(app, tracer=trace.tracer)

    trace.run(app, batch(insert(1, user("ada"))))

    [call] = trace.of_calls
    assert call["name"] == f"## {WELCOME}"
    assert call["annotations"] == {
        "handler": WELCOME,
        "table": "Users",
        "kind": "INSERT",
        "event_id": f"{1:032x}",
        "sequence_number": "26163800000000026199463301",
    }
    assert "fault" not in trace.of_batch


def test_an_unnamed_batch_is_a_subsegment(trace: Trace) -> None:
    app = single()
    instrument(app, tracer=trace.tracer)

    trace.run(app, batch())

    assert trace.of_batch["name"] == "## process"


def test_an_exit_ends_its_subsegments(trace: Trace) -> None:
    app = StreamApp("people")
    app.on_insert(dict)(exits)
    instrument(app, tracer=trace.tracer)

    with pytest.raises(SystemExit):
        trace.run(app, people(1))

    faults = [entity["annotations"]["error_type"] for entity in trace.sent if "fault" in entity]
    assert faults == ["SystemExit", "SystemExit"]


def exits(change: Insert[Any]) -> None:
    raise SystemExit(SECRET)


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_outside_of_a_trace_nothing_is_sent(trace: Trace, make_app: MakeApp) -> None:
    app = make_app()
    instrument(app, tracer=trace.tracer)

    report = app.process(people(20))

    assert report.handled > 0
    assert trace.sent == []


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_a_thousand_failures_show_no_value(
    lines: Lines, trace: Trace, capsys: pytest.CaptureFixture[str], make_app: MakeApp
) -> None:
    metrics = Metrics(namespace="People", service="welcome")
    app = make_app()
    instrument(app, logger=lines.logger, metrics=metrics, tracer=trace.tracer)

    report = trace.run(app, batch(*(insert(n, user(f"{CANARY}-{n}", "failing")) for n in range(1_000))))
    metrics.flush_metrics()

    shown = f"{capsys.readouterr().out}{lines.seen}{trace.sent}"
    assert report.failed == 1_000
    assert len(trace.of_calls) >= 100
    assert CANARY not in shown
    assert SECRET not in shown


def test_no_tool_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="pass logger=, metrics= or tracer="):
        instrument(single())


def test_a_logger_of_python_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pass a Logger of Powertools"):
        instrument(single(), logger=object())  # type: ignore[arg-type]


def test_instrumenting_loads_no_idempotency() -> None:
    loaded = modules_after("from ddbevents.powertools import instrument")

    assert "ddbevents.powertools._store" not in loaded
    assert "aws_lambda_powertools" not in loaded


def test_other_names_are_no_bridges() -> None:
    assert not hasattr(ddbevents.powertools, "idempotency")
