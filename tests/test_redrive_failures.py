"""`ddbevents redrive` of Lambda's failure records: their records run, each once, or are named as lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from ddbevents.cli._target import load_target  # nothing else imports an app as the command does
from ddbevents.dead_letters import letter_to_json
from ddbevents.sources import StreamReader
from ddbevents.stores import SQLiteStore
from ddbevents.testing import EventSourceMapping
from tests.campaigns import size
from tests.command_line import Command, command, current_folder, lines
from tests.dynamodb_local import clients, read_stream
from tests.dynamodb_tables import make_table
from tests.letters import keys_of, letter, new_bucket, new_queue
from tests.stream import Json, batch, insert, user
from tests.streams_fake import failure_record

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

APP: Final = """
import os
from pathlib import Path
from pydantic import BaseModel
from ddbevents import Insert, StreamApp, Transaction
from ddbevents.stores import SQLiteStore


class User(BaseModel):
    pk: str


store = SQLiteStore("own.sqlite3", tables={"counts": ["pk"]})
app = StreamApp("users", store=store)
nameless = StreamApp(store=store)
counting = StreamApp("users", store=store)


@nameless.on_insert(User)
@app.on_insert(User)
def welcome(change: Insert[User]) -> None:
    if change.new.pk in os.environ.get("BAD", "").split():
        raise ValueError(change.new.pk)
    with open("effects.txt", "a") as file:
        print(change.new.pk, file=file)


@counting.on_insert(User)
def count(change: Insert[User], tx: Transaction) -> None:
    tx.update("counts", key={"pk": change.new.pk}, add={"n": 1})
"""
PAYLOAD: Final = batch(insert(1, user("ada")), insert(2, user("bob")))
FAILURE: Final = failure_record(1, 2, payload=json.dumps(PAYLOAD))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("people.py").write_text(APP, "utf-8")
        yield tmp_path


@pytest.fixture
def redrive(moto_endpoint: str) -> Command:
    return command("redrive", 100, **aws(moto_endpoint))


def aws(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


def file_of(*texts: Any) -> Path:
    path = Path("failures.jsonl")
    path.write_text("".join(f"{json.dumps(each)}\n" for each in texts), "utf-8")
    return path


def effects() -> list[str]:
    file = Path("effects.txt")
    return file.read_text("utf-8").split() if file.exists() else []


def test_the_records_of_a_payload_run(redrive: Command) -> None:
    path = file_of(FAILURE)

    run = redrive("people.py:app", path)

    assert (run.code, run.err, effects()) == (0, "", ["ada", "bob"])
    assert lines(run)[-1] == "2 records in failures.jsonl · 2 handled · 1 removed"
    assert path.read_text("utf-8") == ""


def test_what_the_stream_handled_is_skipped(redrive: Command) -> None:
    path = file_of(FAILURE)
    redrive("people.py:app", path, "--keep")

    run = redrive("people.py:app", path)

    assert lines(run)[-1] == "2 records in failures.jsonl · 2 already handled · 1 removed"
    assert effects() == ["ada", "bob"]


def test_a_failure_record_stays_until_all_is_done(redrive: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD", "ada")  # the handler looks there
    path = file_of(FAILURE)

    run = redrive("people.py:app", path)

    assert (run.code, effects()) == (1, ["bob"])
    assert "2 records in failures.jsonl · 1 handled · 1 failed · 0 removed" in run.out
    assert json.loads(path.read_text("utf-8")) == FAILURE


def test_a_failed_item_holds_back_its_later_records(
    redrive: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD", "ada")  # the handler looks there
    later = failure_record(3, 4, payload=batch(insert(3, user("ada")), insert(4, user("eve"))))

    run = redrive("people.py:app", file_of(later, FAILURE))

    assert effects() == ["bob", "eve"]
    assert "4 records in failures.jsonl · 2 handled · 1 failed · 1 not run · 0 removed" in run.out


def test_overlapping_records_run_once(redrive: Command) -> None:
    overlapping = failure_record(2, 3, payload=batch(insert(2, user("bob")), insert(3, user("eve"))))

    run = redrive("people.py:app", file_of(overlapping, FAILURE), "--store", "none")

    assert (run.code, effects()) == (0, ["ada", "bob", "eve"])
    assert "3 records in failures.jsonl · 3 handled · 2 removed" in run.out


def test_a_dry_run_tells_what_is_lost(redrive: Command, dynamodb_endpoint: str) -> None:
    _, arn, shard, records = stream_of(dynamodb_endpoint, 2)
    lost = of_local(arn, "shardId-00000001700000000000-00000000", records)

    run = command("redrive", 100, **aws(dynamodb_endpoint))(
        "people.py:app", file_of(lost, of_local(arn, shard, records)), "--dry-run"
    )

    assert (run.code, effects()) == (1, [])
    assert "of shard shardId-00000001700000000000-00000000 of" in run.out.replace("\n", " ")
    assert "3 records in failures.jsonl · 1 failed · 2 not run · 0 removed" in run.out


def test_letters_and_failure_records_may_mix(redrive: Command) -> None:
    dead = letter(insert(7, user("eve")), "people.welcome")
    path = file_of(FAILURE)
    path.write_text(path.read_text("utf-8") + letter_to_json(dead) + "\n", "utf-8")

    run = redrive("people.py:app", path)

    assert (run.code, effects(), path.read_text("utf-8")) == (0, ["eve", "ada", "bob"], "")


def test_a_letter_may_speak_of_failure_records(redrive: Command) -> None:
    dead = letter(insert(7, user("eve", email="DDBStreamBatchInfo")), "people.welcome")
    path = Path("letters.jsonl")
    path.write_text(letter_to_json(dead) + "\n", "utf-8")

    run = redrive("people.py:app", path)

    assert lines(run)[-1] == "1 dead letter in letters.jsonl · 1 handled · 1 removed"


@pytest.mark.parametrize(
    "text",
    [
        '{"DDBStreamBatchInfo"',
        '["DDBStreamBatchInfo"]',
        '{"Records": [{"eventSource": "aws:s3"}]}',
        '{"Records": [{"eventSource": "x", "s3": {"bucket": {"name": ""}, "object": {"key": "aws:s3"}}}]}',
        '{"Type": "Notification", "Message": 7, "aws:s3": 1}',
    ],
)
def test_other_texts_are_no_failure_records(redrive: Command, text: str) -> None:
    path = Path("letters.jsonl")
    path.write_text(f"{text}\n", "utf-8")

    run = redrive("people.py:app", path)

    assert lines(run)[-1] == "1 dead letter in letters.jsonl · 1 failed · 0 removed"


@pytest.mark.parametrize("info", [[], {"startSequenceNumber": "x"}, {"startSequenceNumber": 7}])
def test_a_broken_failure_record_stays(redrive: Command, info: Any) -> None:
    run = redrive("people.py:app", file_of({"DDBStreamBatchInfo": info}))

    assert run.code == 1
    assert "DDBStreamBatchInfo has no" in run.out or "it has no DDBStreamBatchInfo" in run.out


@pytest.mark.parametrize(
    "context",
    [{"functionArn": "arn:aws:lambda:eu-central-1:1:function:people:$LATEST"}, {"functionArn": "x"}, None],
)
def test_a_failure_record_names_a_nameless_app(redrive: Command, context: Any) -> None:
    path = file_of(FAILURE | {"requestContext": context})
    redrive("people.py:nameless", path, "--keep")
    others = file_of(FAILURE | {"requestContext": {"functionArn": "a:b:c:d:e:f:others"}})

    run = redrive("people.py:nameless", others)

    assert (run.code, effects()) == (0, ["ada", "bob"] * 2)  # another function has marks of its own


def test_a_bucket_is_emptied(redrive: Command, s3: S3Client) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="aws/lambda/one", Body=json.dumps(FAILURE).encode())

    run = redrive("people.py:app", f"s3://{bucket}/aws/lambda/")

    assert (run.code, effects(), keys_of(s3, bucket)) == (0, ["ada", "bob"], [])


def test_a_large_batch_is_read_from_a_bucket(redrive: Command, s3: S3Client) -> None:
    bucket = new_bucket(s3)
    large = [insert(n, user(f"u-{n}", text={"S": '"' * 390_000})) for n in range(10)]
    failure = failure_record(0, 9, payload=json.dumps(batch(*large)))
    s3.put_object(Bucket=bucket, Key="one", Body=json.dumps(failure).encode())

    run = redrive("people.py:app", f"s3://{bucket}")

    assert (run.code, len(effects())) == (0, 10)


def left_in(sqs: SQSClient, queue: str) -> int:
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"]  # type: ignore[arg-type]
    return sum(map(int, found.values()))


def test_messages_may_be_wrapped(redrive: Command, sqs: SQSClient, s3: S3Client) -> None:
    bucket, queue = new_bucket(s3), new_queue(sqs)
    third = failure_record(3, 3, payload=batch(insert(3, user("eve"))))
    s3.put_object(Bucket=bucket, Key="aws/lambda/a b", Body=json.dumps(third).encode())
    place = {"s3": {"bucket": {"name": bucket}, "object": {"key": "aws/lambda/a+b"}}, "eventSource": "aws:s3"}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Records": [place]}))
    envelope = {
        "Type": "Notification",
        "TopicArn": "arn:aws:sns:eu-central-1:1:t",
        "Message": json.dumps(FAILURE),
    }
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(envelope))

    run = redrive("people.py:app", queue)

    assert (run.code, sorted(effects())) == (0, ["ada", "bob", "eve"])
    assert left_in(sqs, queue) == 0


def stream_of(endpoint: str, count: int) -> tuple[str, str, str, list[Json]]:
    """Write users to a new table, and return it, its stream, its shard and the records."""
    dynamodb, streams = clients(endpoint)
    table = make_table(dynamodb, "pk")
    view: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=table, StreamSpecification=view)
    arn = dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", "")
    for number in range(count):
        dynamodb.put_item(TableName=table, Item={"pk": {"S": f"u-{number:03}"}})
    records: list[Any] = [*read_stream(streams, arn, count)]
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", [])
    return table, arn, shard.get("ShardId", ""), records


def of_local(arn: str, shard: str, records: Sequence[Json]) -> Json:
    failure = failure_record(0, len(records))
    failure["DDBStreamBatchInfo"] |= {
        "streamArn": arn,
        "shardId": shard,
        "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
        "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
        "approximateArrivalOfLastRecord": datetime.now(UTC).isoformat(),
    }
    return failure


def test_given_up_records_are_redriven(
    dynamodb_endpoint: str, moto_endpoint: str, sqs: SQSClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB has the records, Lambda's model gives some up, and a redrive runs these alone."""
    _, arn, shard, records = stream_of(dynamodb_endpoint, 6)
    reader = StreamReader(streams_client=clients(dynamodb_endpoint)[1])
    event = reader.read(of_local(arn, shard, records))
    monkeypatch.setenv("BAD", "u-003")  # the handler looks there
    app = load_target("people.py:app").app
    mapping = EventSourceMapping(app, batch_size=3, retries=1, bisect=True)
    mapping.put(*event["Records"])

    history = mapping.run()
    [message] = [discarded.message for discarded in history.discarded]
    message["DDBStreamBatchInfo"]["shardId"] = shard  # the model has a name of its own for it
    queue = queue_of(sqs, [message])
    monkeypatch.delenv("BAD")
    environment = {**aws(moto_endpoint), "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": dynamodb_endpoint}
    run = command("redrive", 100, **environment)("people.py:app", queue)

    assert (run.code, left_in(sqs, queue)) == (0, 0)
    assert sorted(effects()) == [f"u-{number:03}" for number in range(6)]


KILLS: Final = size(short=1, full=5, long=20)
RECORDS: Final = size(short=60, full=400, long=1_000)


def test_killed_redrives_have_each_effect_once(
    dynamodb_endpoint: str, moto_endpoint: str, sqs: SQSClient, folder: Path
) -> None:
    """Records are written to DynamoDB, given up on, and redriven from a queue, killed again and again."""
    _, arn, shard, records = stream_of(dynamodb_endpoint, RECORDS)
    failures = [of_local(arn, shard, records[first : first + 10]) for first in range(0, RECORDS, 10)]
    queues = [queue_of(sqs, failures) for _ in range(KILLS + 1)]  # a killed redrive hides its messages
    environment = {**aws(moto_endpoint), "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": dynamodb_endpoint}
    random = Random(folder.name)  # noqa: S311  # no secret

    for queue in queues[:-1]:
        redrive_and_kill(queue, environment, random)
    code = redrive_and_kill(queues[-1], environment, None)

    assert (code, left_in(sqs, queues[-1])) == (0, 0)
    store = SQLiteStore("own.sqlite3", tables={"counts": ["pk"]})
    counts = {item["pk"]: item["n"] for item in store.items("counts")}
    store.close()
    assert counts == {f"u-{number:03}": 1 for number in range(RECORDS)}


def queue_of(client: SQSClient, failures: Sequence[Json]) -> str:
    queue = new_queue(client)
    for failure in failures:
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(failure))
    return queue


def redrive_and_kill(queue: str, environment: dict[str, str], random: Random | None) -> int | None:
    """Redrive a queue, and kill that at a random moment if it is not done before; return its exit code."""
    program = [str(Path(sys.executable).with_name("ddbevents")), "redrive", "people.py:counting", queue]
    output: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(program, env=environment, **output) as process:
        try:
            return process.wait(timeout=random.uniform(0.8, 2.0) if random else None)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
