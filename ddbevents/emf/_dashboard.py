"""The dashboard and the alarms of CloudWatch for an app, of its own metrics and those of AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from .._errors import ConfigurationError
from ._instrument import check_namespace

Text: TypeAlias = "str | Mapping[str, object]"
"""Text, or a function of CloudFormation that gives one, such as `{"Ref": "Function"}`."""

_PERIOD: Final = 300  # seconds
_WIDTH: Final = 12  # of 24 columns
_HEIGHT: Final = 6


def dashboard(*, namespace: str, app: str, function_name: str, region: str) -> dict[str, Any]:
    """Return the body of a dashboard: outcomes, ages and times of an app, and its function's errors.

    `json.dumps` of it is the `DashboardBody` of CloudFormation and of CloudWatch's API. Within `Fn::Sub`, the
    texts can have variables, such as `"${AWS::Region}"`.

    Args:
        namespace: The namespace that the app was instrumented with.
        app: The app's name.
        function_name: The name of the Lambda function.
        region: The Region of both.

    Raises:
        ConfigurationError: The namespace is none that CloudWatch takes.
    """
    check_namespace(namespace)
    own = [namespace, "{}", "App", app]
    of_function = ["AWS/Lambda", "{}", "FunctionName", function_name]
    plots = (
        ("Records by outcome", "Sum", own, ("Handled", "AlreadyHandled", "Ignored", "DeadLettered")),
        ("Records to be retried", "Sum", own, ("Failed", "NotRun")),
        ("Age of the oldest change, in seconds", "Maximum", own, ("OldestAge",)),
        ("Time of a batch, in milliseconds", "Maximum", own, ("BatchDuration",)),
        ("Iterator age, in milliseconds", "Maximum", of_function, ("IteratorAge",)),
        ("Invocations that failed", "Sum", of_function, ("Errors", "Throttles")),
    )
    return {
        "widgets": [
            {
                "type": "metric",
                "x": place % 2 * _WIDTH,
                "y": place // 2 * _HEIGHT,
                "width": _WIDTH,
                "height": _HEIGHT,
                "properties": {
                    "title": title,
                    "region": region,
                    "stat": statistic,
                    "period": _PERIOD,
                    "view": "timeSeries",
                    "metrics": [[part if part != "{}" else name for part in metric] for name in names],
                },
            }
            for place, (title, statistic, metric, names) in enumerate(plots)
        ]
    }


def alarms(  # all by name
    *,
    namespace: str,
    app: str,
    function_name: Text,
    event_source_mapping: Text | None = None,
    actions: Sequence[Text] = (),
    max_age: timedelta = timedelta(hours=1),
) -> dict[str, Any]:
    """Return alarms as resources of CloudFormation, by logical ID.

    They go off when the function falls behind by `max_age`, when records fail for a quarter of an hour, when
    one is dead-lettered, and, with the mapping, when Lambda drops one.

    Args:
        namespace: The namespace that the app was instrumented with.
        app: The app's name.
        function_name: The name of the Lambda function; text or a function of CloudFormation, as the next two.
        event_source_mapping: The UUID of the mapping, which `Ref` of it gives. Its `MetricsConfig` must have
            `EventCount`.
        actions: What is told, for example the ARN of an SNS topic.
        max_age: How far the function may be behind; less than the 24 hours after which records are lost.

    Raises:
        ConfigurationError: The namespace is none that CloudWatch takes, or `max_age` is not below 24 hours.
    """
    check_namespace(namespace)
    if not timedelta(0) < max_age < timedelta(hours=24):
        raise ConfigurationError(
            "max_age must be more than nothing and less than 24 hours, after which a stream loses its records"
        )
    own = namespace, {"App": app}
    of_function = "AWS/Lambda", {"FunctionName": function_name}
    made = {
        "IteratorAgeAlarm": _alarm(
            *of_function,
            "IteratorAge",
            f"{app} is behind its stream",
            statistic="Maximum",
            threshold=max_age // timedelta(milliseconds=1),
            periods=3,
        ),
        "FailedAlarm": _alarm(*own, "Failed", f"records of {app} keep failing", periods=3),
        "DeadLetteredAlarm": _alarm(*own, "DeadLettered", f"{app} has dead-lettered a record"),
    }
    if event_source_mapping is not None:
        made["DroppedAlarm"] = _alarm(
            "AWS/Lambda",
            {"EventSourceMappingUUID": event_source_mapping},
            "DroppedEventCount",
            f"Lambda has dropped records of {app}",
        )
    for alarm in made.values():
        alarm["Properties"]["AlarmActions"] = [*actions]
    return made


def _alarm(  # noqa: PLR0913  # as above
    namespace: str,
    dimensions: Mapping[str, Text],
    metric: str,
    description: str,
    *,
    statistic: str = "Sum",
    threshold: int = 0,
    periods: int = 1,
) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{description}: see the on-call runbook of ddbevents",
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": _PERIOD,
            "EvaluationPeriods": periods,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        },
    }
