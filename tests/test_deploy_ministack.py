"""The project of `examples/deploy` on MiniStack, from an empty machine: packed, deployed, fed and checked.

MiniStack takes partial answers for success, so the dead letter is that of an invalid item. It drops two
of the template's settings: the time to live, which is set here, and the mapping's metrics.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from zipfile import ZipFile

import pytest

from ddbevents.deploy import check, package
from tests.campaigns import IN_FULL
from tests.command_line import ROOT, command
from tests.ministack import PYTHON, MiniStack, ministack

PROJECT: Final = ROOT / "examples" / "deploy"
SERVICES: Final = ("cloudformation", "iam", "logs", "monitoring", "s3", "sqs", "sts")
IN_RUNTIME: Final = ("boto3", "s3transfer")  # botocore is MiniStack's own
ITEMS: Final[Sequence[Mapping[str, Any]]] = (
    {"sk": "PROFILE", "kind": "customer", "name": "Ada", "email": "ada@example.com"},
    {"sk": "ORDER#1", "kind": "order", "customer": "Ada", "amount": 19.9, "status": "OPEN"},
    {"sk": "ORDER#2", "kind": "order", "customer": "Ada", "amount": "12,50", "status": "OPEN"},
    {"sk": "NOTE#1", "kind": "note"},
    {"sk": "ORDER#3", "kind": "order", "customer": "Ada", "amount": 1, "status": "OPEN"},
)


class Deployed(NamedTuple):
    """The project on MiniStack."""

    stack: MiniStack
    stream_arn: str
    function: str
    mapping: str

    @property
    def functions(self) -> Any:
        return self.stack.client("lambda")

    @property
    def variables(self) -> dict[str, str]:
        configuration = self.functions.get_function_configuration(FunctionName=self.function)
        variables: dict[str, str] = configuration["Environment"]["Variables"]
        return variables

    def totals(self) -> list[tuple[str, str]]:
        found = self.stack.client("dynamodb").scan(TableName="totals")["Items"]
        return [(item["orders"]["N"], item["amount"]["N"]) for item in found]

    def letters(self) -> list[Any]:
        queue = self.variables["DEAD_LETTER_QUEUE_URL"]
        found = self.stack.client("sqs").receive_message(
            QueueUrl=queue, VisibilityTimeout=0, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in found.get("Messages", ())]

    def marks(self) -> set[str]:
        found = self.stack.client("dynamodb").scan(TableName=self.variables["IDEMPOTENCY_TABLE"])["Items"]
        return {item["id"]["S"] for item in found}


pytestmark = IN_FULL


@pytest.fixture(scope="module")
def deployed() -> Generator[Deployed]:
    with ministack(*SERVICES) as stack:
        package(
            f"{PROJECT / 'app.py'}:app",
            output=stack.folder / "function.zip",
            architecture="x86_64",
            python=PYTHON,
        )
        yield deploy(stack, stack.folder / "function.zip")


def deploy(stack: MiniStack, zipped: Path) -> Deployed:
    add_runtime(zipped)
    bucket = stack.client("s3")
    bucket.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    bucket.put_object(Bucket="code", Key="function.zip", Body=zipped.read_bytes())
    stream_arn = create_stack(stack, "tables", "tables.yaml")["StreamArn"]
    function = create_stack(
        stack,
        "orders",
        "cloudformation.yaml",
        StreamArn=stream_arn,
        CodeBucket="code",
        CodeKey="function.zip",
    )["FunctionName"]
    [mapping] = stack.client("lambda").list_event_source_mappings(FunctionName=function)[
        "EventSourceMappings"
    ]
    return Deployed(stack, stream_arn, function, mapping["UUID"])


def add_runtime(zipped: Path) -> None:
    """Add what Lambda's runtime has, and MiniStack's does not."""
    roots = [Path(str(spec.origin)).parent for spec in map(find_spec, IN_RUNTIME) if spec is not None]
    with ZipFile(zipped, "a") as archive:
        for root in roots:
            for file in root.rglob("*.*"):
                archive.write(file, file.relative_to(root.parent))


def create_stack(stack: MiniStack, name: str, template: str, **parameters: str) -> dict[str, str]:
    body = (PROJECT / template).read_text("utf-8").replace("python3.13", f"python{PYTHON}")
    client = stack.client("cloudformation")
    client.create_stack(
        StackName=name,
        TemplateBody=body,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    made = wait_for(
        lambda: client.describe_stacks(StackName=name)["Stacks"][0],
        lambda found: not found["StackStatus"].endswith("IN_PROGRESS"),
    )
    assert made["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


def wait_for(ask: Callable[[], Any], is_there: Callable[[Any], object]) -> Any:
    """Return an answer once it is as wanted, or the last one after 30 seconds."""
    deadline = time.monotonic() + 30
    while not is_there(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def fed(deployed: Deployed) -> Deployed:
    for item in ITEMS:
        deployed.stack.dynamodb.put_item(TableName="orders", Item=typed({"pk": "C#1", **item}))
    wait_for(deployed.marks, lambda marks: len(marks) > 3)
    return deployed


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in item.items()
    }


def test_effects_and_dead_letters_arrive(fed: Deployed) -> None:
    [letter] = fed.letters()

    assert fed.totals() == [("2", "20.9")]
    assert (letter["handler"], letter["path"]) == ("app.count", "dynamodb.NewImage.amount")
    assert sorted(mark.split("#")[1] for mark in fed.marks()) == ["app.count"] * 3 + ["app.welcome"]


def test_a_replay_is_skipped(fed: Deployed) -> None:
    streams = fed.stack.client("dynamodbstreams")
    [shard] = streams.describe_stream(StreamArn=fed.stream_arn)["StreamDescription"]["Shards"]
    start = streams.get_shard_iterator(
        StreamArn=fed.stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    records = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
    before = fed.totals(), fed.marks(), len(fed.letters())

    replay = json.dumps({"Records": records}, default=lambda moment: moment.timestamp())
    answer = fed.functions.invoke(FunctionName=fed.function, Payload=replay)

    assert json.load(answer["Payload"]) == {"batchItemFailures": []}
    assert len(records) == len(ITEMS)
    assert (fed.totals(), fed.marks(), len(fed.letters())) == before


@pytest.fixture
def right(deployed: Deployed) -> Generator[Deployed]:
    """The deployment without a fault but that nothing counts events, whatever a test does to it."""
    deployed.stack.dynamodb.update_time_to_live(
        TableName=deployed.variables["IDEMPOTENCY_TABLE"],
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiration"},
    )
    functions = deployed.functions
    function = functions.get_function_configuration(FunctionName=deployed.function)
    mapping = functions.get_event_source_mapping(UUID=deployed.mapping)
    yield deployed
    functions.update_function_configuration(
        FunctionName=deployed.function, Timeout=function["Timeout"], Environment=function["Environment"]
    )
    settings = ("FilterCriteria", "FunctionResponseTypes", "BisectBatchOnFunctionError")
    functions.update_event_source_mapping(
        UUID=deployed.mapping, Enabled=True, **{name: mapping[name] for name in settings}
    )


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "handled-events")
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/letters")
    return import_module("examples.deploy.app").app


def test_a_right_deployment_passes(right: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDEMPOTENCY_TABLE", "DEAD_LETTER_QUEUE_URL"):
        monkeypatch.setenv(name, "")  # the command takes the function's
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "000000000000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    run = command("check")(
        PROJECT / "app.py", "--function", right.function, "--endpoint-url", right.stack.endpoint, "--json"
    )

    assert [finding["code"] for finding in json.loads(run.out)] == ["no-metrics"]
    assert run.code == 0


FAULTS: Final[Mapping[str, Callable[[Deployed], object]]] = {
    "no-partial-answers": lambda it: it.functions.update_event_source_mapping(
        UUID=it.mapping, FunctionResponseTypes=[]
    ),
    "mapping-disabled": lambda it: it.functions.update_event_source_mapping(UUID=it.mapping, Enabled=False),
    "filter-drops": lambda it: it.functions.update_event_source_mapping(
        UUID=it.mapping, FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]}
    ),
    "no-bisect": lambda it: it.functions.update_event_source_mapping(
        UUID=it.mapping, BisectBatchOnFunctionError=False
    ),
    "timeout": lambda it: it.functions.update_function_configuration(FunctionName=it.function, Timeout=1),
    "table-not-in-environment": lambda it: it.functions.update_function_configuration(
        FunctionName=it.function, Environment={"Variables": {"DEAD_LETTER_QUEUE_URL": "x"}}
    ),
    "table-missing": lambda it: it.functions.update_function_configuration(
        FunctionName=it.function, Environment={"Variables": {"IDEMPOTENCY_TABLE": "elsewhere"}}
    ),
    "table-key": lambda it: it.functions.update_function_configuration(
        FunctionName=it.function, Environment={"Variables": {"IDEMPOTENCY_TABLE": "orders"}}
    ),
    "table-ttl": lambda it: it.stack.dynamodb.update_time_to_live(
        TableName=it.variables["IDEMPOTENCY_TABLE"],
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expiration"},
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_is_found(right: Deployed, app: Any, code: str) -> None:
    FAULTS[code](right)

    found = {finding.code for finding in check(app, right.function, session=right.stack)}

    assert code in found
    assert found - {code} <= {"no-metrics", "role-denied", "table-ttl"}
