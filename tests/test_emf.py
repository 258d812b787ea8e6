"""CloudWatch's embedded metric format: a line a batch with the report's figures, no value and no message."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest

import ddbevents.emf
from ddbevents import BatchReport, ConfigurationError, Insert, StreamApp
from ddbevents.emf import alarms, dashboard, instrument
from tests.observed_apps import APPS, SECRET, MakeApp, people, single
from tests.stream import CANARY, Context, Json, batch, insert, user
from tests.test_imports import FIRST_RECORD, modules_after


def written(capsys: pytest.CaptureFixture[str]) -> Json:
    """Return the line that was written."""
    [line] = capsys.readouterr().out.splitlines()
    found: Json = json.loads(line)
    return found


def process(app: StreamApp, event: Json, context: Any = None) -> BatchReport:
    instrument(app, namespace="Shop")
    return app.process(event, context)


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_the_line_equals_the_report(capsys: pytest.CaptureFixture[str], make_app: MakeApp) -> None:
    report = process(make_app(), people(60))

    line = written(capsys)
    assert report.oldest_age is not None
    assert {name: value for name, value in line.items() if name not in {"_aws", "Handlers"}} == {
        "App": "people",
        "Table": "Users",
        "Records": 60,
        "Handled": report.handled,
        "AlreadyHandled": 0,
        "Ignored": report.ignored,
        "Failed": report.failed,
        "NotRun": 0,
        "DeadLettered": report.dead_lettered,
        "BatchDuration": report.seconds * 1000,
        "OldestAge": report.oldest_age.total_seconds(),
    }
    assert line["Handlers"] == report.handlers


def test_the_line_is_the_format_of_cloudwatch(capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time()

    process(single(), people(3))

    line = written(capsys)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert before * 1000 - 1 <= line["_aws"]["Timestamp"] <= time.time() * 1000
    assert directive["Namespace"] == "Shop"
    assert directive["Dimensions"] == [["App"]]
    assert directive["Metrics"][0] == {"Name": "Records", "Unit": "Count"}
    assert {metric["Name"] for metric in directive["Metrics"]} <= line.keys()
    assert {metric["Unit"] for metric in directive["Metrics"]} == {"Count", "Milliseconds", "Seconds"}


def test_an_empty_batch_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    process(single(), batch())

    line = written(capsys)
    assert line["Records"] == 0
    assert not {"OldestAge", "Table", "RequestId"} & line.keys()


class RequestContext(Context):
    aws_request_id = "3e4ad3f2-0a2b-4a5c-8d6e-7f8091a2b3c4"


def test_the_line_names_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    process(single(), people(1), RequestContext())

    assert written(capsys)["RequestId"] == RequestContext.aws_request_id


@pytest.mark.parametrize("make_app", APPS.values(), ids=APPS.keys())
def test_a_thousand_failures_show_no_value(capsys: pytest.CaptureFixture[str], make_app: MakeApp) -> None:
    failing = batch(*(insert(number, user(f"{CANARY}-{number}", "failing")) for number in range(1_000)))

    process(make_app(), failing)

    line = written(capsys)
    assert line["Failed"] == 1_000
    assert CANARY not in str(line)
    assert SECRET not in str(line)


def exits(change: Insert[Any]) -> None:
    raise SystemExit


def test_an_exit_writes_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    app = StreamApp("people")
    app.on_insert(dict)(exits)

    with pytest.raises(SystemExit):
        process(app, people(1))

    assert capsys.readouterr().out == ""


WRONG = ["", "AWS/Lambda", "with space", "a" * 256, 3, None]


@pytest.mark.parametrize("namespace", WRONG)
def test_a_wrong_namespace_is_refused(namespace: Any) -> None:
    with pytest.raises(ConfigurationError, match="namespace must be 1 to 255 letters"):
        instrument(single(), namespace=namespace)


def make_dashboard(namespace: str = "Shop") -> Json:
    return dashboard(namespace=namespace, app="people", function_name="welcome", region="eu-central-1")


def make_alarms(**arguments: Any) -> Json:
    given: dict[str, Any] = {"namespace": "Shop", "app": "people", "function_name": "welcome", **arguments}
    return alarms(**given)


def test_the_dashboard_shows_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    process(single(), people(3))

    widgets = make_dashboard()["widgets"]
    shown = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    own = {name for namespace, name, *_ in shown if namespace == "Shop"}
    [directive] = written(capsys)["_aws"]["CloudWatchMetrics"]
    assert own == {metric["Name"] for metric in directive["Metrics"]} - {"Records"}
    assert {tuple(dimension) for _, _, *dimension in shown} == {
        ("App", "people"),
        ("FunctionName", "welcome"),
    }
    assert {widget["properties"]["region"] for widget in widgets} == {"eu-central-1"}


def test_widgets_do_not_overlap() -> None:
    places = {(widget["x"], widget["y"]) for widget in make_dashboard()["widgets"]}

    assert places == {(x, y) for x in (0, 12) for y in (0, 6, 12)}


def test_alarms_watch_metrics_that_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    process(single(), people(3))

    properties = [alarm["Properties"] for alarm in make_alarms().values()]
    watched = {each["MetricName"] for each in properties if each["Namespace"] == "Shop"}
    assert watched == {"Failed", "DeadLettered"}
    assert watched < written(capsys).keys()
    assert {alarm["Type"] for alarm in make_alarms().values()} == {"AWS::CloudWatch::Alarm"}


def test_the_age_is_in_milliseconds() -> None:
    alarm = make_alarms(max_age=timedelta(minutes=30))["IteratorAgeAlarm"]["Properties"]

    assert alarm["Threshold"] == 1_800_000
    assert alarm["Statistic"] == "Maximum"
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "welcome"}]


def test_alarms_take_functions_of_cloudformation() -> None:
    topic, mapping = {"Ref": "Topic"}, {"Ref": "Mapping"}

    made = make_alarms(function_name={"Ref": "Function"}, event_source_mapping=mapping, actions=[topic])

    dropped = made["DroppedAlarm"]["Properties"]
    assert dropped["MetricName"] == "DroppedEventCount"
    assert dropped["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": mapping}]
    assert [alarm["Properties"]["AlarmActions"] for alarm in made.values()] == [[topic]] * 4


def test_dashboards_and_alarms_check_namespaces() -> None:
    with pytest.raises(ConfigurationError, match="namespace"):
        make_dashboard("AWS/Lambda")
    with pytest.raises(ConfigurationError, match="namespace"):
        make_alarms(namespace="AWS/Lambda")


@pytest.mark.parametrize("max_age", [timedelta(0), timedelta(hours=24)])
def test_an_age_is_below_a_day(max_age: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="less than 24 hours"):
        make_alarms(max_age=max_age)


def test_metrics_keep_the_path_straight() -> None:
    instrumented = "from ddbevents.emf import instrument\ninstrument(app, namespace='Shop')\ntaken = []"

    loaded = modules_after(FIRST_RECORD.replace("taken = []", instrumented))

    assert "ddbevents.emf._instrument" in loaded
    assert "ddbevents.emf._dashboard" not in loaded
    assert "ddbevents._engine._progress" not in loaded


def test_other_names_are_none_of_emf() -> None:
    assert not hasattr(ddbevents.emf, "figures")
