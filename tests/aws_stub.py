"""A stub of the AWS API for `ddbevents.deploy.check`: a right deployment, to be changed by each test.

Requests go through real clients of botocore, which check the arguments; answers are checked against
botocore's models, so that no test rests on a field that AWS does not send.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final, TypeAlias

from boto3.session import Session as BotoSession
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.validate import ParamValidator

Json: TypeAlias = dict[str, Any]

REGION: Final = "eu-central-1"
_MAKE: Final = BotoSession.client  # which a test may replace
_PREFIX: Final = f"arn:aws:dynamodb:{REGION}:123456789012:table"
STREAM: Final = f"{_PREFIX}/Orders/stream/2026-01-01T00:00:00.000"
FUNCTION: Final = f"arn:aws:lambda:{REGION}:123456789012:function:orders"


def right_mapping(**changes: Any) -> Json:
    return {
        "UUID": f"{1:036}",
        "EventSourceArn": STREAM,
        "FunctionArn": FUNCTION,
        "State": "Enabled",
        "LastProcessingResult": "OK",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 10,
        "MaximumRecordAgeInSeconds": 43_200,
        "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        "MetricsConfig": {"Metrics": ["EventCount"]},
        **changes,
    }


def table(name: str, *keys: str, **changes: Any) -> Json:
    return {
        "TableName": name,
        "TableArn": f"{_PREFIX}/{name}",
        "TableStatus": "ACTIVE",
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ["HASH", "RANGE"], strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        **changes,
    }


class StubbedAWS:
    """What is deployed. It stands for a `boto3.Session`, as `check` uses one."""

    def __init__(self) -> None:
        self.function: Json = {
            "FunctionName": "orders",
            "FunctionArn": FUNCTION,
            "Timeout": 60,
            "Role": "arn:aws:iam::123456789012:role/orders",
            "Environment": {"Variables": {"IDEMPOTENCY_TABLE": "handled-events"}},
        }
        self.mappings: list[Json] = [right_mapping()]
        self.tables: dict[str, Json] = {
            "handled-events": table("handled-events", "id"),
            "Orders": table(
                "Orders",
                "pk",
                "sk",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
                LatestStreamArn=STREAM,
            ),
        }
        self.time_to_live: Json = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiration"}
        self.denied: set[str] = set()
        self.page_size: int | None = None
        self.refused: str | None = None
        self.is_reachable = True
        self.endpoints: set[str | None] = set()

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        _current[:] = [self]
        self.endpoints.add(endpoint_url)
        return _client(service)

    def answer(self, model: Any, params: Json, **_: Any) -> tuple[Any, Json]:
        """Answer in place of AWS, as botocore's hook `before-call` may."""
        if not self.is_reachable:
            raise EndpointConnectionError(endpoint_url=str(params["url"]))
        if model.name == self.refused:
            raise error_of(model.name, "AccessDeniedException")
        arguments = {**(params["query_string"] or {}), **_body(params)}
        answers: Mapping[str, Callable[[], Json]] = {
            "GetFunctionConfiguration": partial(self._function, params["url_path"]),
            "ListEventSourceMappings": partial(self._mappings, arguments),
            "DescribeTable": partial(self._table, arguments),
            "SimulatePrincipalPolicy": partial(self._simulation, arguments),
            "DescribeTimeToLive": lambda: {"TimeToLiveDescription": self.time_to_live},
        }
        answer = answers[model.name]()
        faults = ParamValidator().validate(answer, model.output_shape)
        assert not faults.has_errors(), faults.generate_report()
        return _Accepted(), answer

    def _function(self, path: str) -> Json:
        if path.split("/")[-2] != self.function["FunctionName"]:
            raise error_of("GetFunctionConfiguration", "ResourceNotFoundException")
        return self.function

    def _mappings(self, arguments: Json) -> Json:
        asked = {"FunctionName": FUNCTION, **arguments}
        found = [
            mapping
            for mapping in self.mappings
            if asked.get("EventSourceArn") == mapping["EventSourceArn"]
            or ("EventSourceArn" not in asked and mapping["FunctionArn"] == FUNCTION)
        ]
        first = int(asked.get("Marker", 0))
        last = first + (self.page_size or len(found))
        marker = {"NextMarker": str(last)} if last < len(found) else {}
        return {"EventSourceMappings": found[first:last], **marker}

    def _simulation(self, arguments: Json) -> Json:
        actions = [value for name, value in arguments.items() if name.startswith("ActionNames")]
        decisions = ["implicitDeny" if action in self.denied else "allowed" for action in actions]
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": decision}
                for action, decision in zip(actions, decisions, strict=True)
            ]
        }

    def _table(self, arguments: Json) -> Json:
        if arguments["TableName"] not in self.tables:
            raise error_of("DescribeTable", "ResourceNotFoundException")
        return {"Table": self.tables[arguments["TableName"]]}


_current: Final[list[StubbedAWS]] = []  # whom the clients ask, which take a while to make


@cache
def _client(service: str) -> Any:
    session = BotoSession("none", "none", region_name=REGION)
    client = _MAKE(session, service)  # type: ignore[call-overload]  # of any service
    client.meta.events.register(f"before-call.{service}", _answer)
    return client


def _answer(**request: Any) -> tuple[Any, Json]:
    return _current[0].answer(**request)


class _Accepted:
    status_code = 200


def error_of(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def _body(params: Json) -> Json:
    body = params.get("body")
    return body if isinstance(body, dict) else json.loads(body or "{}")
