"""The alarms of a template: on records that wait, that are lost, and that were given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ._parts import Json, ref
from ._plan import Plan

_HOUR: Final = 60 * 60 * 1000  # in milliseconds, as the metric counts


def alarms(plan: Plan) -> Iterator[tuple[str, Json]]:
    """Yield the alarms, by their logical names."""
    mapping = ("EventSourceMappingUUID", "StreamMapping")
    yield "IteratorAgeAlarm", _alarm("IteratorAge", ("FunctionName", "Function"), above=_HOUR)
    yield "DroppedEventsAlarm", _alarm("DroppedEventCount", mapping)
    yield "GivenUpEventsAlarm", _alarm("OnFailureDestinationDeliveredEventCount", mapping)
    if plan.has_queue:
        queue = _alarm("ApproximateNumberOfMessagesVisible", ("QueueName", "DeadLetterQueue"))
        queue["Properties"].update(
            Namespace="AWS/SQS",
            Statistic="Maximum",
            Dimensions=[{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}],
        )
        yield "DeadLettersAlarm", queue


def _alarm(metric: str, dimension: tuple[str, str], *, above: int = 0) -> Json:
    name, resource = dimension
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": ref(resource)}],
            "Statistic": "Maximum" if above else "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": above,
            "TreatMissingData": "notBreaching",
            "AlarmActions": {"Fn::If": ["HasAlarmTopic", [ref("AlarmTopicArn")], ref("AWS::NoValue")]},
        },
    }
