"""`role_policy`: what an app's function must be allowed to do, and nothing else.

Contract: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html. A
transaction has no action of its own: each of its writes needs the one of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypedDict
from urllib.parse import urlsplit

from .._app import StreamApp, parts_of
from .._app._parts import AppParts
from .._errors import ConfigurationError
from .._routing import Route, routes_of
from ..dead_letters import S3Bucket, SQSQueue
from ..stores import DynamoDBStore
from ._writes import WRITES, tables_of

_PART: Final = r"((?:\$\{[^}]+\}|[^:${}])*)"  # of an ARN, which may have CloudFormation's ${…} in it
_ARN: Final = re.compile(rf"arn:{_PART}:([a-z0-9-]+):{_PART}:{_PART}:(.+)")
_REFERENCE: Final = re.compile(r"\$\{[^}]+\}")
_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # a put's key is read from its item, and so the store asks for the names of the key's attributes
    "put": ("dynamodb:DescribeTable", "dynamodb:PutItem"),
    "update": ("dynamodb:UpdateItem",),
    "delete": ("dynamodb:DeleteItem",),
    "check": ("dynamodb:ConditionCheckItem",),
}
_DESTINATIONS: Final[Mapping[str, str]] = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "s3": "s3:PutObject",
}


class Statement(TypedDict):
    """A statement of a policy.

    Attributes:
        Sid: What it is for.
        Effect: `"Allow"`.
        Action: The actions.
        Resource: The ARNs that they are allowed on.
    """

    Sid: str
    Effect: str
    Action: list[str]
    Resource: list[str]


class PolicyDocument(TypedDict):
    """A policy, as IAM and CloudFormation take it.

    Attributes:
        Version: The version of IAM's language.
        Statement: The statements.
    """

    Version: str
    Statement: list[Statement]


class _Arn(NamedTuple):
    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{':'.join(self)}"


def role_policy(  # noqa: PLR0913  # all but the app by name
    app: StreamApp,
    *,
    stream_arn: str,
    idempotency_table: str | None = None,
    tables: Mapping[str, Iterable[str]] | None = None,
    dead_letters: str | None = None,
    failure_destination: str | None = None,
    keys: Iterable[str] = (),
    log_group: str | None = None,
) -> PolicyDocument:
    """Return the policy of the role that an app's function runs with: the least that it needs.

    Tables are named by their name, in the account and Region of the stream, or by their ARN. Every ARN may
    have CloudFormation's `${...}` in it, for `Fn::Sub`.

    Args:
        app: The app. Its `DynamoDBStore`, its dead letters and its reader say what they need.
        stream_arn: The ARN of the table's stream.
        idempotency_table: The table of the app's `DynamoDBStore`, if it has another name there.
        tables: The tables that transactions write to, each with its writes: `{"totals": ["update"]}`. The
            writes are `put`, `update`, `delete` and `check`; those of `Transaction.raw` count as well. By
            default what the code of the handlers says, if it names every table.
        dead_letters: The ARN of the queue or bucket of dead letters, if the app's own sink does not say.
        failure_destination: The ARN of the mapping's destination: a bucket, a queue or a topic.
        keys: The ARNs of your own KMS keys, by which the queue, the buckets or the topic are encrypted.
        log_group: The ARN of the function's log group; any of `/aws/lambda/` if not given.

    Raises:
        ConfigurationError: A handler's code does not name the tables of its transaction and `tables` is not
            given, or an ARN is none.
    """
    stream = _stream(stream_arn)
    parts = parts_of(app)
    statements = [
        *_reading_the_stream(stream_arn),
        *_logging(stream, log_group),
        *_idempotency(app, parts, stream, idempotency_table),
        *_writing(app, stream, tables),
        *_dead_letters(parts, stream, dead_letters),
        *_rereading(parts, stream),
        *_giving_up(failure_destination),
        *_decrypting(keys),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: Iterable[str], *resources: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": [*actions], "Resource": [*resources]}


def _arn(text: str, argument: str) -> _Arn:
    found = _ARN.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"{argument} must be an ARN, as arn:aws:sqs:eu-central-1:123456789012:letters"
        )
    return _Arn(*found.groups())


def _stream(arn: str) -> _Arn:
    if _REFERENCE.fullmatch(arn):
        return _Arn("${AWS::Partition}", "dynamodb", "${AWS::Region}", "${AWS::AccountId}", arn)
    stream = _arn(arn, "stream_arn")
    if stream.service != "dynamodb" or "/stream/" not in stream.resource:
        raise ConfigurationError(
            "stream_arn must be the ARN of a table's stream, which DescribeTable gives as LatestStreamArn"
        )
    return stream


def _table(name: str, stream: _Arn, argument: str) -> str:
    if _REFERENCE.fullmatch(name):
        name = f"table/{name}"
    elif name.startswith("arn:"):
        return str(_arn(name, argument))
    elif re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", name):
        name = f"table/{name}"
    else:
        raise ConfigurationError(f"{argument} must name a table, or give its ARN")
    return str(stream._replace(resource=name))


def _reading_the_stream(arn: str) -> Iterator[Statement]:
    actions = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
    yield _allow("ReadStream", actions, arn)
    # IAM knows no resource for it
    yield _allow("ListStreams", ["dynamodb:ListStreams"], "*")


def _logging(stream: _Arn, log_group: str | None) -> Iterator[Statement]:
    group = stream._replace(service="logs", resource="log-group:/aws/lambda/*")
    if log_group is not None:
        given = _arn(log_group, "log_group")
        group = given._replace(resource=given.resource.removesuffix(":*"))
    streams = group._replace(resource=f"{group.resource}:*")
    yield _allow("CreateLogGroup", ["logs:CreateLogGroup"], str(group))
    yield _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], str(streams))


def _idempotency(app: StreamApp, parts: AppParts, stream: _Arn, given: str | None) -> Iterator[Statement]:
    if given is None and not isinstance(parts.store, DynamoDBStore):
        return
    name = attrgetter("_table")(parts.store) if given is None else given
    actions = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]
    if _transactional(app):
        actions.append("dynamodb:PutItem")
    yield _allow("KeepIdempotencyRecords", actions, _table(name, stream, "idempotency_table"))


def _transactional(app: StreamApp) -> list[Route]:
    return [route for route in routes_of(app) if route.transactional]


def _writing(app: StreamApp, stream: _Arn, tables: Mapping[str, Iterable[str]] | None) -> Iterator[Statement]:
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for table, writes in (_known_tables(app) if tables is None else tables).items():
        by_actions.setdefault(_actions(table, writes), []).append(_table(table, stream, "tables"))
    for number, (actions, resources) in enumerate(by_actions.items(), start=1):
        yield _allow(f"WriteTables{number}", actions, *resources)


def _known_tables(app: StreamApp) -> Mapping[str, Iterable[str]]:
    """Return the tables that the handlers name in their code."""
    known: dict[str, frozenset[str]] = {}
    for route in _transactional(app):
        tables = tables_of(route.handler)
        if tables is None:
            raise ConfigurationError(
                f"{route.name} asks for a transaction, and its code does not name every table that it writes"
                ' to: name those of all transactions with their writes, tables={"totals": ["update"]}, or on'
                " the command line --writes totals=update; the writes are put, update, delete and check"
            )
        for table, writes in tables.items():
            known[table] = known.get(table, frozenset()) | writes
    return known


def _actions(table: str, writes: object) -> tuple[str, ...]:
    named = [*writes] if isinstance(writes, Iterable) and not isinstance(writes, str) else [writes]
    if not named or any(write not in WRITES for write in named):
        raise ConfigurationError(
            f"the writes to {table} must be a list of methods of Transaction: {', '.join(WRITES)}"
        )
    return tuple(action for write, actions in _ACTIONS.items() if write in named for action in actions)


def _dead_letters(parts: AppParts, stream: _Arn, given: str | None) -> Iterator[Statement]:
    sink = None if parts.dead_letters is None else parts.dead_letters.sink
    prefix = attrgetter("_prefix")(sink) if isinstance(sink, S3Bucket) else ""
    if given is not None:
        yield _sending("SendDeadLetters", _arn(given, "dead_letters"), "dead_letters", prefix)
    elif isinstance(sink, SQSQueue):
        yield _sending("SendDeadLetters", _queue(attrgetter("_url")(sink), stream), "dead_letters")
    elif isinstance(sink, S3Bucket):
        bucket = _Arn(stream.partition, "s3", "", "", attrgetter("_name")(sink))
        yield _sending("SendDeadLetters", bucket, "dead_letters", prefix)


def _sending(sid: str, arn: _Arn, argument: str, prefix: str = "") -> Statement:
    if arn.service not in _DESTINATIONS:
        raise ConfigurationError(f"{argument} must be the ARN of a queue, a topic or a bucket")
    resource = f"{arn}/{prefix}*" if arn.service == "s3" else str(arn)
    return _allow(sid, [_DESTINATIONS[arn.service]], resource)


def _queue(url: str, stream: _Arn) -> _Arn:
    """Return the ARN of a queue, which its URL tells unless the queue is an emulator's."""
    parts = urlsplit(url)
    region = re.fullmatch(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?", parts.hostname or "")
    path = re.fullmatch(r"/([0-9]{12})/([A-Za-z0-9_.-]+)", parts.path)
    if region is None or path is None:
        raise ConfigurationError(
            "the URL of the queue of dead letters does not tell its ARN: pass dead_letters, its ARN"
        )
    return _Arn(stream.partition, "sqs", region[1], path[1], path[2])


def _rereading(parts: AppParts, stream: _Arn) -> Iterator[Statement]:
    reader: Any = parts.reader
    streams, buckets = ((), ()) if reader is None else (reader.streams, reader.buckets)
    if streams:
        actions = ("dynamodb:GetRecords", "dynamodb:GetShardIterator")
        yield _allow("ReadFailedRecords", actions, *sorted(streams))
    if buckets:
        objects = [f"arn:{stream.partition}:s3:::{bucket}/*" for bucket in sorted(buckets)]
        yield _allow("ReadFailureRecords", ["s3:GetObject"], *objects)


def _giving_up(destination: str | None) -> Iterator[Statement]:
    if destination is None:
        return
    arn = _arn(destination, "failure_destination")
    yield _sending("SendFailureRecords", arn, "failure_destination")
    if arn.service == "s3":
        yield _allow("FindFailureBucket", ["s3:ListBucket"], str(arn))


def _decrypting(keys: Iterable[str]) -> Iterator[Statement]:
    if resources := [str(_arn(key, "keys")) for key in keys]:
        yield _allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], *resources)
