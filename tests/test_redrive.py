"""`ddbevents redrive`, from a file, a bucket and a queue."""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from typing_extensions import override

from ddbevents import Insert, StreamApp
from ddbevents.dead_letters import (
    DeadLetter,
    DeadLetters,
    JsonLinesFile,
    S3Bucket,
    SQSQueue,
    letter_from_json,
    letter_to_json,
)
from ddbevents.stores import MemoryStore
from tests.command_line import Command, Run, command, current_folder, lines
from tests.letters import keys_of, letter, new_bucket, new_queue
from tests.stream import CANARY, Context, batch, insert, user

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

APP = """
import sys
from pydantic import BaseModel
from ddbevents import Insert, StreamApp
from ddbevents.stores import SQLiteStore


class User(BaseModel):
    pk: str
    email: str


app = StreamApp("users", store=SQLiteStore("own.sqlite3"))
nameless = StreamApp()


@nameless.on_insert(User)
@app.on_insert(User)
def welcome(change: Insert[User]) -> None:
    if change.new.pk == "bad":
        raise ValueError(change.new.email)
    if change.new.pk == "exit":
        sys.exit(3)
    print("welcome", change.new.pk)


@app.on_insert(User)
def count(change: Insert[User]) -> None:
    print("count", change.new.pk)
"""

MENDED = f"""
def fail(change):
    print("mended", change.new["pk"])


fail.__module__ = "{__name__}"  # as if it were the same file
app.on_insert(dict)(fail)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("people.py").write_text(APP, "utf-8")
        yield tmp_path


@pytest.fixture
def redrive(moto_endpoint: str) -> Command:
    return command("redrive", 100, **aws(moto_endpoint))


def aws(endpoint: str) -> dict[str, str]:
    """Return the environment in which boto3 finds an endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


def of(name: str, number: int = 1, **parts: Any) -> DeadLetter:
    return letter(insert(number, user(name, CANARY)), "people.welcome", **parts)


def file_of(*letters: DeadLetter) -> Path:
    path = Path("letters.jsonl")
    for each in letters:
        JsonLinesFile(path).send(each)
    return path


def left(path: Path) -> list[DeadLetter]:
    return [letter_from_json(line) for line in path.read_text("utf-8").splitlines()]


def test_handled_letters_leave_the_file(redrive: Command) -> None:
    path = file_of(of("ada"), of("bob", 2))

    run = redrive("people.py:app", path)

    assert (run.code, run.err, left(path)) == (0, "", [])
    assert lines(run)[:3] == ["│ welcome ada", "│ welcome bob", lines(run)[2]]
    assert lines(run)[4].split()[:5] == ["1", "INSERT", "pk=ada", "welcome", "handled"]
    assert lines(run)[-1] == "2 dead letters in letters.jsonl · 2 handled · 2 removed"


def test_a_failure_holds_back_its_item(redrive: Command) -> None:
    letters = [
        of("bad"),
        of("ada", 2),
        *[of(f"u-{number}", number) for number in range(3, 12)],
        of("bad", 12),
    ]
    path = file_of(*letters)

    run = redrive("people.py:app", path)

    assert (run.code, left(path)) == (1, [letters[0], letters[11]])
    assert "12 dead letters in letters.jsonl · 10 handled · 1 failed · 1 not run · 10 removed" in run.out
    assert "#1 ValueError at " in run.out
    assert CANARY not in run.out


def test_letters_are_numbered_through(redrive: Command) -> None:
    path = file_of(*[of(f"u-{number}", number) for number in range(11)], of("bad", 11))

    run = redrive("people.py:app", path, "--traceback")

    assert "#12 ValueError at " in run.out
    assert "#12 Traceback (most recent call last)" in run.out
    assert CANARY in run.out


def test_many_letters_leave_the_file(redrive: Command) -> None:
    path = file_of(*[of(f"u-{number}", number) for number in range(105)])

    run = redrive("people.py:app", path, "--store", "memory")

    assert (run.code, left(path)) == (0, [])


def test_kept_letters_run_once(redrive: Command) -> None:
    path = file_of(of("ada"))

    first = redrive("people.py:app", path, "--keep")
    second = redrive("people.py:app", path)

    assert first.out.endswith("1 dead letter in letters.jsonl · 1 handled · 0 removed\n")
    assert second.out.endswith("1 dead letter in letters.jsonl · 1 already handled · 1 removed\n")
    assert left(path) == []


def test_another_store_knows_no_marks(redrive: Command) -> None:
    path = file_of(of("ada"))
    redrive("people.py:app", path, "--keep")

    run = redrive("people.py:app", path, "--store", "memory")

    assert Path("own.sqlite3").exists()
    assert "1 handled" in run.out


def test_a_dry_run_shows_what_would_run(redrive: Command) -> None:
    path = file_of(of("ada"), of("bad", 2), of("bad", 3))

    run = redrive("people.py:app", path, "--dry-run")

    assert (run.code, len(left(path))) == (0, 3)
    assert "│" not in run.out
    assert "3 dead letters in letters.jsonl · 3 not run · 0 removed\n" in run.out
    assert lines(run)[-1] == "nothing ran; what would run is shown as not run"


def test_a_dry_run_refuses_a_wrong_app(redrive: Command) -> None:
    path = file_of(of("ada", app="others"))

    run = redrive("people.py:app", path, "--dry-run")

    assert run.code == 1
    assert "the dead letter is of the app 'others', not 'users'" in run.out


def test_a_letter_names_a_nameless_app(redrive: Command) -> None:
    path = file_of(of("ada", app="one"), of("bob", 2, app="two"))

    run = redrive("people.py:nameless", path)

    assert (run.code, left(path)) == (0, [])


def test_other_lines_stay(redrive: Command) -> None:
    path = file_of(of("ada"))
    path.write_bytes(b"no letter\n\n" + path.read_bytes() + b'{"version": "\xff"}')

    run = redrive("people.py:app", path)

    assert run.code == 1
    assert path.read_bytes() == b'no letter\n{"version": "\xff"}\n'
    assert "not a dead letter: expected JSON" in run.out


def test_an_exit_ends_the_command(redrive: Command) -> None:
    path = file_of(of("exit"))

    run = redrive("people.py:app", path)

    assert (run.code, len(left(path))) == (2, 1)
    assert run.err.startswith("error: a handler ended Python (Runtime exited with error: exit status 3); ")


def test_letters_before_an_exit_leave(redrive: Command) -> None:
    path = file_of(*[of(f"u-{number}", number) for number in range(10)], of("exit", 10))

    redrive("people.py:app", path)

    assert len(left(path)) == 1


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("missing.jsonl", "there is no file missing.jsonl"),
        (".", ". is a folder: name the file in it"),
        ("s3:/letters/users", "s3:/letters/users is no URL: it has to begin with s3://"),
        ("S3://letters/users", "S3://letters/users is no URL: it has to begin with s3://"),
        ("https:/sqs.aws/1/letters", "https:/sqs.aws/1/letters is no URL: it has to begin with https://"),
        ("s3://", "s3:// names no bucket"),
        ("s3:///users", "s3:///users names no bucket"),
        ("arn:aws:s3:::letters", "arn:aws:s3:::letters is an ARN: give s3://bucket/prefix"),
        (
            "arn:aws:sqs:eu-central-1:1:letters",
            "arn:aws:sqs:eu-central-1:1:letters is an ARN: give the queue's URL",
        ),
        (
            "https://letters.s3.eu-central-1.amazonaws.com/users",
            "{source} is in a bucket: give s3://bucket/prefix",
        ),
        ("a:b", "there is no file a:b"),
    ],
)
def test_a_source_has_to_be_there(redrive: Command, source: str, problem: str) -> None:
    run = redrive("people.py:app", source)

    assert run.code == 2
    assert run.err == (
        f"error: {problem.format(source=source)};"
        " SOURCE has to be a file, s3://bucket/prefix or the URL of a queue\n"
    )


SECOND = """
import subprocess
from ddbevents import StreamApp

app = StreamApp("users")


@app.on_insert(dict)
def welcome(change):
    other = subprocess.run(
        [{program!r}, "redrive", "people.py:calm", "letters.jsonl", *{options!r}],
        capture_output=True,
        text=True,
    )
    print(other.returncode, other.stderr)


calm = StreamApp("users")


@calm.on_insert(dict)
def handle(change): ...
"""


def redrive_during_redrive(redrive: Command, *options: str) -> Run:
    """Redrive a file with a handler that redrives it, too."""
    program = str(Path(sys.executable).with_name("ddbevents"))
    Path("people.py").write_text(SECOND.format(program=program, options=options), "utf-8")
    return redrive("people.py:app", file_of(of("ada")))


def test_a_second_redrive_is_refused(redrive: Command) -> None:
    run = redrive_during_redrive(redrive)

    assert "│ 2 error: another redrive of letters.jsonl is running: run this command again" in run.out
    assert "1 handled · 1 removed" in run.out


def test_a_dry_run_needs_no_claim(redrive: Command) -> None:
    run = redrive_during_redrive(redrive, "--dry-run")

    assert "another redrive" not in run.out


def test_a_redrive_leaves_no_lock(redrive: Command, folder: Path) -> None:
    redrive("people.py:app", file_of(of("ada")))

    assert [path.name for path in folder.glob("*.redrive")] == []
    assert redrive("people.py:app", "letters.jsonl").code == 0


def test_a_lock_left_by_a_crash_is_reused(redrive: Command) -> None:
    Path(".letters.jsonl.redrive").touch()

    assert redrive("people.py:app", file_of(of("ada"))).code == 0


def test_a_folder_without_locks_is_refused(redrive: Command) -> None:
    Path(".letters.jsonl.redrive").mkdir()

    run = redrive("people.py:app", file_of(of("ada")))

    assert run.code == 2
    assert (
        ".letters.jsonl.redrive, which keeps a second redrive from letters.jsonl, cannot be written"
        in run.err
    )
    assert "or use --dry-run" in run.err


def test_a_redrive_may_just_have_ended(redrive: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([lambda: Path(".letters.jsonl.redrive").unlink()])  # what the other redrive does at its end

    def flock(file: int, how: int) -> None:
        next(ends, lambda: None)()
        fcntl.flock(file, how)

    path = file_of(of("ada"))
    late = SimpleNamespace(LOCK_EX=fcntl.LOCK_EX, LOCK_NB=fcntl.LOCK_NB, flock=flock)
    monkeypatch.setitem(sys.modules, "fcntl", late)  # a moment that cannot be hit otherwise

    assert (redrive("people.py:app", path).code, left(path)) == (0, [])


def test_a_system_without_locks_is_refused(redrive: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(of("ada"))
    monkeypatch.setitem(sys.modules, "fcntl", None)  # Windows

    run = redrive("people.py:app", path)

    assert (run.code, len(left(path))) == (2, 1)
    assert "this system has no flock: run the command on Linux or macOS, or use --dry-run" in run.err


def test_a_bucket_is_emptied(redrive: Command, s3: S3Client) -> None:
    bucket = new_bucket(s3)
    S3Bucket(bucket, prefix="letters/", client=s3).send(of("ada"))
    S3Bucket(bucket, prefix="letters/", client=s3).send(of("bad", 2))
    S3Bucket(bucket, prefix="other/", client=s3).send(of("bob", 3))

    run = redrive("people.py:app", f"s3://{bucket}/letters/")

    assert [key.partition("/")[0] for key in keys_of(s3, bucket)] == ["letters", "other"]
    assert f"2 dead letters in s3://{bucket}/letters/ · 1 handled · 1 failed · 1 removed" in run.out


def test_a_huge_object_is_not_read_whole(redrive: Command, s3: S3Client) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="huge", Body=b"\xff" * (20 * 2**20))
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")

    run = redrive("people.py:app", f"s3://{bucket}")

    assert keys_of(s3, bucket) == ["empty", "huge"]
    assert "its text is longer than 6 MiB, as no letter is" in " ".join(run.out.split())
    assert f"2 dead letters in s3://{bucket} · 2 failed · 0 removed" in run.out


def test_a_bucket_may_be_empty(redrive: Command, s3: S3Client) -> None:
    bucket = new_bucket(s3)

    run = redrive("people.py:app", f"s3://{bucket}")

    assert run.out == f"\n0 dead letters in s3://{bucket} · 0 removed\n"


RIVAL = """
import os
import boto3
from ddbevents import StreamApp

app = StreamApp("users")
s3 = boto3.client("s3")


@app.on_insert(dict)
def welcome(change):
    if change.new["pk"] != "ada":
        return
    for listed in s3.list_objects_v2(Bucket=os.environ["BUCKET"])["Contents"]:
        {deed}
"""


def redrive_beside_a_rival(endpoint: str, s3: S3Client, deed: str, *options: str) -> tuple[Run, str]:
    """Redrive twelve letters with a handler that does something to all; return the bucket, too."""
    bucket = new_bucket(s3)
    Path("people.py").write_text(RIVAL.format(deed=deed), "utf-8")
    S3Bucket(bucket, client=s3).send(of("ada"))
    for number in range(2, 13):
        S3Bucket(bucket, client=s3).send(of(f"u-{number}", number))
    redrive = command("redrive", 100, BUCKET=bucket, **aws(endpoint))
    return redrive("people.py:app", f"s3://{bucket}", *options), bucket


def test_vanished_objects_are_skipped(moto_endpoint: str, s3: S3Client) -> None:
    deed = 's3.delete_object(Bucket=os.environ["BUCKET"], Key=listed["Key"])'

    run, _ = redrive_beside_a_rival(moto_endpoint, s3, deed)

    assert run.code == 0
    assert "10 dead letters in s3://" in run.out
    assert lines(run)[-4].endswith(" · 10 handled · 0 removed")
    assert lines(run)[-3] == "not run, since the bucket no longer had them: 2 dead letters"
    assert lines(run)[-2].startswith("handled, but removed or replaced by others meanwhile")
    assert lines(run)[-1].startswith("does another redrive of this bucket run? S3 has no locks")


@pytest.mark.parametrize("options", [(), ("--keep",)], ids=["at removal", "at the next batch"])
def test_a_vanished_bucket_is_an_error(moto_endpoint: str, s3: S3Client, options: tuple[str, ...]) -> None:
    deed = """s3.delete_object(Bucket=os.environ["BUCKET"], Key=listed["Key"])
    s3.delete_bucket(Bucket=os.environ["BUCKET"])"""

    run, _ = redrive_beside_a_rival(moto_endpoint, s3, deed, *options)

    assert run.code == 2
    assert "is not there: check its name, the account and the region (NoSuchBucket)" in run.err


def test_a_replaced_object_stays(moto_endpoint: str, s3: S3Client) -> None:
    deed = 's3.put_object(Bucket=os.environ["BUCKET"], Key=listed["Key"], Body=b"newer")'

    run, bucket = redrive_beside_a_rival(moto_endpoint, s3, deed)

    assert len(keys_of(s3, bucket)) == 12
    assert (
        "handled, but removed or replaced by others meanwhile, so left as they are: 10 dead letters"
        in run.out
    )


def number_of_messages(client: SQSClient, url: str) -> int:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_a_queue_is_emptied(redrive: Command, sqs: SQSClient) -> None:
    url = new_queue(sqs)
    sink = SQSQueue(url, client=sqs)
    for number in range(12):
        sink.send(of(f"u-{number}", number))
    sink.send(of("bad", 12))

    run = redrive("people.py:app", url)

    assert run.code == 1
    assert f"13 dead letters in {url} · 12 handled · 1 failed · 12 removed" in run.out
    assert number_of_messages(sqs, url) == 1


def test_a_dry_run_releases_the_messages(redrive: Command, sqs: SQSClient) -> None:
    url = new_queue(sqs)
    sink = SQSQueue(url, client=sqs)
    for number in range(12):
        sink.send(of(f"u-{number}", number))

    run = redrive("people.py:app", url, "--dry-run")

    assert (run.code, number_of_messages(sqs, url)) == (0, 12)


def test_a_failure_holds_back_its_group(redrive: Command, sqs: SQSClient) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)
    sink.send(of("bad", 1))
    sink.send(of("ada", 2))
    sink.send(of("bad", 3))

    run = redrive("people.py:app", url)

    assert f"3 dead letters in {url} · 1 handled · 1 failed · 1 not run · 1 removed" in run.out
    assert number_of_messages(sqs, url) == 2


def test_a_mended_app_succeeds(redrive: Command, sqs: SQSClient) -> None:
    url = new_queue(sqs)
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(SQSQueue(url, client=sqs), after=1))
    app.on_insert(dict)(fail)
    app(batch(insert(1, user("ada"))), Context(function_name="users"))
    Path("people.py").write_text(APP + MENDED, "utf-8")

    run = redrive("people.py:app", url)

    assert (run.code, number_of_messages(sqs, url)) == (0, 0)
    assert "│ mended ada" in run.out


def fail(_: Insert[dict[str, str]]) -> None:
    raise ConnectionError


class ScriptedSQS(BaseHTTPRequestHandler):
    """A queue that delivers its one message each time, and deletes nothing."""

    script: ClassVar[dict[str, object]] = {
        "GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "1"}},
        "ReceiveMessage": {
            "Messages": [{"MessageId": "m-1", "ReceiptHandle": "AQEB", "Body": letter_to_json(of("ada"))}]
        },
        "DeleteMessageBatch": {
            "Failed": [{"Id": "m-1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}]
        },
        "ChangeMessageVisibilityBatch": {},
    }

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.script[self.headers["X-Amz-Target"].rpartition(".")[2]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def scripted_queue() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ScriptedSQS) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/1/letters"
        server.shutdown()


def redrive_at(url: str, *options: str) -> Run:
    return command("redrive", 100, **aws(url.removesuffix("/1/letters")))("people.py:app", url, *options)


def test_a_repeated_message_runs_once(scripted_queue: str) -> None:
    run = redrive_at(scripted_queue, "--keep")

    assert f"1 dead letter in {scripted_queue} · 1 handled · 0 removed" in run.out
    assert lines(run).count("│ welcome ada") == 1


def test_a_kept_message_is_an_error(scripted_queue: str) -> None:
    run = redrive_at(scripted_queue)

    assert run.code == 2
    assert run.err == (
        f"error: some handled dead letters are still in the queue {scripted_queue}; run the command again\n"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("s3://gone/letters", "the bucket gone is not there"),
        ("{endpoint}/1/gone", "the queue {endpoint}/1/gone is not there"),
    ],
)
def test_a_missing_source_is_named(redrive: Command, moto_endpoint: str, source: str, reason: str) -> None:
    run = redrive("people.py:app", source.format(endpoint=moto_endpoint))

    assert run.code == 2
    assert run.err.startswith(f"error: {reason.format(endpoint=moto_endpoint)}")


@pytest.fixture
def package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app as a module of a package, with a handler of another module."""
    monkeypatch.syspath_prepend(folder)  # as if the package were installed
    package = folder / "pkg"
    package.mkdir()
    (package / "people.py").write_text(f"{APP}\nfrom pkg.others import leave\napp.on_insert(User)(leave)\n")
    (package / "others.py").write_text("def leave(change): ...\n")
    return package


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("target", "lost", "named", "handler"),
    [
        ("pkg.people:app", "people.welcome", "pkg/people.py:app", "pkg.people.welcome"),
        ("pkg/people.py:app", "pkg.people.welcome", "pkg.people:app", "people.welcome"),
    ],
)
def test_a_renamed_module_is_found(
    redrive: Command, target: str, lost: str, named: str, handler: str
) -> None:
    path = file_of(of("ada")._replace(handler=lost), of("bob", 2)._replace(handler=lost))

    run = redrive(target, path)

    assert run.code == 1
    assert lines(run)[-1] == (
        f"did you mean TARGET {named}? It loads {handler} as {lost}, the name in the dead letter."
        " Do not change that name: idempotency records contain it, and handlers could run twice"
    )


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("lost", ["people.greet", "persons.welcome", "others.leave", "welcome"])
def test_a_lost_handler_has_no_advice(redrive: Command, lost: str) -> None:
    run = redrive("pkg.people:app", file_of(of("ada")._replace(handler=lost)))

    assert "did you mean" not in run.out


def test_the_help_names_the_sources(redrive: Command) -> None:
    assert "s3://bucket/prefix" in redrive("--help").out


def test_a_terminal_shows_the_progress() -> None:
    path = file_of(*[of(f"u-{number}", number) for number in range(12)])

    run = command("redrive", FORCE_COLOR="1")("people.py:app", path)

    assert "0/12" in run.out
    assert "10/12" in run.out
    assert "12/12" in run.out


def test_a_file_shows_no_progress() -> None:
    path = file_of(*[of(f"u-{number}", number) for number in range(12)])

    run = command("redrive")("people.py:app", path)

    assert "/12" not in run.out
