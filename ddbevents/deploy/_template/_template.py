"""The template of an app, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..._app import StreamApp
from ..._records import ViewType
from ._alarms import alarms
from ._function import function, mapping, role
from ._parts import Json, Syntax, ref
from ._plan import Architecture, Plan, plan_of
from ._storage import storage


def template(  # noqa: PLR0913  # all but the first by name
    app: StreamApp,
    *,
    syntax: Syntax = "sam",
    handler: str = "app.lambda_handler",
    runtime: str = "python3.13",
    architecture: Architecture = "arm64",
    code: str = "function.zip",
    view_type: ViewType | None = None,
    tables: Mapping[str, Iterable[str]] | None = None,
    variables: Iterable[str] = (),
) -> Json:
    """Return the template that deploys an app: the function and everything that it needs but the stream.

    It has the function and its role, the event source mapping with the app's filter, the idempotency table,
    a queue or bucket for dead letters, a bucket for batches that Lambda gives up, and alarms. The tables, the
    queue and the buckets are retained when the stack is deleted. The stream's ARN is a parameter.

    The name of the idempotency table and of the place for dead letters reach the function by the environment
    variables whose values the app was made with. A place that the code names itself is taken to exist; a
    table that it names gets that name.

    Args:
        app: The app.
        syntax: `"sam"` for AWS SAM, `"cloudformation"` for CloudFormation alone.
        handler: Lambda's name of the app: the module, a dot, and the name that holds it.
        runtime: The runtime of the function.
        architecture: `"arm64"` or `"x86_64"`, as the package was made for.
        code: The path of the package, from the template. CloudFormation alone takes it from S3 instead.
        view_type: The stream's StreamViewType, for the filter; by default the app's, or all images.
        tables: The tables that transactions write to, each with its writes, as for `role_policy`:
            `{"totals": ["update"]}`. By default what the code of the handlers says.
        variables: The names of other environment variables that the app reads. Each becomes a parameter.

    Raises:
        ConfigurationError: A setting is wrong, a handler's code does not name the tables of its transaction,
            or the app has no handlers.
    """
    plan = plan_of(
        app,
        syntax=syntax,
        view_type=view_type,
        tables=tables,
        variables=variables,
        handler=handler,
        runtime=runtime,
        architecture=architecture,
        code=code,
    )
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        **({"Transform": "AWS::Serverless-2016-10-31"} if syntax == "sam" else {}),
        "Description": "A function for a DynamoDB stream, made by ddbevents template",
        "Parameters": dict(_parameters(plan)),
        "Conditions": {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [ref("AlarmTopicArn"), ""]}]}},
        "Resources": {
            "Function": function(plan),
            "FunctionRole": role(plan),
            "StreamMapping": mapping(plan),
            **dict(storage(plan)),
            **dict(alarms(plan)),
        },
        "Outputs": {"FunctionName": {"Description": "For ddbevents check", "Value": ref("Function")}},
    }


def _parameters(plan: Plan) -> Iterator[tuple[str, Json]]:
    yield (
        "StreamArn",
        {
            "Type": "String",
            "Description": "The ARN of the table's stream",
            "AllowedPattern": "^arn:[^:]+:dynamodb:[^:]+:[0-9]+:table/[^/]+/stream/.+$",
        },
    )
    yield (
        "AlarmTopicArn",
        {
            "Type": "String",
            "Description": "The SNS topic that alarms notify; empty for none",
            "Default": "",
        },
    )
    if plan.syntax == "cloudformation":
        yield "CodeBucket", {"Type": "String", "Description": "The S3 bucket that holds the package"}
        yield "CodeKey", {"Type": "String", "Description": "The package's key in that bucket"}
    for variable, parameter in plan.parameters.items():
        yield parameter, {"Type": "String", "Description": f"The environment variable {variable}"}
